"""Where the command line asks, and how it logs in."""

from contextlib import closing
from pathlib import Path

import pytest

from lumina.client import ANALYTICS_URL, RULER_URL, Client, analytics_url, ruler_url
from promkit.errors import ConfigError
from tests.builders.raw_server import RawServer


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("LUMINA_URL", "LUMINA_ANALYTICS_URL", "LUMINA_TOKEN", "LUMINA_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "lumina").mkdir()
    return tmp_path / "lumina" / "config.yml"


def test_a_flag_comes_before_the_environment_before_the_file_before_the_default(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (ruler_url(None), analytics_url(None)) == (RULER_URL, ANALYTICS_URL)
    config.write_text("url: http://file:1\nanalytics_url: http://file:2/\n")
    assert (ruler_url(None), analytics_url(None)) == ("http://file:1", "http://file:2")
    monkeypatch.setenv("LUMINA_URL", "http://environment:1")
    assert ruler_url(None) == "http://environment:1"
    assert ruler_url("http://flag:1/") == "http://flag:1"


@pytest.mark.parametrize("text", ["uri: http://x\n", "[1]\n", "{\n", "\x00"])
def test_a_client_file_that_is_wrong_is_named(text: str, config: Path) -> None:
    config.write_text(text)
    with pytest.raises(ConfigError, match=str(config)):
        ruler_url(None)


def test_a_token_is_shown_from_the_environment_or_a_file(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data": 1}'
    with closing(RawServer(lambda connection, _: connection.sendall(answer))) as server:
        (config.parent / "token").write_text("from-file\n")
        config.write_text(f"token_file: {config.parent / 'token'}\n")
        assert Client(server.url).get("/x") == 1
        monkeypatch.setenv("LUMINA_TOKEN", "from-environment")
        assert Client(server.url).get("/x") == 1
        shown = [b"Authorization: Bearer from-" in request for request in server.requests]
        assert shown == [True, True]
        assert b"from-file" in server.requests[0]
        assert b"from-environment" in server.requests[1]


def test_a_token_that_cannot_be_read_is_said(config: Path) -> None:
    config.write_text("token_file: /nowhere/token\n")
    with pytest.raises(ConfigError, match="/nowhere/token: token cannot be read"):
        Client(RULER_URL)
