"""Dashboards of elsewhere: which kind it is, and what is none."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lumina.dashboards import imported
from promkit.errors import ConfigError

NONE: dict[str, dict[str, Any]] = {
    "an empty object": {},
    "something else": {"apiVersion": 1, "providers": []},
    "panels that are no list": {"panels": {}},
    "panels that are no objects": {"panels": [1, "a", None]},
}


@pytest.mark.parametrize("document", NONE.values(), ids=NONE)
def test_what_is_no_dashboard_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ConfigError) as fault:
        imported(document, "theirs.json")
    assert str(fault.value).startswith("theirs.json: ")


KEYS = (
    *("title", "type", "targets", "expr", "gridPos", "x", "y", "w", "h", "fieldConfig", "defaults", "unit"),
    *("thresholds", "steps", "color", "value", "metric", "position", "config", "min", "datasource", "name"),
    *("templating", "list", "query", "current", "refreshInterval", "timeRange", "legendFormat", "dashboard"),
)
WORDS = ("line", "timeseries", "stat", "up", "app.error_rate", "label_values(up, job)", "red", "s", "query")
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=25,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["panels", "widgets", "title", *KEYS]), ANY))
def test_any_json_is_read_or_refused(document: dict[str, Any]) -> None:
    with suppress(ConfigError):
        assert imported(document, "theirs.json").id
