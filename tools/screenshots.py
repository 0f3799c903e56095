"""Take the pictures of docs/images anew, from a running demo: .venv/bin/python tools/screenshots.py"""

import shutil
import sys
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from lumina.demo.stage import ALERT, Stage
from lumina.demo.story import timeline

FOLDER = Path(__file__).parent.parent / "docs" / "images"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
# While the alert fires: the overview first, for it resolves within half a minute.
FIRING = {"front-page": "/", "alerts": "/alerts", "alert": "/alerts/{id}", "rules": "/rules"}
# Once all is told and done.
AFTER = {
    "targets": "/targets",
    "deliveries": "/deliveries",
    "remediations": "/remediations",
    "query": "/query?expr=app_error_ratio&range=5m",
    "dashboard": "/dashboards/application?range=15m",
}
HEIGHTS = {"front-page": 1150, "alert": 1150, "dashboard": 1500}
SETTLE_S = 220.0  # until the graphs have something to show
WITHIN_S = 120.0
TOLD = 2 * len(("email", "slack", "sms", "webhook"))  # firing and resolved


def main() -> int:
    """Let the demo's alert fire, be remedied and told, and take a picture of each page."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("chromium is not there: make services")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    with Stage(print) as stage, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        happened(stage, "nothing", 1, SETTLE_S)
        stage.break_shop()
        if not happened(stage, "remedy finished", 1, WITHIN_S):
            print(stage.diagnosis())
            return 1
        alert = next(row for row in timeline(stage.urls["ruler"]) if row["name"] == ALERT)
        for name, path in FIRING.items():
            take(browser, stage, name, path.format(id=alert["id"]))
        take(browser, stage, "front-page-dark", "/", dark=True)
        happened(stage, "notified", TOLD, WITHIN_S)
        for name, path in AFTER.items():
            take(browser, stage, name, path)
        browser.close()
    return 0


def happened(stage: Stage, what: str, times: int, within_s: float) -> bool:
    """Wait until that happened so often to the demo's alert; False where the time is over first."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        stage.tend()
        rows = timeline(stage.urls["ruler"])
        if sum(row["name"] == ALERT and row["happening"] == what for row in rows) >= times:
            return True
        time.sleep(0.5)
    return False


def take(browser: Browser, stage: Stage, name: str, path: str, *, dark: bool = False) -> None:
    """One picture, 1280 wide."""
    height = HEIGHTS.get(name.removesuffix("-dark"), 900)
    context = browser.new_context(
        viewport={"width": 1280, "height": height}, color_scheme="dark" if dark else "light"
    )
    page = context.new_page()
    page.goto(stage.urls["ruler"] + path)
    page.screenshot(path=FOLDER / f"{name}.png")
    context.close()


if __name__ == "__main__":
    sys.exit(main())
