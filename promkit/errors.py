"""What users or the world get wrong.

A bug is any other exception. Each child says what a caller can do about it, so that one table maps them to
HTTP status (`promkit.web`) and one to exit codes (`lumina`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "ConfigError",
    "ConfigErrors",
    "Conflict",
    "Forbidden",
    "LimitError",
    "LuminaError",
    "NotFound",
    "Outdated",
    "QueryError",
    "Unavailable",
    "Where",
]


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a text a person wrote; line and column count from 1, 0 means unknown."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Print as compilers do: `file:line:column`."""
        parts = [self.source, *(str(number) for number in (self.line, self.column) if number)]
        return ":".join(parts)


class LuminaError(Exception):
    """One line that says what is wrong, where, and what mends it."""

    def __init__(self, problem: str, where: Where | str | None = None, remedy: str | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        """`where: problem: remedy`, on one line."""
        parts = [str(self.where)] if self.where else []
        parts.append(self.problem)
        if self.remedy:
            parts.append(self.remedy)
        return ": ".join(parts).replace("\n", " ")


class ConfigError(LuminaError):
    """Fix the file."""


class ConfigErrors(ConfigError):  # noqa: N818 - several of them
    """All faults of a file, in the order in which they stand there; prints a line for each."""

    def __init__(self, faults: Sequence[ConfigError]) -> None:
        first = faults[0]
        super().__init__(first.problem, first.where, first.remedy)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        """Print a line for each fault."""
        return "\n".join(str(fault) for fault in self.faults)


class QueryError(LuminaError):
    """Fix the expression; `position` is the offset in it, in characters, where the fault begins."""

    def __init__(
        self,
        problem: str,
        where: Where | str | None = None,
        remedy: str | None = None,
        *,
        position: int | None = None,
    ) -> None:
        super().__init__(problem, where, remedy)
        self.position = position


class LimitError(LuminaError):
    """Ask for less."""


class NotFound(LuminaError):  # noqa: N818 - the HTTP status' own name
    """There is no such thing."""


class Conflict(LuminaError):  # noqa: N818 - the HTTP status' own name
    """It is not in the state for that, or it belongs to someone else."""


class Outdated(LuminaError):  # noqa: N818 - said as the other errors of the house are
    """Read it again: somebody changed it since the caller read it."""


class Forbidden(LuminaError):  # noqa: N818 - the HTTP status' own name
    """The caller's role does not allow it."""


class Unavailable(LuminaError):  # noqa: N818 - the HTTP status' own name
    """Retry later."""
