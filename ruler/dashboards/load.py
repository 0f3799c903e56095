"""Dashboard files into dashboards: all faults of all files at once, each at its line and column."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from promkit.config import parse, read_text
from promkit.errors import ConfigError, ConfigErrors, Where
from ruler.dashboards.build import Builder
from ruler.dashboards.dashboard import Dashboard
from ruler.dashboards.schema import DashboardFile

__all__ = ["DashboardSet", "load_dashboards", "parse_dashboard"]

DASHBOARDS_MAX = 500


@dataclass(frozen=True, slots=True)
class DashboardSet:
    """All dashboards in force, in the order of their ids, and what is doubtful about them."""

    dashboards: Sequence[Dashboard] = ()
    warnings: tuple[str, ...] = ()


def load_dashboards(patterns: Iterable[str], base: Path, *, optional: Iterable[str] = ()) -> DashboardSet:
    """Read all files that the patterns match, as seen from `base`; `optional` ones may match nothing.

    ConfigError, ConfigErrors: what is wrong in any of them; then none is in force.
    """
    needed = {pattern: _matching(pattern, base) for pattern in patterns}
    warnings = tuple(f"{pattern}: matches no file" for pattern, found in needed.items() if not found)
    files = [*needed.values(), *(_matching(pattern, base) for pattern in optional)]
    loaded: dict[str, Dashboard] = {}
    faults: list[ConfigError] = []
    for name, path in {name: path for found in files for name, path in found.items()}.items():
        try:
            one = parse_dashboard(_read(path, name), name)
        except ConfigError as error:
            if path.exists():  # else it was removed since it was found
                faults += error.faults if isinstance(error, ConfigErrors) else [error]
            continue
        if one.id in loaded:
            taken = f"dashboard id {one.id!r} is taken already at {loaded[one.id].where}"
            faults.append(ConfigError(taken, one.where, "rename one"))
        loaded[one.id] = one
    if len(loaded) > DASHBOARDS_MAX:
        faults.append(ConfigError(f"{len(loaded)} dashboards: at most {DASHBOARDS_MAX}"))
    if faults:
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return DashboardSet(tuple(loaded[id_] for id_ in sorted(loaded)), warnings)


def _matching(pattern: str, base: Path) -> dict[str, Path]:
    """Files by the names that faults call them."""
    found = sorted(glob.glob(str(base / pattern)))  # noqa: PTH207 - patterns may be absolute
    return {str(_shown(Path(name), base)): Path(name) for name in found}


def parse_dashboard(text: str, source: str) -> Dashboard:
    """Read the text of one dashboard file; `source` names it.

    ConfigError, ConfigErrors: what is wrong in it.
    """
    file = parse(text, DashboardFile, source, {})
    builder = Builder(text)
    dashboard = builder.dashboard(file)
    if builder.faults:
        faults = sorted(builder.faults, key=_position)
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return dashboard


def _position(fault: ConfigError) -> tuple[int, int]:
    return (fault.where.line, fault.where.column) if isinstance(fault.where, Where) else (0, 0)


def _shown(path: Path, base: Path) -> Path:
    """A file by the name that stays the same when the folder is moved."""
    return path.relative_to(base) if path.is_relative_to(base) else path


def _read(path: Path, name: str) -> str:
    try:
        return read_text(path)
    except ConfigError as error:
        line = error.where.line if isinstance(error.where, Where) else 0
        raise ConfigError(error.problem, Where(name, line), error.remedy) from None
