"""Sets up and runs the project without Docker: `./install_embedded.sh`. Standard library only."""


class EmbeddedError(Exception):
    """Why it cannot go on, what the person can do, and what the failed command printed."""

    def __init__(self, why: str, *to_do: str, output: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.to_do = to_do
        self.output = output


class RefusalError(EmbeddedError):
    """The same, before anything was changed."""
