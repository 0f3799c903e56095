"""How collectors log in and check servers."""

from collections.abc import Mapping
from pathlib import Path
from ssl import SSLContext

import pytest

from exporter.asking import BasicAuth, Contexts, Tls, authorization, check_headers, check_url
from exporter.probe import tls_context
from promkit.errors import Unavailable
from promkit.secret import Secret

URLS = {
    "http://example.org": "",
    "https://example.org:8443/a?b=c": "",
    "http://[::1]:80/": "",
    "ftp://example.org": "must be http",
    "http://": "must be http",
    "http://example.org:0": "must be http",
    "http://exa mple.org": "must be http",
    "http://[::1": "must be http",
    "http://user:pw@example.org": "must not hold a password",
}


@pytest.mark.parametrize(("url", "why"), URLS.items())
def test_urls(url: str, why: str) -> None:
    if not why:
        check_url(url)
        return
    with pytest.raises(ValueError, match=why) as raised:
        check_url(url)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize("headers", [{"A\nB": "c"}, {"A": "b\r\nC: d"}])
def test_headers_do_not_begin_others(headers: Mapping[str, str]) -> None:
    check_headers({"A": "b"})
    with pytest.raises(ValueError, match="line breaks"):
        check_headers(headers)


def test_logins(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("p\n")
    basic = BasicAuth(username="u", password_file=file)
    assert authorization(None, None, None) == {}
    assert authorization(Secret("t"), None, basic) == {"Authorization": "Bearer t"}
    assert authorization(None, file, None) == {"Authorization": "Bearer p"}
    assert authorization(None, None, basic) == {"Authorization": "Basic dTpw"}
    with pytest.raises(Unavailable, match="missing"):
        authorization(None, tmp_path / "missing", None)


def test_certificates_are_read_anew_when_they_change(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    contexts = Contexts(Tls(ca_file=file), tls_context)
    with pytest.raises(Unavailable, match=r"cannot read .*ca\.pem"):
        contexts()
    made = []

    def make(path: str | None, *, verify: bool) -> SSLContext:
        made.append((path, verify))
        return tls_context(None, verify=verify)

    kept = Contexts(Tls(insecure_skip_verify=True), make)
    assert kept() is kept()
    assert made == [(None, False)]
