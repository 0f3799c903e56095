"""Pages by tokens and by lines."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promkit.exposition import ExpositionError
from promkit.labels import Labels
from ruler.ingest.layout import Layout, Page, learn, metadata

PAGE = b"""# HELP requests_total Requests answered.
# TYPE requests_total counter
requests_total{code="200",path="/a b"} 1027
requests_total{code="500",path="/a b"} 3
# TYPE up gauge
up 1
"""


def a_layout(page: bytes, *, openmetrics: bool = False) -> Layout:
    return learn(page, {}, openmetrics=openmetrics)[0].layout


def values(page: Page | None) -> list[float]:
    assert page is not None
    return [float(value) for value in page.values]


def test_a_page_is_learnt_with_its_labels() -> None:
    page, new = learn(PAGE, {}, openmetrics=False)
    assert page.values.tolist() == [1027, 3, 1]
    assert list(new.values()) == [
        Labels({"__name__": "requests_total", "code": "200", "path": "/a b"}),
        Labels({"__name__": "requests_total", "code": "500", "path": "/a b"}),
        Labels({"__name__": "up"}),
    ]
    assert metadata(page.layout.comments) == {
        "requests_total": ("counter", "Requests answered.", ""),
        "up": ("gauge", "", ""),
    }


def test_other_values_are_read_by_the_layout() -> None:
    layout = a_layout(PAGE)
    assert values(layout.read(PAGE.replace(b"1027", b"1.5e+3").replace(b"up 1", b"up -0.25"))) == [
        1500,
        3,
        -0.25,
    ]


CHANGED = {
    "a series more": PAGE + b"new 1\n",
    "a series less": PAGE.replace(b"up 1\n", b""),
    "another label": PAGE.replace(b"500", b"501"),
    "a space more in a label": PAGE.replace(b"/a b", b"/a  b"),
    "another help": PAGE.replace(b"answered", b"refused"),
    "not a number": PAGE.replace(b"1027", b"10x7"),
    "an underscore": PAGE.replace(b"1027", b"10_27"),
    "a comma": PAGE.replace(b"1027", b"10,27"),
    "true": PAGE.replace(b"1027", b"true"),
    "null": PAGE.replace(b"1027", b"null"),
    "a text": PAGE.replace(b"1027", b'"5"'),
    "nothing": b"",
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_page_of_another_layout_is_not_read_by_it(name: str) -> None:
    assert a_layout(PAGE).read(CHANGED[name]) is None


def test_known_lines_are_not_parsed_again() -> None:
    page, _ = learn(PAGE, {}, openmetrics=False)
    again, new = learn(PAGE + b"new 5\n", dict.fromkeys(page.layout.prefixes), openmetrics=False)
    assert list(new) == [b"new"]
    assert again.values.tolist() == [1027, 3, 1, 5]


def test_timestamps_and_exemplars() -> None:
    text = a_layout(b"x 1 1000\ny 2\n")
    page = text.read(b"x 3 -2000\ny 4\n")
    assert values(page) == [3, 4]
    assert page is not None
    assert page.times is not None
    assert page.times.tolist()[0] == -2000
    assert text.timed.tolist() == [True, False]
    opened = b'a_total 1 # {trace="x"} 0.5 12.5\nb_created 1 12.25\n# EOF\n'
    page = a_layout(opened, openmetrics=True).read(
        opened.replace(b'"x"} 0.5', b'"y"} 0.75').replace(b"12.25", b"13.25")
    )
    assert values(page) == [1, 1]
    assert page is not None
    assert page.times is not None
    assert page.times.tolist()[1] == 13_250


def test_special_values() -> None:
    page = a_layout(b"a 1\nb 1\nc 1\nd 1\n").read(b"a NaN\nb +Inf\nc -Inf\nd -0\n")
    assert math.isnan(values(page)[0])
    assert values(page)[1:3] == [math.inf, -math.inf]
    assert math.copysign(1, values(page)[3]) == -1


BOUNDS = [
    ("histogram", "x_bucket", "le", "1", "1.0"),
    ("histogram", "x_bucket", "le", "+Inf", "+Inf"),
    ("histogram", "x_bucket", "le", "1000000", "1e+06"),
    ("histogram", "x_bucket", "le", "1234567.5", "1.2345675e+06"),
    ("histogram", "x_bucket", "le", "0.00001", "1e-05"),
    ("histogram", "x_bucket", "le", "abc", "abc"),
    ("summary", "x", "quantile", "0", "0.0"),
    ("gauge", "x", "le", "1", "1"),
]


@pytest.mark.parametrize(("kind", "name", "label", "given", "stored"), BOUNDS)
def test_bounds_are_spelt_as_prometheus_spells_them(
    kind: str, name: str, label: str, given: str, stored: str
) -> None:
    page = f'# TYPE x {kind}\n{name}{{{label}="{given}"}} 1\n'.encode()
    (labels,) = learn(page, {}, openmetrics=False)[1].values()
    assert labels[label] == stored


FAULTS = {
    "no value": (b"up 1\nx\n", 2),
    "no number": (b"up 1\nx y\n", 2),
    "not closed": (b'up 1\n\nx{a="b 1\n', 3),
    "twice a label": (b'x{a="1",a="2"} 1\n', 1),
    "not UTF-8": (b'x{a="\xff"} 1\n', 1),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_malformed_page_is_refused_with_its_line(name: str) -> None:
    page, line = FAULTS[name]
    with pytest.raises(ExpositionError) as told:
        learn(page, {}, openmetrics=False)
    assert str(told.value.where).startswith(f"page:{line}")


def test_openmetrics_must_end() -> None:
    with pytest.raises(ExpositionError, match="without # EOF"):
        learn(b"x 1\n", {}, openmetrics=True)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(page: bytes, openmetrics: bool) -> None:  # noqa: FBT001 - hypothesis calls it
    try:
        first, _ = learn(page, {}, openmetrics=openmetrics)
    except ExpositionError:
        return
    again = first.layout.read(page)
    if again is not None:
        assert again.values.tobytes() == first.values.tobytes()


text = st.text(st.characters(codec="utf-8"), max_size=6)
escaped = text.map(lambda t: t.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b:c"]), escaped, st.floats(allow_nan=False), st.booleans()),
        max_size=8,
    )
)
def test_by_tokens_is_by_lines(lines: list[tuple[str, str, float, bool]]) -> None:
    page = "".join(
        f'{name}{{l="{label}"}} {value!r}{" 17" if timed else ""}\n' for name, label, value, timed in lines
    ).encode()
    learnt, _ = learn(page, {}, openmetrics=False)
    read = learnt.layout.read(page)
    assert [value for *_, value, _ in lines] == learnt.values.tolist()
    if "\t" not in page.decode() and read is not None:
        assert read.values.tolist() == learnt.values.tolist()
