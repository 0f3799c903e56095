"""History from OpenMetrics text."""

from pathlib import Path

import pytest

from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.ingest import import_openmetrics
from tests.builders.store import a_series, a_store, samples, selector

TEXT = b"""# HELP x Help.
# TYPE x gauge
x{a="1"} 5 1700000000.5
x{a="1"} 6 1699999999
x{a="2"} NaN -10
y_total 7 1e9 # {trace="t"} 1 2
# EOF
"""


def test_samples_of_any_age_and_order_are_stored(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    imported = import_openmetrics(store, TEXT.splitlines(keepends=True), now_ms=1_700_000_100_000)
    assert (imported.samples, imported.series, imported.first_ms, imported.last_ms, imported.rejected) == (
        4, 3, -10_000, 1_700_000_000_500, 0,
    )  # fmt: skip
    assert samples(store, selector(a="1")) == {
        a_series(a="1"): [(1_699_999_999_000, 6.0), (1_700_000_000_500, 5.0)]
    }
    assert samples(store, selector("y_total")) == {Labels({"__name__": "y_total"}): [(10**12, 7.0)]}
    assert store.metadata()["x"] == ("gauge", "Help.", "")
    again = import_openmetrics(store, TEXT.splitlines(keepends=True), now_ms=1_700_000_100_000)
    assert again.rejected == 0
    assert len(samples(store, selector(a="1"))[a_series(a="1")]) == 2
    store.close()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"x 1", "without a timestamp"),
        (b"x 1 soon", "not a number"),
        (b"x{ 1 2", "label"),
        (b"x 1 1e300", "timestamp"),
    ],
)
def test_faults_name_their_line(line: bytes, problem: str) -> None:
    with pytest.raises(ConfigError, match=f"^h.om:3.*{problem}"):
        import_openmetrics(a_store(), [b"x 1 1\n", b"\n", line + b"\n", b"# EOF\n"], source="h.om", now_ms=0)
