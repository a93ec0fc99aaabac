"""What the provider decides without AWS: kinds, differences, names, settings, zip files, its table."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.provider import bundle, invokes, lifecycle, settings
from sandbox.aws.provider.aws import AwsError, split_region, wait_for
from sandbox.aws.provider.kinds import CIDR, FLAG, JSON, TEXT, TEXT_MAP, Field, Record, SetOf
from sandbox.aws.provider.lifecycle import TagRules
from sandbox.aws.provider.model import ResourceType
from sandbox.aws.provider.resources import TABLE
from sandbox.aws.provider.values import UNKNOWN, Archive, Asset

README = Path(inspect.getfile(settings)).parent / "README.md"


def kind(**fields: Field) -> ResourceType:
    """Return a type that is never taken to AWS."""
    return ResourceType(
        type="aws:x/y:Y", inputs=fields, create=lambda _s: "", read=lambda _s: {}, delete=lambda _s: None
    )


def differences(fields: dict[str, Field], state: dict[str, Any], news: dict[str, Any]) -> dict[str, str]:
    """Return path to kind of change, in capitals where it replaces."""
    found = lifecycle.diff(kind(**fields), "one", state, news, region="us-east-1", tags=TagRules())
    return {item.path: item.kind.upper() if item.replaces else item.kind for item in found.changes}


class TestSameness:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ('{"a": ["x"]}', '{"a": "x"}'),
            ('{"a": ["x", "y"], "b": 1}', '{ "b": 1, "a": ["y", "x"] }'),
            ('{"Statement": [{"Action": ["b", "a"]}]}', '{"Statement": {"Action": ["a", "b"]}}'),
        ],
    )
    def test_policies_are_compared_by_meaning(self, one: str, other: str) -> None:
        assert JSON.same(one, other)

    def test_policies_that_differ_are_seen(self) -> None:
        assert not JSON.same('{"Effect": "Allow"}', '{"Effect": "Deny"}')

    def test_empty_and_absent_are_the_same_but_false_is_not_a_true_default(self) -> None:
        assert TEXT.same(None, "")
        assert SetOf(TEXT).same([], None)
        assert Field(FLAG, default=True).same(None, True)
        assert not Field(FLAG, default=True).same(False, None)

    def test_sets_have_no_order_and_records_no_empty_fields(self) -> None:
        routes = SetOf(Record({"cidr": Field(CIDR), "nat": Field(TEXT), "gateway": Field(TEXT)}))
        one = [{"cidr": "0.0.0.0/0", "nat": "n", "gateway": ""}, {"cidr": "10.0.0.0/8", "gateway": "g"}]
        assert routes.same(one, [one[1], {"nat": "n", "cidr": "0.0.0.0/0"}])
        assert not routes.same(one, one[:1])


class TestDiff:
    def test_a_computed_input_that_is_not_given_never_differs(self) -> None:
        assert differences({"a": Field(TEXT, computed=True)}, {"a": "aws chose"}, {}) == {}

    def test_an_input_that_is_taken_away_is_deleted(self) -> None:
        assert differences({"a": Field(TEXT)}, {"a": "x"}, {}) == {"a": "delete"}

    def test_maps_and_records_are_told_by_key(self) -> None:
        fields = {
            "t": Field(TEXT_MAP),
            "r": Field(Record({"p": Field(TEXT), "q": Field(TEXT, replaces=True)})),
        }
        state = {"t": {"A": "1", "b.c": "2"}, "r": {"p": "1", "q": "1"}}
        news = {"t": {"A": "3", "D": "4"}, "r": {"p": "2", "q": "2"}}
        assert differences(fields, state, news) == {
            "t.A": "update",
            't["b.c"]': "delete",
            "t.D": "add",
            "r.p": "update",
            "r.q": "UPDATE",
        }

    def test_an_unknown_differs_from_everything(self) -> None:
        assert differences({"a": Field(TEXT, replaces=True)}, {"a": "x"}, {"a": UNKNOWN}) == {"a": "UPDATE"}

    def test_another_region_of_the_provider_replaces(self) -> None:
        found = lifecycle.diff(
            kind(), "one", {"region": "us-east-1"}, {}, region="eu-west-1", tags=TagRules()
        )
        assert found.replaces == ("region",)


class TestNames:
    def test_the_same_seed_gives_the_same_name(self) -> None:
        role = TABLE["aws:iam/role:Role"]

        def name(resource: str, seed: bytes) -> str:
            inputs, problems = lifecycle.check(
                role, resource, {}, {"assumeRolePolicy": "{}"}, seed=seed, tags=TagRules()
            )
            assert not problems
            return str(inputs["name"])

        assert name("reader", b"1") == name("reader", b"1") != name("reader", b"2")


class TestSettings:
    def test_nested_values_are_json_in_strings(self) -> None:
        found = settings.parse(
            {
                "region": "us-east-1",
                "allowedAccountIds": '["123456789012"]',
                "defaultTags": '{"tags": {"A": "b"}}',
                "ignoreTags": '{"keys": ["x"], "keyPrefixes": ["y:"]}',
            }
        )
        assert found.allowed_accounts == ("123456789012",)
        assert found.tags.seen({"x": "1", "y:z": "2", "A": "b"}) == {"A": "b"}

    def test_an_account_without_quotes_is_a_number_on_the_wire(self) -> None:
        assert settings.parse({"region": "r", "allowedAccountIds": "[12345]"}).allowed_accounts == (
            "000000012345",
        )

    def test_no_retries_is_not_the_default_number_of_retries(self) -> None:
        assert settings.parse({"region": "r", "maxRetries": "0"}).max_retries == 0

    @pytest.mark.parametrize(
        ("config", "key"),
        [
            ({"assumeRoles": "[]"}, "assumeRoles"),
            ({"accessKey": "x"}, "accessKey"),
            ({"defaultTags": "{"}, "defaultTags"),
            ({"defaultTags": '{"tagz": {}}'}, "defaultTags"),
            ({"allowedAccountIds": '"1"'}, "allowedAccountIds"),
            ({"maxRetries": "-1"}, "maxRetries"),
        ],
    )
    def test_what_is_not_mapped_or_malformed_is_named(self, config: dict[str, Any], key: str) -> None:
        ((named, _reason),) = settings.problems(config)
        assert named == key


class TestBundle:
    def test_the_same_files_are_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("b.py", "a.py"):
            (tmp_path / name).write_text(f"# {name}")
        one = bundle.zipped(Archive("path", str(tmp_path)))
        (tmp_path / "a.py").touch()
        assert bundle.zipped(Archive("path", str(tmp_path))) == one
        assert zipfile.ZipFile(io.BytesIO(one)).namelist() == ["a.py", "b.py"]

    def test_nested_archives_keep_their_folders(self, tmp_path: Path) -> None:
        (tmp_path / "x.py").write_text("x")
        packed = bundle.zipped(
            Archive("assets", {"lib": Archive("path", str(tmp_path)), "handler.py": Asset("text", "main")})
        )
        found = zipfile.ZipFile(io.BytesIO(packed))
        assert found.namelist() == ["handler.py", "lib/x.py"]
        assert found.read("handler.py") == b"main"

    def test_a_zip_file_is_taken_as_it_is(self, tmp_path: Path) -> None:
        path = tmp_path / "f.zip"
        with zipfile.ZipFile(path, "w") as made:
            made.writestr("x", "y")
        assert bundle.zipped(Archive("path", str(path))) == path.read_bytes()

    def test_what_is_not_there_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="no such file, folder or zip file"):
            bundle.zipped(Archive("path", "/nowhere/at/all"))


class TestWaiting:
    def test_a_state_nobody_expects_ends_the_wait(self) -> None:
        states = iter(["pending", "failed"])
        with pytest.raises(AwsError, match="unexpected state 'failed', wanted available"):
            wait_for(
                lambda: next(states),
                what="w",
                until=frozenset({"available"}),
                pending=frozenset({"pending"}),
                seconds=5,
            )

    def test_a_wait_ends(self) -> None:
        with pytest.raises(AwsError, match="Timeout: still 'pending' after 0 s"):
            wait_for(
                lambda: "pending",
                what="w",
                until=frozenset({"x"}),
                pending=frozenset({"pending"}),
                seconds=0.01,
            )

    def test_an_import_id_may_name_a_region(self) -> None:
        assert split_region("vpc-1@eu-west-1") == ("vpc-1", "eu-west-1")
        assert split_region("a@b") == ("a@b", None)


def sdk_arguments(token: str) -> set[str]:
    """Return the inputs the official SDK has for a type, in the engine's spelling, from its source."""
    module, file, name = re.fullmatch(r"aws:(\w+)/(\w+):(\w+)", token).groups()  # type: ignore[union-attr]  # our own
    spec = importlib.util.find_spec("pulumi_aws")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / {"lambda": "lambda_"}.get(module, module)
    source = folder / f"{re.sub('([A-Z])', lambda m: f'_{m[1].lower()}', file)}.py"
    (arguments,) = (
        node
        for node in ast.parse(source.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name in (f"{name}Args", f"{name}InitArgs")
    )
    (make,) = (n for n in arguments.body if isinstance(n, ast.FunctionDef) and n.name == "__init__")
    return {re.sub(r"_(\w)", lambda m: m[1].upper(), item.arg) for item in make.args.kwonlyargs}


@pytest.mark.parametrize("token", TABLE)
def test_the_table_speaks_the_sdks_language(token: str) -> None:
    """Every mapped input exists in the official SDK under that name, and region where it has one."""
    ours, theirs = set(TABLE[token].fields), sdk_arguments(token)
    assert ours - theirs == set()
    assert ("region" in ours) is ("region" in theirs)
    assert ("tags" in ours) is ("tags" in theirs)


def test_no_input_is_asked_for_and_also_computed() -> None:
    wrong = [
        (token, name)
        for token, entry in TABLE.items()
        for name, field in entry.fields.items()
        if field.required and (field.computed or field.default is not None)
    ]
    assert wrong == []


def mapped() -> str:
    """Return the README's list of what is mapped, as the table has it."""
    lines = []
    for token in sorted(TABLE):
        entry = TABLE[token]
        names = [f"**{name}**" if field.replaces else name for name, field in sorted(entry.inputs.items())]
        names += ["tags"] if entry.tags else []
        lines.append(f"- `{token}`: {', '.join(names)}")
    lines.append("")
    lines += [
        f"- `{token}`: {', '.join(sorted(invoke.args)) or 'no arguments'}"
        for token, invoke in sorted(invokes.TABLE.items())
    ]
    return "\n".join(lines)


def test_the_readme_lists_what_is_mapped() -> None:
    text = README.read_text(encoding="utf-8")
    _, _, listed = text.partition("<!-- mapped -->\n")
    assert listed.partition("\n<!-- end -->")[0] == mapped(), (
        "README.md: replace the list with that of mapped()"
    )


def test_the_worked_example_of_the_readme_is_a_type() -> None:
    """The example is run, so that it cannot go stale."""
    text = README.read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    namespace: dict[str, Any] = {"__package__": "sandbox.aws.provider.resources", "__name__": "example"}
    exec(compile(example, "README.md", "exec"), namespace)  # noqa: S102  our own documentation
    entry = namespace["PARAMETER"]
    assert isinstance(entry, ResourceType)
    assert json.dumps(sorted(set(entry.fields) - sdk_arguments(entry.type))) == "[]"
