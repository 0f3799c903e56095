"""What a query means.

`parse` makes a tree of a text, `Engine` says what it is worth at an instant or over a range, from any
`Source` of frames. The rest asks a tree what it looks at: `selectors`, `window_ms`, `comparison`.
"""

from ruler.promql.ast import Binary, Call, Node, Paren, VectorSelector, walk
from ruler.promql.budget import Cancel
from ruler.promql.check import type_of as value_type
from ruler.promql.engine import Engine, Options
from ruler.promql.evaluate import Source
from ruler.promql.lexer import caret
from ruler.promql.parse import Features, parse
from ruler.promql.plan import Comparison, Shared, comparison, selectors, window_ms
from ruler.promql.pretty import pretty
from ruler.promql.remote import RemoteEngine
from ruler.promql.result import Matrix, RangeVector, Result, Scalar, String, Vector
from ruler.promql.tree import tree
from ruler.promql.unit import unit_of

__all__ = [
    "Binary",
    "Call",
    "Cancel",
    "Comparison",
    "Engine",
    "Features",
    "Matrix",
    "Node",
    "Options",
    "Paren",
    "RangeVector",
    "RemoteEngine",
    "Result",
    "Scalar",
    "Shared",
    "Source",
    "String",
    "Vector",
    "VectorSelector",
    "caret",
    "comparison",
    "format",
    "parse",
    "pretty",
    "selectors",
    "tree",
    "unit_of",
    "value_type",
    "walk",
    "window_ms",
]


def format(node: Node) -> str:  # noqa: A001 - the word that people look for
    """The canonical text of a tree."""
    return str(node)
