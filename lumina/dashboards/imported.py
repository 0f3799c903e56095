"""Dashboards of elsewhere → our YAML, as far as they map, and a line for all that does not. Pure.

Two kinds are known by what they hold: the specification's own objects (`widgets`), whose metric names and
units are converted, and Grafana's (`panels`). What comes out is read once more as a dashboard file would be:
a widget that is refused there is left out, with the reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import yaml

from lumina.dashboards.from_document import from_document
from lumina.dashboards.from_grafana import from_grafana
from lumina.dashboards.shape import Json, obj
from promkit.errors import ConfigError, ConfigErrors
from ruler.dashboards import parse_dashboard

__all__ = ["Imported", "imported"]

WIDTH = 110
Draft = tuple[Json, Sequence[str]]  # what would be written, and what was changed or left out


@dataclass(frozen=True, slots=True)
class Imported:
    """A dashboard file, and what was changed or left out on the way."""

    id: str
    text: str
    told: Sequence[str]


def imported(document: Json, source: str) -> Imported:
    """Read one dashboard of elsewhere. ConfigError, ConfigErrors: it is none, or nothing of it maps."""
    document = obj(document.get("dashboard")) or document  # as Grafana's API wraps it
    read = next((read for key, read in _KINDS.items() if isinstance(document.get(key), list)), None)
    if read is None:
        raise ConfigError("neither 'widgets' nor 'panels': no dashboard that is known", source)
    draft, told = read(document, source)
    kept, refused = _accepted(draft)
    if not kept:
        raise ConfigErrors([ConfigError(line, source) for line in refused or ["it shows nothing"]])
    whole = {**draft, "widgets": kept}
    text = _text(whole)
    return Imported(parse_dashboard(text, source).id, text, [*told, *refused])


_KINDS: Mapping[str, Callable[[Json, str], Draft]] = {"widgets": from_document, "panels": from_grafana}


def _accepted(draft: Json) -> tuple[list[Json], list[str]]:
    """The widgets that a dashboard file may hold, and why the others are left out."""
    kept, refused = [], []
    for widget in draft["widgets"]:
        try:
            parse_dashboard(_text({**draft, "widgets": [widget]}), "")
        except ConfigErrors as errors:
            refused.append(f"{widget['title']!r} is left out: " + "; ".join(_said(e) for e in errors.faults))
        except ConfigError as error:
            refused.append(f"{widget['title']!r} is left out: {_said(error)}")
        else:
            kept.append(widget)
    return kept, refused


def _said(error: ConfigError) -> str:
    return f"{error.problem}: {error.remedy}" if error.remedy else error.problem


def _text(draft: Json) -> str:
    return yaml.safe_dump(draft, sort_keys=False, allow_unicode=True, width=WIDTH)
