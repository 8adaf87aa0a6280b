"""The decisions of embedded mode's install, without running it."""

import os
import re
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from bedplate.host.embedded import checks, configuration, diagnosis, google_storage, node, packages
from bedplate.host.embedded.project import Project, Stamp, files_below, fingerprint
from bedplate.host.embedded.summary import summary
from bedplate.host.errors import AbortError
from bedplate.testing.checkout import copy_as_shop
from embedded_mode import install

DiskUsage = namedtuple("DiskUsage", "total used free")


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v18.20.1\n", False),
        ("v20.18.3\n", False),
        ("v20.19.0\n", True),
        ("v21.7.3\n", False),
        ("v22.11.0\n", False),
        ("v22.12.0\n", True),
        ("v24.19.0\n", True),
        ("", False),
    ],
)
def test_node_is_used_if_vite_supports_it(version: str, fits: bool) -> None:
    """Vite 8 runs on Node 20.19 or 22.12 and newer, not on 21."""
    assert node.is_supported(version) is fits


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says how much is free and how much is needed."""
    (tmp_path / "web").mkdir()
    (tmp_path / "web/requirements.txt").touch()
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: DiskUsage(10**12, 10**12 - 10**8, 10**8))
    with pytest.raises(AbortError, match=r"95 MB are free where .* is, and 700 MB are needed"):
        checks.check_disk(Project(tmp_path))


def test_packages_are_checked_against_their_hashes_with_uv_and_with_pip() -> None:
    """Both installers check them."""
    environment, locked = Path("environment"), Path("requirements.txt")
    for uv in ("/usr/bin/uv", None):
        *_, install = packages.commands(environment, locked, uv=uv)
        assert install[-3:] == ["--require-hashes", "--requirement", locked]


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("django.db.utils.OperationalError: database is locked", "another program has the database"),
        (
            "npm error network request failed, reason: getaddrinfo ENOTFOUND registry.example.org",
            "could not be fetched",
        ),
        ("error: Request failed after 3 retries\n cause: dns error: Failed to fetch", "could not be fetched"),
        ("something new", "npm failed with exit status 7, see above"),
    ],
)
def test_a_failure_is_explained_from_its_output(output: str, why: str) -> None:
    """A failure without a known cause names the program and its exit status."""
    error = diagnosis.program_error("npm", 7, output, Path("install.log"))
    assert why in error.reason
    assert error.output == output


def test_of_a_long_output_both_ends_are_shown() -> None:
    """Some programs print the cause first, some last."""
    shown = diagnosis.first_and_last_lines("\n".join(str(number) for number in range(100))).splitlines()
    assert (shown[0], shown[6], shown[-1]) == ("0", "…", "99")


def test_a_written_configuration_is_read_back_and_usable(tmp_path: Path) -> None:
    """Names may have spaces and quotes; the secrets differ between projects."""
    example = {"PROJECT_NAME": "Anna's #1 project", "POSTGRES_PASSWORD": "change-me", "SECRET_KEY": "change-me"}
    variables = configuration.new(example)
    configuration.write(tmp_path / ".env.embedded", variables)
    assert configuration.read(tmp_path / ".env.embedded") == variables
    configuration.check(variables, ".env.embedded")
    assert variables["PROJECT_NAME"] == "Anna's #1 project"
    assert "POSTGRES_PASSWORD" not in variables
    assert variables["SECRET_KEY"] != configuration.new(example)["SECRET_KEY"]


def test_embedded_mode_overrides_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that the shell has for another purpose does not reach the application."""
    monkeypatch.setattr(
        os, "environ", {"ENVIRONMENT": "prod", "DEBUG": "vite:*", "SECRET_KEY": "of the shell", "A": "1"}
    )
    environment = configuration.process_environment(Project(tmp_path), {"SECRET_KEY": "of the file"})
    assert environment["ENVIRONMENT"] == "embedded"
    assert environment["DEBUG"] == "false"
    assert environment["SECRET_KEY"] == "of the file"
    assert environment["A"] == "1"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, "google_storage/shop/credentials.json"),
        ({"GOOGLE_CREDENTIALS": "/keys/shop.json"}, "/keys/shop.json"),
    ],
    ids=["usual", "given"],
)
def test_backups_know_where_the_credentials_for_google_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], used: str
) -> None:
    """Outside the checkout, in a folder with the project's name, unless `.env.embedded` names another file."""
    variables = {"COMPOSE_PROJECT_NAME": "shop", **given}
    project = Project(tmp_path)
    configuration.write(project.configuration, {**configuration.new({}), **variables})
    monkeypatch.setattr(os, "environ", {"XDG_CONFIG_HOME": str(tmp_path / "own")})
    monkeypatch.setattr(os, "chdir", lambda _folder: None)
    monkeypatch.setattr(google_storage, "_install_packages", lambda _project: None)
    became: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda _program, command, environment: became.append((command, environment)))
    google_storage.become(project, ["--list"])
    [(command, environment)] = became
    assert command[1:] == ["-m", "bedplate.backup", "--list"]
    assert environment["GOOGLE_CREDENTIALS"] == str(tmp_path / "own" / used)


def test_a_folder_is_complete_only_while_its_sources_are_unchanged(tmp_path: Path) -> None:
    """A changed, added or renamed source makes it incomplete; hidden files do not count."""
    sources, made = tmp_path / "sources", tmp_path / "made"
    sources.mkdir()
    made.mkdir()
    (sources / "main.ts").write_text("one")
    assert not stamp(made, sources).is_current()
    stamp(made, sources).write()
    (sources / ".cache").write_text("hidden")
    assert stamp(made, sources).is_current()
    (sources / "main.ts").rename(sources / "index.ts")
    assert not stamp(made, sources).is_current()


def stamp(made: Path, sources: Path) -> Stamp:
    """Return the stamp of a folder that is made from all of the sources."""
    return Stamp(made, fingerprint(files_below(sources)))


def test_failure_amid_a_set_up_is_a_failure(tmp_path: Path) -> None:
    """If the install's log cannot be written, the command fails, and gives the reason in a line."""
    folder = copy_as_shop(tmp_path / "checkout")
    (folder / "var/embedded/install.log").mkdir(parents=True)
    result = install(folder, "--setup-only")
    assert result.returncode == 1
    assert "Is a directory" in result.stdout
    assert "Traceback" not in result.stdout


def test_the_printed_addresses_are_ones_at_which_passkeys_work() -> None:
    """Browsers refuse passkeys at an IP address: the site and its pages are printed with `localhost`."""
    text = summary({"DEFAULT_USER_EMAIL": "a@example.org", "DEFAULT_USER_PASSWORD": "x"}, port=8000)
    assert re.search("Site +http://localhost:8000 ", text)
    assert re.findall(r"(?:Tasks|Admin|Mail) +http://([\w.]+):8000/", text) == ["localhost"] * 3
