"""What pydantic found wrong → lines that a person can act on, each at its place in the file."""

import difflib
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Literal, get_args, get_origin

from pydantic_core import ErrorDetails

from promkit._config_model import Model
from promkit._config_shape import Shape, find_field, key_names
from promkit._config_types import Secret
from promkit._yaml import Document, Path, scalar
from promkit.errors import ConfigError

__all__ = ["Wrong", "describe", "locate"]

_WANTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "secret": "a text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
}
_SUBJECT = re.compile(r"^.*? should (?:be |)")
_NAMING_KEYS = ("name", "alert", "record", "id", "job_name")
_KNOWN_SHOWN_MAX = 16
_FOUND_LENGTH_MAX = 40


@dataclass(frozen=True, slots=True)
class Wrong:
    """One of pydantic's errors, placed in the file; `branches` are the unions' members it was found in."""

    path: Path
    kind: str
    message: str
    context: dict[str, Any]
    branches: tuple[tuple[Path, str], ...]


def locate(detail: ErrorDetails, document: Document) -> Wrong:
    """Tell the keys in an error's location from the names of union members that pydantic puts between."""
    node: Any = document.data
    path: list[str | int] = []
    branches: list[tuple[Path, str]] = []
    location = detail["loc"]
    for index, element in enumerate(location):
        is_key = isinstance(node, dict) and element in node
        is_index = isinstance(node, list) and isinstance(element, int) and element < len(node)
        if is_key or is_index:
            node = node[element]
            path.append(element)
        elif detail["type"] == "missing" and index == len(location) - 1:
            path.append(element)
        else:
            branches.append((tuple(path), str(element)))
    return Wrong(tuple(path), detail["type"], detail["msg"], detail.get("ctx", {}), tuple(branches))


def describe(wrongs: Sequence[Wrong], document: Document, shape: Shape) -> list[ConfigError]:
    """Give the faults of a file, in the order in which they stand there."""
    settled = _settle(wrongs)
    # What is faulty counts as not there: a list of one that is faulty is not too short besides.
    faulty = {wrong.path[:-1] for wrong in settled if wrong.path}
    inside = {path[:depth] for path in faulty for depth in range(len(path) + 1)}
    wanted = [one for one in settled if not (one.kind == "too_short" and one.path in inside)]
    told = [_Telling(document, shape).tell(wrong) for wrong in wanted]
    told.sort(key=_position)
    return told


def _position(fault: ConfigError) -> tuple[int, int]:
    line, column = getattr(fault.where, "line", 0), getattr(fault.where, "column", 0)
    return line, column


def _settle(wrongs: Sequence[Wrong]) -> list[Wrong]:
    """Choose, in each union, the member that was most likely meant, and keep its errors alone."""
    settled = [wrong for wrong in wrongs if not wrong.branches]
    inside = [wrong for wrong in wrongs if wrong.branches]
    for point, group in _grouped(inside, lambda wrong: wrong.branches[0][0]):
        members = [errors for _, errors in _grouped(group, lambda wrong: wrong.branches[0][1])]
        fitting = [errors for errors in members if all(wrong.path != point for wrong in errors)]
        if fitting or len(members) == 1:
            chosen = min(fitting or members, key=len)
            settled.extend(_settle([replace(wrong, branches=wrong.branches[1:]) for wrong in chosen]))
        else:
            settled.append(_merged(point, [error for errors in members for error in errors]))
    return settled


def _grouped(wrongs: Sequence[Wrong], key: Callable[[Wrong], Any]) -> list[tuple[Any, list[Wrong]]]:
    # Strings as sort keys: a path mixes names and numbers, which have no order.
    ordered = sorted(wrongs, key=lambda wrong: repr(key(wrong)))
    return [(found, list(group)) for found, group in groupby(ordered, key=key)]


def _merged(point: Path, wrongs: Sequence[Wrong]) -> Wrong:
    wanted = dict.fromkeys(_wanted(wrong) for wrong in wrongs if wrong.path == point)
    return Wrong(point, "expected", "", {"what": " or ".join(wanted)}, ())


def _count(wrong: Wrong) -> str:
    bound = wrong.context["min_length" if wrong.kind == "too_short" else "max_length"]
    how = "at least" if wrong.kind == "too_short" else "at most"
    return f"{how} {bound} {'entry' if bound == 1 else 'entries'}, not {wrong.context['actual_length']}"


def _wanted(wrong: Wrong) -> str:
    """Say what is expected, to go after "must be"."""
    if wrong.kind == "expected":
        return str(wrong.context["what"])
    if wrong.kind in {"literal_error", "enum"}:
        expected = str(wrong.context["expected"])
        return f"one of {expected}" if " or " in expected else expected
    family = re.sub(r"_(type|parsing|from_float|attributes_type|instance_of|exact)$", "", wrong.kind)
    family = family.removesuffix("_attributes")
    return _WANTED.get(family) or _SUBJECT.sub("", wrong.message).partition(" after validation, not ")[0]


class _Telling:
    def __init__(self, document: Document, shape: Shape) -> None:
        self._document = document
        self._shape = shape

    def tell(self, wrong: Wrong) -> ConfigError:  # noqa: PLR0911 - a kind of fault a case
        match wrong.kind:
            case "extra_forbidden":
                return self._unknown_key(wrong.path)
            case "missing":
                return self._missing(wrong.path)
            case "union_tag_not_found":
                return self._missing((*wrong.path, wrong.context["discriminator"].strip("'")))
            case "union_tag_invalid":
                return self._unknown_tag(wrong)
            case "value_error":
                problem = str(wrong.context.get("error", wrong.message))
                return ConfigError(f"{self._name(wrong.path)}: {problem}", self._document.where(wrong.path))
            case "too_short" | "too_long":
                problem = f"{self._name(wrong.path)} must have {_count(wrong)}"
                return ConfigError(problem, self._document.where(wrong.path))
            case "unit":
                problem = f"{self._name(wrong.path)} {wrong.message}"
                return ConfigError(problem, self._document.where(wrong.path))
            case _:
                return self._unfit(wrong)

    def _unknown_key(self, path: Path) -> ConfigError:
        key = str(path[-1])
        holder = _at_path(self._document.data, path[:-1])
        models = [model for model in self._at(path[:-1]).models() if _is_meant(model, holder)]
        where = self._document.where_key(path)
        for model in models:
            if key in model.refused:
                return ConfigError(f"key {key!r}{self._inside(path)}: {model.refused[key]}", where)
            twin = find_field(model, key)
            if twin is not None:
                return ConfigError(f"key {key!r} stands there twice, in two spellings", where)
        known = sorted({name for model in models for name in key_names(model)})
        return ConfigError(f"unknown key {key!r}{self._inside(path)}", where, _suggestion(key, known))

    def _missing(self, path: Path) -> ConfigError:
        if path in self._document.spots:
            return ConfigError(f"{self._name(path)} has no value", self._document.where_key(path))
        return ConfigError(
            f"key {path[-1]!r} is missing{self._inside(path)}", self._document.where(path[:-1])
        )

    def _unknown_tag(self, wrong: Wrong) -> ConfigError:
        path = (*wrong.path, wrong.context["discriminator"].strip("'"))
        expected = wrong.context["expected_tags"]
        known = re.findall(r"'([^']*)'", expected)
        tag = wrong.context["tag"]
        problem = f"{path[-1]!r} must be one of {expected}, not {tag!r}"
        return ConfigError(problem, self._document.where(path), _nearest(tag, known))

    def _unfit(self, wrong: Wrong) -> ConfigError:
        wanted = _wanted(wrong)
        verb = "must" if wanted.startswith("have ") else "must be"
        remedy = None
        found = self._found(wrong.path)
        if found is not None and wrong.kind in {"literal_error", "enum"}:
            remedy = _nearest(found.strip("'"), re.findall(r"'([^']*)'", wanted))
        problem = f"{self._name(wrong.path)} {verb} {wanted}"
        if found is not None and wrong.kind not in {"too_short", "too_long"}:
            problem += f", not {found}"
        return ConfigError(problem, self._document.where(wrong.path), remedy)

    def _found(self, path: Path) -> str | None:
        """Show a value, but no secret: neither of a secret's key, nor what came from the environment."""
        if Secret in self._at(path).annotations:
            return None
        value = _at_path(self._document.data, path)
        if isinstance(value, dict):
            return "a mapping"
        if isinstance(value, list):
            return "a list"
        spot = self._document.spots.get(path)
        if value is None or spot is None or spot.text is None:
            return "nothing" if value is None else repr(value)
        text = spot.text if len(spot.text) <= _FOUND_LENGTH_MAX else f"{spot.text[:_FOUND_LENGTH_MAX]}…"
        is_number = spot.plain and not isinstance(scalar(text), str)
        return text if is_number else repr(text)

    def _at(self, path: Path) -> Shape:
        shape = self._shape
        for key in path:
            shape = shape.at(key)
        return shape

    def _inside(self, path: Path) -> str:
        """Name what a key stands in: by the name it gives itself, else by its path."""
        for end in range(len(path) - 1, 0, -1):
            node = _at_path(self._document.data, path[:end])
            if isinstance(node, dict):
                for key in _NAMING_KEYS:
                    if isinstance(node.get(key), str):
                        return f" in {node[key]!r}"
        return f" in {_dotted(path[:-1])}" if len(path) > 1 else ""

    @staticmethod
    def _name(path: Path) -> str:
        start = max((index for index, key in enumerate(path) if isinstance(key, str)), default=0)
        return repr(_dotted(path[start:])) if path else "the file"


def _is_meant(model: type[Model], holder: object) -> bool:
    """Tell whether the words that mark a union's member, as its `kind`, are those of this model."""
    if not isinstance(holder, dict):
        return True
    fields = ((holder.get(info.alias or name), info.annotation) for name, info in model.model_fields.items())
    return all(
        found is None or found in get_args(annotation)
        for found, annotation in fields
        if get_origin(annotation) is Literal
    )


def _at_path(data: Any, path: Path) -> Any:  # noqa: ANN401 - YAML data
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _dotted(path: Path) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def _suggestion(key: str, known: Collection[str]) -> str | None:
    nearest = _nearest(key, known)
    if nearest or not known:
        return nearest
    shown = sorted(known)[:_KNOWN_SHOWN_MAX]
    return "known are " + ", ".join(shown) + (", …" if len(known) > len(shown) else "")


def _nearest(text: str, known: Collection[str]) -> str | None:
    found = difflib.get_close_matches(text.lower(), known, n=1)
    return f"did you mean {found[0]!r}?" if found else None
