"""The page at /: what was found, for a person. No scripts; the style is a file of its own, for the policy."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from analytics.anomaly import written
from promkit.duration import format_duration

__all__ = ["STYLE", "render", "summary"]

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:72rem;padding:1rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}caption{text-align:left}
th,td{text-align:left;padding:.3rem .8rem .3rem 0;border-bottom:1px solid color-mix(in srgb,currentColor
20%,transparent)} .wide{overflow-x:auto}
"""
_SHOWN = 50
_CONDITIONS = {"gt": "above", "ge": "from", "lt": "below", "le": "down to"}
_LINKS = ("models", "predictions", "anomalies", "trends", "breaches", "report", "health")


def render(report: Mapping[str, Any], health: Mapping[str, Any]) -> bytes:
    """The whole page."""
    parts = [
        _state(health),
        _table(
            "Models", ("Model", "Type", "State", "Accuracy", "Error, of the last value's"), _models(report)
        ),
        _table("Time to breach", ("Rule", "Series", "Now", "Threshold", "When", "Chance"), _breaches(report)),
        _table(
            "Anomalies of the last 24 hours",
            ("When (UTC)", "Severity", "What", "Confidence"),
            _anomalies(report),
        ),
        _table("Trends", ("Series", "Range", "Trend", "A change an hour of"), _trends(report)),
    ]
    links = " · ".join(f'<a href="/api/v1/{name}">{name}</a>' for name in _LINKS)
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Lumina analytics</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<link rel="stylesheet" href="/style.css"></head>'
        "<body><header><h1>Lumina analytics</h1></header><main>"
        f'{"".join(parts)}</main><footer><p>JSON: {links} · <a href="/metrics">metrics</a></p></footer>'
        "</body></html>"
    )
    return text.encode()


def summary(report: Mapping[str, Any], health: Mapping[str, Any]) -> str:
    """The same in a few lines, for a terminal."""
    lines = [" ".join([health["status"], *health["problems"]])]
    lines += [f"model    {'  '.join(row)}" for row in _models(report)]
    lines += [f"breach   {'  '.join(row)}" for row in _breaches(report)]
    lines += [f"anomaly  {'  '.join(row)}" for row in _anomalies(report)]
    lines += [f"trend    {'  '.join(row)}" for row in _trends(report)]
    return "\n".join(lines) + "\n"


def _state(health: Mapping[str, Any]) -> str:
    problems = "; ".join(escape(problem) for problem in health["problems"])
    states = ", ".join(f"{count} {name}" for name, count in health["models_by_state"].items() if count)
    reading = f"reading {health['series']} series from {escape(health['datasource']['url'])}"
    status = f"<p><strong>{escape(health['status'])}</strong> {problems}</p>"
    return f"{status}<p>Models: {states or 'none yet'}; {reading}.</p>"


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    if not body:
        return f"<h2>{title}</h2><p>None.</p>"
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    frame = f'<div class="wide" tabindex="0" role="region" aria-label="{title}">'
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"<h2>{title}</h2>{frame}{table}</div>"


def _models(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for model in report["models"]:
        ratio = model["error_ratio"]["last_value"]
        accuracy = model["accuracy"]
        yield (
            model["name"],
            model["type"],
            f"{model['state']}: {model['detail']}" if model["detail"] else model["state"],
            "–" if accuracy is None else f"{accuracy:.0%} ({model['accuracy_from']})",
            "–" if ratio is None else f"{ratio:.2f}",
        )


def _breaches(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for row in report["breaches"][:_SHOWN]:
        seconds = row["seconds"]
        when = f"not within {row['within']}"
        if seconds is not None:
            when = "now" if seconds == 0 else f"in {_rough(seconds)}"
        yield (
            row["rule"],
            _series(row),
            written(row["metric"], row["value"]),
            f"{_CONDITIONS[row['condition']]} {written(row['metric'], row['threshold'])}",
            when,
            f"{row['probability']:.0%}",
        )


def _anomalies(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    for row in report["anomalies"]["last"]:
        yield _when(row["at_ms"]), row["severity"], row["description"], f"{row['confidence']:.0%}"


def _trends(report: Mapping[str, Any]) -> Iterable[Sequence[str]]:
    moving = [row for row in report["trends"] if row["trend"] != "stable"]
    for row in moving[:_SHOWN]:
        yield _series(row), row["range"], row["trend"], written(row["metric"], row["slope_per_hour"])


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%a %H:%M")


def _series(row: Mapping[str, Any]) -> str:
    labels = ", ".join(f"{name}={value}" for name, value in row["labels"].items() if name != "job")
    return f"{row['metric']} {labels}".strip()


def _rough(seconds: float) -> str:
    """Two units at most: `1d4h`, `35m`."""
    minutes = max(round(seconds / 60), 1)
    if minutes >= 24 * 60:
        minutes = round(minutes / 60) * 60
    return format_duration(minutes * 60_000)
