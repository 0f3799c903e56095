"""Lines as nginx, Apache, Caddy and Traefik write them, and as attackers do."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.log_line import Parser, Request, combined, json_lines, regex

COMMON = '10.0.0.1 - alice [25/Nov/2026:03:33:59 +0000] "GET /a?b=c HTTP/1.1" 200 12'
AGENT = ' "https://example.org/" "Mozilla/5.0 (X11; Linux x86_64)"'

COMBINED = {
    "common": (COMMON, Request(200, None, "/a")),
    "combined": (COMMON + AGENT, Request(200, None, "/a")),
    "nginx, $request_time at the end": (COMMON + AGENT + " 0.120", Request(200, 0.12, "/a")),
    "named time": (COMMON + AGENT + ' 10 rt=0.5 uct="0.001"', Request(200, 10.0, "/a")),
    "quoted time": (COMMON + AGENT + ' "0.25"', Request(200, 0.25, "/a")),
    "no time": (COMMON + AGENT + " -", Request(200, None, "/a")),
    "virtual host in front": ("www.example.org:443 " + COMMON + AGENT, Request(200, None, "/a")),
    "no body": (COMMON[:-2] + "-", Request(200, None, "/a")),
    "escaped quote in the agent": (COMMON + ' "-" "a \\" b" 1.5', Request(200, 1.5, "/a")),
    "bytes that are no request": (
        '1.2.3.4 - - [25/Nov/2026:03:33:59 +0000] "\\x16\\x03\\x01" 400 157 "-" "-"',
        Request(400, None, ""),
    ),
    "IPv6": (COMMON.replace("10.0.0.1", "2001:db8::1"), Request(200, None, "/a")),
    "no line of ours": ("hello", None),
    "status that is none": (COMMON.replace(" 200 ", " 999 "), None),
    "empty": ("", None),
}


@pytest.mark.parametrize(("line", "expected"), COMBINED.values(), ids=COMBINED)
def test_combined(line: str, expected: Request | None) -> None:
    assert combined(1.0)(line.encode()) == expected


def test_apache_logs_microseconds() -> None:
    assert combined(1e-6)((COMMON + AGENT + " 1500").encode()) == Request(200, 0.0015, "/a")


JSON = {
    "nginx": ({"status": "200", "request_time": "0.005", "uri": "/x?y"}, Request(200, 0.005, "/x")),
    "Caddy": ({"status": 502, "duration": 0.3, "request": {"uri": "/b"}}, Request(502, 0.3, "/b")),
    "key with a dot": ({"response.status": 204}, Request(204, None, "")),
    "no status": ({"duration": 1}, None),
    "true is no number": ({"status": True}, None),
    "negative time": ({"status": 200, "duration": -1}, Request(200, None, "")),
    "a list": ([1], None),
    "huge number": ({"status": 10**400}, None),
}


@pytest.mark.parametrize(("line", "expected"), JSON.values(), ids=JSON)
def test_json(line: object, expected: Request | None) -> None:
    assert json_lines(1.0)(json.dumps(line).encode()) == expected


def test_json_with_keys_of_ones_own() -> None:
    parse = json_lines(1e-9, ("DownstreamStatus",), ("Duration",), ("RequestPath",))
    line = b'{"DownstreamStatus": 200, "Duration": 1500000, "RequestPath": "/t"}'
    assert parse(line) == Request(200, 1_500_000 * 1e-9, "/t")


def test_json_nested_beyond_reason() -> None:
    assert json_lines(1.0)(b"[" * 100_000) is None


def test_regex() -> None:
    parse = regex(r"^(?P<path>\S+) (?P<status>\d+) (?P<duration>\d+)ms$", 1e-3)
    assert parse(b"/a 503 20ms") == Request(503, 0.02, "/a")
    assert parse(b"/a ok 20ms") is None


PARSERS = {
    "combined": combined(1.0),
    "json": json_lines(1.0),
    "regex": regex(r"(?P<status>\d+) (?P<duration>\S+)", 1.0),
}


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
@given(line=st.binary(max_size=300))
def test_any_bytes_are_a_request_or_none(parse: Parser, line: bytes) -> None:
    found = parse(line)
    assert found is None or (100 <= found.status <= 599 and (found.seconds is None or found.seconds >= 0))
