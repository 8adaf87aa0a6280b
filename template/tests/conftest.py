"""Fixtures of the tests of making and updating projects."""

import signal
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, clone, share_environment
from bedplate.host.project_template.rendering import Renderer
from bedplate.testing.checkout import ROOT


def pytest_configure(config: pytest.Config) -> None:
    """Receive Ctrl-C, which programs started in the background ignore. Install Copier once for all clones."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not hasattr(config, "workerinput"):
        Renderer(ROOT / ".venv-template").prepare()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give tests that start containers 25 minutes: the first one of a run also builds the images."""
    for item in items:
        if item.get_closest_marker("stack") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(1500))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseProject:
    """Return a clone of the base project to make projects from; tests must not change it."""
    return clone(tmp_path_factory.mktemp("base") / "base project")


@pytest.fixture(scope="session")
def acme(base: BaseProject, tmp_path_factory: pytest.TempPathFactory) -> MadeProject:
    """Return a project called Acme; tests must not change it."""
    return base.make(tmp_path_factory.mktemp("acme") / "acme")


@pytest.fixture
def upstream(tmp_path: Path) -> BaseProject:
    """Return a clone of the base project that tests may change."""
    return clone(tmp_path / "base")


@pytest.fixture
def shop(upstream: BaseProject, tmp_path: Path) -> MadeProject:
    """Return a project made before the base project changed."""
    project = upstream.make(tmp_path / "shop", name="Shop")
    share_environment(ROOT / ".venv-template", project.folder)
    return project
