"""The pipelines in docs/pipelines parse, hang together, and use only commands and options that exist."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from onboarding.cli.app import app
from onboarding.verification.catalog import BY_ID
from onboarding.verification.reports import FORMATS

FOLDER = Path(__file__).parents[2] / "docs" / "pipelines"
GITHUB, GITLAB = FOLDER / "github-actions.yml", FOLDER / "gitlab-ci.yml"
PULUMI = {
    "login": set[str](),
    "preview": {"-s", "--non-interactive", "--json", "--show-sames", "--save-plan"},
    "up": {"-s", "--non-interactive", "--yes", "--parallel", "--plan"},
}
"""The engine's commands that a pipeline needs, with the options that were tried with it."""
BAD_CALLS = {
    "order-accepted",
    "token-refused-for-unknown-client",
    "order-refused-without-token",
    "not-listed-address-refused",
}


class Reference(list[Any]):
    """GitLab's !reference."""


def _reference(loader: yaml.SafeLoader, node: yaml.Node) -> Reference:
    assert isinstance(node, yaml.SequenceNode)
    return Reference(loader.construct_sequence(node))


class Loader(yaml.SafeLoader):
    """Knows GitLab's tag, and keeps `on` a word instead of the truth value of YAML 1.1."""


Loader.add_constructor("!reference", _reference)
Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool" or first in "tTfF"
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(path: Path) -> dict[str, Any]:
    loaded = yaml.load(path.read_text(encoding="utf-8"), Loader)  # noqa: S506 - a safe loader of our own
    assert isinstance(loaded, dict)
    return loaded


def github_scripts() -> dict[str, str]:
    """Return job → everything it runs."""
    return {
        name: "\n".join(step["run"] for step in job["steps"] if "run" in step)
        for name, job in read(GITHUB)["jobs"].items()
    }


def gitlab_scripts() -> dict[str, str]:
    known = read(GITLAB)
    return {
        name: "\n".join(job["script"])
        for name, job in known.items()
        if isinstance(job, dict) and "script" in job
    }


SCRIPTS = {"github": github_scripts(), "gitlab": gitlab_scripts()}


def calls(script: str, program: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of a program, from the words of a shell script."""
    for line in script.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"\"\$\{skip\[@\]\}\"", "", line), comments=True)
        for place, word in enumerate(words):
            if Path(word).name == program:
                rest = words[place + 1 :]
                ends = [end for end, one in enumerate(rest) if one in ("||", "&&", ">", "|", ";")]
                yield rest[: ends[0]] if ends else rest


@pytest.fixture(params=SCRIPTS)
def scripts(request: pytest.FixtureRequest) -> dict[str, str]:
    return SCRIPTS[request.param]


def wrong_with(arguments: list[str]) -> str:
    """Return what is wrong with a call of flexpay-onboard; empty where nothing is."""
    command: Any = typer.main.get_command(app)
    words = list(arguments)
    while hasattr(command, "commands"):
        if not words or words[0] not in command.commands:
            return f"no command {words[:1]}"
        command = command.commands[words.pop(0)]
    known = {name: option for option in command.params for name in option.opts if name.startswith("-")}
    takes_argument = any(not name.startswith("-") for option in command.params for name in option.opts)
    while words:
        word = words.pop(0)
        if not word.startswith("-"):
            if not takes_argument:
                return f"unexpected {word}"
        elif word not in known:
            return f"no option {word}"
        elif not known[word].is_flag:
            if not words or words[0].startswith("-"):
                return f"{word} without a value"
            words.pop(0)
    return ""


def test_every_command_and_option_exists(scripts: dict[str, str]) -> None:
    found = [call for script in scripts.values() for call in calls(script, "flexpay-onboard")]
    assert {call[0] for call in found} == {"allowlist", "preflight", "guard", "verify"}
    assert {" ".join(call): wrong_with(call) for call in found if wrong_with(call)} == {}


@pytest.mark.parametrize(
    "call", [["verify", "--prove"], ["verifi"], ["allowlist", "drop"], ["verify", "now"], ["guard", "--plan"]]
)
def test_a_command_that_does_not_exist_would_be_found(call: list[str]) -> None:
    assert wrong_with(call)


def test_what_is_skipped_and_reported_exists(scripts: dict[str, str]) -> None:
    words = [word for script in scripts.values() for word in re.findall(r"--(?:skip|report) (\S+)", script)]
    skipped = {re.sub(r"\W+$", "", word) for word in words if "=" not in word}
    assert skipped == BAD_CALLS <= set(BY_ID)
    assert {word.partition("=")[0] for word in words if "=" in word} <= set(FORMATS)


def the_call(script: str, program: str, verb: str) -> list[str]:
    (found,) = [call for call in calls(script, program) if call[0] == verb]
    return found


def test_only_the_plan_that_was_judged_is_carried_out(scripts: dict[str, str]) -> None:
    for job, script in scripts.items():
        for verb, *rest in calls(script, "pulumi"):
            assert verb in PULUMI, f"{job}: pulumi {verb}"
            assert {word for word in rest if word.startswith("-")} <= PULUMI[verb], job
    preview = the_call(scripts["plan"], "pulumi", "preview")
    guard = the_call(scripts["plan"], "flexpay-onboard", "guard")
    up = the_call(scripts["apply"], "pulumi", "up")
    plan = preview[preview.index("--save-plan") + 1]
    assert guard[guard.index("--plan") + 1] == up[up.index("--plan") + 1] == plan
    assert scripts["plan"].index("preview -s") < scripts["plan"].index("guard")
    assert [job for job, script in scripts.items() if "pulumi up" in script] == ["apply"]


def test_nothing_refreshes_and_no_secret_of_the_partner_passes_through() -> None:
    for path in (GITHUB, GITLAB):
        text = path.read_text(encoding="utf-8").lower()
        for word in ("refresh", "--skip-preview", "client_secret", "credentials put", "secrets."):
            assert word not in text, (path.name, word)


@pytest.mark.parametrize("forge", SCRIPTS)
def test_scripts_are_shell(forge: str) -> None:
    for job, script in SCRIPTS[forge].items():
        done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
        assert done.returncode == 0, (job, done.stderr)


class TestGitHub:
    workflow = read(GITHUB)

    def test_it_has_the_shape_of_a_workflow(self) -> None:
        assert set(self.workflow) <= {"name", "on", "permissions", "concurrency", "env", "jobs"}
        for name, job in self.workflow["jobs"].items():
            assert set(job) <= {"name", "if", "needs", "runs-on", "environment", "steps"}, name
            assert job["runs-on"]
            for step in job["steps"]:
                assert len({"run", "uses"} & set(step)) == 1, (name, step)
                assert set(step) <= {"name", "if", "run", "uses", "with"}, (name, step)
                assert "with" not in step or "uses" in step, (name, step)
                assert re.fullmatch(r"[\w.-]+/[\w.-]+@v?[\w.]+", step.get("uses", "a/b@v1"))

    def test_jobs_wait_for_jobs_that_exist_in_the_right_order(self) -> None:
        jobs = self.workflow["jobs"]
        assert jobs["apply"]["needs"] == "plan"
        assert jobs["verify"]["needs"] == "apply"
        assert jobs["apply"]["environment"] == "production"
        assert jobs["apply"]["if"] == "github.event_name == 'push'"
        assert self.workflow["concurrency"]["cancel-in-progress"] is False

    def test_the_plan_that_is_handed_over_is_the_one_that_is_fetched(self) -> None:
        jobs = self.workflow["jobs"]
        sent = [step["with"] for step in jobs["plan"]["steps"] if "upload-artifact" in step.get("uses", "")]
        got = [step["with"] for step in jobs["apply"]["steps"] if "download-artifact" in step.get("uses", "")]
        assert [one["name"] for one in sent] == [one["name"] for one in got] == ["plan"]
        assert sent[0]["path"] == "plan.json"

    def test_values_from_outside_are_not_pasted_into_scripts(self) -> None:
        for script in github_scripts().values():
            assert set(re.findall(r"\$\{\{ *([^}]*?) *\}\}", script)) <= {"vars.PULUMI_STATE"}


class TestGitLab:
    pipeline = read(GITLAB)

    def jobs(self) -> dict[str, Any]:
        return {name: job for name, job in self.pipeline.items() if isinstance(job, dict) and "script" in job}

    def test_it_has_the_shape_of_a_pipeline(self) -> None:
        keywords = {
            "stage", "extends", "needs", "rules", "variables", "script", "before_script", "artifacts",
            "allow_failure", "environment", "resource_group", "id_tokens",
        }  # fmt: skip
        hidden = {name: job for name, job in self.pipeline.items() if name.startswith(".")}
        assert set(self.pipeline) - set(self.jobs()) - set(hidden) == {
            "stages",
            "workflow",
            "variables",
            "default",
        }
        for name, job in {**self.jobs(), **hidden}.items():
            assert set(job) <= keywords, name
            assert job.get("extends") in {None, *hidden}, name
            assert set(job.get("needs", ())) <= set(self.jobs()), name
            stage = job.get("stage") or self.pipeline.get(str(job.get("extends")), {}).get("stage", "check")
            assert stage in self.pipeline["stages"], name

    def test_an_up_is_released_by_hand_alone_and_never_cut_off(self) -> None:
        apply = self.pipeline["apply"]
        assert [rule["when"] for rule in apply["rules"]] == ["manual"]
        assert apply["resource_group"]
        assert apply["allow_failure"] is False
        assert self.pipeline["default"]["interruptible"] is False

    def test_waiting_for_the_partner_is_a_warning_and_nothing_else_is(self) -> None:
        assert self.pipeline[".verify"]["allow_failure"] == {"exit_codes": [3]}
