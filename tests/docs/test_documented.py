"""Whatever can be named by a user is written about."""

import re
import subprocess

import pytest

from exporter.collectors import KINDS as COLLECTORS
from ruler.alerts import Happening
from ruler.delivery.receivers import RECEIVERS
from ruler.options import FEATURES
from ruler.remediation.actions import KINDS as ACTIONS
from ruler.rules.schema import AlertKeys, GroupConfig, GroupRule, ShortRule
from tests.builders.e2e import LUMINA
from tests.builders.prose import ROOT

DOCS = ROOT / "docs"
# Subcommand → the page that has its flags.
FLAGS_OF: dict[tuple[str, ...], str] = {
    ("exporter",): "operations.md",
    ("ruler",): "operations.md",
    ("analytics",): "operations.md",
    ("up",): "quick-start.md",
    ("demo",): "quick-start.md",
}


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [kind.name for kind in COLLECTORS])
def test_every_collector_has_its_place(name: str) -> None:
    assert f"`{name}`" in page("exporter.md") or f"{name}:" in page("exporter.md")
    assert f"### {name} (" in page("reference/metrics.md")


@pytest.mark.parametrize("happening", Happening)
def test_every_word_of_the_timeline_is_explained(happening: Happening) -> None:
    assert re.search(rf"^\|[^|]*\b{happening.value}\b", page("rules.md"), re.MULTILINE)


@pytest.mark.parametrize("name", RECEIVERS)
def test_every_receiver_has_an_example(name: str) -> None:
    assert re.search(rf"^  {name}:", page("notifications.md"), re.MULTILINE)
    assert f"`{name}_configs`" in page("notifications.md")


@pytest.mark.parametrize("name", ACTIONS)
def test_every_kind_of_action_has_an_example(name: str) -> None:
    assert f"kind: {name}" in page("remediation.md")


@pytest.mark.parametrize("name", FEATURES)
def test_every_feature_is_named(name: str) -> None:
    assert name in page("reference/promql.md")


@pytest.mark.parametrize("model", [AlertKeys, GroupConfig, GroupRule, ShortRule])
def test_every_key_of_a_rule_is_explained(model: type[AlertKeys]) -> None:
    rows = "\n".join(line for line in page("rules.md").splitlines() if line.startswith("|"))
    for name, info in model.model_fields.items():
        if name != "rules":
            assert f"`{info.alias or name}`" in rows, info.alias or name


@pytest.mark.parametrize("subcommand", FLAGS_OF, ids=" ".join)
def test_every_flag_is_written_about(subcommand: tuple[str, ...]) -> None:
    told = subprocess.run(
        [*LUMINA, *subcommand, "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z.-]*[a-z]", told)) - {"--help"}
    assert flags
    text = page(FLAGS_OF[subcommand])
    assert {flag for flag in flags if f"{flag}" not in text} == set()


@pytest.mark.parametrize(
    "subcommand",
    [("query",), ("report",), ("health",), ("alerts", "list"), ("alerts", "ack"), ("rules", "check")],
    ids=" ".join,
)
def test_every_help_has_an_example(subcommand: tuple[str, ...]) -> None:
    told = subprocess.run(
        [*LUMINA, *subcommand, "--help"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    assert "example: lumina" in told
