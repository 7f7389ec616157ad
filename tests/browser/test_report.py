"""The report in a real browser: it is searched, filtered, opened, its graph is read; it asks nobody for anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (it comes with the dev extra)")

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from mmeplan import graph, plan, render
from mmeplan.live import Snapshot
from mmeplan.spec import load_text
from tests.benchmarks.fleets import fleet
from tests.browser.chromium import chromium, complaints, missing, requests, sized

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "there is a browser")
GOLDEN = Path(__file__).parents[1] / "golden"
NOTHING = Snapshot("2026-01-01T00:00:00+00:00", "123456789012", "eu-west-1", "big", {})


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


def report(case: str) -> str:
    made = plan.read((GOLDEN / case / "plan.json").read_text(), case)
    return render.html(made, next_command="mmeplan apply plan.json")


def opened(browser: Chrome, page: str, folder: Path, width: int = 1100, *, dark: bool = False) -> str:
    """Load the page from a file; its address."""
    path = folder / "plan.html"
    path.write_text(page, encoding="utf-8")
    sized(browser, width, dark=dark)
    browser.get("about:blank")
    requests(browser)
    complaints(browser)
    browser.get(path.as_uri())
    return path.as_uri()


def cards(browser: Chrome) -> list[str]:
    """The addresses of the cards that are to be seen."""
    shown = "#cards > details:not([hidden]) h3, #lines > li:not([hidden]) b"
    script = f"return [...document.querySelectorAll('{shown}')].map(item => item.textContent)"
    return [str(text) for text in browser.execute_script(script)]


def chip(browser: Chrome, effect: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f".chip[data-filter='{effect}']")


ALL = [f"endpoint/{name}" for name in ("prices", "legacy", "search", "offers", "images", "stable")]


@pytest.mark.parametrize("case", ["mixed", "hostile_names", "no_change"])
def test_it_asks_nobody_for_anything_and_nothing_complains(browser: Chrome, case: str, tmp_path: Path) -> None:
    address = opened(browser, report(case), tmp_path)
    assert requests(browser) == [address]
    assert complaints(browser) == []


def test_a_filter_and_a_search_leave_what_fits_and_say_how_many(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, report("mixed"), tmp_path)
    assert cards(browser) == ALL
    chip(browser, "outage").click()
    assert cards(browser) == ["endpoint/prices"]
    assert chip(browser, "outage").get_attribute("aria-pressed") == "true"
    assert browser.find_element(By.ID, "told").text == "1 of 6 endpoints"
    chip(browser, "outage").click()
    assert cards(browser) == ALL
    search = browser.find_element(By.ID, "search")
    search.send_keys("RANKER:1.8")
    WebDriverWait(browser, 20).until(lambda _: len(cards(browser)) < len(ALL))
    assert cards(browser) == ["endpoint/search"], "values inside of the details are found"
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys("nothing is called that")
    WebDriverWait(browser, 20).until(lambda _: not cards(browser))
    search.send_keys(Keys.CONTROL, "a")
    search.send_keys(Keys.DELETE)
    WebDriverWait(browser, 20).until(lambda _: cards(browser) == ALL)


def test_a_detail_opens_by_the_keyboard_and_shows_before_and_after(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, report("mixed"), tmp_path)
    card = next(e for e in browser.find_elements(By.CSS_SELECTOR, ".card") if "endpoint/search" in e.text)
    assert not card.find_element(By.CSS_SELECTOR, ".body").is_displayed()
    browser.execute_script("arguments[0].focus()", card.find_element(By.TAG_NAME, "summary"))
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    assert card.find_element(By.CSS_SELECTOR, ".body").is_displayed()
    pairs = zip(card.find_elements(By.TAG_NAME, "del"), card.find_elements(By.TAG_NAME, "ins"), strict=True)
    assert ("ml.m5.xlarge", "ml.m5.2xlarge") in [(before.text, after.text) for before, after in pairs]
    stages = [stage.text.splitlines()[:2] for stage in card.find_elements(By.CSS_SELECTOR, ".stages li")]
    assert stages[1] == ["canary", "old 90 %, new 10 %"]
    assert stages[-1] == ["after", "new 100 %"]


def test_the_graph_can_be_read_and_leads_to_the_details(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, report("mixed"), tmp_path)
    boxes = {box.get_attribute("data-key"): box for box in browser.find_elements(By.CSS_SELECTOR, "#picture .box")}
    assert set(ALL) <= set(boxes)
    edges = {
        (path.get_attribute("data-start"), path.get_attribute("data-end"))
        for path in browser.find_elements(By.CSS_SELECTOR, "#picture path")
    }
    assert {("endpoint/search", "endpoint_config/search"), ("endpoint_config/search", "model/ranker")} <= edges
    assert ("endpoint_config/stable", "model/prices") in edges, "what doesn't change has its place too"
    assert "danger" in str(boxes["endpoint/prices"].get_attribute("class"))
    places = {key: box.rect for key, box in boxes.items()}
    for start, end in edges:
        assert places[start]["x"] + places[start]["width"] < places[end]["x"]
    tops = sorted((rect["x"], rect["y"]) for rect in places.values())
    assert len(set(tops)) == len(tops), "no box stands on another"
    browser.execute_script("arguments[0].focus()", boxes["endpoint/search"])
    lit = browser.find_elements(By.CSS_SELECTOR, "#picture .box.lit")
    assert {box.get_attribute("data-key") for box in lit} == {
        "endpoint/search",
        "endpoint_config/search",
        "model/ranker",
    }
    chip(browser, "outage").click()
    browser.switch_to.active_element  # noqa: B018 - the chip has it now
    browser.execute_script("arguments[0].focus()", boxes["endpoint/search"])
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    card = browser.find_element(By.CSS_SELECTOR, ".card:target")
    assert "endpoint/search" in card.text
    assert card.get_attribute("open"), "and a filter that hid it is taken away"
    assert card.is_displayed()


@pytest.mark.parametrize("width", [360, 768, 1400])
@pytest.mark.parametrize("case", ["mixed", "hostile_names", "linear"])
def test_nothing_is_wider_than_the_screen(browser: Chrome, case: str, width: int, tmp_path: Path) -> None:
    opened(browser, report(case), tmp_path, width)
    browser.execute_script("document.querySelectorAll('details').forEach(item => item.open = true)")
    wide = browser.execute_script(
        """return [...document.querySelectorAll('body *')]
        .filter(item => !item.closest('.scroll > *, .stages, .hidden, .skip, svg'))
        .filter(item => item.getBoundingClientRect().right > innerWidth + 1).map(item => item.outerHTML.slice(0, 99))"""
    )
    assert wide == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width


def test_light_and_dark_follow_the_system_until_somebody_chooses(browser: Chrome, tmp_path: Path) -> None:
    def background() -> str:
        return str(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))

    opened(browser, report("canary"), tmp_path)
    light = background()
    browser.find_element(By.ID, "theme").click()
    dark = background()
    assert dark != light
    browser.refresh()
    assert background() == dark, "it is remembered"
    browser.execute_script("localStorage.clear()")
    opened(browser, report("canary"), tmp_path, dark=True)
    assert background() == dark
    browser.find_element(By.ID, "theme").click()
    assert background() == light
    browser.execute_script("localStorage.clear()")


def test_paper_has_no_folds_and_no_tools(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, report("mixed"), tmp_path)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert browser.find_elements(By.CSS_SELECTOR, "details:not([open])") == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    assert not browser.find_element(By.ID, "tools").is_displayed()
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert len(browser.find_elements(By.CSS_SELECTOR, "details:not([open])")) > 3


def test_a_script_that_slipped_in_would_not_run(browser: Chrome, tmp_path: Path) -> None:
    """The second wall: were the escaping broken, the page's policy would still stop it."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_port}"
        planted = (
            f"<img src='{at}/img' onerror=\"document.title='planted'\"><link rel=stylesheet href='{at}/css'>"
            f"<script>document.title='planted'; fetch('{at}/fetch')</script><script src='{at}/js'></script>"
        )
        opened(browser, report("canary").replace("<main", f"{planted}<main", 1), tmp_path)
        assert "planted" not in browser.title
        assert [message for message in complaints(browser) if "Content Security Policy" in message]
        assert asked == []
        opened(browser, f"<!doctype html><title>x</title>{planted}", tmp_path)
        assert browser.title == "planted", "a page without the policy would have done it"
        assert {"/img", "/css", "/js", "/fetch"} >= set(asked) >= {"/css", "/js"}
        server.shutdown()


def test_five_thousand_endpoints_are_searched_and_the_graph_stays_small(browser: Chrome, tmp_path: Path) -> None:
    made = plan.build(graph.compile(load_text(fleet(5_000).encode())), NOTHING, created_at=NOTHING.observed_at)
    opened(browser, render.html(made), tmp_path)
    browser.execute_script(
        "document.getElementById('search').value = 'tenant-04711';"
        "document.getElementById('search').dispatchEvent(new Event('input'))"
    )
    told = browser.find_element(By.ID, "told")
    WebDriverWait(browser, 20).until(lambda _: told.text)
    assert told.text == "1 of 5,000 endpoints"
    assert cards(browser) == ["endpoint/tenant-00000"]
    listed = browser.find_elements(By.CSS_SELECTOR, ".alike li:not([hidden])")
    assert [name.text for name in listed] == ["endpoint/tenant-04711"]
    boxes = browser.find_elements(By.CSS_SELECTOR, "#picture .box")
    assert len(boxes) < 100
    assert any("4,976 endpoints" in box.text for box in boxes)
