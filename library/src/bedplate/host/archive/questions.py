"""What the person at the terminal is asked."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bedplate.host.embedded import RefusalError


@dataclass(frozen=True)
class Question:
    """Asks, where somebody is there to answer; else the answer is no, or the default."""

    asks: bool

    def yes_or_no(self, text: str) -> bool:
        """Return the answer."""
        return self.asks and input(f"{text} [y/N] ").strip().lower() in {"y", "yes"}

    def file(self, text: str, default: Path) -> Path:
        """Return the file that is named."""
        return Path((self.asks and input(f"{text} [{default}] ").strip()) or default)

    def word(self, text: str) -> str:
        """Return what is typed."""
        return input(f"{text}: ").strip() if self.asks else ""


def ask(given: bool | None, question: Callable[[], bool]) -> bool:
    """Return what was given as an option, else the answer."""
    return question() if given is None else given


def require_consent(question: Question, slug: str, *, given: str | None) -> None:
    """Raise RefusalError unless somebody has typed the project's name: people's data leave the house."""
    text = f"The archive is going to hold all personal data of {slug}, as they are. Type {slug} to go on"
    typed = given if given is not None else question.word(text)
    if typed != slug:
        raise RefusalError(
            "personal data are handed over only when the project's slug is typed.",
            f"Type {slug} on a terminal, or give it: --yes-personal-data {slug}",
            "Or leave --not-anonymised out: then they are anonymised.",
        )
