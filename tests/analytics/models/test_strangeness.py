import numpy as np
import pytest

from analytics.arrays import Values, fill
from analytics.models import RECENT
from analytics.models.strangeness import VIEWS, assess, fit
from tests.builders.made_history import DAY, a_wave, times_until

DAYS = 14
TIMES = times_until(steps=(DAYS + 1) * DAY)
SERIES = a_wave(TIMES, noise=0.01)
CUT = DAYS * DAY


def judged(values: Values) -> tuple[Values, list[str]]:
    """Scores of the last day, by what was before; the views that gave them."""
    past = values[None, :CUT]
    state = fit(past, fill(past), DAY) | {RECENT: past}
    found = assess(state, values[None, CUT:], DAY)
    return found.score[0], [VIEWS[int(view)].name for view in found.view[0]]


def with_(change: str) -> Values:
    values = SERIES.copy()
    noon = slice(CUT + DAY // 2, CUT + DAY // 2 + 36)
    match change:
        case "spike":
            values[noon.start] = 1.5
        case "silence by day":
            values[noon] = 0.2
        case "noise":
            values[noon] += np.random.default_rng(1).normal(0, 0.15, 36)
        case "shift":
            values[noon.start :] += 0.15
    return values


@pytest.mark.parametrize(
    ("change", "views"),
    [
        ("spike", {"value", "surprise", "restless"}),
        ("silence by day", {"surprise"}),  # a value that is usual by night
        ("noise", {"surprise", "restless", "restless for hours"}),
        ("shift", {"surprise", "value"}),
    ],
)
def test_each_fault_is_seen_by_a_view(change: str, views: set[str]) -> None:
    scores, seen = judged(with_(change))
    worst = int(scores.argmax())
    assert scores[worst] > 0.5
    assert DAY // 2 <= worst < DAY // 2 + 36
    assert seen[worst] in views


def test_what_is_usual_is_not_strange() -> None:
    scores, _ = judged(SERIES)
    assert scores.max() < 0.5


def test_the_usual_value_is_that_of_the_hour() -> None:
    past = SERIES[None, :CUT]
    found = assess(fit(past, past, DAY) | {RECENT: past}, SERIES[None, CUT:], DAY)
    assert found.expected[0] == pytest.approx(SERIES[CUT:], abs=0.06)


def test_scores_look_back_only() -> None:
    values = with_("noise")
    whole, _ = judged(values)
    for rows in (150, 200):
        part, _ = judged(values[: CUT + rows])
        assert part == pytest.approx(whole[:rows], abs=1e-9)


def test_a_young_series_is_not_judged_by_what_was_filled_in() -> None:
    young = SERIES[None, :CUT].copy()
    young[0, : CUT - DAY] = np.nan
    state = fit(young, fill(young, DAY), DAY)
    assert state["view_age"][0] == DAY
    assert np.isnan(state["view_high"][2, 0]), "there was no day before to be surprised against"
    found = assess(state | {RECENT: fill(young, DAY)}, SERIES[None, CUT:], DAY)
    assert found.score.max() < 0.5
