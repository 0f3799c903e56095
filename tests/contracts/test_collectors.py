"""What every collector promises, whatever it reads."""

import ast
import re
from pathlib import Path

import pytest

from exporter.collector import Context, Kind, Settings
from exporter.collectors import KINDS
from exporter.schema import model_of, plain, restored
from promkit.config import reference
from promkit.errors import LuminaError
from promkit.exposition import MetricType, parse, render

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDER = ROOT / "exporter" / "collectors"
# What a kind cannot do without; everything else has a default.
NEEDED = {
    "http": {"name": "a", "url": "http://127.0.0.1:1/"},
    "access_log": {"name": "a", "path": "/nonexistent/access.log"},
    "json": {
        "name": "a",
        "url": "http://127.0.0.1:1/",
        "queries": [{"metrics": [{"name": "business_n", "value": "n"}]}],
    },
    "postgres": {"name": "a", "dsn": "postgresql://127.0.0.1:1/a"},
    "sql": {
        "name": "a",
        "dsn": "sqlite:////nonexistent/a.db",
        "queries": [{"sql": "SELECT 1 AS n", "metrics": [{"name": "business_n", "value": "n"}]}],
    },
}
BY_NAME = {kind.name: kind for kind in KINDS}
every_kind = pytest.mark.parametrize("kind", KINDS, ids=list(BY_NAME))


def settings_of(kind: Kind) -> Settings:
    found = restored(kind.settings, NEEDED.get(kind.name, {}))
    assert isinstance(found, Settings)
    return found


def test_the_list_is_whole() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - {"__init__"}
    assert files == set(BY_NAME)
    assert len(BY_NAME) == len(KINDS)


@every_kind
def test_it_says_its_metrics_and_its_errors(kind: Kind) -> None:
    text = docstring(kind)
    assert "Fails" in text or "fails" in text or "hangs" in text
    assert kind.summary
    assert kind.summary == text.partition("\n")[0]


@every_kind
def test_its_file_is_small(kind: Kind) -> None:
    assert len((FOLDER / f"{kind.name}.py").read_text(encoding="utf-8").splitlines()) <= 330


@every_kind
def test_its_test_mirrors_it(kind: Kind) -> None:
    assert (ROOT / "tests" / "exporter" / "collectors" / f"test_{kind.name}.py").exists()


@every_kind
def test_it_gives_a_clean_page_and_says_what_it_promised(kind: Kind) -> None:
    collector = kind.build(settings_of(kind), Context(), kind.name)
    families = []
    for now_ms in (1_000, 2_000):
        try:
            families = collector.collect(now_ms)
        except LuminaError:
            return  # there is no such log here; it said so
    for openmetrics in (False, True):
        assert parse(render([family for family in families if family.samples], openmetrics), openmetrics)
    words = re.findall(r"\b[a-z]+_[a-z0-9_]+|(?<=[ ,])_[a-z0-9_]+", docstring(kind))
    for family in families:
        assert family.help.endswith("."), family.name
        name = family.name + ("_total" if family.type is MetricType.COUNTER else "")
        assert is_documented(name, words), name


def docstring(kind: Kind) -> str:
    return ast.get_docstring(ast.parse((FOLDER / f"{kind.name}.py").read_text(encoding="utf-8"))) or ""


def is_documented(name: str, words: list[str]) -> bool:
    """A metric stands there whole, or as an ending after one that begins like it: `a_b_bytes, _c_bytes`."""
    return name in words or any(
        name.endswith(ending) and any(word.startswith(name.removesuffix(ending)) for word in words)
        for ending in words
        if ending.startswith("_")
    )


@every_kind
def test_names_carry_their_units(kind: Kind) -> None:
    collector = kind.build(settings_of(kind), Context(), kind.name)
    try:
        families = collector.collect(1_000)
    except LuminaError:
        return
    for family in families:
        assert not re.search(r"percent|_ms$|milli|_kb", family.name)
        if family.type is MetricType.GAUGE:
            assert not family.name.endswith(("_total", "_count", "_sum", "_bucket")), family.name
        if family.name.endswith("_ratio"):
            assert all(0 <= sample.value <= 1 for sample in family.samples), family.name


@every_kind
def test_series_do_not_repeat(kind: Kind) -> None:
    collector = kind.build(settings_of(kind), Context(), kind.name)
    try:
        samples = [sample for family in collector.collect(1_000) for sample in family.samples]
    except LuminaError:
        return
    assert len({(sample.name, sample.labels) for sample in samples}) == len(samples)


@every_kind
def test_settings_go_there_and_back(kind: Kind) -> None:
    settings = settings_of(kind)
    assert restored(kind.settings, plain(settings)) == settings


@every_kind
def test_every_option_is_described(kind: Kind) -> None:
    assert [option.path for option in reference(model_of(kind.settings)) if not option.description] == []


@every_kind
def test_no_secret_is_shown(kind: Kind) -> None:
    """Every setting of type Secret hides itself, wherever it stands."""
    text = (FOLDER / f"{kind.name}.py").read_text(encoding="utf-8")
    for line in re.findall(
        r"^    (\w*(?:password|token|secret)\w*): Annotated\[([^,]*),", text, re.MULTILINE
    ):
        assert line[1].startswith(("Secret", "Path")), line
