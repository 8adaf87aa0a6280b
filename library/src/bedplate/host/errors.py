"""Errors that end a command, with hints for the user."""

from typing import ClassVar


class HostError(Exception):
    """The reason why a command cannot continue, hints, and the output of the program that failed."""

    heading: ClassVar = ""

    def __init__(self, reason: str, *hints: str, output: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hints = hints
        self.output = output


class AbortError(HostError):
    """The same, raised before anything was changed."""

    heading = "Stopped, nothing was changed"


class PartialChangeError(HostError):
    """The same, raised while files were being changed."""

    heading = "Stopped half way"
