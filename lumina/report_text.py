"""Reports and health as text: pure, from the figures of ruler and analytics."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lumina.output import age
from promkit.labels import Labels
from promkit.quantity import quantity, unit_of_name

__all__ = ["health_text", "instant", "report_text", "sections"]

Figures = Mapping[str, Any]
Row = Sequence[str]
Section = tuple[str, str, Row, Sequence[Row]]  # title, sentence, columns, rows
SERIES_SHOWN = 60


def sections(figures: Figures) -> Iterator[Section]:
    """The parts of a report: title, a sentence, column names, rows. Text and HTML are made of the same."""
    yield _about_ruler(figures)
    if "error" not in figures["ruler"]:
        yield from _measured(figures["ruler"])
    if "error" in figures["analytics"]:
        yield "Analytics", f"did not answer: {figures['analytics']['error']}", (), []
        return
    yield from _analysed(figures["analytics"])


def report_text(figures: Figures) -> str:
    """A report for a terminal."""
    lines = [f"Lumina Monitor: the last {figures['range']}", ""]
    for title, sentence, columns, rows in sections(figures):
        lines += [title.upper()]
        lines += [sentence] if sentence else []
        lines += _table(columns, rows)
        lines.append("")
    return "\n".join(lines).rstrip()


def health_text(figures: Figures) -> str:
    """Health for a terminal: a line a process."""
    lines = []
    for name, part in figures.items():
        if "error" in part:
            lines.append(f"{name:<10} did not answer: {part['error']}")
            continue
        problems = "; ".join(part.get("problems", []))
        counts = ", ".join(
            f"{value} {key.replace('_', ' ')}"
            for key, value in part.items()
            if isinstance(value, int) and not key.endswith("_ms")
        )
        lines.append(f"{name:<10} {part['status']:<9} {counts}{': ' + problems if problems else ''}")
    return "\n".join(lines)


def instant(at_ms: float | None) -> str:
    """An instant in UTC, to the minute."""
    return "–" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def written(metric: str, value: float | None) -> str:
    """A value in the unit that its metric's name tells."""
    if value is None:
        return "–"
    unit = unit_of_name(metric)
    return instant(value * 1000) if unit == "instant" else quantity(unit)(value)


def _about_ruler(figures: Figures) -> Section:
    ruler = figures["ruler"]
    if "error" in ruler:
        return "Ruler", f"did not answer: {ruler['error']}", (), []
    by_severity = ", ".join(f"{count} {level}" for level, count in ruler["alerts_by_severity"].items())
    held = ""
    if ruler["history_ms"] < ruler["range_ms"] * 0.99:
        held = f"; the history holds {age(ruler['history_ms'])} of {age(ruler['range_ms'])}"
    sentence = (
        f"{instant(ruler['start_ms'])} to {instant(ruler['end_ms'])} UTC{held}; "
        f"{ruler['alerts_active']} alerts active{f' ({by_severity})' if by_severity else ''}, "
        f"{ruler['alerts_resolved_24h']} resolved in 24 h; up for {age(ruler['uptime_ms'])}"
    )
    return "Ruler", sentence, (), []


def _measured(ruler: Figures) -> Iterator[Section]:
    columns = ("SERIES", "COUNT", "MIN", "MAX", "AVG", "P95", "P99", "LATEST")
    rows = [
        (
            str(Labels({"__name__": one["metric"], **_short(one["labels"])})),
            str(one["count"]),
            *(written(one["metric"], one[key]) for key in ("min", "max", "avg", "p95", "p99", "latest")),
        )
        for one in ruler["series"][:SERIES_SHOWN]
    ]
    more = len(ruler["series"]) - len(rows)
    yield "Metrics", f"{more} more series with --output json" if more > 0 else "", columns, rows


def _analysed(analytics: Figures) -> Iterator[Section]:
    rows = [
        (
            model["id"],
            model["type"],
            model["state"] if model["state"] == "ready" else f"{model['state']}: {model['detail']}",
            "–" if model["accuracy"] is None else f"{model['accuracy']:.0%} ({model['accuracy_from']})",
            instant(model["trained_ms"]),
        )
        for model in analytics["models"]
    ]
    yield "Models", "", ("MODEL", "TYPE", "STATE", "ACCURACY", "TRAINED"), rows
    predictions = analytics["predictions"]
    average = predictions["average_confidence"]
    confidence = "" if average is None else f", average confidence {average:.0%}"
    by_model = [
        (model, str(row["count"]), _share(row["average_confidence"]), _truth(row))
        for model, row in predictions["by_model"].items()
    ]
    columns = ("MODEL", "COUNT", "AVERAGE CONFIDENCE", "WHAT THEN CAME") if by_model else ()
    yield "Predictions", f"{predictions['count']} in {analytics['hours']} h{confidence}", columns, by_model
    found = analytics["anomalies"]
    by_severity = ", ".join(f"{count} {level}" for level, count in found["by_severity"].items() if count)
    sentence = f"{found['count']} in {analytics['hours']} h{f' ({by_severity})' if by_severity else ''}"
    last = [(instant(one.get("at_ms")), one["severity"], one["description"]) for one in found["last"]]
    yield "Anomalies", sentence, ("TIME", "SEVERITY", "WHAT") if last else (), last
    trends = [
        (one["range"], _series(one), one["trend"], written(one["metric"], one["slope_per_hour"]))
        for one in analytics["trends"]
        if one["trend"] != "stable"
    ]
    yield (
        "Trends",
        "what is not stable" if trends else "all are stable, or too young to tell",
        ("RANGE", "SERIES", "DIRECTION", "SLOPE PER HOUR"),
        trends,
    )
    breaches = [
        (one["rule"], _series(one), age(round(one["seconds"] * 1000)), f"{one['probability']:.0%}")
        for one in analytics["breaches"]
        if one["seconds"] is not None
    ]
    none = "" if breaches else "no rule's threshold is in sight"
    yield "Breaches ahead", none, ("RULE", "SERIES", "IN", "PROBABILITY") if breaches else (), breaches


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _truth(row: Figures) -> str:
    if not row["judged"]:
        return "not known yet"
    return f"{row['judged']} known, mean error {row['mean_absolute_error']:.3g}"


def _series(row: Figures) -> str:
    return str(Labels({"__name__": row.get("metric", ""), **_short(row["labels"])}))


def _short(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name not in {"job", "instance"}}


def _table(columns: Row, rows: Sequence[Row]) -> list[str]:
    if not columns or not rows:
        return []
    lines = [columns, *rows]
    widths = [max(len(row[index]) for row in lines) for index in range(len(columns))]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in lines]
