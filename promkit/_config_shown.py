"""A configuration as it may be shown: what the file says, each secret replaced."""

from typing import Any

from promkit._config_model import Model
from promkit._config_shape import find_field
from promkit._config_types import Secret

__all__ = ["HIDDEN", "shown"]

HIDDEN = "<secret>"


def shown(instance: Model) -> Any:  # noqa: ANN401 - YAML data
    """What the file says at this model, with `<secret>` for each secret; {} for one that no file made."""
    place = instance._place  # noqa: SLF001 - this room's own
    if place.document is None:
        return {}
    data = place.document.data
    for step in place.path:
        data = data[step]
    return _shown(instance, data)


def _shown(value: object, data: Any) -> Any:  # noqa: ANN401 - YAML data
    match value, data:
        case (Secret(), _):
            return HIDDEN
        case (Model(), dict()):
            found = {key: find_field(type(value), key) for key in data}
            return {
                key: _shown(getattr(value, field[0]), data[key]) if field is not None else HIDDEN
                for key, field in found.items()
            }
        case (dict(), dict()):
            return {key: _shown(value.get(key), member) for key, member in data.items()}
        case (list() | tuple(), list()) if len(value) == len(data):
            return [_shown(one, member) for one, member in zip(value, data, strict=True)]
        case (_, dict() | list()):
            return HIDDEN  # made into something else: nobody can tell what in it was secret
        case _:
            return data
