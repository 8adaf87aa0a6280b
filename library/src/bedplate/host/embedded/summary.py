"""What there is once the project runs."""

from collections.abc import Mapping


def summary(variables: Mapping[str, str], *, port: int) -> str:
    """Return the address, the first user, and what to try next."""
    site = f"http://127.0.0.1:{port}"
    return f"""
{variables.get("PROJECT_NAME", "The project")} runs:

  Site      {site}  (or http://localhost:{port})
  User      {variables["DEFAULT_USER_EMAIL"]}
  Password  {variables["DEFAULT_USER_PASSWORD"]}  (of .env.embedded; yours once you change it on the site)

  Tasks     {site}/tasks/
  Admin     {site}/admin/
  Mail      {site}/mail/  (all mail the site sends is caught here)

Embedded mode is for trying and developing. It gives up PostgreSQL, nginx, Flower, scheduled jobs, a second web
process, and a queue that survives a crash. Changed code and assets show after a restart.

Try next:

  ./install_embedded.sh manage shell                   any manage.py command
  ./install_docker.sh                                  the whole stack, with Docker
  ./run_tests.sh fast                                  the tests that need no Docker

What web and worker say follows. Ctrl-C stops both; the data stays, in var/embedded/.
"""
