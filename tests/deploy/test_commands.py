"""What the pages on deploying tell to type, as far as it can be known without an engine or a cluster."""

import re
import shlex
import subprocess
from functools import cache
from itertools import takewhile

import pytest
import yaml

from tests.builders.prose import ROOT, blocks
from tests.peers import peer

pytestmark = pytest.mark.service

PAGES = ("deploy-compose.md", "deploy-helm.md", "deploy-systemd.md")
COMMANDS = [
    pytest.param(words, id=f"{page}:{block.line}: {' '.join(words)[:60]}")
    for page in PAGES
    for block in blocks((ROOT / "docs" / page).read_text(encoding="utf-8"))
    if block.language == "sh"
    for line in block.text.replace("\\\n", " ").splitlines()
    if (words := shlex.split(line))
]
SERVICES = yaml.safe_load((ROOT / "deploy" / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
MADE = {"deploy/compose/secrets/operator_token", "deploy/compose/secrets/grafana_password"}


@cache
def flags_of(program: str, *subcommand: str) -> set[str]:
    """The long flags that a program's own help names."""
    done = subprocess.run(
        [peer(program), *subcommand, "--help"], capture_output=True, text=True, check=True, timeout=30
    )
    return set(re.findall(r"--[a-z][a-z-]+", done.stdout))


@pytest.mark.parametrize("words", COMMANDS)
def test_every_file_of_ours_is_there(words: list[str]) -> None:
    for word in words:
        if word.startswith(("deploy/", "ruler/", "exporter/", "analytics/")) and word not in MADE:
            assert (ROOT / word).exists(), word


@pytest.mark.parametrize("words", [one for one in COMMANDS if one.values[0][:2] == ["docker", "compose"]])  # type: ignore[index] # a list of words
def test_compose_knows_the_command(words: list[str]) -> None:
    rest = words[4:]
    assert words[2:4] == ["-f", "deploy/docker-compose.yml"]
    if rest[0] == "--profile":
        assert any(rest[1] in service.get("profiles", []) for service in SERVICES.values())
        rest = rest[2:]
    subcommand, *rest = rest
    asked = list(takewhile(lambda word: word not in SERVICES, rest))
    known = flags_of("docker-compose", subcommand)
    assert {word for word in asked if word.startswith("--")} <= known
    assert subcommand in {"up", "ps", "down"} or any(word in SERVICES for word in rest)


@pytest.mark.parametrize("words", [one for one in COMMANDS if one.values[0][0] == "helm"])  # type: ignore[index] # a list of words
def test_helm_knows_the_command(words: list[str]) -> None:
    assert {word for word in words if word.startswith("--")} <= flags_of("helm", words[1])


def test_what_is_named_of_the_units_is_there() -> None:
    text = (ROOT / "docs" / "deploy-systemd.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\blumina-(?:exporter|ruler|analytics)\b", text))
    assert {f"{name}.service" for name in named} == {
        path.name for path in (ROOT / "deploy" / "systemd").glob("*.service")
    }
