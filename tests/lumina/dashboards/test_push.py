"""Dashboards into Grafana, and what it may answer."""

from pathlib import Path
from typing import Any

import pytest

from lumina.dashboards import Grafana, token_of
from promkit.errors import ConfigError, Conflict, Forbidden, LuminaError, NotFound, Unavailable
from tests.builders.grafana import a_document
from tests.builders.grafana_server import a_grafana

TOKEN = "glsa_canary"


def test_a_dashboard_is_sent_whole_with_the_token() -> None:
    document = a_document()
    with a_grafana() as fake:
        pushed = Grafana(fake.url + "/", lambda: TOKEN).push(document, "ops", overwrite=True)
    path, authorization, body = fake.asked[0]
    assert path == "/api/dashboards/db"
    assert authorization == f"Bearer {TOKEN}"
    assert body["dashboard"] == document
    assert (body["folderUid"], body["overwrite"]) == ("ops", True)
    assert (pushed.uid, pushed.version, pushed.url) == ("lumina-test", 2, f"{fake.url}/d/lumina-test/test")


def test_without_a_token_and_a_folder() -> None:
    with a_grafana() as fake:
        Grafana(fake.url, None).push(a_document(), "", overwrite=False)
    _, authorization, body = fake.asked[0]
    assert authorization is None
    assert "folderUid" not in body
    assert body["overwrite"] is False


ANSWERS: dict[str, tuple[int, Any, type[LuminaError], str]] = {
    "bad request": (
        400,
        {"message": "title cannot be empty"},
        ConfigError,
        "title cannot be empty",
    ),
    "no token": (401, {"message": "Unauthorized"}, Forbidden, "--token-file"),
    "too weak a token": (403, {"message": "Access denied"}, Forbidden, "Access denied"),
    "no folder": (404, {"message": "folder not found"}, NotFound, "folder not found"),
    "there already": (412, {"status": "version-mismatch", "message": "changed"}, Conflict, "--overwrite"),
    "its own fault": (500, {"message": "database is locked"}, Unavailable, "500: database is locked"),
    "another server": (200, b"<html>", Unavailable, "200"),
    "another JSON": (200, [1], Unavailable, "200"),
}


@pytest.mark.parametrize(("status", "answer", "kind", "said"), ANSWERS.values(), ids=ANSWERS)
def test_refusals(status: int, answer: Any, kind: type[LuminaError], said: str) -> None:
    with a_grafana(status, answer) as fake, pytest.raises(kind) as error:
        Grafana(fake.url, lambda: TOKEN).push(a_document(), "", overwrite=False)
    assert said in str(error.value)
    assert TOKEN not in str(error.value)


def test_nobody_answers() -> None:
    with pytest.raises(Unavailable):
        Grafana("http://127.0.0.1:9", None).push(a_document(), "", overwrite=False)


@pytest.mark.parametrize(
    "url", ["grafana:3000", "ftp://grafana", "http://", "http://admin:canary@grafana:3000"]
)
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        Grafana(url, None)
    assert "canary" not in str(error.value)


def test_tokens_come_from_files(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    assert token_of(path) == TOKEN
    for content in (b"", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="token"):
            token_of(path)
    with pytest.raises(ConfigError, match="No such file"):
        token_of(tmp_path / "gone")
