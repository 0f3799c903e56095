"""Files: what is made of which, whether what lies there is what would be made, writing it."""

import glob
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lumina.dashboards.compile import UID_PREFIX, compile_dashboard, text_of
from lumina.dashboards.shape import Json
from promkit.config import read_text
from promkit.errors import ConfigError, NotFound, Unavailable
from ruler.dashboards import load_dashboards
from ruler.rules import RuleContext, load_files

__all__ = ["Built", "Source", "build", "read_document", "read_sources"]


_YAML = ("*.yml", "*.yaml")
INPUT_LETTERS_MAX = 32 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """One dashboard in Grafana's form; `id` is ours, or where it was JSON already the file's name."""

    id: str
    where: str
    document: Json


@dataclass(frozen=True, slots=True)
class Built:
    """A JSON file, and how it stands to its source: written, unchanged, differs, missing or left over."""

    id: str
    path: Path
    state: str

    @property
    def is_right(self) -> bool:
        """Whether the file is now what its source makes."""
        return self.state in {"written", "unchanged"}


def read_sources(files: Sequence[Path], rules: Sequence[Path], link: str) -> list[Source]:
    """YAML files compiled, JSON files as they are; of folders, the YAML files.

    ConfigError, ConfigErrors: what is wrong in any of them. NotFound: one is not there.
    """
    found = _expanded(files, _YAML)
    texts = [path for path in found if path.suffix != ".json"]
    loaded = load_dashboards([glob.escape(str(path)) for path in texts], Path.cwd())
    rule_files = _expanded(rules, _YAML)
    by_id = {rule.id: rule for rule in load_files(rule_files, Path.cwd(), RuleContext(any_name=True)).rules}
    made = [Source(one.id, str(one.where), compile_dashboard(one, by_id, link)) for one in loaded.dashboards]
    return made + [
        Source(path.stem, str(path), read_document(path)) for path in found if path.suffix == ".json"
    ]


def _expanded(paths: Iterable[Path], patterns: Iterable[str]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if not path.exists():
            raise NotFound("no such file or folder", str(path), "name files, or give --home")
        inside = [one for pattern in patterns for one in path.glob(pattern)] if path.is_dir() else [path]
        found += sorted(inside)
    return found


def read_document(path: Path) -> Json:
    """A JSON object out of a file, or with `-` out of standard input. ConfigError: there is none."""
    if str(path) == "-":
        return _object(sys.stdin.read(INPUT_LETTERS_MAX), "<stdin>")
    return _object(read_text(path), str(path))


def _object(text: str, source: str) -> Json:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"not JSON: {error}", source) from None
    if not isinstance(document, dict):
        raise ConfigError("not a JSON object", source)
    return document


def build(sources: Sequence[Source], folder: Path, *, check: bool) -> list[Built]:
    """Write a JSON file for each source, or only tell how the files stand to them.

    Unavailable: a file cannot be written.
    """
    done = [_build(source, folder / f"{source.id}.json", check=check) for source in sources]
    return done + _left_over(folder, {source.id for source in sources})


def _build(source: Source, path: Path, *, check: bool) -> Built:
    text = text_of(source.document)
    there = read_text(path) if path.exists() else None
    if there == text:
        return Built(source.id, path, "unchanged")
    if check:
        return Built(source.id, path, "missing" if there is None else "differs")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    except OSError as error:
        raise Unavailable(f"cannot be written: {error.strerror}", str(path)) from None
    return Built(source.id, path, "written")


def _left_over(folder: Path, ids: set[str]) -> list[Built]:
    """Files of ours whose source is gone; what others put there is theirs."""
    return [
        Built(path.stem, path, "left over")
        for path in sorted(folder.glob("*.json"))
        if path.stem not in ids and read_document(path).get("uid") == UID_PREFIX + path.stem
    ]
