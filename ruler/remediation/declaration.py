"""What the declaration of any action has: a time limit, and parameters with their places."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, ClassVar, Self

from pydantic import model_validator

from promkit.config import DurationMs, Model, field
from promkit.errors import ConfigError
from ruler.remediation.action import Parameters
from ruler.remediation.parameters import Declared, fill, placeholders, target_of

__all__ = ["Declaration"]


class Declaration(Model):
    """What every kind's YAML has. `places`: the keys in whose texts `{name}` is a parameter's place.

    `names_target`: the key that may be left out where a parameter is marked `target: true`: its value is it.
    `client`: the library that its deeds need, and the extra that brings it.
    """

    places: ClassVar[tuple[str, ...]] = ()
    names_target: ClassVar[str | None] = None
    client: ClassVar[tuple[str, str] | None] = None

    timeout: DurationMs = field(30_000, description="it is ended after this time", gt=0)
    parameters: Mapping[str, Declared] = field(
        default_factory=dict, description="what a rule may choose, and within which bounds"
    )

    @model_validator(mode="after")
    def _client_is_there(self) -> Self:
        if self.client is not None and find_spec(self.client[0]) is None:
            library, extra = self.client
            raise ValueError(f"needs the library {library}: pip install 'lumina-monitoring[{extra}]'")
        return self

    @model_validator(mode="after")
    def _places_are_declared(self) -> Self:
        for text in _texts([getattr(self, place) for place in self.places]):
            try:
                names = placeholders(text)
            except ConfigError as error:
                raise ValueError(str(error)) from None
            if unknown := [name for name in names if name not in self.parameters]:
                raise ValueError(f"{{{unknown[0]}}} in {text!r} is not declared under `parameters`")
        targets = [name for name, one in self.parameters.items() if one.target]
        if len(targets) > 1:
            raise ValueError("only one parameter can be the target")
        if self.names_target and not targets and getattr(self, self.names_target) is None:
            raise ValueError(
                f"needs `{self.names_target}`, or a parameter marked `target: true` that gives it"
            )
        return self

    def named(self, text: str | None, settled: Parameters) -> str:
        """Give a text with its places filled; left out, the target is meant."""
        return target_of(self.parameters, settled) if text is None else fill(text, settled)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - a key's value: models, lists, mappings, texts
    match value:
        case str():
            yield value
        case Model():
            yield from _texts([getattr(value, name) for name in type(value).model_fields])
        case Mapping():
            yield from _texts([*value.keys(), *value.values()])
        case list() | tuple():
            for member in value:
                yield from _texts(member)
