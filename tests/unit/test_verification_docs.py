import re
from pathlib import Path

from onboarding.verification.catalog import CHECKS

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def test_every_check_has_its_section_and_no_section_is_left_over() -> None:
    headings = re.findall(r"^## `?([a-z0-9-]+)`?$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert headings == [check.id for check in CHECKS]


def test_every_check_is_told_apart_by_its_id() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    known = {check.id for check in CHECKS}
    assert all(set(check.needs) <= known for check in CHECKS)
