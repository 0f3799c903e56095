"""A tree over several lines, as Prometheus' format_query writes it: what fits into a line stays on one."""

from ruler.promql.ast import Aggregate, Binary, Call, Node, Paren, Subquery, Unary

__all__ = ["pretty"]

LINE_LENGTH_MAX = 100
_INDENT = "  "


def pretty(node: Node, level: int = 0) -> str:  # noqa: PLR0911 - one answer a kind of node
    """The text of a tree, indented by `level`."""
    indent = _INDENT * level
    text = str(node)
    if isinstance(node, Unary):
        return f"{indent}{node.op}{pretty(node.expr, level).strip()}"
    if len(text.encode("utf-8", "surrogateescape")) <= LINE_LENGTH_MAX:
        return indent + text
    match node:
        case Aggregate():
            head = text[: len(text) - len(_arguments(node)) - 2]
            args = [node.expr] if node.parameter is None else [node.parameter, node.expr]
            return _call(indent + head, args, level)
        case Call():
            return _call(indent + node.function, list(node.args), level)
        case Paren():
            return _call(indent, [node.expr], level)
        case Binary():
            bool_ = " bool" if node.returns_bool else ""
            operator = f"{indent}{node.op}{bool_}{node.matching or ''}"
            return f"{pretty(node.left, level + 1)}\n{operator}\n{pretty(node.right, level + 1)}"
        case Subquery():
            return pretty(node.expr, level) + text[len(str(node.expr)) :]
        case _:
            return indent + text


def _arguments(node: Aggregate) -> str:
    return f"{node.expr}" if node.parameter is None else f"{node.parameter}, {node.expr}"


def _call(head: str, args: list[Node], level: int) -> str:
    inner = ",\n".join(pretty(arg, level + 1) for arg in args)
    return f"{head}(\n{inner}\n{_INDENT * level})"
