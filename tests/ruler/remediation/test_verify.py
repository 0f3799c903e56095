"""A character a look, 10 s apart: + holds, - does not, ? not told; out: p pending, r recovered, f failed."""

import numpy as np
import pytest

from promkit.labels import Labels
from ruler.promql.result import Result, Scalar, String, Vector
from ruler.remediation.verify import Judgement, Watch, holds, judge, recovered
from ruler.rules import Verify

STEP_MS = 10_000
SEEN = {"+": True, "-": False, "?": None}

TIMELINES = {
    "at the first look": (Verify(within_ms=60_000), "+", "r"),
    "as soon as it holds": (Verify(within_ms=60_000), "--+", "ppr"),
    "for a while": (Verify(within_ms=60_000, for_ms=20_000), "-+++", "pppr"),
    "a relapse begins anew": (Verify(within_ms=60_000, for_ms=20_000), "++-++", "ppppp"),
    "not in time": (Verify(within_ms=30_000), "---", "ppf"),
    "held, but not long enough": (Verify(within_ms=30_000, for_ms=20_000), "-++", "ppf"),
    "the last look counts": (Verify(within_ms=30_000), "--+", "ppr"),
    "what cannot be told is no yes": (Verify(within_ms=30_000, for_ms=10_000), "+?+", "ppf"),
    "never to be told": (Verify(within_ms=20_000), "??", "pf"),
}


@pytest.mark.parametrize("case", TIMELINES)
def test_looks(case: str) -> None:
    verify, looks, expected = TIMELINES[case]
    watch, told = Watch(since_ms=0), ""
    for number, sign in enumerate(looks, 1):
        watch, judgement = judge(verify, watch, seen=SEEN[sign], now_ms=number * STEP_MS)
        told += judgement.value[0]
    assert told == expected
    assert Judgement.RECOVERED.value[0] == "r"


ALERT = Labels({"alertname": "Slow", "component": "api", "severity": "high"})


def vector(*series: dict[str, str]) -> Result:
    labels = [Labels({"__name__": "m", **one}) for one in series]
    return Result(Vector(0, labels, np.zeros(len(series))))


HOLDS = {
    "its own series": (vector({"component": "api"}), True),
    "another's": (vector({"component": "web"}), False),
    "one of several": (vector({"component": "web"}, {"component": "api"}), True),
    "a series of all": (vector({}), True),
    "a series with labels the alert has not": (vector({"region": "eu"}), True),
    "no series": (vector(), False),
    "a number": (Result(Scalar(0, 1.0)), True),
    "zero": (Result(Scalar(0, 0.0)), False),
    "not a number": (Result(Scalar(0, float("nan"))), False),
    "a text": (Result(String(0, "yes")), False),
}


@pytest.mark.parametrize("case", HOLDS)
def test_an_expression_holds_for_an_alert_by(case: str) -> None:
    result, expected = HOLDS[case]
    assert holds(result, ALERT) is expected


def test_absence_is_no_recovery() -> None:
    assert recovered(present=True, breached=False) is True
    assert recovered(present=True, breached=True) is False
    assert recovered(present=False, breached=False) is None
    assert recovered(present=None, breached=False) is None
    assert recovered(present=True, breached=None) is None
