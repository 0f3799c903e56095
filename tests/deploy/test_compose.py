"""The compose file: valid for the client of today, and careful by default. `make soak` brings it up."""

import json
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from analytics.config import load_config, models_of
from exporter.config import Config as ExporterConfig
from exporter.schema import model_of
from promkit.config import Model, load
from promkit.web_config import WebConfig
from ruler.config import RulerConfig
from ruler.rules import RuleContext, parse_rules
from tests.builders.prose import ROOT
from tests.peers import peer

pytestmark = pytest.mark.service

DEPLOY = ROOT / "deploy"
FILE = DEPLOY / "docker-compose.yml"
OURS = ("exporter", "ruler", "analytics")
BESIDE = ("prometheus", "grafana")
MODELS: Mapping[str, type[Model]] = {
    "exporter.yml": model_of(ExporterConfig),
    "ruler.yml": RulerConfig,
    "web.yml": WebConfig,
}


@cache
def config(*profiles: str) -> Any:
    """The file as the client reads it."""
    flags = [word for profile in profiles for word in ("--profile", profile)]
    done = subprocess.run(
        [peer("docker-compose"), "-f", FILE, *flags, "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def service(name: str) -> Any:
    return config("prometheus")["services"][name]


def test_ours_alone_by_default() -> None:
    assert set(config()["services"]) == set(OURS)
    assert set(config("prometheus")["services"]) == {*OURS, *BESIDE}


def test_an_unknown_key_would_be_noticed(tmp_path: Path) -> None:
    text = FILE.read_text(encoding="utf-8").replace("mem_limit: 128m", "memory_limit: 128m")
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [peer("docker-compose"), "-f", broken, "config", "-q"], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "memory_limit" in done.stderr


@pytest.mark.parametrize("name", [*OURS, *BESIDE])
def test_a_service_may_do_little(name: str) -> None:
    asked = service(name)
    assert asked["read_only"] is True
    assert asked["cap_drop"] == ["ALL"]
    assert asked["security_opt"] == ["no-new-privileges:true"]
    assert int(asked["mem_limit"]) <= 2**30
    assert asked["restart"] == "unless-stopped"
    assert asked["healthcheck"]["test"][0] == "CMD", "without a shell"
    assert asked["logging"]["options"]["max-size"]
    assert not {"privileged", "network_mode", "pid", "ipc", "userns_mode"} & set(asked)


@pytest.mark.parametrize("name", [*OURS, *BESIDE])
def test_nothing_listens_beyond_this_host(name: str) -> None:
    ports = service(name)["ports"]
    assert [port["host_ip"] for port in ports] == ["127.0.0.1"]


@pytest.mark.parametrize("name", [*OURS, *BESIDE])
def test_only_its_volume_can_be_written(name: str) -> None:
    for volume in service(name)["volumes"]:
        assert volume["type"] == "volume" or volume["read_only"] is True, volume
    assert any(volume["type"] == "volume" for volume in service(name)["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_what_is_mounted_is_there(name: str) -> None:
    mounted = [Path(volume["source"]) for volume in service(name)["volumes"] if volume["type"] == "bind"]
    assert all(path.exists() for path in mounted)


@pytest.mark.parametrize("name", OURS)
def test_one_image_is_each_of_the_three(name: str) -> None:
    asked = service(name)
    assert asked["image"] == service("ruler")["image"]
    assert asked["command"][0] == name
    files = [word for word in " ".join(asked["command"]).replace("=", " ").split() if word.endswith(".yml")]
    assert files
    for file in files:
        assert (DEPLOY / "compose" / Path(file).relative_to("/etc/lumina")).is_file()


def test_the_host_is_seen_read_only_with_what_is_mounted_later() -> None:
    (host,) = [volume for volume in service("exporter")["volumes"] if volume["target"] == "/host"]
    assert host["source"] == "/"
    assert host["read_only"] is True
    assert host["bind"]["propagation"] == "rslave"


def test_secrets_are_files_that_git_leaves_out() -> None:
    folder = DEPLOY / "compose" / "secrets"
    for secret in config("prometheus")["secrets"].values():
        assert Path(secret["file"]).parent == folder
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n!.gitignore\n"


@pytest.mark.parametrize("name", MODELS)
def test_its_files_are_read(name: str) -> None:
    load(DEPLOY / "compose" / name, MODELS[name], {})


def test_analytics_and_prometheus_read_theirs() -> None:
    shipped = models_of(load_config(None, {}), {})
    assert models_of(load_config(DEPLOY / "compose" / "analytics.yml", {}), {}) == shipped
    subprocess.run(
        [peer("promtool"), "check", "config", "--syntax-only", DEPLOY / "compose" / "prometheus.yml"],
        check=True,
        capture_output=True,
    )


def test_its_rules_are_read() -> None:
    for path in (DEPLOY / "compose" / "rules").glob("*.yml"):
        assert parse_rules(path.read_text(encoding="utf-8"), path.name, RuleContext()).rules
