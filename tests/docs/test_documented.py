"""Whatever can be named by a user is written about."""

import io
import os
import re
from contextlib import redirect_stdout
from functools import cache
from unittest.mock import patch

import pytest

from exporter.collectors import KINDS as COLLECTORS
from lumina.__main__ import main
from ruler.alerts import Happening
from ruler.dashboards import CONFIG_OF, Kind
from ruler.delivery.receivers import RECEIVERS
from ruler.options import FEATURES
from ruler.remediation.actions import KINDS as ACTIONS
from ruler.rules.schema import AlertKeys, GroupConfig, GroupRule, ShortRule
from tests.builders.prose import ROOT

DOCS = ROOT / "docs"
PROCESSES = ("exporter", "ruler", "analytics")  # their flags are in operations.md


@cache
def told(*subcommand: str) -> str:
    """The help of a subcommand; wide enough that no name is cut."""
    text = io.StringIO()
    with redirect_stdout(text), patch.dict(os.environ, COLUMNS="200"):
        try:
            code = main([*subcommand, "--help"])
        except SystemExit as end:
            code = int(end.code or 0)
    assert code == 0, subcommand
    return text.getvalue()


def options_of(*subcommand: str) -> set[str]:
    """Its flags, without those that its example and its prose name."""
    options = re.split(r"^options:|^Options:", told(*subcommand), maxsplit=1, flags=re.MULTILINE)[1]
    return flags_of(re.split(r"xample: |On files: ", options)[0])


def flags_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z.-]*[a-z]", text)) - {"--help"}


def subcommands(*above: str) -> list[tuple[str, ...]]:
    """Every subcommand that runs something, as the help of those above lists them; processes are apart."""
    listed = told(*above).partition("Commands:\n")[2].partition("\n\n")[0]
    names = [line.split()[0] for line in listed.splitlines() if re.match(r"  \w", line)]
    own = [name for name in names if name not in PROCESSES]
    return [one for name in own for one in subcommands(*above, name)] if own else [above]


@pytest.fixture(scope="module")
def every_subcommand() -> list[tuple[str, ...]]:
    return subcommands()


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


@pytest.mark.parametrize("kind", Kind)
def test_every_type_of_widget_is_explained_with_the_keys_of_its_config(kind: Kind) -> None:
    rows = [line for line in page("dashboards.md").splitlines() if line.startswith(f"| `{kind.value}` |")]
    assert len(rows) == 1
    assert set(re.findall(r"`(\w+)`", rows[0].rsplit("|", 2)[1])) == CONFIG_OF[kind]


@pytest.mark.parametrize("process", PROCESSES)
def test_every_flag_of_a_process_is_explained(process: str) -> None:
    assert options_of(process)
    assert options_of(process) - flags_of(page("operations.md")) == set()


def test_every_subcommand_has_its_row_with_its_flags(every_subcommand: list[tuple[str, ...]]) -> None:
    rows = [line for line in page("command-line.md").splitlines() if line.startswith("| `lumina ")]
    assert len(every_subcommand) == len(rows)
    for subcommand in every_subcommand:
        row = next((row for row in rows if row.startswith(f"| `lumina {' '.join(subcommand)}` |")), "")
        assert options_of(*subcommand) == flags_of(row), " ".join(subcommand)


def test_every_help_has_an_example(every_subcommand: list[tuple[str, ...]]) -> None:
    for subcommand in every_subcommand:
        assert "example: lumina" in told(*subcommand), " ".join(subcommand)
