"""Makes projects from the base project, and brings a newer base project into them."""


class TemplateError(Exception):
    """What failed, and what to do: nothing was changed."""

    def __init__(self, why: str, *to_do: str) -> None:
        super().__init__(why)
        self.why = why
        self.to_do = to_do


class HalfDoneError(TemplateError):
    """The same, while files were being changed."""
