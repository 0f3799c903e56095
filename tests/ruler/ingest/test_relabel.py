"""Each action of relabelling, as Prometheus' own tests have them."""

from typing import Any

import pytest
from pydantic import ValidationError

from promkit.labels import Labels
from ruler.ingest.relabel import RelabelConfig, relabel

A = {"a": "foo", "b": "bar", "c": "baz"}
CASES: dict[str, tuple[dict[str, str], list[dict[str, Any]], dict[str, str] | None]] = {
    "replace": (
        A,
        [{"source_labels": ["a"], "regex": "f(.*)", "target_label": "d", "replacement": "ch${1}-ch${1}"}],
        {**A, "d": "choo-choo"},
    ),
    "replace, no match": (A, [{"source_labels": ["a"], "regex": "x", "target_label": "d"}], A),
    "replace joins": (
        A,
        [{"source_labels": ["a", "b"], "separator": "@", "target_label": "d", "replacement": "$1"}],
        {**A, "d": "foo@bar"},
    ),
    "an empty result removes": (A, [{"source_labels": ["x"], "target_label": "a"}], {"b": "bar", "c": "baz"}),
    "the target may have a group": (
        A,
        [{"source_labels": ["a"], "regex": "(f).*", "target_label": "${1}x", "replacement": "y"}],
        {**A, "fx": "y"},
    ),
    "an invalid target is left alone": (
        A,
        [{"source_labels": ["a"], "regex": "(.*)", "target_label": "${1}-x", "replacement": "y"}],
        A,
    ),
    "a name runs on": (A, [{"source_labels": ["a"], "target_label": "d", "replacement": "$1x"}], A),
    "dollars": (A, [{"target_label": "d", "replacement": "$$1"}], {**A, "d": "$1"}),
    "keep": (A, [{"source_labels": ["a"], "regex": "f.o", "action": "keep"}], A),
    "keep, no match": (A, [{"source_labels": ["a"], "regex": "fo", "action": "keep"}], None),
    "drop": (A, [{"source_labels": ["a"], "regex": ".*o.*", "action": "drop"}], None),
    "keepequal": (A, [{"source_labels": ["a"], "target_label": "b", "action": "keepequal"}], None),
    "dropequal": (A, [{"source_labels": ["a"], "target_label": "b", "action": "dropequal"}], A),
    "hashmod": (
        A,
        [{"source_labels": ["c"], "target_label": "d", "action": "hashmod", "modulus": 1000}],
        {**A, "d": "976"},
    ),
    "labelmap": (
        {"a": "foo", "b1": "x"},
        [{"regex": "b(.*)", "replacement": "c$1", "action": "labelmap"}],
        {"a": "foo", "b1": "x", "c1": "x"},
    ),
    "labeldrop": (A, [{"regex": "a|b", "action": "labeldrop"}], {"c": "baz"}),
    "labelkeep": (A, [{"regex": "a|b", "action": "labelkeep"}], {"a": "foo", "b": "bar"}),
    "lowercase": (
        {"a": "FoO"},
        [{"source_labels": ["a"], "target_label": "b", "action": "Lowercase"}],
        {"a": "FoO", "b": "foo"},
    ),
    "uppercase": (
        {"a": "FoO"},
        [{"source_labels": ["a"], "target_label": "b", "action": "uppercase"}],
        {"a": "FoO", "b": "FOO"},
    ),
    "one after the other": (
        A,
        [{"target_label": "d", "replacement": "x"}, {"source_labels": ["d"], "regex": "x", "action": "drop"}],
        None,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_relabel(name: str) -> None:
    labels, steps, expected = CASES[name]
    found = relabel(Labels(labels), [RelabelConfig.model_validate(step) for step in steps])
    assert found == (None if expected is None else Labels(expected))


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        ({"regex": "("}, "is no regular expression"),
        ({"action": "replace"}, "needs target_label"),
        ({"action": "hashmod", "target_label": "a"}, "needs a modulus"),
        ({"action": "explode"}, "action"),
    ],
)
def test_what_makes_no_sense_is_refused(step: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        RelabelConfig.model_validate(step)
