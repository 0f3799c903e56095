"""Rule files into rules: all faults of all files at once, each at its line and column."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promkit.config import parse, where
from promkit.errors import ConfigError, ConfigErrors, Where
from ruler.rules.build import Builder
from ruler.rules.context import RuleContext
from ruler.rules.rule import Group, Rule
from ruler.rules.schema import RuleFile

__all__ = ["RuleSet", "load_files", "parse_rules"]

SHORT_GROUP = "rules"  # the group of a file's short-form rules
_FILE_BYTES_MAX = 32 << 20


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules in force, and what is doubtful about them."""

    groups: tuple[Group, ...] = ()
    doubts: tuple[tuple[Where, str], ...] = ()
    files: tuple[str, ...] = field(default=(), compare=False)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The doubts, a line each."""
        return tuple(f"{at}: {text}" for at, text in self.doubts)

    @property
    def rules(self) -> list[Rule]:
        """The rules of all groups."""
        return [rule for group in self.groups for rule in group.rules]


def load_files(
    patterns: Iterable[str | Path], base: Path, context: RuleContext, *, optional: Iterable[str] = ()
) -> RuleSet:
    """Read all files that the patterns match, as seen from `base`; `optional` ones may match nothing.

    ConfigError, ConfigErrors: what is wrong in any of them; then none is in force.
    """
    groups: list[Group] = []
    doubts: list[tuple[Where, str]] = []
    faults: list[ConfigError] = []
    files: dict[str, Path] = {}
    for pattern in patterns:
        found = _matching(pattern, base)
        if not found:
            doubts.append((Where(str(pattern)), "matches no file"))
        files.update(found)
    for name, path in (pair for pattern in optional for pair in _matching(pattern, base).items()):
        # Where a pattern has named it otherwise, this is its name.
        files = {**{k: v for k, v in files.items() if v.resolve() != path.resolve()}, name: path}
    for name, path in files.items():
        try:
            loaded = parse_rules(_read(path, name), name, context)
        except ConfigErrors as errors:
            faults += errors.faults
        except ConfigError as error:
            faults.append(error)
        else:
            groups += loaded.groups
            doubts += loaded.doubts
    faults += _repeated(groups)
    if faults:
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return RuleSet(tuple(groups), tuple(doubts), tuple(files))


def parse_rules(text: str, source: str, context: RuleContext) -> RuleSet:
    """Read the text of one rule file; `source` names it.

    ConfigError, ConfigErrors: what is wrong in it.
    """
    file = parse(text, RuleFile, source, {})
    builder = Builder(text, source, context)
    groups: list[Group] = []
    names: set[str] = set()
    for written in file.groups:
        if not written.name:
            builder.fault("a group needs a name", where(written, "name"))
        elif written.name in names:
            builder.fault(f"group name {written.name!r} is repeated in this file", where(written, "name"))
        names.add(written.name)
        groups.append(
            Group(
                name=written.name,
                file=source,
                interval_ms=written.interval or context.evaluation_interval_ms,
                rules=builder.group_rules(written),
                query_offset_ms=context.query_offset_ms
                if written.query_offset is None
                else written.query_offset,
                limit=written.limit,
            )
        )
    if file.rules:
        if SHORT_GROUP in names:
            problem = f"group name {SHORT_GROUP!r} is taken by the rules of the short form in this file"
            builder.fault(problem, where(file, "rules"), "give the group another name")
        rules = tuple(rule for one in file.rules if (rule := builder.short_rule(one)) is not None)
        groups.append(Group(SHORT_GROUP, source, context.short_interval_ms, rules, context.query_offset_ms))
    faults = [*builder.faults, *_repeated(groups)]
    if faults:
        faults.sort(key=_position)
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return RuleSet(tuple(groups), tuple(builder.doubts), (source,))


def _repeated(groups: Sequence[Group]) -> list[ConfigError]:
    """Faults of ids that stand twice; ids that are made of names never do."""
    faults = []
    first: dict[str, Where] = {}
    for group in groups:
        for rule in group.rules:
            earlier = first.setdefault(rule.id, rule.where)
            if earlier != rule.where:
                faults.append(ConfigError(f"rule id {rule.id!r} is taken already at {earlier}", rule.where))
    return faults


def _position(fault: ConfigError) -> tuple[int, int]:
    return (fault.where.line, fault.where.column) if isinstance(fault.where, Where) else (0, 0)


def _matching(pattern: str | Path, base: Path) -> dict[str, Path]:
    found = sorted(glob.glob(str(base / pattern)))  # noqa: PTH207 - Prometheus' patterns may be absolute
    return {str(_shown(Path(name), base)): Path(name) for name in found}


def _shown(path: Path, base: Path) -> Path:
    """A file by the name that stays the same when the folder is moved."""
    return path.relative_to(base) if path.is_relative_to(base) else path


def _read(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_FILE_BYTES_MAX + 1)
        if len(content) > _FILE_BYTES_MAX:
            raise ConfigError("larger than 32 MiB", Where(name))
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(error.strerror or str(error), Where(name)) from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8", Where(name)) from None
