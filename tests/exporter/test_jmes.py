"""Paths into documents."""

import sys

import pytest

from exporter.jmes import Path, check
from promkit.errors import Unavailable

DOCUMENT = {"queues": [{"name": "a", "zone": "z", "n": 3}, {"name": "b", "n": 4}], "ok": True, "e.t": 1}
FOUND = {
    "ok": True,
    "none": None,
    "queues[0].n": 3,
    "queues[?n > `3`].name | [0]": "b",
    "length(queues)": 2,
    "sum(queues[].n)": 7,
    "join('-', [queues[0].zone, queues[0].name])": "z-a",
    '"e.t"': 1,
}


@pytest.mark.parametrize(("path", "expected"), FOUND.items())
def test_search(path: str, expected: object) -> None:
    check(path)
    assert Path(path).search(DOCUMENT) == expected


@pytest.mark.parametrize("path", ["", "a.", "[", "a[?", "f(", "nosuch('a'"])
def test_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="is no JMESPath: ") as raised:
        check(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("path", ["sum(ok)", "join('-', [ok])", "nosuch(ok)"])
def test_what_a_function_cannot_take(path: str) -> None:
    with pytest.raises(Unavailable, match=r"\(") as raised:
        Path(path).search(DOCUMENT)
    assert "\n" not in str(raised.value)


def test_a_library_that_is_missing_is_said_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jmespath", None)
    check("a.")
