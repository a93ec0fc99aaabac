"""What every tier shares: a clean environment, and a guard that keeps tests inside their tier."""

import os
import signal
import socket
from collections.abc import Iterator
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import JSONFileLoader
from hypothesis import HealthCheck, settings

# how long an example takes is the machine's business, and no property of the code
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

# a shell begins its background jobs with SIGINT ignored, and everything that a test starts would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
MEMORY_ONLY = ("unit", "program")
FOREIGN = ("AWS_", "PULUMI_", "GITHUB_", "FLEXPAY_")
FOREIGN_NAMES = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "NETRC",
    "REQUESTS_CA_BUNDLE",
    "SOURCE_DATE_EPOCH",
}


def cannot_run_here(reason: str) -> None:
    """Skip a test that this machine cannot run; in CI, where everything must run, fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"must run in CI, but: {reason}")
    pytest.skip(reason)


@pytest.fixture(autouse=True, scope="session")
def service_models_are_read_once() -> Iterator[None]:
    """Share what botocore reads of a service between its sessions, as it does between clients of one.

    Each command that a test runs is a session of its own, and would read EC2's 1.5 MB again. S3's is
    read each time: its clients take the bucket out of the paths in the model that they were given.
    """
    load = JSONFileLoader().load_file
    read = cache(load)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            JSONFileLoader,
            "load_file",
            lambda loader, path: load(path) if f"{os.sep}s3{os.sep}" in path else read(path),
        )
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Take away whatever the user's shell says about accounts, proxies, dates and pipelines."""
    for name in list(os.environ):
        if name.upper().startswith(FOREIGN) or name.upper() in FOREIGN_NAMES:
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("NO_COLOR", "1")
    # the built pulumi CLI is the machine's, not the test's
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def inside_its_tier(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let unit and program tests reach nothing, and all others only this machine."""
    tier = request.path.relative_to(TESTS).parts[0]
    connect = socket.socket.connect

    def guarded(this: socket.socket, address: Any) -> None:
        if this.family in (socket.AF_INET, socket.AF_INET6):
            if tier in MEMORY_ONLY:
                raise AssertionError(f"a {tier} test tried to connect to {address}")
            if tier != "netlab" and address[0] != "localhost" and not ip_address(address[0]).is_loopback:
                raise AssertionError(f"a test tried to leave this machine for {address}")
        connect(this, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
