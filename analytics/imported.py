"""Model objects in the specification's own spelling → model files of ours. Pure.

    {"id": "cpu-usage-predictor", "name": "CPU Usage Predictor", "type": "time_series",
     "targetMetric": "system.cpu.usage", "features": ["system.memory.used", "app.response_time"],
     "accuracy": 0.87, "trainedAt": "2024-01-01T00:00:00Z", "modelData": {}}

Names of metrics are converted by the one table of `promkit/spelling.py`; `system.*` becomes a selector of all
such gauges. Accuracy, time of training and model data are left out: they are measured here.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from analytics.spec import ModelSpec
from promkit.config import Model, field, parse, where
from promkit.errors import ConfigError, ConfigErrors, Where
from promkit.spelling import spelling_of

__all__ = ["Imported", "read"]

_MODELS_MAX = 1000
_EVERY = re.compile(r"(?P<prefix>[a-z][a-z0-9_]*)\.\*")
# Counters only rise and facts never change: there is nothing to forecast or to find in them.
_NO_GAUGES = ".+_total|.+_info|system_boot_time_seconds"
_MEASURED = ("accuracy", "trained_at", "last_trained", "model_data")


class Written(Model):
    """One model as the specification has it."""

    env_substitution: ClassVar[bool] = False

    id: str = field(description="Key of the model.")
    name: str = field("", description="For people.")
    description: str = field("", description="What it is for.")
    type: Literal["time_series", "regression", "classification", "anomaly_detection"] = field(
        description="How it learns."
    )
    target: str = field("", description="The metric to model.")
    target_metric: str = field("", description="The same.")
    features: tuple[str, ...] = field((), description="What may explain it.", max_length=16)
    enabled: bool = field(True, description="Whether it runs.")
    accuracy: float | None = field(None, description="Measured here, not taken over.")
    trained_at: Any = field(None, description="Measured here, not taken over.")
    last_trained: Any = field(None, description="Measured here, not taken over.")
    model_data: Any = field(None, description="Learned here, not taken over.")


class File(Model):
    """What is read: a list of them."""

    env_substitution: ClassVar[bool] = False

    models: tuple[Written, ...] = field(description="The models.", max_length=_MODELS_MAX, min_length=1)


@dataclass(frozen=True, slots=True)
class Imported:
    """Models of ours, and what was changed on the way, a sentence each."""

    specs: Sequence[ModelSpec]
    notes: Sequence[str]


def read(text: str, source: str) -> Imported:
    """Read one model, a list of them, or an object with a list `models`.

    ConfigError, ConfigErrors: what is wrong, with its line; an unknown metric with the nearest known one.
    """
    file = parse(_listed(text, source), File, source, {})
    specs: list[ModelSpec] = []
    notes: list[str] = []
    faults: list[ConfigError] = []
    for written in file.models:
        try:
            spec, said = _converted(written)
        except ConfigError as error:
            faults.append(error)
            continue
        if any(spec.id == one.id for one in specs):
            faults.append(
                ConfigError(f"two models are called {spec.id!r}", where(written, "id"), "rename one")
            )
        specs.append(spec)
        notes += said
    if faults:
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return Imported(specs, notes)


def _listed(text: str, source: str) -> str:
    """The same text as an object with a list, its lines where they were."""
    try:
        data = json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 0)
        raise ConfigError(f"not JSON: {error}", Where(source, line, getattr(error, "colno", 0))) from None
    except RecursionError:
        raise ConfigError("nested too deeply", Where(source)) from None
    if isinstance(data, list):
        return f'{{"models": {text}}}'
    return text if isinstance(data, dict) and "models" in data else f'{{"models": [{text}]}}'


def _converted(written: Written) -> tuple[ModelSpec, list[str]]:
    notes: list[str] = []
    name = re.sub(r"[^a-z0-9_-]+", "-", written.id.lower()).strip("-_")[:63]
    if not name:
        raise ConfigError(f"no id: {written.id!r}", where(written, "id"), "use letters, digits, - and _")
    if name != written.id:
        notes.append(f"{name}: was called {written.id!r}")
    if bool(written.target) == bool(written.target_metric):
        raise ConfigError("one of target and targetMetric is needed", where(written, "id"))
    key = "target" if written.target else "target_metric"
    target = _metric(written.target or written.target_metric, name, where(written, key), notes)
    at = where(written, "features") if written.features else None
    features = tuple(dict.fromkeys(_metric(one, name, at, notes) for one in written.features))
    given = [key for key in _MEASURED if getattr(written, key) is not None]
    if given:
        notes.append(f"{name}: left out, for it is measured here: {', '.join(given)}")
    spec = ModelSpec(
        id=name,
        name=written.name,
        description=written.description,
        type=written.type,
        target=target,
        features=features,
        enabled=written.enabled,
    )
    return spec, notes


def _metric(written: str, model: str, at: Where | None, notes: list[str]) -> str:
    """Our name of a metric, or a selector of all that begin so."""
    every = _EVERY.fullmatch(written)
    if every is not None:
        ours = f'{{__name__=~"{every["prefix"]}_.+",__name__!~"{_NO_GAUGES}"}}'
    else:
        try:
            spelling = spelling_of(written)
        except ConfigError as error:
            raise ConfigError(error.problem, at, error.remedy) from None
        ours = spelling.metric
    if ours != written:
        notes.append(f"{model}: {written} → {ours}")
    return ours
