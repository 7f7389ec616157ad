"""The pictures in docs/images: the report of a golden case in headless Chromium.

`python -m tests.browser.screenshots` makes them. They are for people; no test compares them.
"""

from __future__ import annotations

import base64
import tempfile
from dataclasses import replace
from pathlib import Path

from mmeplan import __version__, plan, render
from tests.browser.chromium import chromium, missing, sized

ROOT = Path(__file__).parents[2]
CASE = ROOT / "tests/golden/mixed/plan.json"
IMAGES = ROOT / "docs/images"
OPENED = "endpoint/search"

# name, width, height in CSS pixels, dark, what is scrolled to
SHOTS = (
    ("report-desktop", 1040, 1180, False, ""),
    ("report-details", 1040, 860, False, OPENED),
    ("report-dark", 1040, 1180, True, "graph"),
    ("report-phone", 360, 780, False, ""),
    ("report-phone-details", 360, 780, True, OPENED),
)
SCROLL = """
const cards = [...document.querySelectorAll('.card')];
const card = cards.find(card => card.querySelector('h3').textContent === arguments[0]);
if (card) card.open = true;
const target = card || document.getElementById(arguments[0]);
if (target) scrollTo(0, target.getBoundingClientRect().top + scrollY - 16);
"""


def main() -> None:
    """Make them all anew."""
    if missing():
        raise SystemExit(missing())
    stored = plan.read(CASE.read_text(), str(CASE))
    made = replace(stored, environment="prod", tool_version=__version__)
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as driver:
        page = Path(folder) / "plan.html"
        page.write_text(render.html(made, next_command="mmeplan apply plan.json"), encoding="utf-8")
        for name, width, height, dark, target in SHOTS:
            sized(driver, width, height, dark=dark)
            driver.get(page.as_uri())
            driver.execute_script(SCROLL, target)
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            (IMAGES / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    main()
