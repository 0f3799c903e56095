"""The page a person sees first: what is measured, and how each source does. Pure; all text is escaped."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from exporter.page import Report

__all__ = ["CSP", "landing"]

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}
nav a{margin-right:1.2rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
caption{text-align:left;font-weight:600;margin:1.2rem 0 .4rem}
th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid #8886;vertical-align:top}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.ok{color:light-dark(#1a6b2d,#7ee08f)}
.bad{color:light-dark(#a11,#ff9a8f);font-weight:600}
.wait{color:light-dark(#6b5200,#f0cf65)}
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CSP = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_CLASSES = {"ok": "ok", "failing": "bad", "stale": "bad", "starting": "wait"}


def landing(reports: Sequence[Report], now_ms: int, *, with_errors: bool) -> bytes:
    """The page as HTML. `with_errors` False: what errors say stays in the log, for whom it may concern."""
    rows = "".join(_row(report, now_ms, with_errors=with_errors) for report in reports)
    failing = sum(_state(report) in {"failing", "stale"} for report in reports)
    summary = (
        f"{len(reports)} sources, {failing} failing." if failing else f"{len(reports)} sources, all well."
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Lumina exporter</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Lumina exporter</h1>
<p>{summary if reports else "No source is configured."}</p>
<nav aria-label="Pages"><a href="/metrics">Metrics</a><a href="/-/healthy">Health</a>\
<a href="/-/ready">Readiness</a></nav>
<div class="scroll" role="region" aria-label="Sources" tabindex="0">
<table>
<caption>Sources</caption>
<thead><tr><th scope="col">Source</th><th scope="col">State</th><th scope="col" class="number">Series</th>\
<th scope="col" class="number">Age of values</th><th scope="col" class="number">Last run took</th>\
<th scope="col" class="number">Every</th><th scope="col">Last error</th></tr></thead>
<tbody>{rows}</tbody>
</table>
</div>
</main>
</body>
</html>
""".encode(errors="replace")


def _row(report: Report, now_ms: int, *, with_errors: bool) -> str:
    health, source = report.reading.health, report.reading.source
    state = _state(report)
    series = f"{health.series}"
    if health.dropped:
        series += f" ({health.dropped} left out)"
    age = "–" if health.last_success_ms is None else _span(now_ms - health.last_success_ms)
    error = health.error if with_errors else ("see the log" if health.error else "")
    return (
        f'\n<tr><th scope="row">{escape(source.name)}</th><td class="{_CLASSES[state]}">{state}</td>'
        f'<td class="number">{series}</td><td class="number">{age}</td>'
        f'<td class="number">{_span(health.duration_ms)}</td>'
        f'<td class="number">{_span(source.settings.every)}</td><td>{escape(error)}</td></tr>'
    )


def _state(report: Report) -> str:
    health = report.reading.health
    if not health.tried:
        return "starting"
    if health.success:
        return "ok"
    return "stale" if report.stale else "failing"


def _span(span_ms: int) -> str:
    """A time as people say it: 12 ms, 3.4 s, 5 min, 2 h."""
    if span_ms < 1_000:
        return f"{max(0, span_ms)} ms"
    if span_ms < 120_000:
        return f"{span_ms / 1000:.3g} s"
    if span_ms < 7_200_000:
        return f"{span_ms / 60_000:.0f} min"
    return f"{span_ms / 3_600_000:.0f} h"
