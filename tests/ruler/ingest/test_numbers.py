"""Many numbers at once are what each would be by itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ruler.ingest.numbers import numbers

one = st.one_of(
    st.floats().map(repr),
    st.integers(-(10**30), 10**30).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.sampled_from(
        ["NaN", "+Inf", "-Inf", "Inf", "-0", "0", "-0.0", "1e5", "1E+5", ".5", "5.", "+1", "007", "1e400"]
    ),
)


@given(st.lists(one, max_size=20))
def test_they_are_what_float_makes_of_each(texts: list[str]) -> None:
    expected = np.array([float(text) for text in texts])
    assert numbers([text.encode() for text in texts]).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "bad", [b"", b"x", b"1_0", b"1,2", b"[1]", b"true", b"null", b'"1"', b"aNa", b"--1", b"1e"]
)
def test_what_is_no_number_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        numbers([b"1", bad, b"2"])
