"""The sandbox as background processes with their state in one folder.

Layout of the state folder (``.sandbox/`` in the project, mode 0700): ``world.json`` (what runs
where), ``bin/`` (pulumi and its plugins), ``pulumi/`` and ``backend/`` (the engine's home and
state), ``aws.state``, ``partner/`` (with ``ca.pem``), ``logs/``.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from filelock import FileLock

from sandbox.engine.errors import EngineError
from sandbox.engine.install import prepare_bin
from sandbox.flexpay.desk_client import SaysNo, call
from sandbox.processes import birth

REPOSITORY = Path(__file__).resolve().parent.parent
STACK = "sandbox"
PASSPHRASE = "sandbox"  # noqa: S105 - the stack holds no secret values, but the engine insists on one
ACCOUNT = "123456789012"
REGION = "us-east-1"
MERCHANT_KEYS = ("name", "integrationId", "legalEntity")
START_SECONDS = 60
STOP_SECONDS = 10


class WorldError(Exception):
    """The sandbox cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Service:
    """One background process and what it said when it was ready."""

    pid: int
    born: str
    """When the process started, as ps prints it: a pid alone may have been handed on."""
    ready: dict[str, Any] = field(default_factory=dict)


class World:
    """The stand-ins for one project folder.

    ``project`` holds Pulumi.yaml and stacks/; ``say`` receives one line of progress at a time.
    """

    def __init__(self, project: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.project = project.resolve()
        self.state = self.project / ".sandbox"
        self.stack_file = self.project / "stacks" / f"Pulumi.{STACK}.yaml"
        self._say = say
        self._children: list[subprocess.Popen[bytes]] = []
        """What this object started itself; they outlive it unless ``stop`` is called."""

    def start(self) -> dict[str, Service]:
        """Bring up what is not running, write the stack's config, create the stack; safe to repeat.

        Raises WorldError; what was started by then goes on running.
        """
        if not (self.project / "Pulumi.yaml").is_file():
            raise WorldError(f"{self.project} is no Pulumi project: it has no Pulumi.yaml; name one with -C")
        if self.stack_file.exists():
            self._stack()  # before anything is started for it
        with self._locked():
            self._make_folders()
            pulumi = prepare_bin(self.state / "bin", provider=self._plugin_folder())
            services = self.running()
            for name, command in self._commands().items():
                if name not in services:
                    self._say(f"starting the {name} stand-in")
                    services[name] = self._spawn(name, command)
                    self._remember(services)
            self._write_stack_file(services["partner"].ready)
            self._register_merchants(services["partner"].ready["desk"])
            self._create_stack(pulumi)
            self._free_stack()
        return services

    def stop(self, *, purge: bool = False) -> None:
        """End the processes that ``start`` began; with ``purge`` forget everything they made."""
        if not self.state.exists():
            return
        with self._locked():
            for name, service in self.running().items():
                self._say(f"stopping the {name} stand-in")
                _end(service)
            for child in self._children:
                child.wait(STOP_SECONDS)
            (self.state / "world.json").unlink(missing_ok=True)
        if purge:
            shutil.rmtree(self.state)
            self.stack_file.unlink(missing_ok=True)
            (self.project / "allowlist" / f"{STACK}.yaml").unlink(missing_ok=True)
            # proofs of other environments are not the sandbox's to forget
            shutil.rmtree(self.project / ".flexpay" / "proof" / STACK, ignore_errors=True)

    def running(self) -> dict[str, Service]:
        """Return the services that are alive, by name."""
        try:
            raw = json.loads((self.state / "world.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        services = {name: Service(**value) for name, value in raw.items()}
        return {name: service for name, service in services.items() if birth(service.pid) == service.born}

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return ``base`` changed so that pulumi, boto3 and flexpay-onboard meet the sandbox.

        Endpoints, credentials and PATH only; what ``base`` says about real accounts is left out.
        Raises WorldError when the sandbox is not running.
        """
        services = self.running()
        if missing := {"aws", "partner"} - services.keys():
            raise WorldError(
                f"the {' and '.join(sorted(missing))} stand-in is not running: python -m sandbox start"
            )
        foreign = ("AWS_", "PULUMI_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        kept = {name: value for name, value in base.items() if not name.upper().startswith(foreign)}
        path = [str(self.state / "bin"), str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]
        return kept | self.variables(services) | {"PATH": os.pathsep.join(path)}

    def variables(self, services: Mapping[str, Service]) -> dict[str, str]:
        """Return the variables that point pulumi and the AWS clients at the stand-ins."""
        return {
            "AWS_ENDPOINT_URL": str(services["aws"].ready["url"]),
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            # a profile or credential process of the user's must not reach into the sandbox
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "PULUMI_HOME": str(self.state / "pulumi"),
            "PULUMI_BACKEND_URL": f"file://{self.state / 'backend'}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def _make_folders(self) -> None:
        for folder in (self.state, *(self.state / name for name in ("pulumi", "backend", "partner", "logs"))):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _plugin_folder(self) -> Path:
        """Return where the engine keeps the AWS provider of the version that the program asks for."""
        return self.state / "pulumi" / "plugins" / f"resource-aws-v{metadata.version('pulumi-aws')}"

    def _commands(self) -> dict[str, list[str]]:
        aws, partner = str(self.state / "aws.state"), str(self.state / "partner")
        return {
            "aws": ["-m", "sandbox.aws", "--port", str(self._port("aws")), "--state", aws],
            "partner": ["-m", "sandbox.flexpay", "--port", "0", "--state", partner],
        }

    def _port(self, name: str) -> int:
        # the same port again after a restart, so that shells opened earlier keep working
        try:
            return int((self.state / f"{name}.port").read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return 0

    def _spawn(self, name: str, command: list[str]) -> Service:
        log = self.state / "logs" / f"{name}.log"
        announced = self.state / "logs" / f"{name}.ready"
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
        with log.open("ab") as talk, announced.open("wb") as answer:
            process = subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=answer,
                stderr=talk,
                env=environment,
                cwd=self.project,
                start_new_session=True,  # a Ctrl-C at the terminal is for the command in front
            )
        try:
            ready = _first_line(process, announced, log, name)
        except BaseException:
            process.kill()
            process.wait()
            raise
        self._children.append(process)
        if name == "aws":
            (self.state / "aws.port").write_text(str(urlsplit(ready["url"]).port), encoding="utf-8")
        return Service(process.pid, birth(process.pid), ready)

    def _remember(self, services: Mapping[str, Service]) -> None:
        written = self.state / "world.json.new"
        written.write_text(json.dumps({name: asdict(service) for name, service in services.items()}), "utf-8")
        written.replace(self.state / "world.json")

    def _write_stack_file(self, partner: Mapping[str, Any]) -> None:
        authority = Path(partner["ca"]).relative_to(self.project)
        endpoint = {"serverUrl": partner["url"], "caBundle": str(authority), "echo": partner["echo"]}
        if self.stack_file.exists():
            content = self._stack()
        else:
            template = Path(__file__).with_name("stack.yaml")
            content = yaml.safe_load(template.read_text(encoding="utf-8"))
        settings = content["config"]["flexpay-egress:partner"]
        if {key: settings.get(key) for key in endpoint} == endpoint:
            return
        settings |= endpoint
        self.stack_file.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def _register_merchants(self, desk: str) -> None:
        """Make the stack's merchants known to the partner: their contract comes before everything here."""
        known = {merchant["name"] for merchant in call(desk, "GET", "/state")["merchants"]}
        for merchant in self._stack()["config"]["flexpay-egress:merchants"]:
            if merchant["name"] not in known:
                call(desk, "POST", "/merchants", {key: merchant[key] for key in MERCHANT_KEYS})

    def _stack(self) -> dict[str, Any]:
        """Return the stack file, which people edit; WorldError where it lacks what is looked at here."""
        try:
            content: dict[str, Any] = yaml.safe_load(self.stack_file.read_text(encoding="utf-8"))
            settings = {
                name: content["config"][f"flexpay-egress:{name}"] for name in ("partner", "merchants")
            }
            if not isinstance(settings["partner"], dict):
                raise TypeError("flexpay-egress:partner is no mapping")
            for merchant in settings["merchants"]:
                if lacking := [key for key in MERCHANT_KEYS if not merchant.get(key)]:
                    raise TypeError(f"a merchant has no {' and no '.join(lacking)}")
        except (OSError, ValueError, LookupError, TypeError, AttributeError, yaml.YAMLError) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else " ".join(str(error).split())
            raise WorldError(
                f"{self.stack_file} cannot be used: {said}; mend it, or remove it and it is made anew"
            ) from error
        return content

    def _create_stack(self, pulumi: Path) -> None:
        if list((self.state / "backend").glob(f".pulumi/stacks/*/{STACK}.json")):
            return
        done = subprocess.run(
            [str(pulumi), "stack", "init", STACK, "--non-interactive", "--cwd", str(self.project)],
            env=self.environment(os.environ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise WorldError(f"the stack {STACK} could not be created: {done.stderr.strip()}")

    def _free_stack(self) -> None:
        """Take away the locks of engines that were killed; only this machine uses the backend."""
        for lock in (self.state / "backend" / ".pulumi" / "locks").rglob("*.json"):
            with suppress(FileNotFoundError, ValueError, KeyError):
                holder = json.loads(lock.read_text(encoding="utf-8"))["pid"]
                if not birth(int(holder)):
                    self._say(f"taking away the lock of pulumi process {holder}, which is gone")
                    lock.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Have the state folder alone; what the machine says no to meanwhile becomes a WorldError."""
        try:
            self.state.mkdir(mode=0o700, exist_ok=True)
            with FileLock(self.state / "lock", timeout=START_SECONDS * 2):
                yield
        except (EngineError, SaysNo) as error:
            raise WorldError(str(error)) from error
        except OSError as error:
            where = f"{error.filename2 or error.filename}: " if error.filename else ""
            raise WorldError(f"{where}{error.strerror or error}") from error


def _first_line(process: subprocess.Popen[bytes], answer: Path, log: Path, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        line, ended, _ = answer.read_text(encoding="utf-8").partition("\n")
        if ended:
            ready: dict[str, Any] = json.loads(line)
            return ready
        if process.poll() is not None:
            tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-10:])
            code = process.returncode
            raise WorldError(f"the {name} stand-in ended with {code} at once; {log} ends with\n{tail}")
        time.sleep(0.02)
    raise WorldError(f"the {name} stand-in was not ready within {START_SECONDS} s; see {log}")


def _end(service: Service) -> None:
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(service.pid, sent)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if birth(service.pid) != service.born:
                return
            time.sleep(0.05)
