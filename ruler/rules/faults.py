"""What can be wrong with parts of a rule, gathered with its place."""

import re
from collections.abc import Mapping

from promkit.config import Model, where
from promkit.errors import ConfigError, QueryError, Where
from promkit.labels import METRIC_NAME
from ruler.promql import Node
from ruler.rules.context import RuleContext
from ruler.rules.place import inside

__all__ = ["Faults"]

_METRIC_MAX = 1024
_EXPR_LENGTH_MAX = 65_536
_TEMPLATE = re.compile(r"\{\{")


class Faults:
    """The faults of one file, and the checks that rules of both forms go through."""

    def __init__(self, text: str, context: RuleContext) -> None:
        self._text = text
        self.context = context
        self.found: list[ConfigError] = []

    def add(self, problem: str, at: Where, remedy: str | None = None) -> None:
        """Note what is wrong."""
        self.found.append(ConfigError(problem, at, remedy))

    def expression(self, written: Model, key: str, text: str) -> Node | None:
        """The tree of an expression, or a fault at the very place in the file."""
        at = where(written, key)
        if len(text) > _EXPR_LENGTH_MAX:
            self.add(f"{key}: longer than {_EXPR_LENGTH_MAX} characters", at)
            return None
        try:
            return self.context.parse(text)
        except QueryError as error:
            if error.position is not None:
                at = inside(self._text, at, text, error.position)
            self.add(f"{key}: {error.problem}", at, error.remedy)
            return None

    def labels(self, written: Model, labels: Mapping[str, str]) -> None:
        """Names that an alert or a recorded series may not have."""
        for name in labels:
            if name in {"", METRIC_NAME} or "\0" in name:
                self.add(f"not a label that a rule may set: {name!r}", where(written, "labels", name))

    def templates(self, written: Model, key: str, texts: Mapping[str, str]) -> None:
        """Texts that are no templates."""
        for name, text in texts.items():
            self.template(text, where(written, key, name) if key else where(written, name), name)

    def template(self, text: str, at: Where, name: str) -> None:
        """A text that is no template."""
        if not _TEMPLATE.search(text):
            return
        try:
            self.context.compile_template(text)
        except ConfigError as error:
            self.add(f"{name}: {error.problem}", at, error.remedy)

    def metric_name(self, name: str, at: Where) -> None:
        """A name that a recorded series cannot have."""
        if len(name) > _METRIC_MAX or "\0" in name:
            self.add(f"not a metric name: {name[:40]!r}", at)

    def names(self, names: tuple[str, ...], at: Where) -> None:
        """Channels that nobody has declared."""
        if self.context.any_name:
            return
        known = self.context.channels | self.context.receivers
        for name in names:
            if name not in known:
                self.add(f"unknown channel {name!r}", at, f"known are {', '.join(sorted(known))}")
