"""Who may do what with a real ruler, and that no secret leaves it."""

import base64
import http.client
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from tests.builders.e2e import LUMINA, Ruler, a_ruler, until
from tests.builders.processes import Process, free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CANARY = "canary-4f9c"  # in every secret
PASSWORDS = {"vera": "viewer", "otto": "operator", "ada": "admin"}
TOKEN = f"{CANARY}-token"


def basic(user: str, password: str | None = None) -> dict[str, str]:
    pair = f"{user}:{password if password is not None else user + '-password'}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def ask(
    port: int, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def secret_config() -> dict[str, Any]:
    hook = f"http://127.0.0.1:9/{CANARY}-hook"
    return {
        "scrape_configs": [
            {
                "job_name": "self",
                "static_configs": [{"targets": ["127.0.0.1:9"]}],
                "basic_auth": {"username": "u", "password": f"{CANARY}-scrape"},
            }
        ],
        "channels": {
            "email": {
                "to": "a@example.org",
                "from": "b@example.org",
                "smarthost": "127.0.0.1:9",
                "auth_username": "u",
                "auth_password": f"{CANARY}-smtp",
            },
            "slack": {"api_url": hook, "channel": "#x"},
            "sms": {
                "to": ["+15550100"],
                "from": "+15550199",
                "account_sid": "AC0",
                "auth_token": f"{CANARY}-sms",
            },
        },
        "delivery": {
            "route": {"receiver": "hook", "group_wait": "1s"},
            "receivers": [{"name": "hook", "webhook_configs": [{"url": hook}]}],
        },
    }


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ruler, Process]]:
    folder = tmp_path_factory.mktemp("access")
    users = {u: bcrypt.hashpw(f"{u}-password".encode(), bcrypt.gensalt(4)).decode() for u in PASSWORDS}
    (folder / "token").write_text(TOKEN)
    web = {
        "basic_auth_users": users,
        "roles": PASSWORDS,
        "tokens": [{"name": "ci", "token_file": "token", "role": "operator"}],
    }
    (folder / "web.yml").write_text(yaml.safe_dump(web))
    ruler = a_ruler(folder)
    ruler.write(secret_config())
    argv = ("--web.config.file", str(folder / "web.yml"))
    with ruler.start(*argv) as process:
        yield ruler, process


SILENCE = {
    "matchers": [{"name": "alertname", "value": "X", "isRegex": False}],
    "startsAt": "2026-01-01T00:00:00Z",
    "endsAt": "2999-01-01T00:00:00Z",
    "createdBy": "me",
    "comment": "why",
}
CASES: dict[str, tuple[str, str, dict[str, str], Any, int]] = {
    "nobody reads": ("GET", "/api/v1/query?query=1", {}, None, 401),
    "a wrong password is no login": ("GET", "/", basic("vera", "wrong"), None, 401),
    "a viewer reads": ("GET", "/api/v1/query?query=1", basic("vera"), None, 200),
    "a viewer sees pages": ("GET", "/", basic("vera"), None, 200),
    "a viewer silences nothing": ("POST", "/api/v2/silences", basic("vera"), SILENCE, 403),
    "an operator silences": ("POST", "/api/v2/silences", basic("otto"), SILENCE, 200),
    "a program's token is an operator": (
        "POST",
        "/api/v2/silences",
        {"Authorization": f"Bearer {TOKEN}"},
        SILENCE,
        200,
    ),
    "an operator does not reload": ("POST", "/-/reload", basic("otto"), {}, 403),
    "an admin reloads": ("POST", "/-/reload", basic("ada"), {}, 200),
    "an unknown alert is told from a forbidden one": (
        "POST",
        "/api/v1/lumina/alerts/00/acknowledge",
        basic("otto"),
        {"by": "me"},
        404,
    ),
    "a viewer acknowledges nothing": (
        "POST",
        "/api/v1/lumina/alerts/00/acknowledge",
        basic("vera"),
        {"by": "me"},
        403,
    ),
    "anybody may ask whether it lives": ("GET", "/-/healthy", {}, None, 200),
}


@pytest.mark.parametrize("name", CASES)
def test_roles(guarded: tuple[Ruler, Process], name: str) -> None:
    method, path, headers, body, expected = CASES[name]
    status, text = ask(guarded[0].port, method, path, headers, body)
    assert status == expected, text


def test_a_page_elsewhere_cannot_act_through_a_browser(guarded: tuple[Ruler, Process]) -> None:
    port = guarded[0].port
    form = {**basic("otto"), "Content-Type": "application/x-www-form-urlencoded"}
    assert ask(port, "POST", "/api/v2/silences", form, SILENCE)[0] in {400, 403, 415}
    rebound = {**basic("vera"), "Host": "evil.example.org"}
    assert ask(port, "GET", "/api/v1/query?query=1", rebound)[0] in {400, 403, 421}


EVENTS = "/api/v1/lumina/events"


def test_no_answer_page_or_log_holds_a_secret(guarded: tuple[Ruler, Process]) -> None:
    ruler, process = guarded
    admin = basic("ada")
    alert = [{"labels": {"alertname": "Told", "severity": "high"}}]
    assert ask(ruler.port, "POST", "/api/v2/alerts", admin, alert)[0] == 200
    until(lambda: "message not taken" in process.tail(200))
    schema = json.loads(ask(ruler.port, "GET", "/api/openapi.json", admin)[1])
    paths = [path for path, methods in schema["paths"].items() if "get" in methods and "{" not in path]
    paths[paths.index(EVENTS)] = f"{EVENTS}?format=json"  # the stream has no end
    pages = ["/", "/alerts", "/rules", "/targets", "/deliveries", "/remediations", "/query", "/metrics"]
    assert len(paths) > 20
    for path in [*paths, *pages]:
        assert CANARY not in ask(ruler.port, "GET", path, admin)[1], path
    assert CANARY not in process.log.read_text()
    config, data = ruler.folder / "ruler.yml", ruler.folder / "elsewhere"
    argv = [*LUMINA, "ruler", "--config", str(config), "--data", str(data), "--check-config"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr


def test_beyond_loopback_nobody_writes_without_a_login(tmp_path: Path) -> None:
    ruler = Ruler(tmp_path, free_port())
    ruler.write({})
    with ruler.start("--listen", f"0.0.0.0:{ruler.port}"):
        assert ask(ruler.port, "GET", "/api/v1/query?query=1")[0] == 200
        status, text = ask(ruler.port, "POST", "/api/v2/silences", None, SILENCE)
        assert status == 403
        assert "--web.config.file" in text


def test_insecure_is_refused_while_remedies_are_armed(tmp_path: Path) -> None:
    (tmp_path / "ruler.yml").write_text("remediation: {enabled: true}\n")
    flags = ["--config", str(tmp_path / "ruler.yml"), "--data", str(tmp_path / "data"), "--insecure"]
    done = subprocess.run([*LUMINA, "ruler", *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.search(r"--insecure is refused.*--web\.config\.file", done.stderr)
    assert "Traceback" not in done.stderr
