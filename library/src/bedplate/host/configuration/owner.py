"""The owner of files that containers write."""

import os

from bedplate.host.configuration.environment import Environment
from bedplate.host.programs import output

CONTAINER_USER = 1000  # of a server that root installs


def owner_ids(environment: Environment) -> tuple[int, int]:
    """Return the user and the group of files that are created in the checkout, or on a server in secrets/.

    With a rootless engine, root in a container is this user. If root installs a server, the containers run as
    another user.
    """
    if "name=rootless" in output(["docker", "info", "--format", "{{.SecurityOptions}}"]):
        return 0, 0
    if environment.is_server and os.geteuid() == 0:
        return CONTAINER_USER, CONTAINER_USER
    return os.getuid(), os.getgid()
