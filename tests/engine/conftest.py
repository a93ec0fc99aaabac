"""Projects with a sandbox of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.accounting import unaccounted
from tests.engine.project import Project
from tests.engine.story import Story, play, watched_arguments


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """After every test, while its stand-ins still run: no address of ours is lost track of.

    It is in the outputs, or ``addresses discover`` lists it as retained with its reason.
    """
    yield
    for value in getattr(item, "funcargs", {}).values():
        project = value if isinstance(value, Project) else getattr(value, "project", None)
        if isinstance(project, Project) and "aws" in project.world.running():
            lost = unaccounted(project)
            assert not lost, f"neither declared nor told as retained: {lost}"


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


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Project]:
    """A project as it is after a clone: nothing started."""
    folder = tmp_path / "project"
    folder.mkdir()
    bare = Project(folder)
    try:
        yield bare
    finally:
        bare.world.stop(purge=True)


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The demo, played once; tests that change anything about it put it back."""
    with pytest.MonkeyPatch.context() as patch:
        # the per-test fixture that cleans the environment comes later than this one
        for name in list(os.environ):
            if name.startswith(("AWS_", "PULUMI_", "FLEXPAY_")):
                patch.delenv(name)
        patch.setenv("NO_COLOR", "1")
        project = Project(tmp_path_factory.mktemp("story"))
        arguments: set[str] = set()
        try:
            with watched_arguments(arguments):
                first = play(project.folder)
            played = Story(project, first, arguments)
            played.calls += played.desk("calls")
            yield played
        finally:
            project.world.stop(purge=True)
