import pytest

from tests.program.golden import CONFIGURATIONS, FOLDER, urns_of


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_urns_are_what_deployed_stacks_hold(name: str) -> None:
    """A renamed resource needs an alias; see golden.py."""
    assert urns_of(name) == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def test_every_kept_list_is_compared() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(CONFIGURATIONS)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_no_name_depends_on_the_environment(name: str) -> None:
    assert "production" not in urns_of(name)
