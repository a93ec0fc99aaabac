"""A provider on an AWS stand-in, shared by the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.aws import server
from tests.loopback.provider_driver import Driver


def point(patch: pytest.MonkeyPatch, url: str) -> None:
    """Let AWS clients made from now on talk to the stand-in."""
    patch.setenv("AWS_ENDPOINT_URL", url)
    patch.setenv("AWS_ACCESS_KEY_ID", "test")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture(scope="module")
def stand_in() -> Iterator[server.Running]:
    """An empty AWS."""
    with server.running() as running:
        yield running


@pytest.fixture(scope="module")
def shared_driver(stand_in: server.Running) -> Iterator[Driver]:
    """One provider for a module, since making clients costs more than the tests do."""
    with pytest.MonkeyPatch.context() as patch:
        point(patch, stand_in.url)
        yield Driver()


@pytest.fixture
def driver(shared_driver: Driver, stand_in: server.Running, monkeypatch: pytest.MonkeyPatch) -> Driver:
    """The module's provider, in an environment that leads to the stand-in."""
    point(monkeypatch, stand_in.url)
    return shared_driver
