"""`./bedplate update`: plan, show, merge."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Final

from bedplate.host import ROOT, interpreters, library_hashes
from bedplate.host.cli.parsers import command_parser
from bedplate.host.console import agreed, exit_status, say, uninterrupted
from bedplate.host.errors import AbortError, PartialChangeError
from bedplate.host.project_template import locks, origin
from bedplate.host.project_template.git import Repository
from bedplate.host.project_template.merging import BASE_PROJECT, YOURS, Merge, apply_merge, merge
from bedplate.host.project_template.rendering import Renderer, Version
from bedplate.host.project_template.teams_changes import LIBRARY

NAMES_SHOWN: Final = 20
IN_LIBRARY: Final = "Changed by you in library/, which is the base project's; your change is kept"
KINDS: Final = {"A": "new", "D": "removed"}

DESCRIPTION: Final = """\
Merges the base project's changes since this project was made, or last updated, into this project, and keeps your
team's changes, as git merges two branches.

First it checks, merges elsewhere, and shows the changes. Then it changes the files, and commits nothing.
Where you and the base project changed the same lines, the file has both between conflict markers, and is listed.
Files that you removed stay removed. Files that git ignores (.env, secrets/, data) are not read.
"""
EPILOG: Final = """\
How to, and how to resolve conflicts: library/docs/how-to/update.md
Exit status: 0 updated, or nothing to do; 1 failed (with the reason); 2 invalid usage; 3 updated, with conflicts;
130 interrupted.
"""
EXIT_CONFLICTS: Final = 3
REVERT_COMMAND: Final = "git reset --hard && git clean -d --force"


@dataclass(frozen=True)
class UpdateOptions:
    """The options of the command line."""

    address: str | None
    revision: str
    dry_run: bool
    ask: bool


@dataclass(frozen=True)
class Update:
    """The plan of an update."""

    old: Version
    new: Version
    merged: Merge
    migrations: Sequence[str]
    by_hand: Sequence[str]


def parse(arguments: Sequence[str]) -> UpdateOptions:
    """Return the options. Exit with 2 if they are invalid."""
    parser = command_parser("./bedplate update", DESCRIPTION, EPILOG)
    parser.add_argument("-n", "--dry-run", action="store_true", help="show what would change, and change nothing")
    parser.add_argument(
        "--to", default="HEAD", metavar="VERSION", help="release (1.0), tag, branch or commit (the newest)"
    )
    parser.add_argument("--from", dest="address", metavar="ADDRESS", help="where the base project is, if it has moved")
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing; new questions get their default answers")
    options = parser.parse_args(arguments)
    return UpdateOptions(options.address, options.to, options.dry_run, not options.yes and sys.stdin.isatty())


def check(project: Repository) -> None:
    """Raise AbortError if an update could lose or mix up changes."""
    if not project.succeeds("rev-parse", "--verify", "--quiet", "HEAD"):
        raise AbortError("this folder is no git repository with a commit.", "git init && git add . && git commit")
    if Path(project.run("rev-parse", "--show-toplevel").strip()).resolve() != project.folder:
        raise AbortError("this project is a folder of a larger git repository.", "That cannot be updated yet.")
    changed = uncommitted(project)
    mark, lock = change_marker(project), project.git_directory / "index.lock"
    if mark.exists() and (changed or lock.exists()):
        to_do = f"Revert its changes, then run this again: rm -f '{lock}' && {REVERT_COMMAND}"
        raise AbortError("an earlier update was ended while it changed files.", to_do)
    mark.unlink(missing_ok=True)
    if changed:
        names = [line[3:] for line in changed]
        raise AbortError(
            f"there is work that is not committed: {', '.join(names[:5])}{' …' if names[5:] else ''}",
            "Commit it, or put it aside (git stash --include-untracked), then run this again.",
        )


def uncommitted(project: Repository) -> list[str]:
    """Return git's status line of each uncommitted file, whatever the user's git settings hide."""
    return project.run("status", "--porcelain", "--untracked-files=normal").splitlines()


def check_nothing_is_in_the_way(project: Repository, merged: Merge) -> None:
    """Raise AbortError if a file would be overwritten that git ignores and so has no version of."""
    added = [path for kind, path in merged.changes if kind == "A"]
    if found := [path for path in added if (project.folder / path).exists() or (project.folder / path).is_symlink()]:
        raise AbortError(
            f"the base project has new files where yours are, which git ignores: {', '.join(shortened(found))}",
            "Move yours elsewhere, or commit them, then run this again.",
        )


def change_marker(project: Repository) -> Path:
    """Return the file that exists while files are being changed."""
    return project.git_directory / "update_project"


def plan(project: Repository, options: UpdateOptions, work: Path) -> Update | None:
    """Return the plan of an update, or None if there is nothing to do. `work` is an empty folder."""
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
    with ThreadPoolExecutor() as executor:  # in parallel: each takes as long as all the rest
        rendered = executor.submit(
            renderer.render, old, made.answers, work / "old", ask=False, work=work / "render-old"
        )
        renderer.render(new, made.answers, work / "new", ask=options.ask, work=work / "render-new")
        rendered.result()
    merged = merge(project, old=work / "old", new=work / "new", work=work / "merge")
    check_nothing_is_in_the_way(project, merged)
    migrations = migrations_of_both(project, merged, old=work / "old")
    return Update(old, new, merged, migrations, list(origin.to_do_by_hand(old, new)))


def description_lines(update: Update) -> Iterator[str]:
    """Yield the lines that describe an update."""
    yield f"From {update.old} to {update.new}, of {update.new.address}"
    yield ""
    yield f"{len(update.merged.changes)} files change:"
    changes = [f"{KINDS.get(kind, 'changed'):8} {path}" for kind, path in update.merged.changes]
    yield from (f"  {change}" for change in shortened(changes))
    yield from attention_lines(update)


def attention_lines(update: Update) -> Iterator[str]:
    """Yield the lines about files that need attention."""
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
    """Return the first paths, and the number of the others."""
    hidden = len(paths) - NAMES_SHOWN
    return [*paths[:NAMES_SHOWN], f"… and {hidden} more"] if hidden > 0 else paths


def in_library(update: Update, kinds: str) -> Sequence[str]:
    """Return the first files of the library with these changes of the team: A, M, D."""
    return shortened([path for kind, path in update.merged.in_library if kind in kinds])


def marked(merged: Merge) -> list[str]:
    """Return the files with conflict markers."""
    return [conflict.path for conflict in merged.conflicts if conflict.is_marked]


def migrations_of_both(project: Repository, merged: Merge, *, old: Path) -> Sequence[str]:
    """Return the migration folders with new migrations of the base project and of the team."""
    added = [PurePosixPath(path) for kind, path in merged.changes if kind == "A"]
    folders = sorted({path.parent for path in added if path.parent.name == "migrations"})
    tracked = [PurePosixPath(path) for path in project.run("ls-files", "-z").split("\0")]
    own = {path.parent for path in tracked if not (old / path).exists()}
    return [str(folder) for folder in folders if folder in own]


def apply_update(project: Repository, update: Update) -> None:
    """Change the files, and print the next steps."""
    mark = change_marker(project)
    with uninterrupted():
        mark.touch()
        try:
            apply_merge(project, update.merged)
        except AbortError as error:
            if not uncommitted(project):  # git looks before it writes
                mark.unlink()
                raise
            to_do = f"Fix that, revert the changes ({REVERT_COMMAND}), then run this again."
            raise PartialChangeError(error.reason, to_do) from None
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
        raise SystemExit(EXIT_CONFLICTS)


def compile_locks(project: Repository, update: Update) -> None:
    """Compile the lock files that both sides changed; print what is left to do."""
    if update.merged.locks:
        say("\nCompiling lock files, with your packages …")
        try:
            for command in locks.compile_again(project, update.merged.locks, undecided=marked(update.merged)):
                say(f"Without your packages until you run: {command}")
        except KeyboardInterrupt:
            why = f"interrupted while these were compiled: {' '.join(update.merged.locks)}. All else is done."
            raise PartialChangeError(why, *map(str, locks.LOCKS)) from None


def run(arguments: Sequence[str]) -> None:
    """Update the project of this checkout."""
    options = parse(arguments)
    interpreters.require(ROOT / ".venv-template")
    project = Repository(ROOT)
    check(project)
    with tempfile.TemporaryDirectory(prefix="update_project-") as folder:
        update = plan(project, options, Path(folder))
        if not update:
            say("Up to date: this project is of the newest version.")
            return
        say("\n".join(description_lines(update)))
        if options.dry_run:
            say("\nNothing was changed (--dry-run).")
        elif not options.ask or agreed("\nChange these files?"):
            apply_update(project, update)
        else:
            say("Nothing was changed.")


def main(arguments: Sequence[str]) -> int:
    """Update the project. Return the exit status."""
    return exit_status(partial(run, arguments), interrupted="Interrupted, nothing was changed.")
