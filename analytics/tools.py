"""The models on files: `lumina analytics detect|forecast|trend|breach|bench`, the process' own functions.

A CSV has the columns timestamp and value; timestamps are `YYYY-MM-DD HH:MM:SS` in UTC or Unix seconds, an
empty value is a missing sample.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from analytics.anomaly import Alarms, quiet
from analytics.arrays import Values, fill
from analytics.breach import breach
from analytics.learner import BLOCK
from analytics.models import RECENT, strangeness
from analytics.models.mixture import Mixture
from analytics.trend import trends
from promkit.duration import parse_duration
from promkit.errors import ConfigError

__all__ = ["run"]

DAY_S = 86_400
_LEARN = 50  # rows before the first score
_LEVEL = 80  # the intervals' share, in per cent


def run(argv: Sequence[str]) -> int:
    """Do as the arguments say → 0. ConfigError: a file is not what it should be."""
    options = _options(argv)
    {"detect": _detect, "forecast": _forecast, "trend": _trend, "breach": _breach, "bench": _bench}[
        options.tool
    ](options)
    return 0


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lumina analytics", description="The models on files.")
    tools = parser.add_subparsers(dest="tool", required=True)
    one = {"--input": "a CSV", "--output": "where to write"}
    many = {"--input-dir": "a folder of CSVs", "--output-dir": "where to write, a file for each"}
    for name, text, files in (
        ("detect", "score each row of a CSV from 0 to 1, by it and those before alone", one),
        ("forecast", "forecast CSVs of one step", one | many),
        ("trend", "say which way CSVs go", one | many),
        ("breach", "say when CSVs reach a threshold", one | many),
        ("bench", "forecast and score an .npz of many series, to see what it costs", one),
    ):
        tool = tools.add_parser(name, help=text, description=text)
        for flag, meaning in files.items():
            tool.add_argument(flag, type=Path, help=meaning, required=files is one)
        if name in {"forecast", "bench"}:
            tool.add_argument("--horizon", type=int, required=True, help="rows to forecast")
        if name == "forecast":
            tool.add_argument("--step", type=int, required=True, help="seconds between rows")
            tool.add_argument(
                "--level", type=int, choices=[_LEVEL], default=_LEVEL, help="interval, in per cent"
            )
        if name == "breach":
            tool.add_argument("--horizon", required=True, help="how far ahead, as 72h")
            tool.add_argument("--threshold", type=float, help="of --input; a folder has a thresholds.json")
    options = parser.parse_args(argv)
    if getattr(options, "input_dir", None) is None and options.input is None:
        parser.error("give --input and --output, or --input-dir and --output-dir")
    return options


def _detect(options: argparse.Namespace) -> None:
    texts, cells, times, values = _read(options.input)
    step = float(np.median(np.diff(times[:_LEARN]))) if len(times) > 1 else 300.0
    day = max(round(DAY_S / max(step, 1.0)), 2)
    rows = values[None]
    known = rows[:, :_LEARN]
    state = strangeness.fit(known, fill(known), day) | {RECENT: fill(known)}
    scores = np.zeros(len(values))
    if len(values) > _LEARN:
        told, _ = quiet(strangeness.score(state, rows[:, _LEARN:], day), Alarms.none(1))
        scores[_LEARN:] = told[0]
    _write(
        options.output,
        ("timestamp", "value", "anomaly_score"),
        ((text, cell, f"{score:.9g}") for text, cell, score in zip(texts, cells, scores, strict=True)),
    )


def _forecast(options: argparse.Namespace) -> None:
    day = max(DAY_S // options.step, 2)
    groups: dict[int, list[tuple[Path, Values, Values]]] = {}
    for source, target in _files(options, ".csv"):
        _, _, times, values = _read(source)
        grid_times, grid = _regular(times, values, options.step)
        groups.setdefault(len(grid), []).append((target, grid_times, grid))
    for members in groups.values():
        values = np.stack([member[2] for member in members])
        none = np.zeros((0, *values.shape))
        model = Mixture(day, options.horizon)
        found = model.predict(model.fit(values, none), np.arange(1, options.horizon + 1), None)
        for row, (target, times, _) in enumerate(members):
            ahead = times[-1] + options.step * np.arange(1.0, options.horizon + 1)
            columns = zip(ahead, found.mean[row], found.lower[row], found.upper[row], strict=True)
            lines = (
                (_stamp(at), f"{mean:.9g}", f"{low:.9g}", f"{high:.9g}") for at, mean, low, high in columns
            )
            _write(target, ("timestamp", "mean", "lower", "upper"), lines)


def _trend(options: argparse.Namespace) -> None:
    for source, target in _files(options, ".json"):
        _, _, times, values = _read(source)
        step = round(float(np.median(np.diff(times))))
        _, grid = _regular(times, values, step)
        found = trends(grid[None], step * 1000, len(grid) * step * 1000)
        direction = found.direction[0]
        answer = {
            "trend": direction.value if direction else None,
            "slope_per_hour": _number(found.slope[0]),
            "lower": _number(found.lower[0]),
            "upper": _number(found.upper[0]),
            "confidence": _number(found.confidence[0]),
        }
        target.write_text(json.dumps(answer), "utf-8")


def _breach(options: argparse.Namespace) -> None:
    folder = options.input_dir
    given = json.loads((folder / "thresholds.json").read_text("utf-8")) if folder is not None else {}
    horizon_ms = parse_duration(options.horizon)
    for source, target in _files(options, ".json"):
        threshold = given.get(source.stem, options.threshold)
        if threshold is None:
            raise ConfigError("no threshold", str(source), "give --threshold, or name it in thresholds.json")
        _, _, times, values = _read(source)
        step = round(float(np.median(np.diff(times))))
        _, grid = _regular(times, values, step)
        limit = np.array([float(threshold)])
        found = breach(grid[None], step * 1000, limit, above=True, horizon_ms=horizon_ms)
        names = ("seconds", "lower", "upper", "probability")
        answer = {name: _number(getattr(found, name)[0]) for name in names}
        answer["probability"] = answer["probability"] or 0.0
        target.write_text(json.dumps(answer), "utf-8")


def _bench(options: argparse.Namespace) -> None:
    with np.load(options.input, allow_pickle=False) as file:
        times, values = file["times"], file["values"]
    step = int(times[1] - times[0])
    model = Mixture(max(DAY_S // step, 2), options.horizon)
    parts = []
    for at in range(0, len(values), BLOCK):
        block = values[at : at + BLOCK]
        none = np.zeros((0, *block.shape))
        before = model.fit(block[:, :-1], none[:, :, :-1])
        scores = model.score(before, block[:, -1:])[:, 0]
        found = model.predict(model.advance(before, block, none), np.arange(1, options.horizon + 1), None)
        parts.append((found.mean, found.lower, found.upper, scores))
    names = ("mean", "lower", "upper", "score")
    joined = {name: np.concatenate([part[k] for part in parts]) for k, name in enumerate(names)}
    np.savez(options.output, **joined)  # type: ignore[arg-type]  # its stub takes allow_pickle alone


def _files(options: argparse.Namespace, suffix: str) -> Iterator[tuple[Path, Path]]:
    if options.input_dir is None:
        yield options.input, options.output
        return
    for source in sorted(options.input_dir.glob("*.csv")):
        yield source, options.output_dir / f"{source.stem}{suffix}"


def _read(path: Path) -> tuple[list[str], list[str], Values, Values]:
    """Timestamps and values as written, then as Unix seconds and numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        texts = [row["timestamp"] for row in rows]
        cells = [row["value"] for row in rows]
        return (
            texts,
            cells,
            np.array([_seconds(text) for text in texts]),
            np.array([float(c or "nan") for c in cells]),
        )
    except OSError as error:
        raise ConfigError(error.strerror or str(error), str(path)) from None
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"not a CSV with timestamp and value: {error}", str(path)) from None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        when = datetime.fromisoformat(text.strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _stamp(seconds: float) -> str:
    return datetime.fromtimestamp(float(seconds), UTC).strftime("%Y-%m-%d %H:%M:%S")


def _regular(times: Values, values: Values, step: int) -> tuple[Values, Values]:
    """On an even grid: rows that are not there are missing samples."""
    slot = np.round((times - times[0]) / step).astype(np.int64)
    grid = np.full(int(slot.max()) + 1, np.nan)
    grid[slot] = values
    return times[0] + np.arange(len(grid)) * float(step), grid


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _write(path: Path, head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
