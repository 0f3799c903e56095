"""analytics.yml as models."""

from collections.abc import Mapping
from pathlib import Path

from analytics.spec import ModelSpec, load_models
from promkit.config import DurationMs, Model, Secret, field, load, resolve
from promkit.errors import ConfigError

__all__ = ["Config", "Datasource", "Events", "load_config", "models_of"]

DEFAULTS = Path(__file__).parent / "defaults"
MINUTE_MS = 60_000
DAY_MS = 86_400_000


class Datasource(Model):
    """Where the history comes from: the ruler, or anything that speaks the Prometheus HTTP API."""

    url: str = field("http://127.0.0.1:19090", description="Base URL.", pattern=r"^https?://")
    timeout: DurationMs = field(30_000, description="Deadline of one query.", ge=100)
    bearer_token: Secret | None = field(None, description="Sent as Authorization: Bearer.")
    bearer_token_file: Path | None = field(None, description="File with the token.")
    username: str = field("", description="Name for basic authentication.")
    password: Secret | None = field(None, description="Password for basic authentication.")
    password_file: Path | None = field(None, description="File with the password.")
    ca_file: Path | None = field(None, description="PEM file of the authority that signed the server.")


class Anomalies(Model):
    """When an anomaly is one."""

    threshold: float = field(3.0, description="Deviations above which it counts.", gt=0)


class Events(Model):
    """Where the ruler hears of models, predictions and anomalies."""

    enabled: bool = field(True, description="Whether events are posted.")
    url: str = field(
        "",
        description="Base URL of the ruler; the datasource's, and its credentials, where it is not given. "
        "A server that takes no events is said once and left alone.",
        pattern=r"^(https?://.+)?$",
    )
    bearer_token: Secret | None = field(None, description="Sent to `url` as Authorization: Bearer.")
    bearer_token_file: Path | None = field(None, description="File with the token.")
    ca_file: Path | None = field(None, description="PEM file of the authority that signed the server.")


class Config(Model):
    """The whole file; every key has a default, and an empty file is a whole one."""

    datasource: Datasource = field(default_factory=Datasource, description="Where the history comes from.")
    models: tuple[str, ...] = field(
        ("models/*.yml",), description="Model files, as patterns seen from this file's folder."
    )
    interval: DurationMs = field(5 * MINUTE_MS, description="Time between two cycles.", ge=1_000)
    step: DurationMs = field(
        5 * MINUTE_MS,
        description="Width of the windows that the history is grouped in.",
        ge=10_000,
        le=3_600_000,
    )
    history: DurationMs = field(
        14 * DAY_MS, description="How far back models learn.", ge=DAY_MS, le=60 * DAY_MS
    )
    history_min: DurationMs = field(
        DAY_MS,
        description="History a series needs before it is modelled; until then: learning.",
        ge=3_600_000,
    )
    series_max: int = field(
        10_000, description="Series of one query; more are left out, counted and said.", ge=1, le=100_000
    )
    breach_horizon: DurationMs = field(
        3 * DAY_MS, description="How far ahead breaches are looked for.", ge=3_600_000, le=30 * DAY_MS
    )
    anomalies: Anomalies = field(default_factory=Anomalies, description="When an anomaly is one.")
    events: Events = field(default_factory=Events, description="Where the ruler hears of what is found.")


def load_config(path: Path | None, env: Mapping[str, str]) -> Config:
    """Read the file, or give what ships where there is none.

    ConfigError, ConfigErrors: what is wrong in it.
    """
    return load(path or DEFAULTS / "analytics.yml", Config, env)


def models_of(config: Config, env: Mapping[str, str], made: Path | None = None) -> list[ModelSpec]:
    """Read the model files that the configuration names, and those in `made`.

    ConfigError: one is wrong; a name without a pattern that is not there.
    """
    found: list[Path] = []
    for pattern in config.models:
        path = resolve(config, Path(pattern))
        matches = sorted(path.parent.glob(path.name))
        if not matches and not set(pattern) & set("*?["):
            raise ConfigError(f"no such model file: {pattern}", None, "name one that is there")
        found.extend(match for match in matches if match not in found)
    if made is not None:
        found.extend(sorted(made.glob("*.yml")))
    return load_models(found, env)
