"""The user that runs a command."""

import os
import pwd


def user_name() -> str:
    """Return the user's name, or the number if it has no name."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
