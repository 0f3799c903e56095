"""The pages in a real browser: whole, quiet, usable by keyboard, and fit for assistive technology."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.builders.dashboards import TYPES
from tests.builders.e2e import ask, until
from tests.builders.up import an_up
from tests.peers import peer

pytestmark = [pytest.mark.browser, pytest.mark.e2e, pytest.mark.timeout(120)]

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
RULES = {
    "groups": [
        {
            "name": "at once",
            "interval": "1s",
            "rules": [
                {
                    "alert": name,
                    "expr": "system_memory_usage_ratio > 0.0001",
                    "labels": {"severity": "critical", "kind": name},
                    "annotations": {"summary": "{{ $value | humanizePercentage }} of the memory is in use"},
                }
                for name in ("AtOnce", "ToSilence", "ToLeave")
            ],
        }
    ],
}
PATHS = (
    "/",
    "/dashboards",
    "/dashboards/types",
    "/alerts",
    "ALERT",
    "/rules",
    "/targets",
    "/deliveries",
    "/remediations",
    "/query?expr=up",
)


class Site:
    """A running `lumina up`, and a browser that looks at it."""

    def __init__(self, url: str, browser: Browser) -> None:
        self.url, self.browser = url, browser

    def alert(self, name: str = "ToLeave") -> str:
        """The path of an alert's page."""
        found: list[Any] = until(
            lambda: [one for one in ask(f"{self.url}/api/v1/lumina/alerts") if one["name"] == name]
        )
        return f"/alerts/{found[0]['id']}"

    def path(self, name: str) -> str:
        return self.alert() if name == "ALERT" else name

    @contextmanager
    def look(self, path: str, forgiven: str = "no such text", **how: Any) -> Iterator[Page]:
        """Open a page; whatever else the browser complains of while it is open fails the test."""
        context = self.browser.new_context(**how)
        complaints: list[str] = []
        page = context.new_page()
        page.set_default_timeout(10_000)

        def hear(message: ConsoleMessage) -> None:
            if message.type in {"error", "warning"} and forgiven not in message.text:
                complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(self.url + path)
        try:
            yield page
        finally:
            context.close()
        assert not complaints


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    chromium = peer("chromium")
    home: Path = tmp_path_factory.mktemp("pages") / "home"
    (home / "rules").mkdir(parents=True)
    (home / "rules" / "once.yml").write_text(yaml.safe_dump(RULES))
    (home / "dashboards").mkdir()
    (home / "dashboards" / "types.yml").write_text(TYPES)
    with an_up(home) as up, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=SWITCHES)
        try:
            yield Site(up.urls["ruler"], browser)
        finally:
            browser.close()


@pytest.mark.parametrize("name", PATHS)
def test_axe_finds_nothing_serious_in_light_and_dark(site: Site, name: str) -> None:
    with site.look(site.path(name), color_scheme="light") as page:
        assert grave(page) == []
        page.emulate_media(color_scheme="dark")
        assert grave(page, "color-contrast") == []


def grave(page: Page, *rules: str) -> list[tuple[str, str]]:
    """What axe holds to be serious or critical, with the first place of each."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if rules:
        options["runOnly"] = list(rules)
    found = Axe().run(page, options=options).response["violations"]
    return [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in {"serious", "critical"}]


@pytest.mark.parametrize("name", PATHS)
def test_a_phone_shows_a_page_whole(site: Site, name: str) -> None:
    with site.look(site.path(name), viewport={"width": 390, "height": 800}) as page:
        width = "document.documentElement.scrollWidth"
        assert page.evaluate(width) <= 390
        wider = "one => one.scrollWidth > one.clientWidth + 1"
        assert page.evaluate(f"[...document.querySelectorAll('.scroll')].filter({wider}).length") == 0


FOCUSED = """() => {
    const one = document.activeElement, style = getComputedStyle(one), box = one.getBoundingClientRect();
    return {
        text: (one.getAttribute('aria-label') || one.textContent || one.name || '').trim(),
        tag: one.tagName, outline: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        seen: box.width > 0 && box.right > 0 && box.left < innerWidth,
    }
}"""


def test_tab_reaches_everything_in_order_and_shows_where_it_is(site: Site) -> None:
    with site.look(site.alert()) as page:
        reached = []
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(FOCUSED))
        texts = [one["text"] for one in reached]
        assert texts[0] == "Skip to the content"
        assert texts[1] == "Lumina Monitor"
        assert [re.sub(r"\d+$", "", text) for text in texts[2:10]] == [
            "Overview",
            "Dashboards",
            "Alerts",
            "Rules",
            "Targets",
            "Deliveries",
            "Remediations",
            "Query",
        ]
        assert {"Acknowledge", "Silence", "Resolve", "Receivers"} <= set(texts)
        assert [one for one in reached if one["tag"] != "BODY" and not (one["outline"] and one["seen"])] == []


def test_the_skip_link_leads_past_the_navigation(site: Site) -> None:
    with site.look("/alerts") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("main:focus")
        page.keyboard.press("Tab")
        page.wait_for_selector("main :focus")


def test_an_alert_is_acknowledged_by_keyboard_alone(site: Site) -> None:
    with site.look(site.alert("AtOnce")) as page:
        page.locator("#ack-by").focus()
        page.keyboard.type("Ann")
        page.keyboard.press("Tab")
        page.keyboard.type("on it")
        page.keyboard.press("Enter")
        expect(page.get_by_role("status").filter(has_text="Acknowledged.")).to_be_visible()
        expect(page.locator(".notice")).to_contain_text("Acknowledged by Ann")
        expect(page.locator("ol.timeline")).to_contain_text("on it")
        assert page.evaluate("document.activeElement.tagName") != "BODY"
        expect(page.locator("#unack-by")).to_have_value("Ann")


def test_an_alert_is_silenced_and_the_silence_ended(site: Site) -> None:
    with site.look(site.alert("ToSilence")) as page:
        page.locator("#silence-by").fill("Ben")
        page.locator("#silence-comment").fill("moving house")
        page.locator("#silence-for").select_option("1d")
        page.get_by_role("button", name="Silence", exact=True).click()
        expect(page.locator(".notice").filter(has_text="Nobody is told")).to_be_visible()
        page.goto(f"{site.url}/alerts")
        row = page.get_by_role("row").filter(has_text="moving house")
        expect(row).to_contain_text("in 23 h")
        row.get_by_role("button", name="Expire the silence of Ben").press("Enter")
        expect(page.get_by_text("moving house")).to_have_count(0)
        expect(page.get_by_role("status").filter(has_text="The silence has ended.")).to_be_visible()


def test_a_refusal_is_told_beside_the_form_and_nothing_typed_is_lost(site: Site) -> None:
    with site.look(site.alert(), forgiven="status of 409") as page:
        page.locator("#silence-by").fill("Ben")
        page.locator("#silence-comment").fill("why")
        refusal = {"status": "error", "error": "it is over", "remedy": "look again"}
        page.route("**/silence", lambda route: route.fulfill(status=409, json=refusal))
        page.locator("#silence button").click()
        expect(page.locator("#silence [role=alert]")).to_have_text("it is over: look again")
        expect(page.locator("#silence-comment")).to_have_value("why")


def test_a_refresh_leaves_what_is_typed_focus_and_open_plans_alone(site: Site) -> None:
    with site.look(site.alert()) as page:
        page.locator("#ack-comment").fill("half a sent")
        page.locator("#resolve button").focus()
        before = page.locator("footer time").inner_text()
        expect(page.locator("footer time")).not_to_have_text(before, timeout=15_000)
        expect(page.locator("#ack-comment")).to_have_value("half a sent")
        expect(page.locator("#resolve button")).to_be_focused()


def test_a_rule_is_switched_off_and_on(site: Site) -> None:
    with site.look("/rules") as page:
        page.get_by_role("button", name="Turn off Low Throughput").press("Enter")
        on = page.get_by_role("button", name="Turn on Low Throughput")
        expect(on).to_be_visible()
        expect(page.get_by_role("status").filter(has_text="Low Throughput is off.")).to_be_visible()
        on.click()
        expect(page.get_by_role("button", name="Turn off Low Throughput")).to_be_visible()


def test_a_query_is_typed_sent_with_enter_and_drawn(site: Site) -> None:
    with site.look("/query") as page:
        page.locator("#filter").fill("system_load1")
        expect(page.locator("#metrics li:visible")).to_have_count(2)
        page.locator("#expr").fill("system_memory_usage_ratio")
        page.keyboard.press("Enter")
        expect(page.locator(".chart path.line")).to_have_count(1)
        expect(page.get_by_role("region", name="Result")).to_contain_text("system_memory_usage_ratio")
        page.locator("#expr").fill("sum(up")
        page.get_by_role("button", name="Evaluate").click()
        expect(page.get_by_role("alert")).to_contain_text("parse error")
        expect(page.locator("pre.pointer")).to_have_text("sum(up\n      ^", use_inner_text=True)


def test_the_front_page_lives(site: Site) -> None:
    with site.look("/") as page:
        expect(page.locator(".card .chart")).to_have_count(6, timeout=60_000)
        for name in ("High CPU Usage", "High Memory Usage", "High Error Rate"):
            expect(page.get_by_role("link", name=name)).to_be_visible()
        page.get_by_role("link", name="AtOnce").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("AtOnce")
        page.get_by_role("link", name="AtOnce").click()
        expect(page).to_have_url(re.compile("/rules#"))
        expect(page.locator("tr:target")).to_contain_text("AtOnce")


def test_every_type_of_widget_is_drawn_from_what_is_measured(site: Site) -> None:
    with site.look("/dashboards") as page:
        page.get_by_role("link", name="Every type").press("Enter")
        widget = page.locator("section.widget")
        expect(widget).to_have_count(9)
        drawn = {
            "Memory": ".arc path.value",
            "Disks": ".bars li",
            "Load": "path.line",
            "CPU by mode": "path.area",
            "Targets": "tbody tr",
            "Answers": ".heat path",
            "Nothing": "code >> text=no_such_metric",
            "Fault": ".fault >> text=many-to-many",
        }
        for title, what in drawn.items():
            page.reload()
            one = widget.filter(has=page.get_by_role("heading", name=title))
            expect(one.locator(what).first).to_be_attached(timeout=60_000)
        about = page.get_by_role("button", name="About Memory")
        about.press("Enter")
        expect(page.locator(".popover:popover-open")).to_contain_text("system_memory_usage_ratio")
        page.keyboard.press("Escape")
        expect(about).to_be_focused()


def test_a_dashboard_shows_new_samples_by_itself(site: Site) -> None:
    with site.look("/dashboards/types?range=6h&var-job=exporter") as page:
        page.evaluate("document.body.dataset.same = 'page'")
        widget = page.locator("section.widget", has=page.get_by_role("heading", name="Last scrape"))
        value = widget.locator(".number b")
        before = value.inner_text()
        expect(value).not_to_have_text(before, timeout=30_000)
        assert page.evaluate("document.body.dataset.same") == "page"
        page.get_by_role("link", name="24h").click()
        expect(page).to_have_url(re.compile("range=24h&var-job=exporter"))
        page.get_by_label("Job").select_option("all")
        expect(page).to_have_url(re.compile("range=24h&var-job=$"))
