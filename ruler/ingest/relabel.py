"""Relabelling, as Prometheus defines it: label set in, label set or nothing out. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

import re2
from pydantic import field_validator, model_validator
from pydantic_core import PydanticCustomError

from promkit.config import Model, field
from promkit.labels import Labels

__all__ = ["RelabelConfig", "relabel"]

_Pairs = dict[str, str]
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> Any:  # noqa: ANN401 - re2 ships no types
    options = re2.Options()
    options.log_errors = False
    options.dot_nl = True
    options.max_mem = 16 << 20
    return re2.compile(pattern, options)


class RelabelConfig(Model):
    """One step of relabelling."""

    env_substitution: ClassVar[bool] = False

    source_labels: tuple[str, ...] = field((), description="Labels whose values are joined and matched.")
    separator: str = field(";", description="Stands between the joined values.")
    target_label: str = field("", description="The label that is set.")
    regex: str = field("(.*)", description="Must match the whole joined value.")
    modulus: int = field(0, description="The number of shards of `hashmod`.", ge=0)
    replacement: str = field("$1", description="The new value; `$1` stands for a group of the expression.")
    action: Literal[
        "replace", "keep", "drop", "keepequal", "dropequal", "hashmod",
        "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase",
    ] = field("replace", description="What is done.")  # fmt: skip

    @field_validator("action", mode="before")
    @classmethod
    def _any_case(cls, action: object) -> object:
        return action.lower() if isinstance(action, str) else action

    @field_validator("regex")
    @classmethod
    def _valid(cls, regex: str) -> str:
        try:
            _compiled(regex)
        except re2.error as error:
            reason = error.args[0] if error.args else error
            text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
            raise PydanticCustomError("regex", "is no regular expression: {text}", {"text": text}) from None
        return regex

    @model_validator(mode="after")
    def _complete(self) -> "RelabelConfig":
        if self.action in _NEED_TARGET and not self.target_label:
            raise PydanticCustomError(
                "relabel", "needs target_label for action {action}", {"action": self.action}
            )
        if self.action == "hashmod" and not self.modulus:
            raise PydanticCustomError("relabel", "needs a modulus above 0 for action hashmod")
        return self


def relabel(labels: Labels, steps: Sequence[RelabelConfig]) -> Labels | None:
    """The label set after all steps; None: it was dropped."""
    if not steps:
        return labels
    pairs = dict(labels)
    for step in steps:
        if not _ACTIONS[step.action](step, pairs):
            return None
    return Labels(pairs)


def _joined(step: RelabelConfig, pairs: _Pairs) -> str:
    return step.separator.join(pairs.get(name, "") for name in step.source_labels)


def _expanded(template: str, match: Any) -> str:  # noqa: ANN401 - a match of re2
    """Put groups into a template, as Go's Regexp.Expand does: an unknown one is empty."""

    def group(reference: "re.Match[str]") -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return _REFERENCE.sub(group, template)


def _set(pairs: _Pairs, name: str, value: str) -> None:
    if value:
        pairs[name] = value
    else:
        pairs.pop(name, None)


def _replace(step: RelabelConfig, pairs: _Pairs) -> bool:
    match = _compiled(step.regex).fullmatch(_joined(step, pairs))
    if match is not None:
        name = _expanded(step.target_label, match)
        if _LABEL_NAME.fullmatch(name):
            _set(pairs, name, _expanded(step.replacement, match))
    return True


def _keep(step: RelabelConfig, pairs: _Pairs) -> bool:
    return _compiled(step.regex).fullmatch(_joined(step, pairs)) is not None


def _drop(step: RelabelConfig, pairs: _Pairs) -> bool:
    return not _keep(step, pairs)


def _keepequal(step: RelabelConfig, pairs: _Pairs) -> bool:
    return _joined(step, pairs) == pairs.get(step.target_label, "")


def _dropequal(step: RelabelConfig, pairs: _Pairs) -> bool:
    return not _keepequal(step, pairs)


def _hashmod(step: RelabelConfig, pairs: _Pairs) -> bool:
    digest = hashlib.md5(_joined(step, pairs).encode(), usedforsecurity=False).digest()
    _set(pairs, step.target_label, str(int.from_bytes(digest[8:], "big") % step.modulus))
    return True


def _labelmap(step: RelabelConfig, pairs: _Pairs) -> bool:
    for name, value in list(pairs.items()):
        match = _compiled(step.regex).fullmatch(name)
        if match is not None:
            _set(pairs, _expanded(step.replacement, match), value)
    return True


def _without(pairs: _Pairs, names: Iterable[str]) -> bool:
    for name in names:
        del pairs[name]
    return True


def _labeldrop(step: RelabelConfig, pairs: _Pairs) -> bool:
    return _without(pairs, [name for name in pairs if _compiled(step.regex).fullmatch(name) is not None])


def _labelkeep(step: RelabelConfig, pairs: _Pairs) -> bool:
    return _without(pairs, [name for name in pairs if _compiled(step.regex).fullmatch(name) is None])


def _lowercase(step: RelabelConfig, pairs: _Pairs) -> bool:
    _set(pairs, step.target_label, _joined(step, pairs).lower())
    return True


def _uppercase(step: RelabelConfig, pairs: _Pairs) -> bool:
    _set(pairs, step.target_label, _joined(step, pairs).upper())
    return True


_NEED_TARGET = {"replace", "hashmod", "lowercase", "uppercase", "keepequal", "dropequal"}
_ACTIONS: dict[str, Callable[[RelabelConfig, _Pairs], bool]] = {
    "replace": _replace,
    "keep": _keep,
    "drop": _drop,
    "keepequal": _keepequal,
    "dropequal": _dropequal,
    "hashmod": _hashmod,
    "labelmap": _labelmap,
    "labeldrop": _labeldrop,
    "labelkeep": _labelkeep,
    "lowercase": _lowercase,
    "uppercase": _uppercase,
}
