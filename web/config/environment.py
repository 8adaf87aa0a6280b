"""The variables that configure the project: the library's (`bedplate.environment`), and its own."""

from typing import Any

from bedplate import environment
from pydantic import Field


class Environment(environment.Environment):
    """The project's configuration. Add your own variables as fields here, and to `.env.example`."""

    allow_signup: bool = Field(default=False, description="Whether people can create an account themselves.")


def read_environment(**overrides: Any) -> Environment:
    """Return the configuration of this process.

    Raise ImproperlyConfigured with every variable that is missing or invalid.
    """
    return environment.read(Environment, **overrides)


def read_environment_or_exit() -> Environment:
    """Return the configuration of this process. Exit with the reason, without a traceback, if it is invalid."""
    return environment.read_or_exit(Environment)


if __name__ == "__main__":  # `python -m config.environment` validates it
    read_environment_or_exit()
