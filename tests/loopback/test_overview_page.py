"""The overview as a real browser shows it: light, dark, and on a phone."""

import html
import json
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from onboarding.allowlist.overview import overview
from onboarding.allowlist.render.overview import overview_html
from tests.conftest import cannot_run_here
from tests.unit.test_overview import NOW, production, silent, staging

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--enable-logging=stderr",
)
DARK = "--blink-settings=preferredColorScheme=0"
PHONE = 390
BROWSER_SECONDS = 90
ENOUGH_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, for text of normal size."""
FRAME = """<!DOCTYPE html><meta charset="utf-8"><title>frame</title>
<iframe id="frame" style="width:%dpx;height:900px;border:0" srcdoc="%s"></iframe>
<script>
const numbers = text => text.match(/[\\d.]+/g).map(Number);
const linear = part => (part /= 255) <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4;
const luminance = ([r, g, b]) => .2126 * linear(r) + .7152 * linear(g) + .0722 * linear(b);
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  const behind = one => {
    for (; one; one = one.parentElement) {
      const found = numbers(view.getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const texts = [...page.body.querySelectorAll("*")].filter(one =>
    [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  const contrast = texts.map(one => {
    const pair = [numbers(view.getComputedStyle(one).color), behind(one)].map(luminance);
    const ratio = (Math.max(...pair) + .05) / (Math.min(...pair) + .05);
    return [ratio, one.className + ": " + one.textContent.trim()];
  }).sort((a, b) => a[0] - b[0]);
  const wide = texts.filter(one => one.getBoundingClientRect().right > view.innerWidth);
  const skip = page.querySelector("a");
  skip.focus();
  const said = document.createElement("pre");
  said.id = "measured";
  said.textContent = JSON.stringify({
    width: view.innerWidth, needed: page.documentElement.scrollWidth,
    wide: wide.map(one => one.textContent), contrast: contrast[0],
    paper: numbers(view.getComputedStyle(page.body).backgroundColor),
    text: page.body.innerText, skip: skip.getBoundingClientRect().left,
  });
  document.body.append(said);
};
</script>
"""


@dataclass(frozen=True)
class Browser:
    program: str
    folder: Path

    def run(self, page: str, *arguments: str) -> tuple[str, list[str]]:
        """Open a page; return what was printed and what the page said on its console."""
        source = self.folder / "page.html"
        source.write_text(page, encoding="utf-8")
        command = [self.program, *QUIET, f"--user-data-dir={self.folder / 'profile'}", *arguments]
        done = subprocess.run(
            [*command, source.as_uri()],
            capture_output=True,
            text=True,
            timeout=BROWSER_SECONDS,
            check=True,
        )
        return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    def measure(self, page: str, width: int, *arguments: str) -> dict[str, Any]:
        frame = FRAME % (width, html.escape(page))
        dom, console = self.run(frame, "--dump-dom", "--window-size=1400,1000", *arguments)
        found = re.search(r'<pre id="measured">(.*?)</pre>', dom, re.DOTALL)
        assert found, dom[-2000:]
        assert console == []
        measured: dict[str, Any] = json.loads(html.unescape(found[1]))
        assert measured["width"] == width
        return measured

    def shoot(self, page: str, *arguments: str) -> bytes:
        picture = self.folder / "page.png"
        self.run(page, f"--screenshot={picture}", "--window-size=900,1200", *arguments)
        return picture.read_bytes()


@pytest.fixture
def browser(tmp_path: Path) -> Browser:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        cannot_run_here("no Chromium on PATH")
    assert program
    return Browser(program, tmp_path)


@pytest.fixture(scope="module")
def page() -> str:
    third, report = silent()
    return overview_html(overview([production(), staging(), (replace(third, name="sandbox"), report)], NOW))


def rows_of(picture: bytes) -> set[bytes]:
    """Return the distinct pixel rows of a PNG, as they are stored."""
    at, data, width = 8, b"", 0
    while at < len(picture):
        (length,), kind = struct.unpack(">I", picture[at : at + 4]), picture[at + 4 : at + 8]
        body = picture[at + 8 : at + 8 + length]
        if kind == b"IHDR":
            width = struct.unpack(">I", body[:4])[0] * {2: 3, 6: 4}[body[9]] + 1
        data += body if kind == b"IDAT" else b""
        at += length + 12
    raw = zlib.decompress(data)
    return {raw[start : start + width] for start in range(0, len(raw), width)}


@pytest.mark.parametrize("scheme", [(), (DARK,)], ids=["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, 1200])
def test_it_fits_and_can_be_read(browser: Browser, page: str, width: int, scheme: tuple[str, ...]) -> None:
    measured = browser.measure(page, width, *scheme)
    assert measured["needed"] <= width
    assert measured["wide"] == []
    ratio, where = measured["contrast"]
    assert ratio >= ENOUGH_CONTRAST, where
    assert (sum(measured["paper"][:3]) < 150) == bool(scheme)
    assert measured["skip"] >= 0  # comes into view when the keyboard reaches it
    for told in ("203.0.114.10", "38 days ago", "entity <Acme> & Co. differs", "What to do next"):
        assert told in measured["text"]


def test_it_is_painted(browser: Browser, page: str) -> None:
    blank = "<!DOCTYPE html><title>blank</title>"
    assert len(rows_of(browser.shoot(blank))) < 5
    assert len(rows_of(browser.shoot(page))) > 200


def test_the_measurements_notice_what_is_wrong(browser: Browser) -> None:
    bad = (
        '<!DOCTYPE html><body style="margin:0"><a href="#x" class="skip">skip</a>'
        '<p style="color:#bbb;background:#fff;width:500px">pale and wide</p>'
    )
    measured = browser.measure(bad, PHONE)
    assert measured["needed"] == 500
    assert measured["contrast"][0] < ENOUGH_CONTRAST
    _, console = browser.run("<script>console.error('broken')</script>", "--dump-dom")
    assert console
