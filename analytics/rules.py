"""The ruler's thresholds: what a value must not reach.

Our ruler says them in each rule's `lumina` object; of a plain Prometheus' rules those count whose query is
*expression compared with a constant*, on whichever side that stands. What analytics itself publishes is left
out, for it must not forecast its own forecasts.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from promkit.errors import QueryError, Unavailable

__all__ = ["Parse", "Threshold", "Trees", "thresholds"]

_RULES_MAX = 2_000
Tree = Mapping[str, Any]
Parse = Callable[[str], Tree | None]  # a query's tree; None: the server cannot say. QueryError: it is none

_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_TOKEN = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*)"""
    r"""|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<op>>=|<=|==|!=|>|<)|(?P<word>\b(?:and|or|unless|bool)\b)"""
)
_OWN = re.compile(r"\banalytics_")
_CONDITIONS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le"}
_FLIPPED = {">": "<", ">=": "<=", "<": ">", "<=": ">="}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "^": lambda a, b: a**b,
}


@dataclass(frozen=True, slots=True)
class Threshold:
    """One rule's threshold over one expression."""

    rule: str
    expr: str
    condition: str  # gt, ge, lt, le
    value: float
    severity: str

    @property
    def above(self) -> bool:
        """Whether the rule fires over it."""
        return self.condition in {"gt", "ge"}


def thresholds(groups: Sequence[Mapping[str, Any]], parse: Parse) -> list[Threshold]:
    """Thresholds of `/api/v1/rules`' groups; `parse` asks `/api/v1/parse_query` for a query's tree.

    Rules of one name are told apart by what they compare with: `DiskFull > 0.9`.
    """
    found: dict[Threshold, None] = {}
    for group in groups:
        for rule in group.get("rules") or ():
            if rule.get("type") != "alerting" or len(found) >= _RULES_MAX:
                continue
            one = _ours(rule) or _plain(rule, parse)
            if one is not None and not _OWN.search(one.expr):
                found.setdefault(one)
    shared = Counter(one.rule for one in found)
    return list(dict.fromkeys(one if shared[one.rule] == 1 else _told_apart(one) for one in found))


def _told_apart(one: Threshold) -> Threshold:
    op = next(op for op, condition in _CONDITIONS.items() if condition == one.condition)
    return replace(one, rule=f"{one.rule} {op} {one.value:g}")


def _ours(rule: Mapping[str, Any]) -> Threshold | None:
    extra = rule.get("lumina")
    if not isinstance(extra, Mapping) or extra.get("condition") not in _CONDITIONS.values():
        return None
    labels = extra.get("labels") or rule.get("labels") or {}
    name = str(extra.get("id") or rule.get("name"))
    return Threshold(
        name,
        str(extra["metric"]),
        str(extra["condition"]),
        float(extra["threshold"]),
        str(labels.get("severity", "")),
    )


def _plain(rule: Mapping[str, Any], parse: Parse) -> Threshold | None:
    query = str(rule.get("query", ""))
    if rule.get("lumina") is not None or not any(op in query for op in _CONDITIONS):
        return None
    try:
        tree = parse(query)
    except QueryError:
        return None
    compared = _by_looks(query) if tree is None else _by_tree(query, tree)
    if compared is None:
        return None
    expr, op, value = compared
    severity = str((rule.get("labels") or {}).get("severity", ""))
    return Threshold(str(rule.get("name")), expr, _CONDITIONS[op], value, severity)


def _by_looks(query: str) -> tuple[str, str, float] | None:
    """Expression, operator and constant of `expression > 0.8`, where nobody can parse it for us."""
    sides = _sides(query)
    if sides is None:
        return None
    expr, op, constant = sides
    return (expr, op, float(constant)) if _NUMBER.fullmatch(constant) else None


def _by_tree(query: str, tree: Tree) -> tuple[str, str, float] | None:
    """The same of a query whose tree is known: constants may be computed, and stand on the left."""
    tree, sides = _bare(tree), _sides(query)
    op = tree.get("op")
    if sides is None or tree.get("type") != "binaryExpr" or op not in _CONDITIONS or tree.get("bool"):
        return None
    left, found, right = sides
    if found != op:
        return None
    below, above = _constant(tree.get("lhs") or {}), _constant(tree.get("rhs") or {})
    if above is not None and below is None:
        return left, op, above
    if below is not None and above is None:
        return right, _FLIPPED[op], below
    return None


def _sides(query: str) -> tuple[str, str, str] | None:
    """What stands left and right of the one comparison that no bracket holds, and its operator."""
    query = query.strip()
    depth, marks, closed = 0, [], False
    for token in _TOKEN.finditer(query):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
            closed = closed or (depth == 0 and token.end() < len(query))
        elif depth == 0 and (token["op"] or token["word"]):
            marks.append(token)
    if not marks and not closed and query.startswith("(") and query.endswith(")"):
        return _sides(query[1:-1])
    if len(marks) != 1 or marks[0]["op"] not in _CONDITIONS:
        return None
    return query[: marks[0].start()].strip(), marks[0][0], query[marks[0].end() :].strip()


def _bare(tree: Tree) -> Tree:
    while tree.get("type") == "parenExpr":
        tree = tree.get("expr") or {}
    return tree


def _constant(tree: Tree) -> float | None:
    """The number that a tree comes to; None where it looks at series, or is no finite number."""
    tree = _bare(tree)
    match tree.get("type"):
        case "numberLiteral":
            value = float(tree.get("val", "nan"))
        case "unaryExpr":
            inner = _constant(tree.get("expr") or {})
            value = math.nan if inner is None else -inner if tree.get("op") == "-" else inner
        case "binaryExpr" if tree.get("op") in _ARITHMETIC:
            left, right = _constant(tree.get("lhs") or {}), _constant(tree.get("rhs") or {})
            if left is None or right is None:
                return None
            try:
                value = float(_ARITHMETIC[str(tree["op"])](left, right))
            except (ArithmeticError, TypeError):
                return None
        case _:
            return None
    return value if math.isfinite(value) else None


class Trees:
    """Queries' trees, each asked for once; a server that does not answer is not asked again in that pass."""

    def __init__(self, get: Callable[[str, Mapping[str, str]], Any]) -> None:
        self._get = get
        self._known: dict[str, Tree | QueryError] = {}
        self._used: dict[str, Tree | QueryError] = {}
        self._answers = True

    def begin(self) -> None:
        """Start a pass over the rules: what the one before did not ask for is forgotten."""
        self._known, self._used, self._answers = self._used, {}, True

    def __call__(self, query: str) -> Tree | None:
        """Give the tree of one query. QueryError: the server says that it is none."""
        found = self._known.get(query) or self._ask(query)
        if found is None:
            return None
        self._used[query] = found
        if isinstance(found, QueryError):
            raise found
        return found

    def _ask(self, query: str) -> Tree | QueryError | None:
        if not self._answers:
            return None
        try:
            tree = self._get("/api/v1/parse_query", {"query": query})
        except QueryError as error:
            return error
        except Unavailable:  # a server of another make has no such path
            self._answers = False
            return None
        return tree if isinstance(tree, Mapping) else None
