"""A deployed project, and its network in the kernel."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from sandbox.flexpay.server import Partner
from sandbox.netlab import kernel, lab
from sandbox.netlab.lab import Lab
from sandbox.netlab.view import read
from tests.conftest import cannot_run_here
from tests.engine.project import Project
from tests.netlab.wiring import Wiring

Build = Callable[[], AbstractContextManager[Lab]]


@pytest.fixture(scope="session")
def kernel_can() -> None:
    """Skip, or in CI fail, where namespaces cannot be built."""
    if why := kernel.missing():
        cannot_run_here(why)


@pytest.fixture(scope="session")
def deployed(kernel_can: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    project = Project(tmp_path_factory.mktemp("netlab"))
    try:
        project.start()
        project.configure(lambda config: config.update(verifier={"enabled": True}))
        project.up()
        yield project
    finally:
        project.world.stop(purge=True)


@pytest.fixture(scope="session")
def as_deployed(deployed: Project) -> Wiring:
    return Wiring(deployed)


@pytest.fixture
def wiring(as_deployed: Wiring) -> Iterator[Wiring]:
    """The deployed network, to be broken; it is put right afterwards."""
    try:
        yield as_deployed
    finally:
        as_deployed.restore()


@pytest.fixture(scope="session")
def reach(deployed: Project, as_deployed: Wiring, tmp_path_factory: pytest.TempPathFactory) -> lab.Reach:
    """The partner as it is once it has approved every address but the last zone's.

    Every merchant has credentials, which are in the environment's secrets.
    """
    kept = lab.copy_partner(
        deployed.world.state / "partner", tmp_path_factory.mktemp("partner") / "state", translation={}
    )
    partner = Partner(kept)
    secrets = deployed.client("secretsmanager")
    try:
        for merchant, said in as_deployed.outputs["merchants"].items():
            partner.allow(merchant, *(as_deployed.addresses[zone] for zone in as_deployed.zones[:-1]))
            client_id, client_secret = partner.issue(merchant)
            value = json.dumps({"client_id": client_id, "client_secret": client_secret})
            secrets.put_secret_value(SecretId=said["secretName"], SecretString=value)
    finally:
        partner.close()
    return lab.reach_of(as_deployed.outputs, kept)


@pytest.fixture
def build(as_deployed: Wiring, reach: lab.Reach) -> Build:
    """Read the network from AWS as it is now, and build it."""

    def built() -> AbstractContextManager[Lab]:
        view = read(as_deployed.ec2, as_deployed.vpc)
        return lab.build(view, lab.declared_by(as_deployed.outputs), reach)

    return built
