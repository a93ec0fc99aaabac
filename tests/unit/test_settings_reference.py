"""The configuration page, the project file and the examples say what the settings are."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from stacks.model import PROJECT, read_config
from stacks.schema import Settings
from tests.unit.settings_reference import BEGIN, END, PAGE, models, tables

ROOT = PAGE.parents[1]


def test_the_page_holds_the_tables_of_the_settings() -> None:
    """``python -m tests.unit.settings_reference`` writes them."""
    shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0]
    assert shown.strip() == tables().strip()


def fields(model: Any) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}", field
        for inner in models(field.annotation):
            yield from fields(inner)


def test_every_setting_is_explained() -> None:
    assert [place for place, field in fields(Settings) if not field.description] == []


def test_the_project_file_knows_every_setting_and_which_are_required() -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    assert project["name"] == PROJECT
    assert set(project["config"]) == set(Settings.model_fields)
    required = {name for name, field in Settings.model_fields.items() if field.is_required()}
    assert {name for name, entry in project["config"].items() if "default" not in entry} == required


@pytest.mark.parametrize("stack", ["production", "preproduction"])
def test_examples_are_valid_and_do_not_confuse_environments(stack: str) -> None:
    project = yaml.safe_load((ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
    file = ROOT / "stacks" / f"Pulumi.{stack}.yaml"
    config = yaml.safe_load(file.read_text(encoding="utf-8"))["config"]
    read = read_config(project, config, source=str(file))
    assert read.settings.environment == stack
    expected = {
        "production": ("https://partner.upgrade.com", "real"),
        "preproduction": ("https://partner.credify.tech", "test"),
    }
    assert (read.settings.partner.server_url, read.settings.partner.orders) == expected[stack]


def test_the_partner_has_no_default() -> None:
    """The wrong environment must never be reached by leaving something out."""
    partner = Settings.model_fields["partner"]
    assert partner.is_required()
    (model,) = models(partner.annotation)
    assert model.model_fields["server_url"].is_required()
    assert model.model_fields["orders"].is_required()


def test_the_entry_point_stays_thin() -> None:
    assert len((ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()) < 30
