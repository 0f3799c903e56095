"""The functions of Alertmanager's templates."""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

import re2

from ruler.template.clock import Instant
from ruler.template.functions import BUILT_IN, Function, FunctionSet, json_ready
from ruler.template.humanize import humanize_duration
from ruler.template.values import SafeHtml, TemplateError, Value, shown, type_name

__all__ = ["ALERTMANAGER", "TEXT_FUNCTIONS"]


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:  # noqa: ANN401 - re2 has no types
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 16 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error:
        raise TemplateError(f"not a regular expression: {pattern!r}", static=True) from None


def _match(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text) is not None


_GROUP = re.compile(r"\$(?:\$|\{(\w+)\}|(\w+))")


def _replace_all(pattern: str, replacement: str, text: str) -> str:
    """As Go's ReplaceAllString: `$1`, `${name}`; a group that is not there is empty."""
    compiled = _compiled(pattern)
    out: list[str] = []
    at, last_end = 0, -1
    for found in compiled.finditer(text):
        start, end = found.span()
        if start == end == last_end:
            continue  # Go takes no empty match right behind another
        out.append(text[at:start])
        out.append(_GROUP.sub(_group_of(found), replacement))
        at = last_end = end
    out.append(text[at:])
    return "".join(out)


def _group_of(found: Any) -> Callable[["re.Match[str]"], str]:  # noqa: ANN401 - re2 has no types
    def text(reference: "re.Match[str]") -> str:
        name = reference[1] or reference[2]
        if name is None:
            return "$"
        try:
            return found.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError):
            return ""

    return text


def _upper(text: str) -> str:
    """Sign by sign, as Go: ß stays."""
    return "".join(sign.upper() if len(sign.upper()) == 1 else sign for sign in text)


def _lower(text: str) -> str:
    return "".join(sign.lower() if len(sign.lower()) == 1 else sign for sign in text)


_WORD = re.compile(r"\w[\w'’]*")


def _title(text: str) -> str:
    return _WORD.sub(lambda match: match[0][:1].title() + match[0][1:].lower(), text)


def _instant(name: str, value: Value) -> Instant:
    if not isinstance(value, Instant):
        raise TemplateError(f"{name} wants a time, got {type_name(value)}", static=True)
    return value


def _to_json(value: Value) -> str:
    text = json.dumps(json_ready(value), ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _dict(*pairs: Value) -> dict[Value, Value]:
    if len(pairs) % 2:
        raise TemplateError("dict wants pairs of name and value", static=True)
    return {shown(pairs[index]): pairs[index + 1] for index in range(0, len(pairs), 2)}


def _append(items: Value, *more: Value) -> list[Value]:
    if not isinstance(items, list | tuple):
        raise TemplateError(f"append wants a list, got {type_name(items)}", static=True)
    return [*items, *more]


# Shared with Prometheus' templates.
TEXT_FUNCTIONS: dict[str, Function] = {
    "toUpper": Function(_upper, "s"),
    "toLower": Function(_lower, "s"),
    "title": Function(_title, "s"),
    "match": Function(_match, "ss"),
    "reReplaceAll": Function(_replace_all, "sss"),
    "safeHtml": Function(SafeHtml, "s"),
    "humanizeDuration": Function(humanize_duration, "a"),
}

ALERTMANAGER = FunctionSet(
    {
        **BUILT_IN,
        **TEXT_FUNCTIONS,
        "trimSpace": Function(str.strip, "s"),
        "join": Function(lambda separator, texts: separator.join(texts), "sl"),
        "safeUrl": Function(SafeHtml, "s"),
        "urlUnescape": Function(unquote_plus, "s"),
        "stringSlice": Function(lambda *texts: list(texts), "s*"),
        "date": Function(lambda layout, when: _instant("date", when).format(layout), "sa"),
        "tz": Function(lambda zone, when: _instant("tz", when).in_zone(zone), "sa"),
        "since": Function(None, "a"),
        "toJson": Function(_to_json, "a"),
        "list": Function(lambda *items: list(items), "a*"),
        "append": Function(_append, "aa*"),
        "dict": Function(_dict, "a*"),
    }
)
