"""What is made of a probe's answer."""

import logging
from pathlib import Path

import pytest

from exporter.asking import BasicAuth, Tls
from exporter.collector import Context
from exporter.collectors.http import Expect, Http, Settings, families, shown_url, verdict
from exporter.probe import Answer, Failure
from promkit.errors import Unavailable
from promkit.secret import Secret
from tests.builders.raw_server import RawServer
from tests.builders.sources import values

VERDICTS = {
    "fine": (Answer(status=204), Expect(), ""),
    "a status that is none": (Answer(status=404), Expect(), "status"),
    "a redirect that was not followed": (Answer(status=302), Expect(), "status"),
    "a status that is wanted": (Answer(status=404), Expect(status=(404,)), ""),
    "a status that is not wanted any more": (Answer(status=200), Expect(status=(404,)), "status"),
    "a body": (Answer(status=200, body=b'{"ok": true}'), Expect(body='"ok": true'), ""),
    "another body": (Answer(status=200, body=b"{}"), Expect(body='"ok": true'), "body"),
    "a body that must not be": (Answer(status=200, body=b"Traceback"), Expect(body_not="Traceback"), "body"),
    "no UTF-8": (Answer(status=200, body=b"\xff ok"), Expect(body="ok"), ""),
    "no answer": (Answer(failure=Failure("dns", "name not found")), Expect(body="x"), "dns"),
}


@pytest.mark.parametrize(("answer", "expect", "reason"), VERDICTS.values(), ids=VERDICTS)
def test_verdict(answer: Answer, expect: Expect, reason: str) -> None:
    assert verdict(answer, expect)[0] == reason


URLS = {
    "https://example.org": "https://example.org/",
    "https://example.org:8443/a?key=abc#x": "https://example.org:8443/a",
    "http://user:pw@[::1]:80/": "http://[::1]:80/",
}


@pytest.mark.parametrize(("url", "expected"), URLS.items())
def test_shown_url_has_no_secret(url: str, expected: str) -> None:
    assert shown_url(url) == expected


def test_families() -> None:
    settings = Settings(name="shop", url="https://example.org/?key=abc", expect=Expect(body="x"))
    answer = Answer({"dns": 10.0, "connect": 20.0}, 200, b"axb", certificate_expiry_ms=5_000)
    shop, url = 'component="shop", ', 'url="https://example.org/"'
    assert values(families(settings, answer, "", {"dns": 2})) == {
        f"app_up{{{shop}{url}}}": 1,
        f'app_probe_duration_seconds{{{shop}phase="dns", {url}}}': 0.01,
        f'app_probe_duration_seconds{{{shop}phase="connect", {url}}}': 0.02,
        f"app_probe_seconds{{{shop}{url}}}": 0.03,
        f"app_probe_status_code{{{shop}{url}}}": 200,
        f"app_probe_body_bytes{{{shop}{url}}}": 3,
        f"app_probe_redirects{{{shop}{url}}}": 0,
        f"app_probe_body_matches{{{shop}{url}}}": 1,
        f'app_probe_failures_total{{{shop}reason="dns", {url}}}': 2,
        f"app_tls_cert_expiry_timestamp_seconds{{{shop}{url}}}": 5,
    }


def test_nothing_is_said_of_what_nobody_asked() -> None:
    settings = Settings(name="shop", url="http://example.org/")
    found = values(families(settings, Answer(failure=Failure("dns", "x")), "dns", {}))
    assert not any(name.startswith(("app_probe_body_matches", "app_tls")) for name in found)


def a_probe(settings: Settings) -> Http:
    return Http(settings, Context(), "http/shop")


def test_a_site_that_goes_down_and_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    statuses = iter([500, 500, 200])
    server = RawServer(
        lambda client, _request: client.sendall(
            f"HTTP/1.1 {next(statuses)} X\r\nContent-Length: 0\r\n\r\n".encode()
        )
    )
    collector = a_probe(Settings(name="shop", url=server.url, component="web"))
    ups = []
    for _ in range(3):
        found = values(collector.collect(0))
        ups.append(next(value for name, value in found.items() if name.startswith("app_up")))
    server.close()
    assert ups == [0, 0, 1]
    assert [value for name, value in found.items() if 'reason="status"' in name] == [2]
    assert [record.message for record in caplog.records] == ["probe failing", "probe succeeds again"]


def test_logins(tmp_path: Path) -> None:
    server = RawServer(
        lambda client, _request: client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    )
    token = tmp_path / "token"
    token.write_text("first\n")
    bearer = a_probe(Settings(name="a", url=server.url, bearer_token_file=token))
    bearer.collect(0)
    token.write_text("second\n")  # read anew each time
    bearer.collect(0)
    a_probe(
        Settings(name="a", url=server.url, basic_auth=BasicAuth(username="u", password=Secret("p")))
    ).collect(0)
    server.close()
    assert b"Authorization: Bearer first\r\n" in server.requests[0]
    assert b"Authorization: Bearer second\r\n" in server.requests[1]
    assert b"Authorization: Basic dTpw\r\n" in server.requests[2]


def test_a_secret_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="missing"):
        a_probe(Settings(name="a", url="http://x/", bearer_token_file=tmp_path / "missing")).collect(0)


def test_a_ca_file_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    settings = Settings(name="a", url="https://127.0.0.1:1/", tls=Tls(ca_file=tmp_path / "missing"))
    answer = values(a_probe(settings).collect(0))  # nobody listens: it does not come to that
    assert any(name.startswith("app_up") for name in answer)
    server = RawServer(lambda _client, _request: None)
    url = server.url.replace("http", "https")
    with pytest.raises(Unavailable, match="missing"):
        a_probe(Settings(name="a", url=url, tls=Tls(ca_file=tmp_path / "missing"))).collect(0)
    server.close()
