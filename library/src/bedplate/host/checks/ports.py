"""Ports of 127.0.0.1."""

import argparse
import re
import socket
from itertools import count

HIGHEST_PORT = 65535


def port_number(text: str) -> int:
    """Return the port given as an option. Raise ArgumentTypeError if it is not a port."""
    if not is_port(text):
        raise argparse.ArgumentTypeError(f"needs a number from 1 to {HIGHEST_PORT}, not {text!r}")
    return int(text)


def is_port(text: str) -> bool:
    """Return whether the text is a port number."""
    return re.fullmatch("[1-9][0-9]{0,4}", text) is not None and int(text) <= HIGHEST_PORT


def is_taken(port: int) -> bool:
    """Return whether a program listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def next_free_port(first: int = 8001) -> int:
    """Return the first unused port from `first` on."""
    return next(port for port in count(first) if not is_taken(port))
