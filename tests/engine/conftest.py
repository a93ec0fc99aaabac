"""Projects with a sandbox of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A fresh project, nothing deployed."""
    folder = tmp_path / "project"
    folder.mkdir()
    fresh = Project(folder)
    try:
        yield fresh.start()
    finally:
        fresh.world.stop(purge=True)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose stack is up, shared by the tests of a module that only look."""
    project = Project(tmp_path_factory.mktemp("deployed"))
    try:
        project.start().up()
        yield project
    finally:
        project.world.stop(purge=True)
