import math
import re
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from ruler.store import ABSENT, Times
from ruler.ui.chart import Limit, Line, Style, line_chart

MINUTE = 60_000


def times(count: int = 4) -> Times:
    return np.arange(count, dtype=np.int64) * MINUTE


def line(*values: Any, name: str = "one") -> Line:
    return Line(name, np.array(values, np.float64))


def parsed(markup: str) -> ET.Element:
    return ET.fromstring(f"<div>{markup}</div>")


def texts(markup: str, kind: str) -> list[str]:
    return [one.text or "" for one in parsed(markup).iter("text") if one.get("class") == kind]


def paths(markup: str) -> list[str]:
    return [one.get("d") or "" for one in parsed(markup).iter("path") if "line" in (one.get("class") or "")]


def test_it_has_a_scale_instants_and_a_legend_with_the_latest_value() -> None:
    markup = line_chart("CPU", times(), [line(0.1, 0.2, 0.4, 0.3)], Style("ratio", reach=1))
    shown = texts(markup, "axis")
    assert shown[:5] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert all(re.fullmatch(r"\d\d:\d\d(:\d\d)?", text) for text in shown[5:])
    assert len(shown) > 6
    legend = "".join(next(parsed(markup).iter("ul")).itertext())
    assert legend.split() == ["one", "30", "%"]


EMPTY = {
    "no lines": [],
    "nothing but gaps": [line(ABSENT, ABSENT, ABSENT, ABSENT)],
    "no number": [line(math.nan, math.nan, math.nan, math.nan)],
    "beyond all numbers": [line(math.inf, -math.inf, math.inf, math.inf)],
}


@pytest.mark.parametrize("name", EMPTY)
def test_without_data_it_says_so(name: str) -> None:
    markup = line_chart("CPU & more", times(), EMPTY[name], Style("ratio"))
    assert "".join(parsed(markup).itertext()) == "No data yet for CPU & more."


def test_a_gap_in_the_data_is_a_gap_in_the_line() -> None:
    (path,) = paths(line_chart("t", times(), [line(1, ABSENT, 3, 4)], Style()))
    assert path.count("M") == 2
    assert path.count("L") == 1


def test_a_lone_point_shows() -> None:
    (path,) = paths(line_chart("t", times(), [line(ABSENT, 2, ABSENT, ABSENT)], Style()))
    assert re.fullmatch(r"M[\d.]+ [\d.]+h\.1", path)


def test_what_comes_from_outside_is_escaped() -> None:
    evil = '"><script>alert(1)</script>'
    markup = line_chart(evil, times(), [line(1, 2, 3, 4, name=evil)], Style())
    assert "<script" not in markup
    assert not any(one.tag == "script" for one in parsed(markup).iter())
    assert evil in (next(parsed(markup).iter("div")).find("div").get("aria-label") or "")  # type: ignore[union-attr]


def test_lines_stay_inside_the_box_whatever_they_are() -> None:
    for values in ((5, 5, 5, 5), (-1, 0, -3, -2), (1e-9, 2e-9, 0, 0), (1e18, 3e18, 2e18, 0)):
        (path,) = paths(line_chart("t", times(), [line(*values)], Style("bytes")))
        for x, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path):
            assert 0 <= float(x) <= 1000
            assert 0 <= float(y) <= 180


def test_the_threshold_is_drawn_and_named_even_where_no_value_comes_near() -> None:
    markup = line_chart("t", times(), [line(0.01, 0.01, 0.02, 0.01)], Style("ratio", limits=[Limit(0.8)]))
    (limit,) = [one for one in parsed(markup).iter("line") if one.get("class") == "threshold critical"]
    assert 0 < float(limit.get("y1") or 0) < 180
    assert "80 %" in "".join(next(parsed(markup).iter("ul")).itertext())


def test_its_label_reads_the_latest_values() -> None:
    markup = line_chart("Load", times(), [line(1, 2, 3, 4), line(1, 1, 1, ABSENT, name="two")], Style())
    assert 'aria-label="Load. Latest: one: 4; two: 1"' in markup


def test_long_legends_end() -> None:
    many = [line(1, 2, 3, n, name=f"series {n}") for n in range(30)]
    legend = [("".join(one.itertext())) for one in parsed(line_chart("t", times(), many, Style())).iter("li")]
    assert len(legend) == 13
    assert legend[-1] == "and 18 more"


SPANS = {
    "a minute": (60_000, r"\d\d:\d\d:\d\d"),
    "an hour": (3_600_000, r"\d\d:\d\d"),
    "a week": (7 * 86_400_000, r"\d\d \w\w\w"),
    "a year": (365 * 86_400_000, r"\d\d \w\w\w"),
}


@pytest.mark.parametrize("name", SPANS)
def test_instants_fit_the_span(name: str) -> None:
    span_ms, form = SPANS[name]
    at = np.linspace(1_700_000_000_000, 1_700_000_000_000 + span_ms, 5).astype(np.int64)
    instants = [
        t for t in texts(line_chart("t", at, [line(1, 2, 3, 4, 5)], Style()), "axis") if re.search(form, t)
    ]
    assert 2 <= len(instants) <= 13


def test_one_instant_alone_is_drawn() -> None:
    assert len(paths(line_chart("t", times(1), [line(3)], Style()))) == 1


def classed(markup: str, kind: str) -> list[ET.Element]:
    return [one for one in parsed(markup).iter() if kind in (one.get("class") or "").split()]


def heights(path: str) -> list[float]:
    """How high each point of a line is, from the bottom of what is drawn, as a share."""
    return [round((158 - float(y)) / 150, 3) for _, y in re.findall(r"[ML]([\d.-]+) ([\d.-]+)", path)]


def test_a_scale_with_fixed_ends_holds_what_lies_beyond_at_its_end() -> None:
    markup = line_chart("t", times(), [line(5, 10, 30, 15)], Style(low=10, high=20))
    (path,) = paths(markup)
    assert heights(path) == [0, 0, 1, 0.5]
    assert texts(markup, "axis")[0] == "10"
    assert "20" in texts(markup, "axis")


def test_stacked_lines_stand_upon_one_another() -> None:
    markup = line_chart("t", times(), [line(1, 1, 1, 1), line(2, ABSENT, 2, 2)], Style(high=4, stacked=True))
    assert [heights(path) for path in paths(markup)] == [[0.25] * 4, [0.75, 0.25, 0.75, 0.75]]
    assert len(classed(markup, "area")) == 2
    assert "<b>2</b>" in markup  # the legend has each line's own value


def test_an_area_has_the_gaps_of_its_line() -> None:
    markup = line_chart("t", times(5), [line(1, 1, ABSENT, 1, 1)], Style(filled=True))
    (area,) = classed(markup, "area")
    assert (area.get("d") or "").count("Z") == 2


def test_what_lies_beyond_a_threshold_is_shaded_on_its_side() -> None:
    limits = [Limit(3, "high", name="high"), Limit(1, "low", falling=True, name="low")]
    markup = line_chart("t", times(), [line(2, 2, 2, 4)], Style(limits=limits, bands=True))
    above, below = classed(markup, "band")
    assert (above.get("class"), below.get("class")) == ("band high", "band low")
    assert float(above.get("y") or 0) < float(below.get("y") or 0)
    assert "high <b>3</b>" in markup


def test_a_far_threshold_is_named_and_does_not_flatten_the_line() -> None:
    markup = line_chart("t", times(), [line(1, 2, 1, 2)], Style(limits=[Limit(500)], bands=True))
    assert classed(markup, "threshold") == []
    assert "<b>500</b>" in markup
    assert max(heights(paths(markup)[0])) > 0.5


def test_decimals_height_and_no_legend() -> None:
    markup = line_chart("t", times(), [line(1, 2, 3, 4)], Style("ratio", decimals=2, height=90, legend=False))
    assert "<ul" not in markup
    assert 'height="90"' in markup
    assert "400.00 %" in texts(markup, "axis")


def test_a_unit_of_its_own_is_told_in_the_legend_and_leaves_the_ticks_short() -> None:
    markup = line_chart("t", times(), [line(1, 2, 3, 4)], Style("packets/s"))
    assert texts(markup, "axis")[:2] == ["0", "1"]
    assert "<b>4 packets/s</b>" in markup
