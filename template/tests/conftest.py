"""What the tests of making and updating projects share."""

import signal
from pathlib import Path

import pytest
from base_project import BaseProject, MadeProject, clone, share_environment
from bedplate.host.project_template.rendering import Renderer
from bedplate.testing.checkout import ROOT


def pytest_configure(config: pytest.Config) -> None:
    """Hear Ctrl-C, which programs started in the background ignore. Have Copier installed, once for all clones."""
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
    """Return a clone of the base project, to make projects from and not to change."""
    return clone(tmp_path_factory.mktemp("base") / "base project")


@pytest.fixture(scope="session")
def acme(base: BaseProject, tmp_path_factory: pytest.TempPathFactory) -> MadeProject:
    """Return a project called Acme, to look at and not to change."""
    return base.make(tmp_path_factory.mktemp("acme") / "acme")


@pytest.fixture
def upstream(tmp_path: Path) -> BaseProject:
    """Return a clone of the base project that goes on."""
    return clone(tmp_path / "base")


@pytest.fixture
def shop(upstream: BaseProject, tmp_path: Path) -> MadeProject:
    """Return a project that was made before the base project went on."""
    project = upstream.make(tmp_path / "shop", name="Shop")
    share_environment(ROOT / ".venv-template", project.folder)
    return project
