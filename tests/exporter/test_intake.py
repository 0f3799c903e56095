"""Pushes, as those who send them see it."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from exporter.declared import Declaration
from exporter.http1 import Answer
from promkit.exposition import parse
from tests.builders.sites import House
from tests.builders.sources import a_request, values


def get(house: House, target: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> Answer:
    return house.site.answer(a_request(method, target, headers=headers), trusted=True)


def push(house: House, target: str, body: bytes, kind: str = "application/json", **more: str) -> Answer:
    headers = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in more.items()}}
    return house.site.answer(a_request("POST", target, body, headers), trusted=True)


def error(answer: Answer) -> str:
    return str(json.loads(answer.body)["error"])


SESSIONS = b'{"metrics": [{"name": "business_user_sessions", "value": 12}]}'


def test_a_push_is_shown_at_once(house: House) -> None:
    assert push(house, "/push?group=nightly", SESSIONS).status == 202
    assert values(parse(get(house, "/metrics").body))["business_user_sessions"] == 12


DECLARED = {
    "business_user_sessions": Declaration(labels=("type",)),
    "business_depth": Declaration(source="sql/shop"),
    "business_done_total": Declaration(),
}
DECLINED = {
    "a label": (
        b'business_user_sessions{type="a",host="b"} 1\n',
        400,
        "push: business_user_sessions has no label 'host': declared are type",
    ),
    "a source": (b"business_depth 1\n", 409, "push: business_depth comes from sql/shop: see `business`"),
    "a type": (
        b"# TYPE business_user_sessions histogram\nbusiness_user_sessions_count 1\n",
        409,
        "business_user_sessions is a gauge, not a histogram",
    ),
}


@pytest.mark.parametrize(("body", "status", "why"), DECLINED.values(), ids=DECLINED)
def test_what_is_not_as_declared_is_refused(house: House, body: bytes, status: int, why: str) -> None:
    intake = replace(house.site.intake, declarations=DECLARED)
    house.site = replace(house.site, intake=intake)
    answer = push(house, "/push", body, "text/plain")
    assert answer.status == status
    assert why in error(answer)
    for good in (b'business_user_sessions{type="a"} 1\n', b"business_done_total 3\n", b"other 1\n"):
        assert push(house, "/push", good, "text/plain").status == 202


def test_a_push_replaces_its_group_whole(house: House) -> None:
    push(house, "/push", SESSIONS)
    push(house, "/push", b"other 1\n", "text/plain; version=0.0.4")
    found = values(parse(get(house, "/metrics").body))
    assert "business_user_sessions" not in found
    assert found["other"] == 1


def test_a_push_ends_with_its_time_to_live(house: House) -> None:
    push(house, "/push?ttl=10s", SESSIONS)
    push(house, "/push?group=b", b"b 1\n", "text/plain", Lumina_TTL="1m")
    house.clock.ms += 10_000
    assert "business_user_sessions" not in values(house.push.collect(house.clock.ms))
    assert "b" in values(house.push.collect(house.clock.ms))


def test_a_group_is_dropped(house: House) -> None:
    push(house, "/push?group=nightly", SESSIONS)
    assert get(house, "/push?group=nightly", method="DELETE").status == 204
    assert "business_user_sessions" not in values(parse(get(house, "/metrics").body))
    assert get(house, "/push?group=nightly", method="DELETE").status == 404


def test_gzip_pushed(house: House) -> None:
    answer = push(house, "/push", gzip.compress(SESSIONS), Content_Encoding="gzip")
    assert answer.status == 202


PUSHES = {
    "bad line": ("/push", b"a 1\nb{ 2\n", "text/plain", {}, 400, "push:2:"),
    "bad JSON": ("/push", b"{", "application/json", {}, 400, "push:1:2"),
    "a form, as any web page can send": (
        "/push",
        b"a 1\n",
        "application/x-www-form-urlencoded",
        {},
        415,
        "send",
    ),
    "no type": ("/push", b"a 1\n", "", {}, 415, "send"),
    "too large unpacked": (
        "/push",
        gzip.compress(b"a" * 1_001),
        "text/plain",
        {"Content_Encoding": "gzip"},
        413,
        "larger than 1000",
    ),
    "another encoding": ("/push", b"a 1\n", "text/plain", {"Content_Encoding": "br"}, 400, "not known"),
    "no time at all": ("/push?ttl=0", b"a 1\n", "text/plain", {}, 413, "a ttl is"),
    "not a time": ("/push?ttl=5", b"a 1\n", "text/plain", {}, 400, "not a duration"),
    "two groups": ("/push?group=a&group=b", b"a 1\n", "text/plain", {}, 400, "given twice"),
    "another group inside": (
        "/push?group=a",
        b'{"group": "b", "metrics": []}',
        "application/json",
        {},
        400,
        "diff",
    ),
    "a component that has its source": (
        "/push",
        b'app_error_ratio{component="shop"} 0.1\n',
        "text/plain",
        {},
        409,
        "comes from access_log/shop",
    ),
}


@pytest.mark.parametrize(("target", "body", "kind", "more", "status", "why"), PUSHES.values(), ids=PUSHES)
def test_a_push_refused(
    house: House, target: str, body: bytes, kind: str, more: Mapping[str, str], status: int, why: str
) -> None:
    answer = push(house, target, body, kind, **more)
    assert (answer.status, why in error(answer)) == (status, True), error(answer)


def test_groups_do_not_overlap(house: House) -> None:
    push(house, "/push?group=a", SESSIONS)
    answer = push(house, "/push?group=b", SESSIONS)
    assert answer.status == 409
    assert "in group 'a'" in error(answer)
    typed = push(
        house,
        "/push?group=b",
        b"# TYPE business_user_sessions counter\nbusiness_user_sessions 1\n",
        "text/plain",
    )
    assert typed.status == 409


def test_a_component_nobody_measures_may_be_pushed(house: House) -> None:
    assert push(house, "/push", b'app_error_ratio{component="batch"} 0.1\n', "text/plain").status == 202
