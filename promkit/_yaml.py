"""YAML as plain data that knows where each part stands.

A document is read by libyaml into nodes, then into dicts, lists and scalars; beside it stands a table from
path (`("rules", 0, "alert")`) to the place of the key and the value, and to a scalar's text as written.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from promkit.errors import ConfigError, ConfigErrors, Where

__all__ = ["Document", "Path", "Spot", "document", "scalar"]

Path = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is 8 times as fast
_DEPTH_MAX = 64
_NODES_MAX = 1_000_000
_REPEATED_MAX = 100_000  # aliases of aliases grow without bound ("billion laughs")
_MERGE = "tag:yaml.org,2002:merge"
_STRING = "tag:yaml.org,2002:str"
_PLAIN_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}
# Prometheus reads these as the text that stands there.
_TEXT_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value")}
# What libyaml says → what a person can do about it.
_REMEDIES = (
    ("cannot start any token", "quote the text, and indent with spaces, never with tabs"),
    ("mapping values are not allowed", "quote a text that has ': ' in it, or mend the indentation"),
    ("could not find expected ':'", "a key needs a colon and a space after it"),
    ("did not find expected key", "the indentation differs from the lines above, or a quote is not closed"),
    ("did not find expected '-' indicator", "the indentation differs from the list items above"),
    (
        "did not find expected ',' or",
        "a bracket is not closed, or a text in it that has {, } or , needs quotes",
    ),
    ("found undefined alias", "define it above with &name"),
)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands, where its key stands, and, for a scalar, what is written there."""

    key: tuple[int, int]  # line and column from 1; for a list's item that of the value
    value: tuple[int, int]
    text: str | None  # None: a mapping or a list
    plain: bool = False  # not quoted


@dataclass(slots=True)
class Document:
    """A YAML text as plain data, and where its parts stand."""

    source: str
    data: Any  # dicts, lists and scalars: what a YAML text may hold
    spots: dict[Path, Spot] = field(default_factory=dict)
    faults: list[ConfigError] = field(default_factory=list)

    def where(self, path: Path) -> Where:
        """Where the value at `path` stands; where there is none, the nearest that encloses it."""
        return self._where(path, key=False)

    def where_key(self, path: Path) -> Where:
        """Where the key of `path` stands."""
        return self._where(path, key=True)

    def _where(self, path: Path, *, key: bool) -> Where:
        for end in range(len(path), -1, -1):
            spot = self.spots.get(path[:end])
            if spot is not None:
                return Where(self.source, *(spot.key if key or end < len(path) else spot.value))
        return Where(self.source)


def document(text: str, source: str) -> Document:
    """Read one YAML document.

    ConfigError, ConfigErrors: no YAML, a key twice, or tags and sizes that no configuration needs.
    """
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        raise _syntax_fault(error, source) from None
    except yaml.reader.ReaderError as error:
        raise _character_fault(text, source, error) from None
    else:
        if root is None:
            return Document(source, None, {(): Spot((1, 1), (1, 1), text="", plain=True)})
        reader = _Reader(Document(source, None), loader)
        reader.document.data = reader.read(root, (), root, frozenset())
    finally:
        loader.dispose()
    faults = reader.document.faults
    if faults:
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return reader.document


def scalar(text: str) -> str | int | float | bool | None:
    """Give what an unquoted YAML scalar of this text means."""
    loader = _Loader("")
    try:
        tag = loader.resolve(yaml.ScalarNode, text, (True, False))
        return _construct(loader, yaml.ScalarNode(tag, text))
    finally:
        loader.dispose()


class _Reader:
    def __init__(self, document_: Document, loader: Any) -> None:  # noqa: ANN401 - yaml has no type for it
        self.document = document_
        self._loader = loader
        self._nodes = 0
        self._seen: set[int] = set()
        self._repeated = 0

    def read(self, node: yaml.Node, path: Path, key: yaml.Node, parents: frozenset[int]) -> Any:  # noqa: ANN401 - YAML
        self._nodes += 1
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if self._nodes > _NODES_MAX or self._repeated > _REPEATED_MAX:
            raise self._fault(f"more than {_NODES_MAX} values, or {_REPEATED_MAX} of aliases", node)
        if len(path) > _DEPTH_MAX:
            raise self._fault(f"nested deeper than {_DEPTH_MAX} levels", node)
        if id(node) in parents:
            raise self._fault("an alias that holds itself", node)
        if isinstance(node, yaml.ScalarNode):
            self.document.spots[path] = Spot(_place(key), _place(node), node.value, not node.style)
            return self._scalar(node)
        self.document.spots[path] = Spot(_place(key), _place(node), None)
        inner = parents | {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, inner)
        return [self.read(item, (*path, index), item, inner) for index, item in enumerate(node.value)]

    def _scalar(self, node: yaml.ScalarNode) -> str | int | float | bool | None:
        try:
            return _construct(self._loader, node)
        except (ValueError, yaml.YAMLError):
            self.document.faults.append(self._fault(f"cannot be read as {node.tag}", node, "quote the text"))
            return None

    def _mapping(self, node: yaml.MappingNode, path: Path, parents: frozenset[int]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in self._pairs(node, parents):
            result[key.value] = self.read(value, (*path, key.value), key, parents)
        return result

    def _pairs(
        self, node: yaml.MappingNode, parents: frozenset[int]
    ) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        """Own pairs first, then those that `<<` brings and that are not there yet."""
        seen: set[str] = set()
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag == _MERGE:
                merged.extend(value.value if isinstance(value, yaml.SequenceNode) else [value])
            elif not isinstance(key, yaml.ScalarNode):
                self.document.faults.append(self._fault("a key must be a text", key))
            elif key.value in seen:
                self.document.faults.append(self._fault(f"key {key.value!r} stands there twice", key))
            else:
                seen.add(key.value)
                yield key, value
        for source in merged:
            if not isinstance(source, yaml.MappingNode):
                self.document.faults.append(self._fault("<< must name a mapping, as *name", source))
                continue
            if id(source) in parents:
                raise self._fault("an alias that holds itself", source)
            for key, value in self._pairs(source, parents | {id(source)}):
                if key.value not in seen:
                    seen.add(key.value)
                    yield key, value

    def _fault(self, problem: str, node: yaml.Node, remedy: str | None = None) -> ConfigError:
        return ConfigError(problem, Where(self.document.source, *_place(node)), remedy)


def _construct(loader: Any, node: yaml.ScalarNode) -> str | int | float | bool | None:  # noqa: ANN401 - untyped
    if node.tag in _TEXT_TAGS:
        return str(node.value)
    if node.tag not in _PLAIN_TAGS:
        raise ValueError(node.tag)
    value: str | int | float | bool | None = loader.construct_object(node)
    return value


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _syntax_fault(error: yaml.MarkedYAMLError, source: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    where = Where(source, mark.line + 1, mark.column + 1) if mark else Where(source)
    problem = error.problem or error.context or "no YAML"
    remedy = next((remedy for start, remedy in _REMEDIES if start in problem), None)
    return ConfigError(f"not YAML: {problem}", where, remedy)


def _character_fault(text: str, source: str, error: yaml.reader.ReaderError) -> ConfigError:
    """Libyaml counts bytes here, so the character is looked for."""
    for line_number, line in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line, 1):
            if (character < " " and character not in "\t\r") or character in "\x7f\ufffe\uffff":
                problem = f"not YAML: character U+{ord(character):04X} is not allowed"
                return ConfigError(problem, Where(source, line_number, column))
    return ConfigError(f"not YAML: {error.reason}", Where(source))
