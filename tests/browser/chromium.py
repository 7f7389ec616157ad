"""A headless Chromium, if this machine has one: Debian's `chromium` and `chromium-driver`, or any on the PATH.

It starts with an empty profile and none of the services that would ask for something over the network by themselves.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def missing() -> str:
    """What is not there, as the reason of a skip; empty where there is a browser."""
    if not any(map(shutil.which, BROWSERS)):
        return "no Chromium on this machine (Debian: apt-get install chromium chromium-driver)"
    return "" if shutil.which("chromedriver") else "no chromedriver on this machine (Debian: chromium-driver)"


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A browser that is gone afterwards."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = str(next(filter(None, map(shutil.which, BROWSERS))))
        for argument in (*QUIET, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        driver = Chrome(options=options, service=ChromeService(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()


def sized(driver: Chrome, width: int, height: int = 900, *, dark: bool = False, scale: float = 1) -> None:
    """Give the page a window of that size in CSS pixels, and the system's preference for light or dark."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    wishes = {"prefers-color-scheme": "dark" if dark else "light", "prefers-reduced-motion": "reduce"}
    features = [{"name": name, "value": value} for name, value in wishes.items()]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def requests(driver: Chrome) -> list[str]:
    """The addresses that were asked for since the last call."""
    messages: list[dict[str, Any]] = [
        json.loads(entry["message"])["message"] for entry in driver.get_log("performance")
    ]
    asked = [each["params"] for each in messages if each["method"] == "Network.requestWillBeSent"]
    return [str(params["request"]["url"]) for params in asked]


def complaints(driver: Chrome) -> list[str]:
    """What the console says: errors of scripts, violations of the page's policy."""
    return [str(entry["message"]) for entry in driver.get_log("browser")]
