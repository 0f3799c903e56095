"""What is printed: for people, for programs."""

import pytest

from lumina.output import age, figure, print_table


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (-5, "0s"), (59_999, "59s"), (61_000, "1m1s"), (3_600_000, "1h"), (90_061_000, "1d1h")],
)
def test_ages(ms: int, text: str) -> None:
    assert age(ms) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (0.123456, "0.1235"), (12_345.6, "1.235e+04"), (3.0, "3")]
)
def test_figures(value: float | None, text: str) -> None:
    assert figure(value) == text


def test_a_table_in_a_pipe_is_plain_and_never_cut(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["SERIES", "VALUE"], [("[bold]" + "x" * 300, "1")], "none")
    out, err = capsys.readouterr()
    assert "[bold]" + "x" * 300 in out
    assert "\x1b" not in out
    assert err == ""


def test_an_empty_table_is_talk(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["A"], [], "no series")
    assert capsys.readouterr() == ("", "no series\n")
