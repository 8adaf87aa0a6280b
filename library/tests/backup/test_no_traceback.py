"""Every command reports anything missing, damaged or forbidden in one line, without a traceback."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import command
import pytest
from bedplate.backup.manifest import Manifest, digest
from bedplate.backup.names import CONTENTS, LAYOUT, MANIFEST
from bedplate.backup.signatures import BACKUP
from dated import moved, record
from fault_proxy import Answer, FaultProxy, Rewrite
from preloaded import Preloaded, preloaded
from project import Configure, Project, database_file
from pyrage import x25519

# All of them run one after the other.
LOOKING: Final = (("-l",), ("--check",), ("--prune", "--dry-run"))
ACTING: Final = (
    ("--verify", "latest"),
    ("-r", "latest"),
    ("--undo",),
    ("--export", "media", "--not-anonymised"),
    ("-b",),
    ("--prune",),
)
FULL: Final = ("bash", "-c", 'ulimit -f 0; exec "$@"', "-")  # no file may grow, as on a full disk
# Root may do everything unless these capabilities are dropped.
UNPRIVILEGED: Final = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--") if os.geteuid() == 0 else ()


@dataclass
class Place:
    """A project with a backup, and the way to run its commands."""

    commands: Preloaded
    project: Project
    backup: Manifest
    prefix: Sequence[str] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def run(self, arguments: Sequence[str]) -> command.Result:
        """Run the command, and return its result."""
        if self.prefix:
            return command.run(*arguments, prefix=self.prefix, **self.variables)
        return self.commands.run(arguments, command.environment() | self.variables)

    def outcomes(self) -> dict[tuple[str, ...], command.Result]:
        """Run every command, and return the results."""
        return {arguments: self.run(arguments) for arguments in (*LOOKING, *ACTING)}

    def change_objects(self, change: Callable[[bytes], bytes]) -> None:
        """Change every object of the store."""
        store = self.project.store
        for stored in list(store.list(f"{LAYOUT}/")):
            store.write(stored.name, change(store.read(stored.name)[0]))

    def edit(self, **values: Any) -> None:
        """Change the manifest, and update its digest and signature."""
        name = self.backup.name.object(MANIFEST)
        value = json.loads(self.project.store.read(name)[0]) | values
        del value["digest"]
        data = json.dumps(value | {"digest": digest(value)}).encode()
        self.project.store.write(name, data)
        self.project.store.write(f"{name}.sig", self.project.configuration.trust.key.sign(data, BACKUP))

    def edit_contents(self, **values: Any) -> None:
        """Change the contents, and update the checksums."""
        transfer, name = self.project.session.transfer, self.backup.name.object(CONTENTS)
        path = self.project.configuration.work / "edited"
        path.write_text(json.dumps(json.loads(self.project.store.read(name)[0]) | values))
        file = transfer.upload_readable(path, name)
        path.unlink()
        files = json.loads(self.project.store.read(self.backup.name.object(MANIFEST))[0])["files"]
        stored = {"size": file.size, "stored_size": file.stored_size, "sha256": file.sha256, "object": name}
        self.edit(files=files | {CONTENTS: stored})


@pytest.fixture(scope="module")
def commands() -> Iterator[Preloaded]:
    """Return the object that runs the commands."""
    with preloaded() as commands:
        yield commands


@pytest.fixture(params=["folder", "bucket"])
def place(commands: Preloaded, request: pytest.FixtureRequest, embedded: Project, configure: Configure) -> Place:
    """Return a project that keeps its backups in a folder, then in a bucket."""
    project = embedded
    if request.param == "bucket":
        proxy: FaultProxy = request.getfixturevalue("proxy")
        configuration = configure(BACKUP_URL=request.getfixturevalue("gcs"), STORAGE_EMULATOR_HOST=proxy.url)
        project = Project(configuration, configuration.open_store())
    return Place(
        commands, project, project.back_up(), variables={"BACKUP_RETRY_SECONDS": "1", "BACKUP_LEASE_SECONDS": "1"}
    )


def assert_explained(place: Place, *, failing: Sequence[Sequence[str]]) -> None:
    """Assert that every command ends by itself with a line for the user, and that these commands fail."""
    outcomes = place.outcomes()
    for arguments, result in outcomes.items():
        said = f"{' '.join(arguments)} ended with {result.returncode}:\n{result.stderr}"
        assert result.returncode in {0, 1, 2}, said
        assert "Traceback" not in result.stderr, said
        assert "This error was not expected" not in result.stderr, said
        last_words = [line for line in result.stderr.splitlines() if line.startswith(("Failed: ", "Error: "))]
        assert len(last_words) == (result.returncode != 0), said
    assert set(failing) <= {arguments for arguments, result in outcomes.items() if result.returncode}, outcomes


WRITING: Final = (("-b",), ("--prune",))
READING: Final = (("--verify", "latest"), ("-r", "latest"))


def test_all_is_well(place: Place) -> None:
    """Without any of the problems below, only `--check` fails, because no backup is verified yet."""
    outcomes = place.outcomes()
    failed = {arguments: result.stderr for arguments, result in outcomes.items() if result.returncode}
    assert failed.keys() == {("--check",)}
    assert "No backup is verified" in failed["--check",]


def test_full_disk(place: Place) -> None:
    place.prefix = FULL
    assert_explained(place, failing=[*READING, ("-b",)])


OTHER_RIGHTS: Final = (("data", 0o000), ("a folder of backups", 0o500), ("a backup", 0o500))


@pytest.fixture
def closed() -> Iterator[Callable[[Path, int], None]]:
    """Return a function that removes rights until the test ends."""
    before: dict[Path, int] = {}

    def close(path: Path, mode: int) -> None:
        before[path] = path.stat().st_mode
        path.chmod(mode)

    yield close
    for path, mode in before.items():
        path.chmod(mode)


@pytest.mark.parametrize(
    "without",
    [
        *(("data", 0o500), ("a folder of backups", 0o000), ("a backup", 0o000)),
        *(pytest.param(each, marks=pytest.mark.slow) for each in OTHER_RIGHTS),
    ],
    ids=lambda without: f"{without[0]}, {without[1]:o}",
)
def test_no_rights(
    commands: Preloaded,
    embedded: Project,
    tmp_path: Path,
    closed: Callable[[Path, int], None],
    without: tuple[str, int],
) -> None:
    """Without the right to read or write in the data directory, the store or one backup."""
    what, mode = without
    place = Place(commands, embedded, embedded.back_up(), UNPRIVILEGED, {"BACKUP_LEASE_SECONDS": "1"})
    folder = tmp_path / what if what != "a backup" else tmp_path / "a folder of backups" / str(place.backup.name)
    for path in (folder, *filter(Path.is_dir, folder.rglob("*"))):
        closed(path, mode)
    assert_explained(place, failing=[("--check",)])


def test_no_network(commands: Preloaded, embedded: Project, configure: Configure) -> None:
    """No server listens at the address."""
    where = {"BACKUP_URL": "gs://backups", "STORAGE_EMULATOR_HOST": "http://127.0.0.1:9", "BACKUP_RETRY_SECONDS": "1"}
    assert_explained(Place(commands, embedded, embedded.back_up(), (), where), failing=[*LOOKING, *WRITING, *READING])


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_bucket_that_refuses(commands: Preloaded, embedded: Project, proxy: FaultProxy, status: int) -> None:
    where = {"BACKUP_URL": "gs://backups", "BACKUP_RETRY_SECONDS": "1"}
    proxy.fail(Answer(status), times=1_000_000)
    assert_explained(Place(commands, embedded, embedded.back_up(), (), where), failing=[*LOOKING, *WRITING, *READING])


def test_a_bucket_that_leaves_out_what_is_0(
    commands: Preloaded, embedded: Project, proxy: FaultProxy, gcs: str
) -> None:
    proxy.fail(Rewrite(rb'"size": *"0",'), times=1_000_000)
    (embedded.media / "empty").touch()
    place = Place(commands, embedded, embedded.back_up(), (), {"BACKUP_URL": gs(gcs), "BACKUP_RETRY_SECONDS": "1"})
    assert place.run(["-b"]).returncode == 0
    assert place.run(["--verify", "latest"]).returncode == 0
    assert place.run(["-b"]).returncode == 0


def gs(url: str) -> str:
    """Return a folder of the bucket."""
    return f"{url}/folder"


@pytest.mark.parametrize("identity", ["", str(x25519.Identity.generate())], ids=["no key", "another key"])
def test_key(commands: Preloaded, embedded: Project, configure: Configure, identity: str) -> None:
    recipient = str(x25519.Identity.generate().to_public())
    project = Project(configure(BACKUP_AGE_RECIPIENTS=recipient, BACKUP_AGE_IDENTITY=identity), embedded.store)
    assert_explained(Place(commands, project, project.back_up()), failing=READING)


DAMAGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "truncated": lambda data: data[: len(data) // 2],
    "empty": lambda data: data[:0],
    "nested": lambda _data: b"[" * 100_000,
    "other": lambda _data: b'{"at": 1}',
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_object_is_damaged(place: Place, damage: str) -> None:
    record(place.project, place.backup.name, passed=True)
    place.change_objects(DAMAGES[damage])
    assert_explained(place, failing=[("--check",), *READING])


@pytest.mark.parametrize(
    "values",
    [
        {"files": {}},
        {"files": {"contents.json": 1, "media.txt": 1}},
        {"engine": {"name": "sqlite", "version": "new"}},
        {"engine": {"name": 1, "version": "1"}},
        {"database_size": "large"},
        {"media_size": None},
        {"encrypted": "no"},
        {"media_files": -1, "name": 7},
    ],
    ids=str,
)
def test_an_edited_manifest(commands: Preloaded, embedded: Project, values: dict[str, Any]) -> None:
    place = Place(commands, embedded, embedded.back_up())
    place.edit(**values)
    assert_explained(place, failing=[("--check",), *READING])


@pytest.mark.parametrize(
    "values",
    [
        {"census": {}},
        {"census": {"rows": {"notes": "many"}, "sequences": {}, "objects": {}, "roles": []}},
        {"census": {"rows": {}, "sequences": {"notes": {"before": "0", "after": 1}}, "objects": {}, "roles": []}},
        {"media": [{"path": 1, "link": None, "stored": None}]},
        {"media": [{"path": "x", "link": 5, "stored": None}]},
        {"media": [{"path": "x", "link": None, "stored": {"object": "/etc/passwd", "size": 1}}]},
        {"media": [{"path": "", "link": "x", "stored": None}]},
        {"media": [{"path": "nul\0", "link": "x", "stored": None}]},
        {"media": [{"path": "x" * 300, "link": "y", "stored": None}]},
    ],
    ids=lambda values: str(values)[:60],
)
def test_edited_contents(commands: Preloaded, embedded: Project, values: dict[str, Any]) -> None:
    place = Place(commands, embedded, embedded.back_up())
    place.edit_contents(**values)
    assert_explained(place, failing=READING)


def test_a_backup_of_the_future(place: Place) -> None:
    moved(place.project, place.backup, datetime.now(UTC) + timedelta(days=9))
    assert_explained(place, failing=[("--check",), *READING])


def test_names_that_are_none(place: Place) -> None:
    """Folders with names like backups, but with invalid times."""
    for name in ("20261350T000000Z-abcdef", "00000000T000000Z-abcdef", "99991231T235959Z-abcdef", "x"):
        place.project.store.write(f"v1/app/embedded/{name}/manifest.json", b"{}")
    assert_explained(place, failing=[("--check",)])


@pytest.mark.parametrize("harm", ["damaged", "empty", "gone", "a folder"])
def test_the_live_database(commands: Preloaded, embedded: Project, harm: str) -> None:
    place, file = Place(commands, embedded, embedded.back_up()), database_file(embedded)
    for beside in file.parent.glob(f"{file.name}*"):
        beside.unlink()
    if harm == "a folder":
        file.mkdir()
    elif harm != "gone":
        file.write_bytes(b"no database at all" * 1000 if harm == "damaged" else b"")
    assert_explained(place, failing=[])
