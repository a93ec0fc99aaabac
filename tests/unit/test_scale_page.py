"""The page about scale and its pictures; the figures themselves are not compared."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import chart, scale, scale_page
from benchmarks.page import Machine
from benchmarks.scale_page import Cost, Sweep, beyond_line

SVG = "{http://www.w3.org/2000/svg}"
X = (1, 5, 10, 25, 50)


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 - our own bytes


def sweep(*seconds: float) -> Sweep:
    return Sweep("environments", "a <title>", X, {"verify": tuple(Cost(one, one, one, 1) for one in seconds)})


@pytest.mark.parametrize(
    ("law", "expected"),
    [(lambda x: 3.0, 1.0), (lambda x: 2 + 0.5 * x, 1.0), (lambda x: x * x, 1.96), (lambda x: x**0.5, 0.78)],
    ids=["constant", "linear", "square", "root"],
)
def test_what_grows_faster_than_a_line_goes_beyond_it(law: object, expected: float) -> None:
    assert callable(law)
    found = beyond_line(sweep(*(law(x) for x in X)), "verify", lambda cost: cost.own)
    assert found == pytest.approx(expected, abs=0.01)
    assert (found > scale.LINEAR) is (expected > 1.5)


class TestChart:
    def panels(self) -> list[chart.Panel]:
        lines = tuple(chart.Series(name, (1.0, 4.0, 9.5)) for name in ("a & b", "c"))
        return [chart.Panel("seconds", "things", (1, 2, 3), lines)] * 2

    def test_the_same_numbers_give_the_same_well_formed_bytes(self) -> None:
        text = chart.render("a <title>", self.panels())
        assert text == chart.render("a <title>", self.panels())
        root = parsed(text)
        assert root.get("aria-label") == "a <title>"
        assert len(root.findall(f".//{SVG}polyline")) == 4

    def test_lines_are_told_apart_without_colour(self) -> None:
        root = parsed(chart.render("t", self.panels()))
        first = root.findall(f"{SVG}g")[0].findall(f"{SVG}polyline")
        assert len({one.get("stroke-dasharray") for one in first}) == 2

    def test_points_stand_where_their_numbers_say(self) -> None:
        (line,) = chart.Panel("s", "x", (0, 10), (chart.Series("a", (0.0, 10.0)),)).series
        root = parsed(chart.render("t", [chart.Panel("s", "x", (0, 10), (line,))]))
        drawn = root.findall(f".//{SVG}polyline")[0].get("points")
        bottom = chart.TOP + chart.HEIGHT
        assert drawn == f"{chart.LEFT:.1f},{bottom:.1f} {chart.LEFT + chart.WIDTH:.1f},{chart.TOP:.1f}"

    def test_panels_that_do_not_share_a_legend_are_refused(self) -> None:
        odd = chart.Panel("s", "x", (1,), (chart.Series("other", (1.0,)),))
        with pytest.raises(ValueError, match="same series"):
            chart.render("t", [*self.panels(), odd])


def test_the_page_holds_what_the_benchmark_wrote() -> None:
    text = scale_page.PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- measured: begin -->\n(.*?)<!-- measured: end -->", text, re.DOTALL)
    for name, sizes in (("environments", scale.ENVIRONMENTS), ("merchants", scale.MERCHANTS)):
        assert f"(scale-{name}.svg)" in block
        root = parsed((scale_page.DOCS / f"scale-{name}.svg").read_text(encoding="utf-8"))
        assert len(root.findall(f".//{SVG}polyline")) == len(scale.COMMANDS) * len(scale_page.PANELS)
        assert f"| {sizes[-1]} {name} |" in block
    for command in scale.COMMANDS:
        assert len(re.findall(rf"^\| `{command}` \|", block, re.MULTILINE)) == 2


def test_only_the_measured_part_is_rewritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "scale.md"
    page.write_text("before\n<!-- measured: begin -->\nold\n<!-- measured: end -->\nafter\n")
    monkeypatch.setattr(scale_page, "DOCS", tmp_path)
    monkeypatch.setattr(scale_page, "PAGE", page)
    one = sweep(1, 2, 3, 4, 5)
    scale_page.write((one,), 0.5)
    told = scale_page.measured((one,), Machine.this(), 0.5)
    assert page.read_text() == f"before\n<!-- measured: begin -->\n{told}<!-- measured: end -->\nafter\n"
    assert (tmp_path / "scale-environments.svg").read_text() == scale_page.picture(one)
    page.write_text("no marks")
    with pytest.raises(ValueError, match="marks"):
        scale_page.write((one,), 0.5)
