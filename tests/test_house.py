"""The house is tidy: tests mirror rooms, rooms have doors, files are small, nothing of what is never done."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.prose import ROOT, tracked

PACKAGES = ("promkit", "exporter", "ruler", "analytics", "lumina")
# Rooms whose modules are their doors: processes, what they stand on, and subcommands.
WITHOUT_DOOR = {*PACKAGES, "lumina/commands"}
LINES_MAX = 500
LONG = {"ruler/store/store.py"}  # one lock over three tiers: splitting it would split that thought
POLL_S = 0.05  # a test may pause between two looks, never instead of looking
# Tests that are about more than one module of their room, by what they are about.
STORIES = {
    "against_prometheus", "crash", "differential", "faults", "imports", "kill", "live", "main", "peers",
    "prometheus", "prometheus_files", "promqltest", "recorded_templates", "scenarios", "simulation",
}  # fmt: skip
FORBIDDEN_CALLS = {"eval", "exec", "os.system", "os.popen"}
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve"}
MACHINE_PATHS = re.compile(r"(?<![\w.}])/(?:work|root)/|/tmp/[a-z]+/")

PYTHON = tracked(".py")
OURS = [path for path in PYTHON if path.relative_to(ROOT).parts[0] in PACKAGES]
TESTS = [path for path in PYTHON if path.relative_to(ROOT).parts[0] == "tests"]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_tests_stand_where_what_they_test_stands() -> None:
    astray = []
    for path in TESTS:
        parts = path.relative_to(ROOT / "tests").parts
        if parts[0] not in PACKAGES or not path.name.startswith("test_"):
            continue
        room, subject = ROOT.joinpath(*parts[:-1]), path.stem.removeprefix("test_")
        if not room.is_dir():
            astray.append(name(path))
        modules = {found.stem.strip("_") for found in room.rglob("*.py")}
        rooms = {found.name for found in room.rglob("*") if found.is_dir()}
        if subject not in modules | rooms | STORIES:
            astray.append(name(path))
    assert not astray


@pytest.mark.parametrize("path", [p for p in OURS if p.name == "__init__.py"], ids=name)
def test_a_room_has_a_door(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), "a paragraph on what lives inside"
    if name(path.parent) not in WITHOUT_DOOR:
        assert "__all__ = [" in path.read_text(encoding="utf-8")


def test_every_module_says_what_it_is_for() -> None:
    assert [name(path) for path in OURS if not ast.get_docstring(tree(path))] == []


def test_files_are_small() -> None:
    long = {name(path) for path in PYTHON if len(path.read_text(encoding="utf-8").splitlines()) > LINES_MAX}
    assert long <= LONG


def test_nothing_runs_text_as_code_or_by_a_shell() -> None:
    for path in PYTHON:
        for called, node in calls(path):
            assert called not in FORBIDDEN_CALLS, f"{name(path)}:{node.lineno}: {called}"
            shell = next((word.value for word in node.keywords if word.arg == "shell"), None)
            assert shell is None, f"{name(path)}:{node.lineno}: shell="


def test_nothing_is_pickled() -> None:
    for path in PYTHON:
        for node in ast.walk(tree(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not FORBIDDEN_MODULES & {found.partition(".")[0] for found in names}, name(path)


def test_tests_look_rather_than_wait() -> None:
    for path in TESTS:
        if "builders" in path.parts:  # what is slow on purpose
            continue
        for called, node in calls(path):
            if called in {"time.sleep", "sleep"}:
                pause = node.args[0]
                is_poll = isinstance(pause, ast.Constant) and float(str(pause.value)) <= POLL_S
                assert is_poll or "random" in ast.unparse(pause) or "rng" in ast.unparse(pause), (
                    f"{name(path)}:{node.lineno}: look until a deadline instead"
                )


def test_no_module_has_state() -> None:
    for path in OURS:
        module = tree(path)
        for node in ast.walk(module):
            assert not isinstance(node, ast.Global), f"{name(path)}: global"
        for line in module.body:
            target = line.targets[0] if isinstance(line, ast.Assign) else getattr(line, "target", None)
            value = getattr(line, "value", None)
            if isinstance(target, ast.Name) and isinstance(value, ast.List | ast.Dict | ast.Set):
                is_constant = target.id == "__all__" or target.id.strip("_").isupper()
                assert is_constant, f"{name(path)}:{line.lineno}: {target.id}"


def test_locks_name_no_registry() -> None:
    for path in ROOT.glob("*.lock"):
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path.name
        assert "--hash=sha256:" in text, path.name


def test_no_file_names_a_machine_s_folder() -> None:
    for path in tracked(".py", ".md", ".yml", ".yaml", ".toml", ".sh", ".html", ".js", ".css", ".tmpl"):
        if path == Path(__file__).resolve():
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not MACHINE_PATHS.search(line), f"{name(path)}:{number}: {line.strip()}"
