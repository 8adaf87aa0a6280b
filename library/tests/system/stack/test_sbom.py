"""The parts lists (SBOMs) of PROD's images: they follow the standard, and have the known parts."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from bedplate.supply_chain.sbom import write
from bedplate.testing.checkout import ROOT
from bedplate.testing.server import Server
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

BUNDLED: Final = {"pkg:npm/react@"} if (ROOT / "web/frontend").is_dir() else set()
KNOWN: Final = {
    "web": {"pkg:pypi/django@", "pkg:pypi/granian@", "pkg:deb/debian/libc6@", *BUNDLED},
    "cron": {"pkg:pypi/google-cloud-storage@", "/usr/local/bin/supercronic", "/opt/postgresql/programs/pg_dump"},
    "nginx": {"pkg:deb/debian/nginx@", "/usr/local/bin/route"},
}

pytestmark = [pytest.mark.stack, pytest.mark.parametrize("server", ["prod"], indirect=True, scope="session")]


@pytest.mark.parametrize("part", KNOWN)
def test_parts_list(server: Server, part: str, tmp_path: Path) -> None:
    """It is valid CycloneDX, complete with versions, and the same as the lock file where there is one."""
    (image,) = {name for name in server.compose("config", "--images").split() if f"{server.project}-{part}:" in name}
    text = write(image, tmp_path).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    components: list[dict[str, Any]] = json.loads(text)["components"]
    listed = {component.get("purl", component["name"]) for component in components}
    assert [name for name in KNOWN[part] if not any(each.startswith(name) for each in listed)] == []
    assert all(component.get("version") or component.get("hashes") for component in components)
    lock = server.directory / "web" / {"web": "requirements.txt", "cron": "requirements-cron.txt"}.get(part, "none")
    locked = {line.split()[0] for line in lock.read_text().splitlines() if "==" in line} if lock.exists() else set()
    installed = {name.removeprefix("pkg:pypi/").replace("@", "==") for name in listed if name.startswith("pkg:pypi/")}
    assert installed <= {line.partition(";")[0] for line in locked}
