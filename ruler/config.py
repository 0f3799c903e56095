"""ruler.yml: a superset of prometheus.yml. What that may ask and is not done here is refused by name."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from promkit.config import ByteSize, DurationMs, Model, field
from ruler.delivery import ChannelsConfig, DeliveryConfig
from ruler.events import WebhookConfig
from ruler.ingest import Scrape, ScrapeGlobal
from ruler.remediation import RemediationConfig
from ruler.rules import EscalationConfig
from ruler.store import StorageOptions

__all__ = ["EventsConfig", "GlobalConfig", "RulerConfig", "StateConfig", "StorageConfig"]

# Parts of prometheus.yml that are not done here, with what they are.
_NOT_DONE = {
    "alerting": "sending alerts to another Alertmanager is not supported: the ruler delivers itself",
    "remote_write": "sending samples on is not supported",
    "remote_read": "reading from another store is not supported",
    "tracing": "traces are not written",
    "otlp": "OTLP is not supported",
    "scrape_config_files": "further scrape files are not supported: put the jobs into scrape_configs",
}


class GlobalConfig(ScrapeGlobal):
    """`global`: what holds for all jobs and rules."""

    env_substitution: ClassVar[bool] = False

    evaluation_interval: DurationMs = field(60_000, description="How often rules are evaluated.", ge=100)
    rule_query_offset: DurationMs = field(0, description="How far in the past rules look.")
    query_log_file: str = field("", description="Not written: queries are logged at level debug.")


class StorageConfig(Model):
    """`storage`: how long and how much is kept."""

    retention: DurationMs | Literal["off"] = field(90 * 86_400_000, description="How long; off: for ever.")
    size: ByteSize = field(10 << 30, description="How much, all files together; 0: no limit.", unit="bytes")
    out_of_order_window: DurationMs = field(600_000, description="How late a sample may come.")
    sync: Literal["second", "always"] = field(
        "second", description="When a sample is on the disk: within a second, or before anything goes on."
    )

    def options(self) -> StorageOptions:
        """As the store takes it."""
        return StorageOptions(
            retention_ms=0 if self.retention == "off" else self.retention,
            size_bytes_max=self.size,
            out_of_order_window_ms=self.out_of_order_window,
            sync=self.sync,
        )


class StateConfig(Model):
    """`state`: where alerts, messages and remedies are kept."""

    url: str = field("", description="sqlite:///PATH; empty: state.db in the data folder.")


class EventsConfig(Model):
    """`events`: who else hears of everything that happens."""

    webhooks: tuple[WebhookConfig, ...] = field(
        (), description="Addresses that each event is posted to.", max_length=20
    )

    @field_validator("webhooks")
    @classmethod
    def _have_names_of_their_own(cls, webhooks: tuple[WebhookConfig, ...]) -> tuple[WebhookConfig, ...]:
        names = [one.name or str(place) for place, one in enumerate(webhooks, 1)]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("twice", "two webhooks are called {name}", {"name": repr(name)})
        return webhooks


class RulerConfig(Model):
    """ruler.yml."""

    refused: ClassVar[Mapping[str, str]] = _NOT_DONE

    global_: GlobalConfig = field(GlobalConfig(), alias="global", description="Intervals and limits.")
    scrape_configs: tuple[Scrape, ...] = field((), description="What is scraped.")
    rule_files: tuple[str, ...] = field((), description="Rule files; the last part may have wildcards.")
    dashboard_files: tuple[str, ...] = field(
        (), description="Dashboard files; the last part may have wildcards."
    )
    storage: StorageConfig = field(StorageConfig(), description="How long samples are kept.")
    channels: ChannelsConfig = field(ChannelsConfig(), description="Receivers by a short name.")
    delivery: Path | DeliveryConfig | None = field(
        None, description="alertmanager.yml, by path or inline: routes, receivers, inhibition, intervals."
    )
    escalations: Mapping[str, EscalationConfig] = field(
        default_factory=dict, description="Policies that rules name: who is told, and after how long."
    )
    remediation: RemediationConfig = field(RemediationConfig(), description="What may be done.")
    events: EventsConfig = field(EventsConfig(), description="Who hears of everything that happens.")
    state: StateConfig = field(StateConfig(), description="Where state is kept.")
    severities: Mapping[str, Literal["critical", "high", "medium", "low", "info"]] = field(
        default_factory=dict, description="Words of other people's files, and what they count as."
    )

    @field_validator("scrape_configs")
    @classmethod
    def _jobs_have_names_of_their_own(cls, jobs: tuple[Scrape, ...]) -> tuple[Scrape, ...]:
        names = [job.job_name for job in jobs]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError("twice", "two jobs are called {name}", {"name": repr(name)})
        return jobs
