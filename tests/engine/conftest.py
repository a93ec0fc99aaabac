"""Projects with a sandbox of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.accounting import unaccounted
from tests.engine.project import Project
from tests.engine.story import Story, play, watched_arguments

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests together that share what takes long to make, and begin with what takes longest.

    For ``--dist loadgroup``: every other test goes to whichever worker is free.
    """
    for item in items:
        if item.path.parent == HERE and isinstance(item, pytest.Function):
            definitions = item._fixtureinfo.name2fixturedefs.items()
            shared = [
                (one.scope != "session", name)
                for name, (*_, one) in definitions
                if one.scope != "function" and one.baseid.startswith("tests/engine") and name != "ground"
            ]
            if shared:
                item.add_marker(pytest.mark.xdist_group(min(shared)[1]))
    items.sort(key=lambda item: item.get_closest_marker("lengthy") is None)


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


class Ground:
    """A started project that one test after the other finds as if it were new."""

    def __init__(self, folders: Callable[[], Path]) -> None:
        self._folders = folders
        self._project: Project | None = None

    def fresh(self) -> Project:
        """Return a project in which nothing was ever done."""
        if self._project is None or not self._project.renew():
            self.clear()
            self._project = Project(self._folders()).start()
        return self._project

    def clear(self) -> None:
        """End it; the next test gets another one."""
        if self._project is not None:
            self._project.world.stop(purge=True)
            self._project = None


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One for each worker: to start a sandbox takes as long as many a test."""
    made = Ground(lambda: tmp_path_factory.mktemp("project"))
    try:
        yield made
    finally:
        made.clear()


@pytest.fixture
def project(request: pytest.FixtureRequest, ground: Ground) -> Iterator[Project]:
    """A project with nothing deployed."""
    yield ground.fresh()
    if request.node.get_closest_marker("spoils"):
        ground.clear()


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project whose stack is up, shared by tests that only look."""
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
