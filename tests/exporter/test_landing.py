"""The landing page is HTML that a checker takes, and shows nothing unescaped."""

import base64
import hashlib
import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from exporter.landing import CSP, landing
from exporter.page import Report
from exporter.scheduler import Health
from tests.builders.sources import a_reading

VOID = {"meta", "link", "br", "hr", "img", "input"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def a_report(error: str = "", *, stale: bool = False, **health: int) -> Report:
    return Report(a_reading("http/shop", health=Health(success=not error, error=error, **health)), stale)


@given(error=st.text(max_size=50))
def test_any_error_is_text(error: str) -> None:
    page = landing([a_report(error, runs=1)], 10_000, with_errors=True).decode(errors="replace")
    parser = Balanced()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    assert parser.seen.count("td") == 6
    assert "script" not in parser.seen


def test_states() -> None:
    reports = [
        a_report(),
        a_report(runs=1, last_success_ms=7_000, series=12, dropped=3),
        a_report("gone", runs=2, last_success_ms=7_000),
        a_report("gone", runs=2, last_success_ms=7_000, stale=True),
    ]
    page = landing(reports, 10_000, with_errors=True).decode()
    assert re.findall(r'<td class="(?:ok|bad|wait)">(\w+)<', page) == ["starting", "ok", "failing", "stale"]
    assert "12 (3 left out)" in page
    assert ">3 s<" in page
    assert "4 sources, 2 failing." in page


def test_nothing_configured() -> None:
    assert b"No source is configured." in landing([], 0, with_errors=True)


def test_the_policy_lets_our_style_in_and_nothing_else() -> None:
    style = re.search(r"<style>(.*)</style>", landing([], 0, with_errors=True).decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CSP
    assert "default-src 'none'" in CSP
    assert "unsafe" not in CSP
