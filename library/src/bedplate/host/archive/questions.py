"""Questions to the user at the terminal."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bedplate.host.errors import AbortError


@dataclass(frozen=True)
class Question:
    """Ask the user if there is a terminal; otherwise answer no, or with the default."""

    asks: bool

    def yes_or_no(self, text: str) -> bool:
        """Return the answer."""
        return self.asks and input(f"{text} [y/N] ").strip().lower() in {"y", "yes"}

    def file(self, text: str, default: Path) -> Path:
        """Return the file that the user names."""
        return Path((self.asks and input(f"{text} [{default}] ").strip()) or default)

    def word(self, text: str) -> str:
        """Return the word that the user types."""
        return input(f"{text}: ").strip() if self.asks else ""


def ask(given: bool | None, question: Callable[[], bool]) -> bool:
    """Return the value of the option if it is given, otherwise the answer."""
    return question() if given is None else given


def require_consent(question: Question, slug: str, *, given: str | None) -> None:
    """Raise AbortError unless the project's name was typed: personal data are going to be handed over."""
    text = f"The archive will contain all personal data of {slug}, unchanged. Type {slug} to continue"
    typed = given if given is not None else question.word(text)
    if typed != slug:
        raise AbortError(
            "personal data are handed over only when the project's slug is typed.",
            f"Type {slug} on a terminal, or give it: --yes-personal-data {slug}",
            "Or leave --not-anonymised out: then they are anonymized.",
        )
