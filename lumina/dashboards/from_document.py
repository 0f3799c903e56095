"""The specification's own dashboards (S16): camelCase keys, metric names in percent and milliseconds. Pure.

Its figures carry no units. A `refreshInterval` from 1000 on is taken as milliseconds, below as seconds; where
all widgets stand within 12 columns, theirs is a grid of 12 and every length is doubled.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lumina.dashboards.shape import Json, integer, number, obj, objs, text
from promkit.duration import format_duration
from promkit.errors import ConfigError, ConfigErrors
from promkit.spelling import convert, spelling_of
from ruler.dashboards import COLUMNS, Kind

__all__ = ["from_document"]

_PLAIN = ("name", "description")
_STATE = ("createdAt", "created", "lastViewed", "updatedAt")  # the ruler keeps these itself
_READ = ("id", "metrics", "widgets", "timeRange", "refreshInterval", "createdBy", "creator")
_CONFIG = ("decimals", "stacked", "legend", "columns", "limit")  # as ours
_SIDES = ("x", "y", "width", "height")
_MILLISECONDS_MIN = 1000


def from_document(document: Json, source: str) -> tuple[Json, Sequence[str]]:
    """What would be written, and what was changed or left out.

    ConfigError, ConfigErrors: metrics or types of widgets that nobody knows.
    """
    reader = _Reader(source)
    draft = reader.read(document)
    if reader.faults:
        raise ConfigErrors(reader.faults) if len(reader.faults) > 1 else reader.faults[0]
    return draft, list(dict.fromkeys(reader.told))


@dataclass(slots=True)
class _Reader:
    source: str
    told: list[str] = field(default_factory=list)
    faults: list[ConfigError] = field(default_factory=list)
    scale: int = 1

    def read(self, document: Json) -> Json:
        draft: Json = {"id": _id(text(document.get("id")) or text(document.get("name")))}
        draft |= {key: document[key] for key in _PLAIN if text(document.get(key))}
        draft |= self._times(document)
        creator = text(document.get("createdBy")) or text(document.get("creator"))
        if creator:
            draft["created_by"] = creator
        named = document.get("metrics")
        metrics = (
            [self._metric(one) for one in named if isinstance(one, str)] if isinstance(named, list) else []
        )
        if metrics:
            draft["metrics"] = list(dict.fromkeys(metrics))
        for key in document:
            if key in _STATE:
                self.told.append(f"{key} is left out: the ruler keeps it, not the file")
            elif key not in _PLAIN + _READ:
                self.told.append(f"{key} is left out: a dashboard has no such key")
        widgets = objs(document.get("widgets"))
        self._find_scale(widgets)
        draft["widgets"] = [self._widget(one) for one in widgets]
        return draft

    def _times(self, document: Json) -> Json:
        found: Json = {}
        if text(document.get("timeRange")):
            found["time_range"] = document["timeRange"]
        elif "timeRange" in document:
            self.told.append("timeRange is left out: it is no duration as 1h")
        every = number(document.get("refreshInterval"))
        if every is not None:
            unit, factor = ("ms", 1) if every >= _MILLISECONDS_MIN else ("s", 1000)
            found["refresh"] = format_duration(round(every * factor))
            self.told.append(f"refreshInterval {every} is read as {every} {unit}: {found['refresh']}")
        elif text(document.get("refreshInterval")):
            found["refresh"] = document["refreshInterval"]
        return found

    def _metric(self, written: str) -> str:
        try:
            metric = spelling_of(written).metric
        except ConfigError as error:
            self.faults.append(ConfigError(error.problem, self.source, error.remedy))
            return written
        if metric != written:
            self.told.append(f"{written} is read as {metric}")
        return metric

    def _find_scale(self, widgets: Sequence[Json]) -> None:
        places = [place for one in widgets if (place := _place(one)) is not None]
        if places and max(place["x"] + place["width"] for place in places) <= COLUMNS // 2:
            self.scale = 2
            self.told.append("positions are doubled: from 12 columns to 24")

    def _widget(self, widget: Json) -> Json:
        written = text(widget.get("metric"))
        title = text(widget.get("title")) or written or "untitled"
        kind = text(widget.get("type"))
        if kind not in {one.value for one in Kind}:
            known = ", ".join(one.value for one in Kind)
            problem = f"{title!r} is of an unknown type {kind!r}"
            self.faults.append(ConfigError(problem, self.source, f"known are {known}"))
        made: Json = {"type": kind, "title": title, "metric": self._metric(written)}
        if text(widget.get("description")):
            made["description"] = widget["description"]
        place = _place(widget)
        if place is not None:
            made["position"] = {side: length * self.scale for side, length in place.items()}
        elif "position" in widget:
            self.told.append(f"the position of {title!r} is left out: it lacks one of {', '.join(_SIDES)}")
        config = {} if self.faults else self._config(obj(widget.get("config")), written, title)
        if config:
            made["config"] = config
        return made

    def _config(self, config: Json, metric: str, title: str) -> Json:
        found: Json = {key: config[key] for key in _CONFIG if key in config}
        for key in ("min", "max"):
            limit = number(config.get(key))
            if limit is not None:
                found[key] = convert(metric, limit)[1]
        written = config.get("thresholds")
        thresholds = [_threshold(one, metric) for one in written] if isinstance(written, list) else []
        if thresholds and None not in thresholds:
            found["thresholds"] = thresholds
        for key in config:
            if key == "unit":
                self.told.append(f"the unit of {title!r} is left out: the metric's name tells it")
            elif key not in found:
                self.told.append(f"{key} of {title!r} is left out")
        return found


def _id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63] or "imported"


def _place(widget: Json) -> dict[str, int] | None:
    written = obj(widget.get("position"))
    found = {side: length for side in _SIDES if (length := integer(written.get(side))) is not None}
    return found if len(found) == len(_SIDES) else None


def _threshold(written: object, metric: str) -> Json | None:
    """A number, or an object with `value` and perhaps `severity`."""
    value = number(obj(written).get("value") if isinstance(written, dict) else written)
    if value is None:
        return None
    severity = text(obj(written).get("severity"))
    return {"above": convert(metric, value)[1], **({"severity": severity} if severity else {})}
