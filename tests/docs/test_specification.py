"""docs/specification.md names what is there, and the figures of the specification are the code's."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from analytics.config import load_config
from analytics.journal import ANOMALIES_MAX, PREDICTIONS_MAX
from exporter.collectors import KINDS, access_log
from exporter.config import Config, sources
from promkit.config import parse
from ruler.alerts.history import RESOLVED_MAX
from ruler.api.figures import RANGES_MS
from ruler.config import RulerConfig
from ruler.rules import RuleContext
from tests.builders.prose import ROOT

ROWS = {
    cells[0]: cells[1:]
    for line in (ROOT / "docs" / "specification.md").read_text(encoding="utf-8").splitlines()
    if (cells := [cell.strip() for cell in line.strip("|").split("|")])[0].startswith("S")
}


def test_every_row_is_there() -> None:
    assert list(ROWS) == [f"S{number}" for number in range(1, 38)]


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_its_files_and_tests(row: str) -> None:
    _, files, tests = ROWS[row]
    assert "`" in files
    assert "::" in tests


@pytest.mark.parametrize("row", ROWS)
def test_every_named_file_is_there(row: str) -> None:
    for path in re.findall(r"`([\w./-]+/[\w./-]+|\w+\.\w+|Makefile)(?:::\w+)?`", " ".join(ROWS[row][1:])):
        assert (ROOT / path).is_file(), f"{row} names {path}, which is not there"


@pytest.mark.parametrize("row", ROWS)
def test_every_named_test_is_there(row: str) -> None:
    tests = ROWS[row][2]
    found = re.findall(r"`(tests/[\w/.]+)::(\w+)`", tests)
    assert found, f"{row} names no test"
    for path, name in found:
        assert re.search(rf"^ *def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), name


def test_the_figures_are_those_of_the_specification() -> None:
    every = {source.kind.name: source.settings.every for source in sources(Config())}
    assert {every[name] for name in ("cpu", "memory", "disk", "host", "process")} == {10_000}  # S2
    assert access_log.Settings(name="api", path=Path("api.log")).every == 15_000  # S3
    assert every["push"] == 30_000  # S5
    sql_and_json = [kind.settings for kind in KINDS if kind.name in {"sql", "json"}]
    assert [{one.name: one.default for one in fields(kind)}["every"] for kind in sql_and_json] == [30_000] * 2
    shipped = parse(
        (ROOT / "ruler" / "defaults" / "ruler.yml").read_text(encoding="utf-8"), RulerConfig, "ruler.yml", {}
    )
    assert shipped.global_.scrape_interval == 10_000
    assert shipped.global_.evaluation_interval == 30_000  # S10
    assert RuleContext().short_interval_ms == 30_000
    assert RESOLVED_MAX == 10_000  # S15
    assert list(RANGES_MS) == ["1h", "24h", "7d", "30d"]  # S17
    analytics = load_config(None, {})
    assert (analytics.step, analytics.interval) == (300_000, 300_000)  # S22, S26
    assert (PREDICTIONS_MAX, ANOMALIES_MAX) == (10_000, 5_000)  # S23, S24
    assert analytics.anomalies.threshold == 3  # S24
