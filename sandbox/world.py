"""The sandbox as background processes with their state in one folder.

Layout of the state folder (``.sandbox/`` in the project, mode 0700): ``world.json`` (what runs
where), ``bin/`` (pulumi and its plugins), ``pulumi/`` and ``backend/`` (the engine's home and
state), ``aws.state``, ``partner/`` (with ``ca.pem``), ``logs/``.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
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
from sandbox.services import STOP_SECONDS, Service, ServiceError, end, spawn

STACK = "sandbox"
PASSPHRASE = "sandbox"  # noqa: S105 - the stack holds no secret values, but the engine insists on one
ACCOUNT = "123456789012"
REGION = "us-east-1"
MERCHANT_KEYS = ("name", "integrationId", "legalEntity")
LOCK_SECONDS = 120


class WorldError(Exception):
    """The sandbox cannot do what was asked; the message says why and what to do."""


class World:
    """The stand-ins for one project folder.

    ``project`` holds Pulumi.yaml and stacks/; ``say`` receives one line of progress at a time.
    """

    def __init__(self, project: Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.project = project.resolve()
        self.state = self.project / ".sandbox"
        self.stack_file = self.project / "stacks" / f"Pulumi.{STACK}.yaml"
        self.ledger = self.project / "allowlist" / f"{STACK}.yaml"
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
        if self.ledger.exists() and not (self.state / "aws.state").exists():
            raise WorldError(
                f"{self.ledger} is of a sandbox whose state is gone, and its addresses with it: "
                "`python -m sandbox stop --purge` forgets it as well"
            )
        with self._locked():
            self._make_folders()
            pulumi = prepare_bin(self.state / "bin", provider=self._plugin_folder())
            services = self.running()
            for name, command in self._commands().items():
                if name not in services:
                    self._say(f"starting the {name} stand-in")
                    process, services[name] = spawn(name, command, logs=self.state / "logs", cwd=self.project)
                    self._children.append(process)
                    self._remember(services)
            self._write_stack_file(services["partner"].ready)
            self._register_merchants(services["partner"].ready["desk"])
            self._create_stack(pulumi)
            self._free_stack()
        return services

    def stop(self, *, purge: bool = False) -> None:
        """End the processes that ``start`` began; with ``purge`` forget everything they made."""
        if self.state.exists():
            with self._locked():
                for name, service in self.running().items():
                    self._say(f"stopping the {name} stand-in")
                    end(service)
                for child in self._children:
                    child.wait(STOP_SECONDS)
                (self.state / "world.json").unlink(missing_ok=True)
        if purge:  # also what is left of a sandbox whose state somebody removed by hand
            if self.state.exists():
                shutil.rmtree(self.state)
            self.stack_file.unlink(missing_ok=True)
            self.ledger.unlink(missing_ok=True)
            # proofs of other environments are not the sandbox's to forget
            shutil.rmtree(self.project / ".flexpay" / "proof" / STACK, ignore_errors=True)

    def running(self) -> dict[str, Service]:
        """Return the services that are alive, by name. Raises WorldError where nobody can say which are."""
        noted = self.state / "world.json"
        try:
            raw = json.loads(noted.read_text(encoding="utf-8"))
            services = {name: Service(**value) for name, value in raw.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise WorldError(
                f"{noted} cannot be read ({error}), so nobody knows which processes are the sandbox's; end "
                "those that `ps` shows as sandbox.aws and sandbox.flexpay, and remove the file"
            ) from error
        return {name: service for name, service in services.items() if service.alive}

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

    def _remember(self, services: Mapping[str, Service]) -> None:
        noted = {name: asdict(service) for name, service in services.items()}
        _replace(self.state / "world.json", json.dumps(noted))
        if "aws" in services:
            port = urlsplit(services["aws"].ready["url"]).port
            _replace(self.state / "aws.port", str(port))

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
        _replace(self.stack_file, yaml.safe_dump(content, sort_keys=False))

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
            with FileLock(self.state / "lock", timeout=LOCK_SECONDS):
                yield
        except (EngineError, SaysNo, ServiceError) as error:
            raise WorldError(str(error)) from error
        except OSError as error:
            where = f"{error.filename2 or error.filename}: " if error.filename else ""
            raise WorldError(f"{where}{error.strerror or error}") from error


def _replace(path: Path, text: str) -> None:
    """Give a file another content; whoever is interrupted leaves the old one."""
    written = path.with_name(f".{path.name}.new")
    written.write_text(text, encoding="utf-8")
    written.replace(path)
