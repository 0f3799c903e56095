"""Take the pictures of docs/images anew, from a running demo: .venv/bin/python tools/screenshots.py"""

import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lumina.demo.stage import ALERT, Stage
from lumina.demo.story import timeline

FOLDER = Path(__file__).parent.parent / "docs" / "images"
PAGES = {
    "front-page": "/",
    "alerts": "/alerts",
    "rules": "/rules",
    "targets": "/targets",
    "deliveries": "/deliveries",
    "remediations": "/remediations",
    "query": "/query?expr=app_error_ratio&range=15m",
}
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
SETTLE_S = 60.0  # until the graphs have something to show
WITHIN_S = 120.0


def main() -> int:
    """Let the demo's alert fire, be told and be remedied, and take a picture of each page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not there: make services")
        return 1
    FOLDER.mkdir(exist_ok=True)
    with Stage(print) as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        await_happening(stage, "", SETTLE_S)
        stage.break_shop()
        await_happening(stage, "remedy started", WITHIN_S)
        take(browser, stage, "front-page-dark", "/", dark=True)
        for name, path in PAGES.items():
            take(browser, stage, name, path)
        await_happening(stage, "resolved", WITHIN_S)
        row = next(row for row in timeline(stage.urls["ruler"]) if row["name"] == ALERT)
        take(browser, stage, "alert", f"/alerts/{row['id']}")
        browser.close()
    return 0


def await_happening(stage: Stage, happening: str, within_s: float) -> None:
    """Wait until that happened to the alert, or for all of the time where it is ""."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        stage.tend()
        if any(row["happening"] == happening for row in timeline(stage.urls["ruler"])):
            return
        time.sleep(0.5)


def take(browser: Browser, stage: Stage, name: str, path: str, *, dark: bool = False) -> None:
    """One picture, 1280 wide."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(stage.urls["ruler"] + path)
    page.screenshot(path=FOLDER / f"{name}.png", full_page=name == "alert")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
