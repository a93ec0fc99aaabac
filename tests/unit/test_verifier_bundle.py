"""The function's bundle: same bytes anywhere, pure Python, nothing that is not needed."""

import ast
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from stacks import verifier_bundle as bundle

ROOT = Path(__file__).resolve().parents[2]
DEPLOYMENT = {"environment": "production", "secrets": {"acme-air": "flexpay/production/acme-air"}}
LARGEST_BYTES = 1_500_000


@pytest.fixture(scope="module")
def packed() -> bytes:
    return bundle.build(ROOT, DEPLOYMENT, None)


def names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def copied(folder: Path, *, umask: int, modified: float) -> Path:
    before = os.umask(umask)
    try:
        for package in ("onboarding", "stacks"):
            shutil.copytree(
                ROOT / package,
                folder / package,
                ignore=shutil.ignore_patterns("__pycache__"),
                copy_function=shutil.copyfile,
            )
    finally:
        os.umask(before)
    for path in folder.rglob("*"):
        os.utime(path, (modified, modified))
    return folder


def test_it_is_the_same_bytes_wherever_and_by_whomever_it_is_built(tmp_path: Path, packed: bytes) -> None:
    one = copied(tmp_path / "one", umask=0o077, modified=1e9)
    other = copied(tmp_path / "a" / "longer" / "place", umask=0o002, modified=1.5e9)
    assert bundle.build(one, DEPLOYMENT, None) == bundle.build(other, DEPLOYMENT, None) == packed


def test_its_bytes_do_not_depend_on_a_compressor(packed: bytes) -> None:
    stored = {entry.compress_type for entry in zipfile.ZipFile(io.BytesIO(packed)).infolist()}
    assert stored == {zipfile.ZIP_STORED}


def test_another_deployment_is_another_bundle(tmp_path: Path, packed: bytes) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.write_text("PEM")
    assert bundle.build(ROOT, DEPLOYMENT, authorities) != packed
    assert bundle.build(ROOT, DEPLOYMENT | {"environment": "staging"}, None) != packed


def test_it_is_small(packed: bytes) -> None:
    assert len(packed) <= LARGEST_BYTES


def test_it_holds_no_compiled_parts_and_nothing_that_only_commands_need(packed: bytes) -> None:
    assert all(name.endswith((".py", ".pem")) or name == "deployment.json" for name in names(packed))
    tops = {name.partition("/")[0] for name in names(packed)} - {"deployment.json"}
    assert tops == {"certifi", "charset_normalizer", "idna", "requests", "urllib3", "onboarding", "stacks"}
    ours = {name for name in names(packed) if name.startswith(("onboarding/", "stacks/"))}
    assert not {name for name in ours if "/cli/" in name or "/allowlist/" in name or "/reports/" in name}
    assert {name for name in ours if name.startswith("stacks/")} == {
        "stacks/__init__.py",
        "stacks/contract.py",
    }


def test_everything_that_it_imports_is_in_it(tmp_path: Path, packed: bytes) -> None:
    zipfile.ZipFile(io.BytesIO(packed)).extractall(tmp_path)
    probe = (
        "import sys, importlib, warnings; warnings.simplefilter('error'); sys.path.insert(0, sys.argv[1])\n"
        "for name in sys.argv[2:]: importlib.import_module(name)\n"
        "print(*sorted({m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names))"
    )
    modules = [
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in names(packed)
        if name.startswith("onboarding/") and "/aws/" not in name  # those need boto3, of the runtime
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", probe, str(tmp_path), *modules],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split()) - {"__main__"}
    assert loaded == {"certifi", "charset_normalizer", "idna", "requests", "urllib3", "onboarding", "stacks"}


def test_an_import_that_no_function_has_is_refused_by_name(tmp_path: Path) -> None:
    folder = copied(tmp_path / "project", umask=0o022, modified=1e9)
    handler = folder / "onboarding" / "verification" / "handler.py"
    handler.write_text(f"{handler.read_text()}\nimport pydantic\n")
    with pytest.raises(ValueError, match=r"handler\.py: imports pydantic"):
        bundle.build(folder, DEPLOYMENT, None)


def test_imports_for_type_checkers_are_not_followed() -> None:
    tree = ast.parse("if TYPE_CHECKING:\n    import pydantic\nelse:\n    import json")
    found = [node.names[0].name for node in bundle._running(tree) if isinstance(node, ast.Import)]
    assert found == ["json"]


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"partner\.caBundle: .*missing\.pem: cannot be read"):
        bundle.build(ROOT, DEPLOYMENT, tmp_path / "missing.pem")


def test_the_zip_is_kept_under_a_name_that_follows_from_its_content(tmp_path: Path) -> None:
    first = bundle.write(tmp_path / "bundles", b"one")
    assert bundle.write(tmp_path / "bundles", b"one") == first
    assert bundle.write(tmp_path / "bundles", b"two") != first
    first.write_bytes(b"damaged")
    assert bundle.write(tmp_path / "bundles", b"one").read_bytes() == b"one"
