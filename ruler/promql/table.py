"""What the parts of an expression are worth at each of the K steps.

    scalar          Scalars: values [K]
    instant vector  Table: values [K, S] and where they are present [K, S]
    range vector    Windows (window.py)
    string          str

Where a Table has no value its cell holds anything: ask `present`, None meaning everywhere. So arithmetic
never carries ABSENT along, and a real NaN stays what it is.
"""

from dataclasses import dataclass, replace

import numpy as np

from ruler.promql.index import Index, Positions, joined
from ruler.store import Mask, Times, Values

__all__ = ["Scalars", "Table", "any_series", "any_step", "both", "concatenate", "empty"]


@dataclass(frozen=True, slots=True)
class Scalars:
    """A scalar at each step."""

    values: Values  # [K]


@dataclass(frozen=True, slots=True)
class Table:
    """An instant vector at each step."""

    index: Index  # [S]
    values: Values  # [K, S]
    present: Mask | None = None  # [K, S]; None: everywhere
    times: Times | None = None  # [K, S], milliseconds; only where asked for

    @property
    def steps(self) -> int:
        """K."""
        return int(self.values.shape[0])

    def mask(self) -> Mask:
        """`present` written out. [K, S]."""
        return np.ones(self.values.shape, dtype=np.bool_) if self.present is None else self.present

    def nameless(self, *, delayed: bool) -> "Table":
        """The same values, no longer called by the metric's name."""
        return replace(self, index=self.index.nameless(delayed=delayed))

    def where(self, kept: Mask) -> "Table":
        """The values where `kept` [K, S] too."""
        return replace(self, present=both(self.present, kept))

    def take(self, columns: Positions) -> "Table":
        """Some of the columns."""
        present = None if self.present is None else self.present[:, columns]
        times = None if self.times is None else self.times[:, columns]
        return Table(self.index.take(columns), self.values[:, columns], present, times)

    def at_every(self, steps: int) -> "Table":
        """The one step of this table, `steps` times."""
        shape = (steps, self.values.shape[1])
        present = None if self.present is None else np.broadcast_to(self.present, shape)
        return Table(self.index, np.broadcast_to(self.values, shape), present)


def both(one: Mask | None, other: Mask | None) -> Mask | None:
    """Where both are; None means everywhere, and a mask that is true everywhere becomes None."""
    if one is None and other is None:
        return None
    mask = other if one is None else one if other is None else one & other
    assert mask is not None  # noqa: S101 - for the type checker: one of the two is a mask
    return None if mask.all() else mask


def any_step(mask: Mask) -> Mask:
    """Which series are somewhere. [K, S] → [S]."""
    found: Mask = np.logical_or.reduce(mask, axis=0)
    return found


def any_series(mask: Mask) -> Mask:
    """At which steps there is anything. [K, S] → [K]."""
    found: Mask = np.logical_or.reduce(mask, axis=1)
    return found


def concatenate(tables: list[Table], index: Index | None = None) -> Table:
    """The columns of all tables, one after the other."""
    if len(tables) == 1 and index is None:
        return tables[0]
    values = np.concatenate([table.values for table in tables], axis=1)
    present = None
    if any(table.present is not None for table in tables):
        present = np.concatenate([table.mask() for table in tables], axis=1)
    times = None
    parts = [table.times for table in tables if table.times is not None]
    if len(parts) == len(tables):
        times = np.concatenate(parts, axis=1)
    return Table(
        joined([table.index for table in tables]) if index is None else index, values, present, times
    )


def empty(steps: int) -> Table:
    """No series at all."""
    return Table(Index(()), np.empty((steps, 0)))
