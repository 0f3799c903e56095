"""What a function is: one row that says all there is to say of it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = ["Function", "Takes", "ValueType"]


class ValueType(StrEnum):
    """What an expression gives, in the words of the API."""

    SCALAR = "scalar"
    STRING = "string"
    VECTOR = "vector"
    MATRIX = "matrix"

    @property
    def documented(self) -> str:
        """In the words of the manual."""
        return _DOCUMENTED.get(self, self.value)


_DOCUMENTED = {ValueType.VECTOR: "instant vector", ValueType.MATRIX: "range vector"}


class Takes(StrEnum):
    """What a function's `call` is given for its arguments.

    VALUES: arrays alone: [K, S] for the one instant vector (or Windows for a range vector), [K, 1] for a
    scalar; it answers [K, S], and each series keeps its labels (less the name).
    CONTEXT: the Context of the evaluation first, then each argument whole (Table, Windows, Scalars, str); it
    answers a Table or Scalars.
    """

    VALUES = "values"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Function:
    """`call` with what the parser, the evaluator and the manual have to know of it."""

    call: Callable[..., Any]
    args: tuple[ValueType, ...]
    takes: Takes = Takes.VALUES
    returns: ValueType = ValueType.VECTOR
    optional: int = 0  # so many of the last arguments may be left out
    repeats: bool = False  # the last argument may be given any number of times, or not at all
    least: int = 1  # samples that a window must hold for there to be an answer
    keeps_name: bool = False
    of_counter: bool = False  # remark on a metric that does not look like a counter
    by_time: bool = False  # what it gives depends on the time of evaluation beyond its arguments
    sample_times: bool = False  # wants to know when each sample was taken
    labels_last: bool = False  # the last argument only says labels, and is handed over as it stands
    experimental: bool = False
