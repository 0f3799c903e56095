"""What a rule may pass to an action, and what never reaches a program."""

from typing import Any

import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.remediation.parameters import (
    Declared,
    check,
    fill,
    from_labels,
    placeholders,
    settle,
    target_of,
    targets_declared,
)

SERVICE = {"enum": ["api", "worker"], "target": True}
HOST = {"pattern": "[a-z0-9.-]+"}
COUNT = {"type": "int", "min": 1, "max": 4}


def declare(**parameters: dict[str, Any]) -> dict[str, Declared]:
    return {name: Declared(**{**one, **_tuple(one)}) for name, one in parameters.items()}


def _tuple(one: dict[str, Any]) -> dict[str, Any]:
    return {"enum": tuple(one["enum"])} if "enum" in one else {}


REFUSED: dict[str, Any] = {
    "not listed": ({"x": SERVICE}, {"x": "db"}, "'db' is not allowed: one of api, worker"),
    "missing": ({"x": SERVICE}, {}, "parameter 'x' is missing"),
    "undeclared": ({"x": SERVICE}, {"x": "api", "y": 1}, "unknown parameter 'y': declared parameters: x"),
    "no pattern match": ({"x": HOST}, {"x": "a b"}, "does not match the pattern"),
    "a whole match only": ({"x": HOST}, {"x": "web1;reboot"}, "does not match the pattern"),
    "an option": ({"x": HOST}, {"x": "--force"}, "begins with '-'"),
    "a line feed": ({"x": {"pattern": "(?s).*"}}, {"x": "a\nb"}, "control characters"),
    "a null byte": ({"x": {"pattern": "(?s).*"}}, {"x": "a\0b"}, "control characters"),
    "too long": ({"x": {"pattern": ".*"}}, {"x": "a" * 2000}, "longer than 1024"),
    "below": ({"n": COUNT}, {"n": 0}, "from 1 to 4"),
    "above": ({"n": COUNT}, {"n": 5}, "from 1 to 4"),
    "a text for a number": ({"n": COUNT}, {"n": "2"}, "not of type int"),
    "a fraction for a whole": ({"n": COUNT}, {"n": 1.5}, "not of type int"),
    "a yes for a number": ({"n": COUNT}, {"n": True}, "not of type int"),
    "not a number": ({"n": {"type": "float", "min": 0, "max": 1}}, {"n": float("nan")}, "not allowed"),
    "a number for a yes": ({"b": {"type": "bool"}}, {"b": 1}, "not of type bool"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_operator_did_not_allow_is_refused(case: str) -> None:
    declared, parameters, problem = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        check(declare(**declared), parameters)
    assert problem in str(caught.value)


ALLOWED: dict[str, Any] = {
    "listed": ({"x": SERVICE}, {"x": "api"}),
    "a match": ({"x": HOST}, {"x": "web1.example"}),
    "an option that is listed": ({"x": {"enum": ["--fast"]}}, {"x": "--fast"}),
    "both bounds are inside": ({"n": COUNT, "m": COUNT}, {"n": 1, "m": 4}),
    "a default": ({"n": {**COUNT, "default": 2}}, {}),
    "a whole for a float": ({"n": {"type": "float", "min": 0, "max": 9}}, {"n": 3}),
    "a label, whose value comes later": ({"x": SERVICE}, {"x": "{{ $labels.service }}"}),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_the_operator_allowed_passes(case: str) -> None:
    declared, parameters = ALLOWED[case]
    check(declare(**declared), parameters)


DECLARATIONS: dict[str, Any] = {
    "a text without bounds": ({}, "needs `enum` or `pattern`"),
    "a number without bounds": ({"type": "int", "min": 1}, "needs `min` and `max`"),
    "a default outside": ({**COUNT, "default": 9}, "from 1 to 4"),
    "an enum of another type": ({"type": "int", "enum": ("a",)}, "not of type int"),
    "a broken pattern": ({"pattern": "("}, "not a regular expression"),
}


@pytest.mark.parametrize("case", DECLARATIONS)
def test_a_declaration_must_bound_its_values(case: str) -> None:
    declaration, problem = DECLARATIONS[case]
    with pytest.raises(ValidationError, match=problem.replace("(", r"\(")):
        Declared(**declaration)


def test_a_label_takes_its_place_and_is_then_checked() -> None:
    declared = declare(x=SERVICE)
    parameters = from_labels({"x": "{{ $labels.service }}"}, Labels({"service": "worker"}))
    assert settle(declared, parameters) == {"x": "worker"}
    with pytest.raises(ConfigError, match="no label 'service'"):
        from_labels({"x": "{{$labels.service}}"}, Labels())
    with pytest.raises(ConfigError, match="not allowed"):
        settle(declared, from_labels({"x": "{{ $labels.service }}"}, Labels({"service": "$(reboot)"})))
    with pytest.raises(ConfigError, match="comes from a label"):
        settle(declared, {"x": "{{ $labels.service }}"})


def test_a_label_that_looks_like_a_reference_is_not_followed() -> None:
    labels = Labels({"a": "{{ $labels.b }}", "b": "api"})
    with pytest.raises(ConfigError, match="comes from a label"):
        settle(declare(x=SERVICE), from_labels({"x": "{{ $labels.a }}"}, labels))


def test_places_are_filled_once() -> None:
    assert fill("--unit={x}.service", {"x": "{y}", "y": "no"}) == "--unit={y}.service"
    assert fill("{{{x}}}", {"x": True}) == "{true}"
    assert placeholders("{a}{{b}}{c}") == ["a", "c"]
    with pytest.raises(ConfigError, match="lone"):
        placeholders("{a")


def test_targets() -> None:
    declared = declare(x=SERVICE, n=COUNT)
    assert target_of(declared, {"x": "api", "n": 2}) == "api"
    assert targets_declared(declared) == 2
    assert target_of(declare(n=COUNT), {"n": 2}) == ""
    assert targets_declared(declare(x={"pattern": "a+", "target": True})) == 1
