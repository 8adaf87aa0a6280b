"""The variables that configure the project: the library's (`bedplate.environment`), and its own."""

from typing import Any

from bedplate import environment
from pydantic import Field


class Environment(environment.Environment):
    """The project's configuration. A variable of your own is a field here; `.env.example` explains it to others."""

    allow_signup: bool = Field(default=False, description="Whether people can make an account for themselves.")


def read_environment(**overrides: Any) -> Environment:
    """Return the configuration of this process.

    Raise ImproperlyConfigured, naming every variable that is missing or unusable.
    """
    return environment.read(Environment, **overrides)


def read_environment_or_exit() -> Environment:
    """Return the configuration of this process; end it, with the reason instead of a traceback, if unusable."""
    return environment.read_or_exit(Environment)


if __name__ == "__main__":  # `python -m config.environment`: is it usable?
    read_environment_or_exit()
