import json
from pathlib import Path

import numpy as np
import pytest

from analytics.arrays import Values
from analytics.main import run
from tests.builders.made_history import a_wave, times_until

STEP = 300
ROWS = 6 * 288


def write(path: Path, values: Values, *, stamps: bool = True) -> Path:
    lines = ["timestamp,value"]
    for at, value in zip(times_until(steps=len(values)) // 1000, values, strict=True):
        text = str(np.datetime64(int(at), "s")).replace("T", " ") if stamps else str(at)
        lines.append(f"{text},{'' if np.isnan(value) else f'{value:.6f}'}")
    path.write_text("\n".join(lines) + "\n")
    return path


def columns(path: Path) -> list[list[str]]:
    return [line.split(",") for line in path.read_text().splitlines()]


def made() -> Values:
    return a_wave(times_until(steps=ROWS))


def detect(source: Path, target: Path) -> list[float]:
    assert run(["detect", "--input", str(source), "--output", str(target)]) == 0
    return [float(row[2]) for row in columns(target)[1:]]


def test_detect_scores_each_row_and_raises_an_alarm_once(tmp_path: Path) -> None:
    values = made()
    values[1500:1510] = 1.5
    values[700] = np.nan
    source = write(tmp_path / "in.csv", values)
    scores = detect(source, tmp_path / "out.csv")
    rows = columns(tmp_path / "out.csv")
    assert rows[0] == ["timestamp", "value", "anomaly_score"]
    assert [row[:2] for row in rows] == columns(source)
    assert scores[1500] > 0.5
    assert max(scores[1501:]) < 0.5
    assert max(scores[600:1500]) < 0.5
    assert scores[700] == 0


def test_detect_never_looks_ahead(tmp_path: Path) -> None:
    values = made()
    values[900:] += 0.5
    whole = detect(write(tmp_path / "a.csv", values), tmp_path / "a.out")
    part = detect(write(tmp_path / "b.csv", values[:1000]), tmp_path / "b.out")
    # The copy ends earlier, so its stamps differ; the rows are the same.
    assert part == pytest.approx(whole[:1000], abs=1e-9)


@pytest.mark.parametrize("rows", [1, 2, 40])
def test_detect_takes_what_is_there(tmp_path: Path, rows: int) -> None:
    scores = detect(write(tmp_path / "in.csv", made()[:rows]), tmp_path / "out.csv")
    assert scores == [0] * rows


def test_forecast_goes_on_where_the_files_end(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.csv", made(), stamps=name == "a")
    out = tmp_path / "out"
    out.mkdir()
    argv = [
        "forecast",
        "--input-dir",
        str(tmp_path),
        "--output-dir",
        str(out),
        "--horizon",
        "12",
        "--step",
        str(STEP),
    ]
    assert run(argv) == 0
    for name in ("a", "b"):
        rows = columns(out / f"{name}.csv")
        assert rows[0] == ["timestamp", "mean", "lower", "upper"]
        assert len(rows) == 13
        assert rows[1][0].endswith("00:05:00")
        assert all(float(low) <= float(mean) <= float(high) for _, mean, low, high in rows[1:])
        assert float(rows[12][1]) == pytest.approx(0.22, abs=0.05)


def test_trend_and_breach_answer_in_json(tmp_path: Path) -> None:
    rising = np.linspace(0.5, 0.8, ROWS) + 0.0001 * made()
    write(tmp_path / "a.csv", rising)
    out = tmp_path / "out"
    out.mkdir()
    folders = ["--input-dir", str(tmp_path), "--output-dir", str(out)]
    assert run(["trend", *folders]) == 0
    trend = json.loads((out / "a.json").read_text())
    assert trend["trend"] == "increasing"
    assert trend["slope_per_hour"] == pytest.approx(0.3 / 144, rel=0.05)
    (tmp_path / "thresholds.json").write_text('{"a": 0.85}')
    assert run(["breach", *folders, "--horizon", "72h"]) == 0
    breach = json.loads((out / "a.json").read_text())
    assert breach["seconds"] == pytest.approx(86_400, rel=0.1)
    assert breach["probability"] > 0.9


def test_bench_forecasts_and_scores_many(tmp_path: Path) -> None:
    values = np.array([a_wave(times_until(steps=3 * 288), seed=seed) for seed in range(5)])
    values[2, -1] = 9
    np.savez(tmp_path / "in.npz", times=times_until(steps=3 * 288) // 1000, values=values)
    out = tmp_path / "out.npz"
    assert run(["bench", "--input", str(tmp_path / "in.npz"), "--horizon", "24", "--output", str(out)]) == 0
    with np.load(out) as found:
        assert found["mean"].shape == (5, 24)
        assert found["score"].argmax() == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "timestamp"),
        ("timestamp,value\nnoon,1\n", "noon"),
        ("timestamp,value\n1,much\n", "much"),
    ],
)
def test_a_file_that_is_none_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(text)
    assert run(["detect", "--input", str(path), "--output", str(tmp_path / "out.csv")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert str(path) in error
    assert error.count("\n") == 1
