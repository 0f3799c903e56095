"""How the pages say things: instants, ages, labels, links. Pure."""

import time
from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlsplit

from promkit.labels import METRIC_NAME, Labels

__all__ = ["age", "clock", "first_of", "instant", "labels_shown", "link", "query_url", "short", "way", "zone"]

_SCALES = ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s"))


def clock(at_ms: int | None, now_ms: int) -> str:
    """The time of day, with the date where it is another day's; the zone stands at the page's end."""
    if at_ms is None:
        return "–"
    at, now = time.localtime(at_ms / 1000), time.localtime(now_ms / 1000)
    if at[:3] == now[:3]:
        return time.strftime("%H:%M:%S", at)
    return time.strftime("%d %b %H:%M" if at[0] == now[0] else "%d %b %Y %H:%M", at)


def instant(at_ms: int | None) -> str:
    """Date, time and zone in full."""
    return "" if at_ms is None else time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(at_ms / 1000))


def zone(now_ms: int) -> str:
    """The zone that instants are written in."""
    return time.strftime("%Z", time.localtime(now_ms / 1000))


def age(at_ms: int | None, now_ms: int) -> str:
    """How long ago, or in how long, in the two largest units."""
    if at_ms is None:
        return "never"
    distance = abs(now_ms - at_ms) // 1000
    text = short(distance * 1000)
    if distance == 0:
        return "now"
    return f"in {text}" if at_ms > now_ms else f"{text} ago"


def short(duration_ms: float) -> str:
    """A duration in its two largest units: 3 h 20 min."""
    seconds = round(duration_ms / 1000)
    for size, unit, smaller, smaller_unit in _SCALES:
        if seconds >= size:
            rest = seconds % size // smaller
            whole = seconds // size
            return f"{whole} {unit} {rest} {smaller_unit}" if rest and whole < 10 else f"{whole} {unit}"
    return f"{seconds} s"


def labels_shown(labels: Labels) -> list[tuple[str, str]]:
    """Labels as they are shown beside an alert's name."""
    return [(name, value) for name, value in labels.items() if name not in {METRIC_NAME, "alertname"}]


def link(url: str) -> str:
    """The URL if a person may safely follow it (http or https), else ""; labels come from outside."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        return ""
    return url.strip() if parts.scheme in {"http", "https"} and parts.netloc else ""


def query_url(expr: str) -> str:
    """The query page on an expression."""
    return "/query?" + urlencode({"expr": expr}, quote_via=quote)


def way(integration: str) -> str:
    """How a receiver sends: `slack[0]` is Slack, `slack[1]` its second way."""
    kind, _, number = integration.rstrip("]").partition("[")
    return kind if number in {"", "0"} else f"{kind} {int(number) + 1}"


def first_of(annotations: Mapping[str, str]) -> str:
    """What an alert says."""
    return annotations.get("description") or annotations.get("summary") or annotations.get("message", "")
