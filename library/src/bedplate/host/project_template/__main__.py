"""`./update_project.sh`: plan, show, merge."""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from bedplate.host import library_hashes
from bedplate.host.project_template import HalfDoneError, TemplateError, console, locks, origin
from bedplate.host.project_template.console import say
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.merging import BASE_PROJECT, YOURS, Merge, carry_out, merge
from bedplate.host.project_template.rendering import Renderer, Version
from bedplate.host.project_template.teams_changes import LIBRARY

ROOT: Final = Path(__file__).resolve().parents[5]
NAMES_SHOWN: Final = 20
IN_LIBRARY: Final = "Changed by you in library/, which is the base project's; your change is kept"
KINDS: Final = {"A": "new", "D": "removed"}

DESCRIPTION: Final = """\
Brings what the base project has learned since this project was made, or last updated, into this project, and keeps what
your team changed: as git merges two branches.

First it checks, merges elsewhere, and shows what would change. Then it changes the files, and commits nothing.
Where you and the base project changed the same lines, both are in the file, between marks, and the file is listed.
What you removed stays removed. Files that git ignores (.env, secrets/, data) are not looked at.
"""
EPILOG: Final = """\
How to, and what to do with marks: library/docs/how-to/update.md
Exit status: 0 updated, or nothing to do; 1 it cannot be done (and is explained); 2 wrong options; 3 updated, and some
files need you; 130 interrupted.
"""
NEED_YOU: Final = 3
TAKE_BACK: Final = "git reset --hard && git clean -d --force"


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
    parser.add_argument(
        "--to", default="HEAD", metavar="VERSION", help="release (1.0), tag, branch or commit (the newest)"
    )
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
    changed = uncommitted(project)
    mark, lock = mark_of_change(project), project.git_directory / "index.lock"
    if mark.exists() and (changed or lock.exists()):
        to_do = f"Take back what it changed, then run this again: rm -f '{lock}' && {TAKE_BACK}"
        raise TemplateError("an earlier update was ended while it changed files.", to_do)
    mark.unlink(missing_ok=True)
    if changed:
        names = [line[3:] for line in changed]
        raise TemplateError(
            f"there is work that is not committed: {', '.join(names[:5])}{' …' if names[5:] else ''}",
            "Commit it, or put it aside (git stash --include-untracked), then run this again.",
        )


def uncommitted(project: Repository) -> list[str]:
    """Return what git says of each file that is not committed, whatever the person's git is told to hide."""
    return project.run("status", "--porcelain", "--untracked-files=normal").splitlines()


def check_nothing_is_in_the_way(project: Repository, merged: Merge) -> None:
    """Raise TemplateError where a file that git ignores, and so keeps no version of, would be overwritten."""
    added = [path for kind, path in merged.changes if kind == "A"]
    if found := [path for path in added if (project.folder / path).exists() or (project.folder / path).is_symlink()]:
        raise TemplateError(
            f"the base project has new files where yours are, which git ignores: {', '.join(shortened(found))}",
            "Move yours elsewhere, or commit them, then run this again.",
        )


def mark_of_change(project: Repository) -> Path:
    """Return the file that is there while files are being changed."""
    return project.git_directory / "update_project"


def plan(project: Repository, options: Options, work: Path) -> Update | None:
    """Return what an update would do, or None where there is nothing to do. `work` is an empty folder."""
    made = origin.read(project.folder)
    address = origin.absolute(options.address or made.address, Path.cwd() if options.address else project.folder)
    base = origin.clone(address, work / "base_project")
    old = origin.version(base, made.address, made.commit)
    new = origin.version(base, address, options.revision)
    if old.commit == new.commit and not library_hashes.removed(project.folder / LIBRARY):
        return None
    renderer = Renderer(project.folder / ".venv-template")
    renderer.prepare()
    for folder in ("render-old", "render-new", "merge"):
        (work / folder).mkdir()
    with ThreadPoolExecutor() as executor:  # side by side: each takes as long as all the rest
        rendered = executor.submit(
            renderer.render, old, made.answers, work / "old", ask=False, work=work / "render-old"
        )
        renderer.render(new, made.answers, work / "new", ask=options.ask, work=work / "render-new")
        rendered.result()
    merged = merge(project, old=work / "old", new=work / "new", work=work / "merge")
    check_nothing_is_in_the_way(project, merged)
    migrations = migrations_of_both(project, merged, old=work / "old")
    return Update(old, new, merged, migrations, list(origin.to_do_by_hand(old, new)))


def described(update: Update) -> Iterator[str]:
    """Yield the lines that tell what an update does."""
    yield f"From {update.old} to {update.new}, of {update.new.address}"
    yield ""
    yield f"{len(update.merged.changes)} files change:"
    changes = [f"{KINDS.get(kind, 'changed'):8} {path}" for kind, path in update.merged.changes]
    yield from (f"  {change}" for change in shortened(changes))
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
        (
            "Changed by you, moved by the base project; your change is in the new place:",
            [f"{moved.path} → {moved.now}" for moved in update.merged.moved],
        ),
        (
            "Removed by you in library/, which is the base project's; they come back:",
            [*in_library(update, "D"), *(conflict.path for conflict in conflicts if conflict.comes_back)],
        ),
        (f"{IN_LIBRARY}:", in_library(update, "AM")),
        (
            "Lock files changed by both, the base project's come and are compiled again with your packages:",
            update.merged.locks,
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


def shortened(paths: Sequence[str]) -> Sequence[str]:
    """Return the first of them, and how many more there are."""
    hidden = len(paths) - NAMES_SHOWN
    return [*paths[:NAMES_SHOWN], f"… and {hidden} more"] if hidden > 0 else paths


def in_library(update: Update, kinds: str) -> Sequence[str]:
    """Return the first files of the library to which the team did this: A, M, D."""
    return shortened([path for kind, path in update.merged.in_library if kind in kinds])


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
    mark = mark_of_change(project)
    with console.uninterrupted():
        mark.touch()
        try:
            carry_out(project, update.merged)
        except TemplateError as error:
            if not uncommitted(project):  # git looks before it writes
                mark.unlink()
                raise
            to_do = f"Put that right, take back what was changed ({TAKE_BACK}), then run this again."
            raise HalfDoneError(error.why, to_do) from None
        mark.unlink()
    paths = marked(update.merged)
    say("\nDone. Nothing is committed yet.")
    if paths:
        say(f"Decide between the marks <<<<<<< {YOURS} and >>>>>>> {BASE_PROJECT} in: {' '.join(paths)}")
        say("and say so for each: git add FILE")
        say("Until then git refuses to commit; not so git commit --all, which would commit the marks.")
    compile_locks(project, update)
    if kept := in_library(update, "AM"):
        say(f"{IN_LIBRARY}: {' '.join(kept)}")
    say("Look: git diff HEAD. Test: ./run_tests.sh fast. Keep: git commit. Or take it back: git reset --hard")
    if paths:
        raise SystemExit(NEED_YOU)


def compile_locks(project: Repository, update: Update) -> None:
    """Compile the lock files that both sides changed; say what is left to do."""
    if update.merged.locks:
        say("\nCompiling lock files, with your packages …")
        try:
            for command in locks.compile_again(project, update.merged.locks, undecided=marked(update.merged)):
                say(f"Without your packages until you run: {command}")
        except KeyboardInterrupt:
            why = f"interrupted while these were compiled: {' '.join(update.merged.locks)}. All else is done."
            raise HalfDoneError(why, *map(str, locks.LOCKS)) from None


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
