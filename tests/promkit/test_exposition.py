import contextlib
import math
import subprocess
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_oracle
from prometheus_client.parser import text_string_to_metric_families as text_oracle

from promkit.exposition import (
    Exemplar,
    ExpositionError,
    Family,
    MetricType,
    Sample,
    counter,
    format_number,
    gauge,
    histogram,
    negotiate,
    parse,
    render,
)
from promkit.labels import Labels
from tests.peers import peer

INF = math.inf

PAGES = {
    "a gauge": (
        gauge("u_bytes", "Used.", ({"mount": "/"}, 1.5), ({"mount": "/b"}, 3)),
        '# HELP u_bytes Used.\n# TYPE u_bytes gauge\nu_bytes{mount="/"} 1.5\nu_bytes{mount="/b"} 3\n',
        '# TYPE u_bytes gauge\n# HELP u_bytes Used.\nu_bytes{mount="/"} 1.5\nu_bytes{mount="/b"} 3\n',
    ),
    "a counter, whose family has the suffix in the text format alone": (
        counter("hits_total", "Hits.", ({}, 7)),
        "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 7\n",
        "# TYPE hits counter\n# HELP hits Hits.\nhits_total 7\n",
    ),
    "an old counter without its suffix is none in OpenMetrics": (
        Family("hits", MetricType.COUNTER, "", (Sample("hits", Labels(), 1),)),
        "# TYPE hits counter\nhits 1\n",
        "# TYPE hits unknown\nhits 1\n",
    ),
    "a histogram": (
        histogram("lag_seconds", "Lag.", [({"a": "b"}, {0.1: 1, 1: 2, INF: 3}, 4.5)]),
        (
            "# HELP lag_seconds Lag.\n# TYPE lag_seconds histogram\n"
            'lag_seconds_bucket{a="b",le="0.1"} 1\nlag_seconds_bucket{a="b",le="1.0"} 2\n'
            'lag_seconds_bucket{a="b",le="+Inf"} 3\nlag_seconds_sum{a="b"} 4.5\nlag_seconds_count{a="b"} 3\n'
        ),
        None,
    ),
    "creation times are gauges of their own in the text format": (
        Family(
            "hits",
            MetricType.COUNTER,
            "Hits.",
            (Sample("hits_total", Labels(), 7), Sample("hits_created", Labels(), 1.5)),
        ),
        (
            "# HELP hits_total Hits.\n# TYPE hits_total counter\nhits_total 7\n"
            "# HELP hits_created Hits.\n# TYPE hits_created gauge\nhits_created 1.5\n"
        ),
        "# TYPE hits counter\n# HELP hits Hits.\nhits_total 7\nhits_created 1.5\n",
    ),
    "info": (
        Family("build", MetricType.INFO, "Build.", (Sample("build_info", Labels({"v": "1"}), 1),)),
        '# HELP build_info Build.\n# TYPE build_info gauge\nbuild_info{v="1"} 1\n',
        '# TYPE build info\n# HELP build Build.\nbuild_info{v="1"} 1\n',
    ),
    "escapes": (
        gauge("x", 'a\\b\n"c"', ({"p": 'C:\\dir\n"q"'}, 1)),
        '# HELP x a\\\\b\\n"c"\n# TYPE x gauge\nx{p="C:\\\\dir\\n\\"q\\""} 1\n',
        '# TYPE x gauge\n# HELP x a\\\\b\\n\\"c\\"\nx{p="C:\\\\dir\\n\\"q\\""} 1\n',
    ),
    "names outside the old alphabet are quoted": (
        gauge("my.metric", "M.", ({"host.name": "a"}, 1), ({}, 2)),
        '# HELP "my.metric" M.\n# TYPE "my.metric" gauge\n{"my.metric","host.name"="a"} 1\n{"my.metric"} 2\n',
        '# TYPE "my.metric" gauge\n# HELP "my.metric" M.\n{"my.metric","host.name"="a"} 1\n{"my.metric"} 2\n',
    ),
    "timestamps are milliseconds in text, seconds in OpenMetrics; units and exemplars in the latter alone": (
        Family(
            "lag_seconds",
            MetricType.GAUGE,
            "",
            (Sample("lag_seconds", Labels(), 2, 1_500, Exemplar(Labels({"trace": "t"}), 0.5, 1_250)),),
            "seconds",
        ),
        "# TYPE lag_seconds gauge\nlag_seconds 2 1500\n",
        '# TYPE lag_seconds gauge\n# UNIT lag_seconds seconds\nlag_seconds 2 1.5 # {trace="t"} 0.5 1.25\n',
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_how_a_family_is_written(name: str) -> None:
    family, text, openmetrics = PAGES[name]
    assert render([family]).decode() == text
    if openmetrics is not None:
        assert render([family], openmetrics=True).decode() == openmetrics + "# EOF\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-0.0, "-0"),
        (1e15, "1000000000000000"),
        (1e16, "1e+16"),
        (0.1, "0.1"),
        (INF, "+Inf"),
        (-INF, "-Inf"),
    ],
)
def test_numbers_are_short_and_exact(value: float, text: str) -> None:
    assert format_number(value) == text
    assert format_number(float(text)) == text
    assert format_number(math.nan) == "NaN"


READ = {
    "spaces and tabs": (b'  a {  x = "1" , }\t2\t3 \n', [("a", {"x": "1"}, 2.0, 3)]),
    "carriage returns": (b"a 1\r\nb 2\r\n", [("a", {}, 1.0, None), ("b", {}, 2.0, None)]),
    "no line feed at the end": (b"a 1", [("a", {}, 1.0, None)]),
    "comments and empty lines": (b"# a comment\n\n#\n# EOF is no end here\na 1\n", [("a", {}, 1.0, None)]),
    "an unknown escape stays": (b'a{x="\\q"} 1', [("a", {"x": "\\q"}, 1.0, None)]),
    "empty labels are none": (b'a{x="",y="1"} 1', [("a", {"y": "1"}, 1.0, None)]),
    "braces and commas in a value": (b'a{x="},{"} 1', [("a", {"x": "},{"}, 1.0, None)]),
    "line separators of other kinds": (
        'a{x="\u2028\x0b"} 1'.encode(),
        [("a", {"x": "\u2028\x0b"}, 1.0, None)],
    ),
    "a negative time": (b"a 1 -5", [("a", {}, 1.0, -5)]),
    "colons": (b"job:a:rate 1", [("job:a:rate", {}, 1.0, None)]),
    "a quoted name": (b'{"a.b",c="d"} 1', [("a.b", {"c": "d"}, 1.0, None)]),
}


@pytest.mark.parametrize("name", READ)
def test_how_a_line_is_read(name: str) -> None:
    page, expected = READ[name]
    samples = [sample for family in parse(page) for sample in family.samples]
    assert [(s.name, dict(s.labels.items()), s.value, s.timestamp_ms) for s in samples] == expected


def test_samples_find_their_family() -> None:
    page = (
        b'# TYPE h histogram\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n'
        b'# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 1\ns_count 1\n'
        b"# TYPE g gauge\ng_count 1\ng 1\nlone_total 1\n"
    )
    assert {family.name: len(family.samples) for family in parse(page)} == {
        "h": 3,
        "s": 3,
        "g": 1,
        "g_count": 1,
        "lone_total": 1,
    }


BAD = {
    "no value": (b"ok 1\na{}\n", False, "page:2:4: expected a value"),
    "no number": (b"a one\n", False, "page:1:3: not a number: 'one'"),
    "Python's numbers": (b"a 1_0\n", False, "page:1:4: "),
    "hexadecimal": (b"a 0x1p2\n", False, "page:1:3: not a number"),
    "digits of another script": ("a \u0661\n".encode(), False, "page:1:3: expected a value"),
    "an open quote": (b'a{b="c} 1\n', False, "page:1:5: the value of label 'b' is not closed"),
    "no quotes": (b"a{b=c} 1\n", False, "page:1:5: expected a quoted value of label 'b'"),
    "an open brace": (b'a{b="c"\n', False, "page:1:8: expected , or }"),
    "no comma": (b'a{b="c" d="e"} 1\n', False, "page:1:9: expected , or }"),
    "a label twice": (b'a{b="1",b="2"} 1\n', False, "page:1:14: label 'b' stands there twice"),
    "the name as a label": (b'a{__name__="b"} 1\n', False, "page:1:15: label __name__ is reserved"),
    "a name in braces, unquoted": (b'{a="b"} 1\n', False, "page:1:2: expected a quoted metric name"),
    "an empty name": (b'{""} 1\n', False, "page:1:2: an empty name"),
    "a bad name": (b"9a 1\n", False, "page:1:1: expected a metric's name"),
    "seconds in the text format": (b"a 1 1.5\n", False, "page:1:6: "),
    "a time beyond 64 bits": (b"a 1 9999999999999999999\n", False, "page:1:5: expected a timestamp"),
    "an exemplar in the text format": (b"a 1 # {} 1\n", False, "page:1:5: "),
    "more than a line holds": (b"a 1 2 3\n", False, "page:1:7: expected the end of the line"),
    "a type twice": (b"# TYPE a gauge\n# TYPE a gauge\n", False, "page:2:1: second TYPE line for 'a'"),
    "help twice": (b"# HELP a x\n# HELP a y\n", False, "page:2:1: second HELP line"),
    "a type too late": (b"a 1\n# TYPE a gauge\n", False, "page:2:1: TYPE line after samples of 'a'"),
    "an unknown type": (b"# TYPE a gouge\n", False, "page:1:10: unknown type 'gouge': known are counter, "),
    "not UTF-8": (b'ok 1\na{b="\xff"} 1\n', False, "page:2:6: not UTF-8"),
    "no end": (b"a 1\n", True, "page:2:1: the page ends without # EOF"),
    "text after the end": (b"# EOF\na 1\n", True, "page:2:1: text after # EOF"),
    "an endless time": (b"a 1 +Inf\n# EOF\n", True, "page:1:5: not a timestamp"),
    "an exemplar without labels": (b"a 1 # 1\n# EOF\n", True, "page:1:7: expected the exemplar's labels"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_said_at_its_place(name: str) -> None:
    page, openmetrics, text = BAD[name]
    with pytest.raises(ExpositionError) as caught:
        parse(page, openmetrics)
    assert str(caught.value).startswith(text)


ACCEPT = {
    "nothing said": (None, False),
    "anything": ("*/*", False),
    "Prometheus 3": (
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
            "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,"
            "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        ),
        True,
    ),
    "text preferred": ("text/plain, application/openmetrics-text;q=0.9", False),
    "OpenMetrics refused": ("application/openmetrics-text;q=0, */*", False),
    "an OpenMetrics that we do not write": ("application/openmetrics-text;version=0.0.1", False),
    "nonsense": (";;q=x,application/openmetrics-text;q=y", False),
}


@pytest.mark.parametrize("name", ACCEPT)
def test_which_format_a_caller_wants(name: str) -> None:
    accept, openmetrics = ACCEPT[name]
    assert negotiate(accept) is openmetrics


# Properties: any families survive the way out and back, and prometheus_client reads them alike.

TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,6}x", fullmatch=True)  # x: never one of the suffixes
LABEL_NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True).filter(
    lambda name: name not in {"le", "quantile"}
)
UTF8_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).map(lambda name: f"{name}.x")
LABELS = st.dictionaries(LABEL_NAMES | UTF8_NAMES, TEXTS, max_size=3).map(Labels)
PLAIN_LABELS = st.dictionaries(LABEL_NAMES, TEXTS.filter(bool), max_size=3).map(Labels)
VALUES = st.floats(allow_nan=False)
TIMES = st.none() | st.integers(-(10**12), 10**14)


@st.composite
def families(draw: st.DrawFn, names: st.SearchStrategy[str], labels: st.SearchStrategy[Labels]) -> Family:
    name, help_text = draw(names), draw(TEXTS).strip()  # blanks around it are not part of it
    kind = draw(st.sampled_from([MetricType.COUNTER, MetricType.GAUGE, MetricType.UNTYPED]))
    suffix = "_total" if kind is MetricType.COUNTER else ""
    samples = draw(
        st.lists(
            st.builds(Sample, st.just(name + suffix), labels, VALUES, TIMES),
            max_size=4,
            unique_by=lambda s: s.labels,
        )
    )
    return Family(name, kind, help_text, tuple(samples))


PAGES_OF_ALL_KINDS = st.lists(
    families(NAMES | UTF8_NAMES, LABELS), max_size=4, unique_by=lambda family: family.name
)
PLAIN_PAGES = st.lists(families(NAMES, PLAIN_LABELS), max_size=4, unique_by=lambda family: family.name)


@given(PAGES_OF_ALL_KINDS, st.booleans())
def test_what_is_written_reads_back_the_same(page: list[Family], openmetrics: bool) -> None:  # noqa: FBT001
    assert parse(render(page, openmetrics), openmetrics) == page


def readings(page: list[Family]) -> list[tuple[str, dict[str, str], float]]:
    return [(s.name, dict(s.labels.items()), s.value) for family in page for s in family.samples]


def oracle(page: str, *, openmetrics: bool) -> list[tuple[str, dict[str, str], float]]:
    families_there = openmetrics_oracle(page) if openmetrics else text_oracle(page)  # type: ignore[no-untyped-call]
    return [(s.name, s.labels, s.value) for family in families_there for s in family.samples]


@given(PLAIN_PAGES)
def test_prometheus_client_reads_our_pages_alike(page: list[Family]) -> None:
    text = render(page).decode()
    # It cuts lines where str.splitlines does, and ends values at blanks that the format knows nothing of.
    if len(text.splitlines()) == text.count("\n"):
        assert oracle(text, openmetrics=False) == readings(parse(text.encode())) == readings(page)


@given(PLAIN_PAGES)
def test_prometheus_client_reads_our_openmetrics_alike(page: list[Family]) -> None:
    counters_rise = all(s.value >= 0 for f in page for s in f.samples if f.type is MetricType.COUNTER)
    text = render(page, openmetrics=True)
    if counters_rise:
        assert (
            oracle(text.decode(), openmetrics=True)
            == readings(parse(text, openmetrics=True))
            == readings(page)
        )


@given(
    st.binary(max_size=200) | st.text(st.sampled_from('a_{}"=,\\ #\n1.eE+-NI'), max_size=60).map(str.encode)
)
@settings(max_examples=300)
def test_any_bytes_are_read_or_refused(page: bytes) -> None:
    for openmetrics in (False, True):
        with contextlib.suppress(ExpositionError):
            parse(page, openmetrics)


@pytest.mark.parametrize(
    "unit",
    [
        'a{x="' + "\\\\" * 30,
        "a" * 60,
        'a{b="c",' + 'd="e",' * 8,
        "a" + " " * 60,
        "# HELP a " + "\\" * 50,
        '{"' + "\\" * 61,
    ],
)
def test_long_lines_take_time_in_proportion(unit: str) -> None:
    def seconds(times: int) -> float:
        page = (unit * times).encode()
        began = time.perf_counter()
        for openmetrics in (False, True):
            with contextlib.suppress(ExpositionError):
                parse(page, openmetrics)
        return time.perf_counter() - began

    seconds(100)
    # 16 times as long: 16 times the time, or 256 times were it quadratic; far from both for noise.
    assert min(seconds(16_000) for _ in range(3)) < 100 * max(min(seconds(1_000) for _ in range(5)), 1e-4)


# The real programs.


@pytest.mark.service
def test_promtool_has_nothing_to_say() -> None:
    page = render(
        [
            gauge(
                "test_disk_used_bytes",
                'A "used" \\ disk.',
                ({"mount": 'C:\\ "x"\n'}, 1.5),
                ({"mount": "ü"}, INF),
            ),
            counter("test_hits_total", "Hits.", ({}, 7)),
            histogram("test_lag_seconds", "Lag.", [({}, {0.1: 1, INF: 3}, 4.5)]),
        ]
    )
    done = subprocess.run(
        [peer("promtool"), "check", "metrics"], input=page, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
