"""Follow how-to pages to the letter: create the files and add the lines that they show."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BLOCK: Final = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# Endings of the sentence before a block. A block of `sh` is run; one of `text` is only shown.
CREATE: Final = re.compile(r"[Cc]reate `([^`]+)`:$")
BELOW: Final = re.compile(r"[Ii]n `([^`]+)`,(?: under `([^`]+)`,)? below `([^`]+)`, add:$")
AT_THE_END: Final = re.compile(r"[Aa]t the end of `([^`]+)`, add:$")
TRANSLATE: Final = re.compile(r"[Ii]n `([^`]+)`, translate:$")


@dataclass(frozen=True)
class Reader:
    """Follows pages in a project; in embedded mode, with the commands of that mode."""

    project: Path
    embedded: bool = False

    def follow(self, page: str) -> Iterator[str]:
        """Create files and add lines as the page says; yield each command when its turn comes."""
        text = (self.project / "library/docs/how-to" / page).read_text()
        before = 0
        for block in BLOCK.finditer(text):
            sentence = " ".join(text[before : block.start()].strip().rpartition("\n\n")[2].split())
            before = block.end()
            content = textwrap.dedent(block[3]) if block[1] else block[3]
            if block[2] == "sh":
                yield self._command(content)
            elif block[2] != "text":
                self._write(sentence, content)

    def _command(self, block: str) -> str:
        if not self.embedded:
            return block
        block = block.replace("docker compose exec web python manage.py", "./install_embedded.sh manage")
        return block.replace("docker compose up --detach --wait\n", "")

    def _file(self, name: str) -> Path:
        return self.project / (".env.embedded" if self.embedded and name == ".env" else name)

    def _write(self, sentence: str, content: str) -> None:
        if found := CREATE.search(sentence):
            file = self._file(found[1])
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        elif found := BELOW.search(sentence):
            _add(self._file(found[1]), found[3], content, under=found[2])
        elif found := AT_THE_END.search(sentence):
            file = self._file(found[1])
            file.write_text(file.read_text() + content)
        elif found := TRANSLATE.search(sentence):
            _translate(self._file(found[1]), content)
        else:
            raise AssertionError(f"What is this block for? {sentence}")


def _add(file: Path, line: str, content: str, *, under: str | None) -> None:
    """Add the text below the only line with this content; with `under`, below the first such line after that line."""
    lines = file.read_text().splitlines(keepends=True)

    def places(text: str) -> list[int]:
        return [number for number, found in enumerate(lines, start=1) if found.strip() == text]

    found = places(line)
    if under:
        [start] = places(under)
        found = [number for number in found if number > start][:1]
    assert len(found) == 1, f"{file}: {len(found)} lines say {line}"
    file.write_text("".join([*lines[: found[0]], content, *lines[found[0] :]]))


def _translate(file: Path, content: str) -> None:
    """Write each translation where the catalog has none."""
    catalog = file.read_text()
    for entry in content.strip().split("\n\n"):
        untranslated = entry.partition("\nmsgstr ")[0] + '\nmsgstr ""\n'
        assert catalog.count(untranslated) == 1, f"{file}: not once: {untranslated}"
        catalog = catalog.replace(untranslated, f"{entry}\n")
    file.write_text(catalog)
