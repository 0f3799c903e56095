"""One piece of work in a process of its own: the side of the process that does it.

    stdin    the order, a JSON object
    stdout   what is known so far, a record a time (RFC 7464: a record separator, JSON, a line feed); the last
             one counts. What else is printed is for people.

For work with a client library that would weigh on a process that lives for months, and that no thread could
end: the process is ended from outside, and its connections with it. The script is run by its path, so that
nothing is imported but what it names itself.
"""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from types import FrameType
from typing import Any, Protocol

from promkit.errors import LuminaError

__all__ = [
    "DONE",
    "FAILED",
    "NOT_STARTED",
    "Do",
    "Known",
    "NotStarted",
    "Tell",
    "attempt",
    "last_known",
    "show",
    "work",
]

DONE, FAILED, NOT_STARTED = "done", "failed", "not started"
_MARK = "\x1e"


class NotStarted(LuminaError):  # noqa: N818 - an outcome
    """Nothing was changed at all; any other LuminaError: something may have been."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the work. `before`: what it found, for a way back."""

    text: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    outcome: str = ""  # DONE, FAILED, NOT_STARTED; "" while it goes on


class Tell(Protocol):
    """Says how far it is; `before` is remembered until it is given anew."""

    def __call__(self, text: str, before: Mapping[str, Any] | None = None) -> None: ...


Do = Callable[[Mapping[str, Any], Tell], str]


def work(do: Do) -> int:
    """Do what stdin orders and say what came of it → exit code. SIGTERM interrupts it as Ctrl-C would."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _say(attempt(do, json.load(sys.stdin), _say))
    except KeyboardInterrupt:
        return 130
    return 0


def attempt(do: Do, order: Mapping[str, Any], say: Callable[[Known], None]) -> Known:
    """Do it; `say` hears how far it is. What the world does is an outcome, a bug is raised."""
    found: dict[str, Any] = {}

    def tell(text: str, before: Mapping[str, Any] | None = None) -> None:
        found.update(before or {})
        say(Known(text, found))

    try:
        return Known(do(order, tell), found, DONE)
    except NotStarted as error:
        return Known(str(error), found, NOT_STARTED)
    except LuminaError as error:
        return Known(str(error), found, FAILED)


def show(text: str) -> None:
    """Print a line for people: what others have written can never pass for a record."""
    sys.stdout.write(text.replace(_MARK, " ") + "\n")


def last_known(printed: str) -> tuple[Known, str]:
    """The last whole record of what such a process has printed, and what it printed besides."""
    known, rest = Known(), []
    for line in printed.split("\n"):
        if line.startswith(_MARK):
            with contextlib.suppress(ValueError):  # cut off, for it was ended as it wrote
                known = Known(**json.loads(line[1:]))
        else:
            rest.append(line)
    return known, "\n".join(rest).strip()


def _say(known: Known) -> None:
    sys.stdout.write(f"{_MARK}{json.dumps(asdict(known))}\n")
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
