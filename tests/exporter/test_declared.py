"""Business figures against their declaration."""

from collections.abc import Mapping

import pytest

from exporter.declared import Declaration, admitted, name_fault
from promkit.exposition import Family, MetricType, Sample, counter, gauge, histogram
from promkit.labels import Labels
from tests.builders.sources import values

SCANS = "business_scans_per_minute"
A = gauge(SCANS, "Pushed.", ({"type": "a"}, 1.0))
B = gauge(SCANS, "Pushed.", ({"type": "b", "host": "x"}, 2.0))
BOTH = gauge(SCANS, "Pushed.", ({"type": "a"}, 1.0), ({"type": "b", "host": "x"}, 2.0))
TOTAL = counter("business_scans_total", "Pushed.", ({}, 7.0))
SPREAD = histogram("business_scan_seconds", "Pushed.", [({"type": "a"}, {1.0: 1, float("inf"): 2}, 3.5)])

CASES: dict[str, tuple[Declaration, str, Family, int, Mapping[tuple[str, str], int]]] = {
    "as declared": (Declaration(labels=("type",)), "sql/shop", A, 1, {}),
    "fewer labels": (Declaration(labels=("type", "host")), "push", A, 1, {}),
    "a label too many": (Declaration(labels=("type",)), "push", BOTH, 1, {(SCANS, "label"): 1}),
    "none with it": (Declaration(labels=("type",)), "push", B, 0, {(SCANS, "label"): 1}),
    "from its source": (Declaration(labels=("type",), source="sql/shop"), "sql/shop", A, 1, {}),
    "from its kind": (Declaration(labels=("type",), source="sql"), "sql/shop", A, 1, {}),
    "from another": (
        Declaration(labels=("type",), source="sql/shop"),
        "push",
        A,
        0,
        {(SCANS, "source"): 1},
    ),
    "another type": (Declaration(type="histogram"), "push", A, 0, {(SCANS, "type"): 1}),
    "a counter by its name": (Declaration(), "push", TOTAL, 1, {}),
    "a counter that is to be a gauge": (
        Declaration(type="gauge"),
        "push",
        TOTAL,
        0,
        {("business_scans_total", "type"): 1},
    ),
    "a histogram has le by itself": (Declaration(type="histogram", labels=("type",)), "push", SPREAD, 4, {}),
    "a histogram must be declared as one": (
        Declaration(labels=("type",)),
        "push",
        SPREAD,
        0,
        {("business_scan_seconds", "type"): 4},
    ),
}


@pytest.mark.parametrize(
    ("declaration", "source", "family", "kept", "left_out"), CASES.values(), ids=list(CASES)
)
def test_admitted(
    declaration: Declaration,
    source: str,
    family: Family,
    kept: int,
    left_out: Mapping[tuple[str, str], int],
) -> None:
    names = (SCANS, "business_scans_total", "business_scan_seconds")
    other = gauge("business_other", "Other.", ({"any": "label"}, 9.0))
    shown, found = admitted(dict.fromkeys(names, declaration), source, [other, family])
    assert shown[0] is other  # what is not declared is taken as it comes
    assert len(values(shown)) == kept + 1
    assert found == left_out


def test_the_declaration_says_what_it_is() -> None:
    declaration = Declaration(help="Scans that ended.", unit="per_minute", labels=("type",))
    ((family,), _) = admitted({SCANS: declaration}, "push", [A])
    assert (family.help, family.unit) == ("Scans that ended.", "per_minute")
    ((family,), _) = admitted({SCANS: Declaration(labels=("type",))}, "push", [A])
    assert family.help == "Pushed."


UNTYPED = {SCANS: (SCANS, MetricType.GAUGE), "business_scans_total": ("business_scans", MetricType.COUNTER)}


@pytest.mark.parametrize(("name", "expected"), UNTYPED.items())
def test_a_page_without_types_gets_the_declared_one(name: str, expected: tuple[str, MetricType]) -> None:
    untyped = Family(name, MetricType.UNTYPED, "", (Sample(name, Labels(), 1.0),))
    ((family,), left_out) = admitted({name: Declaration()}, "push", [untyped])
    assert ((family.name, family.type), left_out) == (expected, {})


NAMES: dict[str, tuple[str, Declaration, str | None]] = {
    "fine": (SCANS, Declaration(unit="per_minute"), None),
    "a counter": ("business_scans_total", Declaration(type="counter"), None),
    "a counter's unit stands before its end": (
        "business_scan_seconds_total",
        Declaration(unit="seconds"),
        None,
    ),
    "another's name": ("app_scans", Declaration(), "is called business_…, not 'app_scans'"),
    "a counter without its end": (SCANS, Declaration(type="counter"), "a counter ends in _total"),
    "a gauge with a counter's end": (
        "business_scans_total",
        Declaration(type="gauge"),
        "a counter ends in _total",
    ),
    "another unit": (SCANS, Declaration(unit="seconds"), "does not end with its unit, 'seconds'"),
    "no metric's name": ("business_a-b", Declaration(), "metric name not allowed"),
}


@pytest.mark.parametrize(("name", "declaration", "why"), NAMES.values(), ids=NAMES)
def test_names(name: str, declaration: Declaration, why: str | None) -> None:
    fault = name_fault(name, declaration)
    assert fault is None if why is None else why in str(fault)
