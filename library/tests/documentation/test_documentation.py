"""`python -m bedplate.documentation` shows a project's services and pages; `--check` names the pages out of date."""

from pathlib import Path

import pytest
from bedplate.documentation.__main__ import main
from bedplate.documentation.compose import Mount, Service, read

SHARED = """\
services:
  web:
    depends_on: { postgres: { condition: service_healthy } }
    volumes: [uploads:/data/uploads]
  postgres:
    volumes: [postgres_data:/var/lib/postgresql]
"""
ENVIRONMENT = """\
services:
  web:
    extends: { file: services.yml, service: web }
    depends_on: [search]
    ports: ["${BIND_ADDRESS:-0.0.0.0}:${HTTPS_PORT:-443}:8443", 127.0.0.1:8000:8080]
    volumes: [uploads:/data/uploads:ro, ./web:/app, certificates:/certificates]
    networks: { default: {}, search-network: {} }
  postgres:
    extends: { file: services.yml, service: postgres }
  search:
    network_mode: none
    volumes:
      - { type: volume, source: uploads, target: /data/uploads, read_only: true }
      - { type: bind, source: /srv/words, target: /words }
      - /cache
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project with its pages, as the current directory of the test. Return its folder."""
    (tmp_path / "services.yml").write_text(SHARED)
    for name in ("docker-compose", "dev", "prod"):
        (tmp_path / f"{name}.yml").write_text(ENVIRONMENT)
    (tmp_path / "library/docs/how-to").mkdir(parents=True)
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n")
    (tmp_path / "library/docs/how-to/search.md").write_text("# Search for words\n")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/README.md").write_text("# Pages\n\n<!-- made: index, here -->\n<!-- end -->\n\nThe end.\n")
    parts = "".join(f"<!-- made: {name}, -->\nold\n<!-- end -->\n" for name in ("services", "environments", "volumes"))
    (tmp_path / "docs/architecture.md").write_text(f"# Architecture\n\n{parts}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_services_are_read_as_compose_reads_them(project: Path) -> None:
    """Extended lists are concatenated; a mount at the same path is replaced; host folders are not volumes."""
    assert read(project / "prod.yml") == [
        Service(
            name="web",
            networks=["default", "search-network"],
            waits_for=["postgres", "search"],
            mounts=[Mount("uploads", read_only=True), Mount("certificates", read_only=False)],
            ports=["443", "127.0.0.1:8000"],
        ),
        Service("postgres", ["default"], [], [Mount("postgres_data", read_only=False)], []),
        Service("search", [], [], [Mount("uploads", read_only=True)], []),
    ]


def test_diagram_shows_services_networks_and_ports(project: Path) -> None:
    """A box is a network with its services; lines are ports, dependencies, and shared volumes."""
    main([])
    lines = [line.strip() for line in (project / "docs/architecture.md").read_text().splitlines()]
    assert lines[lines.index('subgraph network_no_network["no network"]') + 1] == "search"
    assert {
        'outside(("outside")) -- "443, 127.0.0.1:8000" --> web',
        "web --> postgres",
        'web --- network_search_network["network search-network"]',
        'web -. "volume uploads" .- search',
        "| `web` | yes, port 443, 127.0.0.1:8000 | yes, port 443, 127.0.0.1:8000 | yes, port 443, 127.0.0.1:8000 |",
        "| `certificates` | web | none |",
        "| `uploads` | none | web, search |",
    } <= set(lines)
    assert "old" not in lines


def test_index_has_every_page(project: Path) -> None:
    """Pages have their titles, the library's too; a folder's own index replaces its pages; other text stays."""
    (project / "docs/how-to").mkdir()
    (project / "docs/how-to/pay.md").write_text("# Pay the bill\n")
    (project / "docs/adr").mkdir()
    (project / "docs/adr/README.md").write_text("# What was decided\n")
    (project / "docs/adr/0001-search.md").write_text("# 1. Search\n")
    main([])
    text = (project / "docs/README.md").read_text()
    assert text.startswith("# Pages\n")
    assert text.endswith("The end.\n")
    assert "- [Architecture](architecture.md)\n- [Changelog](../CHANGELOG.md)\n" in text
    assert (
        "## How to\n\n- [Pay the bill](how-to/pay.md)\n- [Search for words](../library/docs/how-to/search.md)\n" in text
    )
    assert "## Decisions\n\n- [What was decided](adr/README.md)\n" in text
    assert "0001" not in text


@pytest.mark.parametrize(
    ("file", "text", "page"),
    [
        ("library/docs/how-to/new.md", "# Something new\n", "docs/README.md"),
        ("library/docs/how-to/search.md", "# Look for words\n", "docs/README.md"),
        ("prod.yml", ENVIRONMENT.replace("[search]", "[]"), "docs/architecture.md"),
        ("services.yml", SHARED.replace("postgres_data", "tables"), "docs/architecture.md"),
    ],
)
def test_check_names_the_pages_out_of_date(project: Path, file: str, text: str, page: str) -> None:
    """It also names the command that generates them again, and changes nothing itself."""
    main([])
    main(["--check"])
    (project / file).write_text(text)
    before = (project / page).read_text()
    with pytest.raises(SystemExit, match=f"{page}. To generate them again: .*-m bedplate.documentation"):
        main(["--check"])
    assert (project / page).read_text() == before
    main([])
    main(["--check"])


def test_invalid_page_or_compose_file_is_reported(project: Path) -> None:
    """A page without its markers, an invalid Compose file; a page that a team removed is ignored."""
    (project / "docs/README.md").write_text("# Pages\n")
    with pytest.raises(SystemExit, match=r"README.md has no line <!-- made: index"):
        main([])
    (project / "docs/README.md").unlink()
    main([])
    (project / "prod.yml").write_text("services: [")
    with pytest.raises(SystemExit, match=r"prod.yml"):
        main(["--check"])
