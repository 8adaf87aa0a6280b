"""`./update_project.sh`: plan, show, merge."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from project_template import HalfDoneError, TemplateError, console, origin
from project_template.console import say
from project_template.git import Repository
from project_template.merging import BASE_PROJECT, YOURS, Merge, carry_out, merge
from project_template.rendering import Renderer, Version

ROOT: Final = Path(__file__).resolve().parent.parent.parent
NAMES_SHOWN: Final = 20
KINDS: Final = {"A": "new", "D": "removed"}

DESCRIPTION: Final = """\
Brings what the base project has learned since this project was made, or last updated, into this project, and keeps what
your team changed: as git merges two branches.

First it checks, merges elsewhere, and shows what would change. Then it changes the files, and commits nothing.
Where you and the base project changed the same lines, both are in the file, between marks, and the file is listed.
What you removed stays removed. Files that git ignores (.env, secrets/, data) are not looked at.
"""
EPILOG: Final = """\
How to, and what to do with marks: docs/how-to/update.md
Exit status: 0 updated, or nothing to do; 1 it cannot be done (and is explained); 2 wrong options; 3 updated, and some
files need you; 130 interrupted.
"""
NEED_YOU: Final = 3


@dataclass(frozen=True)
class Options:
    """What the person asked for."""

    address: str | None
    revision: str
    dry_run: bool
    ask: bool


@dataclass(frozen=True)
class Update:
    """What is going to happen."""

    old: Version
    new: Version
    merged: Merge
    migrations: Sequence[str]
    by_hand: Sequence[str]


def parse(arguments: Sequence[str]) -> Options:
    """Return the options. Exit with 2 where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="./update_project.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument("--to", default="HEAD", metavar="VERSION", help="tag, branch or commit (the newest)")
    parser.add_argument("--from", dest="address", metavar="ADDRESS", help="where the base project is, if it has moved")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing; new questions get their default answers")
    options = parser.parse_args(arguments)
    return Options(options.address, options.to, options.dry_run, not options.yes and sys.stdin.isatty())


def check(project: Repository) -> None:
    """Raise TemplateError where an update could lose or mix up something."""
    if not project.succeeds("rev-parse", "--verify", "--quiet", "HEAD"):
        raise TemplateError("this folder is no git repository with a commit.", "git init && git add . && git commit")
    if Path(project.run("rev-parse", "--show-toplevel").strip()).resolve() != project.folder:
        raise TemplateError("this project is a folder of a larger git repository.", "That cannot be updated yet.")
    if changed := project.run("status", "--porcelain").splitlines():
        names = [line[3:] for line in changed]
        raise TemplateError(
            f"there is work that is not committed: {', '.join(names[:5])}{' …' if names[5:] else ''}",
            "Commit it, or put it aside (git stash --include-untracked), then run this again.",
        )


def plan(project: Repository, options: Options, work: Path) -> Update | None:
    """Return what an update would do, or None where there is nothing to do. `work` is an empty folder."""
    made = origin.read(project.folder)
    address = origin.absolute(options.address or made.address, Path.cwd() if options.address else project.folder)
    base = origin.clone(address, work / "base_project")
    old = origin.version(base, made.address, made.commit)
    new = origin.version(base, address, options.revision)
    if old.commit == new.commit:
        return None
    renderer = Renderer(project.folder / ".venv-template")
    renderer.prepare()
    for version, name in ((old, "old"), (new, "new")):
        (work / f"render-{name}").mkdir()
        ask = options.ask and version is new
        renderer.render(version, made.answers, work / name, ask=ask, work=work / f"render-{name}")
    (work / "merge").mkdir()
    merged = merge(project, old=work / "old", new=work / "new", work=work / "merge")
    migrations = migrations_of_both(project, merged, old=work / "old")
    return Update(old, new, merged, migrations, list(origin.to_do_by_hand(old, new)))


def described(update: Update) -> Iterator[str]:
    """Yield the lines that tell what an update does."""
    yield f"From {update.old} to {update.new}, of {update.new.address}"
    yield ""
    yield f"{len(update.merged.changes)} files change:"
    for kind, path in update.merged.changes[:NAMES_SHOWN]:
        yield f"  {KINDS.get(kind, 'changed'):8} {path}"
    if hidden := len(update.merged.changes) - NAMES_SHOWN:
        yield from [f"  … and {hidden} more"] if hidden > 0 else []
    yield from attention(update)


def attention(update: Update) -> Iterator[str]:
    """Yield what a person has to look at."""
    conflicts = update.merged.conflicts
    for title, paths in (
        ("Changed by you and by the base project, marked in the file; yours to decide:", marked(update.merged)),
        (
            "Removed by you, changed by the base project; they stay removed:",
            [c.path for c in conflicts if c.deleted_here],
        ),
        (
            "Changed by you, removed by the base project; they stay:",
            [conflict.path for conflict in conflicts if conflict.deleted_there],
        ),
        ("Migrations of both; afterwards: manage.py makemigrations --merge", update.migrations),
    ):
        if paths:
            yield from ["", title, *(f"  {path}" for path in paths)]
    if update.by_hand:
        yield from [
            "",
            "To be done by hand:",
            *(f"  {line}" for entry in update.by_hand for line in entry.splitlines()),
        ]


def marked(merged: Merge) -> list[str]:
    """Return the files with marks."""
    return [conflict.path for conflict in merged.conflicts if conflict.is_marked]


def migrations_of_both(project: Repository, merged: Merge, *, old: Path) -> Sequence[str]:
    """Return the folders of migrations that get new ones, and have some that the team added."""
    added = [PurePosixPath(path) for kind, path in merged.changes if kind == "A"]
    folders = sorted({path.parent for path in added if path.parent.name == "migrations"})
    tracked = [PurePosixPath(path) for path in project.run("ls-files", "-z").split("\0")]
    own = {path.parent for path in tracked if not (old / path).exists()}
    return [str(folder) for folder in folders if folder in own]


def carry_on(project: Repository, update: Update) -> None:
    """Change the files, and tell what comes next."""
    with console.uninterrupted():
        try:
            carry_out(project, update.merged)
        except TemplateError as error:
            take_back = "git reset --hard && git clean -d --force"
            to_do = f"Put that right, take back what was changed ({take_back}), then run this again."
            raise HalfDoneError(error.why, to_do) from None
    paths = marked(update.merged)
    say("\nDone. Nothing is committed yet.")
    if paths:
        say(f"Decide between the marks <<<<<<< {YOURS} and >>>>>>> {BASE_PROJECT} in: {' '.join(paths)}")
        say("and say so for each: git add FILE")
        say("Until then git refuses to commit; not so git commit --all, which would commit the marks.")
    say("Look: git diff HEAD. Test: ./run_tests.sh fast. Keep: git commit. Or take it back: git reset --hard")
    if paths:
        raise SystemExit(NEED_YOU)


def main(arguments: Sequence[str]) -> None:
    """Update the project in whose checkout this file is."""
    options = parse(arguments)
    project = Repository(ROOT)
    check(project)
    with tempfile.TemporaryDirectory(prefix="update_project-") as folder:
        update = plan(project, options, Path(folder))
        if not update:
            say("Up to date: this project is of the newest version.")
            return
        say("\n".join(described(update)))
        if options.dry_run:
            say("\nNothing was changed (--dry-run).")
        elif not options.ask or console.agreed("\nChange these files?"):
            carry_on(project, update)
        else:
            say("Nothing was changed.")


if __name__ == "__main__":
    sys.exit(console.run(partial(main, sys.argv[1:])))
