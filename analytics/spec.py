"""What is to be forecast: a model as its YAML file says it.

id: cpu-usage-predictor
type: time_series
target: system_cpu_usage_ratio          # any PromQL; every series it gives is modelled
features: [system_memory_used_bytes]    # what may explain it; one without series is left out, and said
horizon: 24h
schedule: 1d                            # learn anew this often
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import field_validator

from promkit.config import DurationMs, Model, field, load, where
from promkit.duration import format_duration
from promkit.errors import ConfigError, ConfigErrors

__all__ = ["HORIZONS", "ModelSpec", "horizons", "load_models"]

DAY_MS = 86_400_000
HORIZONS = {"1h": 3_600_000, "6h": 21_600_000, "24h": DAY_MS, "7d": 7 * DAY_MS}
_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_MODELS_MAX = 1000


class ModelSpec(Model):
    """One model file."""

    id: str = field(description="Key of the model: small letters, digits, - and _.")
    name: str = field("", description="For people; the id where it is not given.")
    description: str = field("", description="What it is for.")
    type: Literal["time_series", "regression", "classification", "anomaly_detection"] = field(
        description="How it learns; anomaly_detection watches target and features alike."
    )
    target: str = field(description="PromQL of the series to model.", min_length=1)
    features: tuple[str, ...] = field(
        (),
        description="PromQL of what may explain the target; anomaly_detection watches them too.",
        max_length=16,
    )
    horizon: DurationMs = field(DAY_MS, description="How far ahead it forecasts.", ge=300_000, le=30 * DAY_MS)
    schedule: DurationMs = field(DAY_MS, description="How often it learns anew.", ge=300_000)
    enabled: bool = field(True, description="Whether it runs.")

    @field_validator("id")
    @classmethod
    def _check_id(cls, value: str) -> str:
        if not _ID.fullmatch(value):
            raise ValueError("an id is small letters, digits, - and _, at most 63")
        return value

    def as_text(self) -> str:
        """As a file says it: what is not the default, durations as they are written."""
        given = self.model_dump(mode="json", exclude_defaults=True)
        return str(yaml.safe_dump(given, sort_keys=False, allow_unicode=True, width=1_000))

    @property
    def title(self) -> str:
        """What people read."""
        return self.name or self.id


def horizons(spec: ModelSpec) -> dict[str, int]:
    """Which horizons a model publishes, as written → ms: an hour, six, a day, a week, as far as its own."""
    found = {text: ms for text, ms in HORIZONS.items() if ms <= spec.horizon}
    return found or {format_duration(spec.horizon): spec.horizon}


def load_models(files: Sequence[Path], env: Mapping[str, str]) -> list[ModelSpec]:
    """Read model files, in the order of their ids.

    ConfigError, ConfigErrors: what is wrong in any of them; two of one id.
    """
    faults: list[ConfigError] = []
    found: dict[str, ModelSpec] = {}
    for path in files:
        try:
            spec = load(path, ModelSpec, env)
        except ConfigErrors as error:
            faults.extend(error.faults)
            continue
        except ConfigError as error:
            faults.append(error)
            continue
        if spec.id in found:
            other = where(found[spec.id], "id")
            faults.append(
                ConfigError(f"model {spec.id!r} is also in {other}", where(spec, "id"), "rename one")
            )
        found[spec.id] = spec
    if len(found) > _MODELS_MAX:
        faults.append(ConfigError(f"{len(found)} models: at most {_MODELS_MAX}"))
    if faults:
        raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
    return [found[key] for key in sorted(found)]
