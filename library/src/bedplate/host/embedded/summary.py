"""The summary printed when the project runs."""

from collections.abc import Mapping


def summary(variables: Mapping[str, str], *, port: int) -> str:
    """Return the address, the first user, and what to try next."""
    site = f"http://localhost:{port}"  # passkeys do not work at an IP address
    return f"""
{variables.get("PROJECT_NAME", "The project")} runs:

  Site      {site}  (or http://127.0.0.1:{port}, where passkeys do not work)
  User      {variables["DEFAULT_USER_EMAIL"]}
  Password  {variables["DEFAULT_USER_PASSWORD"]}  (from .env.embedded, unless you have changed it on the site)

  Tasks     {site}/tasks/
  Admin     {site}/admin/
  Mail      {site}/mail/  (all mail the site sends is caught here)

Embedded mode is for tests and development. It runs without PostgreSQL, nginx, Flower, scheduled jobs, a second web
process, and a queue that survives a crash. Changed code and assets need a restart.

Try next:

  ./install_embedded.sh manage shell                   any manage.py command
  ./install_docker.sh                                  the whole stack, with Docker
  ./run_tests.sh fast                                  the tests that need no Docker

The output of web and worker follows. Ctrl-C stops both; the data stay in var/embedded/.
"""
