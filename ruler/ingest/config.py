"""What is scraped: `global` and `scrape_configs` of prometheus.yml.

What they may ask there that is not done here (a cloud's discovery, OAuth 2.0, proxies) is refused by name.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from promkit.config import ByteSize, DurationMs, Model, Secret, field
from ruler.ingest.relabel import RelabelConfig

__all__ = [
    "Authorization",
    "BasicAuth",
    "DnsDiscovery",
    "FileDiscovery",
    "Scrape",
    "ScrapeGlobal",
    "StaticTargets",
    "TlsConfig",
]

Protocol = Literal[
    "PrometheusProto",
    "OpenMetricsText0.0.1",
    "OpenMetricsText1.0.0",
    "PrometheusText0.0.4",
    "PrometheusText1.0.0",
]
_DISCOVERIES = (
    "azure consul digitalocean docker dockerswarm ec2 eureka gce hetzner http ionos kubernetes kuma"
    " lightsail linode marathon nerve nomad openstack ovhcloud puppetdb scaleway serverset stackit triton"
    " uyuni vultr"
)
_NOT_DONE = {
    **{f"{name}_sd_configs": "this discovery is not supported yet" for name in _DISCOVERIES.split()},
    "oauth2": "OAuth 2.0 is not supported yet",
    "proxy_url": "a proxy is not supported yet",
    "proxy_from_environment": "a proxy is not supported yet",
    "proxy_connect_header": "a proxy is not supported yet",
    "no_proxy": "a proxy is not supported yet",
    "convert_classic_histograms_to_nhcb": "native histograms are not supported yet",
    "native_histogram_bucket_limit": "native histograms are not supported yet",
    "native_histogram_min_bucket_factor": "native histograms are not supported yet",
}


class BasicAuth(Model):
    """User and password."""

    env_substitution: ClassVar[bool] = False

    username: str = field("", description="The user's name.")
    username_file: Path | None = field(None, description="A file with the user's name.")
    password: Secret | None = field(None, description="The password.")
    password_file: Path | None = field(None, description="A file with the password, read at each scrape.")


class Authorization(Model):
    """A token in the Authorization header."""

    env_substitution: ClassVar[bool] = False

    type: str = field("Bearer", description="The scheme that stands before the token.")
    credentials: Secret | None = field(None, description="The token.")
    credentials_file: Path | None = field(None, description="A file with the token, read at each scrape.")


class TlsConfig(Model):
    """How a target proves who it is, and we to it."""

    env_substitution: ClassVar[bool] = False

    ca_file: Path | None = field(None, description="Certificates of the authorities that are trusted.")
    cert_file: Path | None = field(None, description="Our certificate.")
    key_file: Path | None = field(None, description="Our certificate's key.")
    server_name: str = field("", description="The name that the target's certificate must bear.")
    insecure_skip_verify: bool = field(False, description="Take any certificate.")
    min_version: Literal["", "TLS12", "TLS13"] = field("", description="The oldest protocol accepted.")


class Header(Model):
    """Values of a request header."""

    env_substitution: ClassVar[bool] = False

    values: tuple[str, ...] = field((), description="Values that may be shown.")
    secrets: tuple[Secret, ...] = field((), description="Values that may not.")


class StaticTargets(Model):
    """Targets by name."""

    env_substitution: ClassVar[bool] = False

    targets: tuple[str, ...] = field((), description="Addresses, host:port.")
    labels: dict[str, str] = field(default_factory=dict, description="Labels of all series of these targets.")


class FileDiscovery(Model):
    """Files that list targets, YAML or JSON, read anew as they change."""

    env_substitution: ClassVar[bool] = False

    files: tuple[str, ...] = field(description="Paths; the last part may have wildcards.")
    refresh_interval: DurationMs = field(300_000, description="How often they are read at the latest.")


class DnsDiscovery(Model):
    """Names that are looked up again and again: each address is a target, as behind a headless Service."""

    env_substitution: ClassVar[bool] = False

    names: tuple[str, ...] = field(description="Names to look up.", min_length=1)
    type: str = field("SRV", description="`A` or `AAAA`; other records are not looked up.")
    port: int = field(0, description="Port of the targets.", ge=0, le=65_535)
    refresh_interval: DurationMs = field(30_000, description="How often they are looked up.", ge=1_000)

    @model_validator(mode="after")
    def _addresses(self) -> "DnsDiscovery":
        if self.type not in {"A", "AAAA"}:
            raise PydanticCustomError(
                "dns", f"asks for {self.type} records: only type A or AAAA is looked up"
            )
        if not self.port:
            raise PydanticCustomError("dns", "needs a port: addresses have none")
        return self


class _Limits(Model):
    env_substitution: ClassVar[bool] = False

    body_size_limit: ByteSize = field(0, description="Of the uncompressed page; 0: 256 MiB.", unit="bytes")
    sample_limit: int = field(0, description="Samples of one scrape, after relabelling; 0: no limit.", ge=0)
    label_limit: int = field(0, description="Labels of a series; 0: no limit.", ge=0)
    label_name_length_limit: int = field(0, description="Bytes of a label's name; 0: no limit.", ge=0)
    label_value_length_limit: int = field(0, description="Bytes of a label's value; 0: no limit.", ge=0)
    target_limit: int = field(0, description="Targets of a job; more fail all; 0: no limit.", ge=0)
    keep_dropped_targets: int = field(0, description="Dropped targets that are shown; 0: all.", ge=0)


class ScrapeGlobal(_Limits):
    """The scraping part of `global`."""

    scrape_interval: DurationMs = field(60_000, description="How often targets are scraped.")
    scrape_timeout: DurationMs = field(10_000, description="How long a scrape may take.")
    scrape_protocols: tuple[Protocol, ...] = field((), description="Formats asked for, the dearest first.")
    external_labels: dict[str, str] = field(
        default_factory=dict, description="Added to alerts that leave this ruler."
    )


class Scrape(_Limits):
    """A job: which targets, and how they are scraped."""

    refused: ClassVar[Mapping[str, str]] = _NOT_DONE

    job_name: str = field(description="The default of label `job`.", min_length=1)
    scrape_interval: DurationMs = field(0, description="How often; 0: as in `global`.")
    scrape_timeout: DurationMs = field(0, description="How long; 0: as in `global`, at most the interval.")
    scrape_protocols: tuple[Protocol, ...] = field((), description="Formats asked for, the dearest first.")
    fallback_scrape_protocol: Protocol | None = field(
        None, description="The format of a page that does not say it."
    )
    metrics_path: str = field("/metrics", description="The page's path.")
    scheme: Literal["http", "https"] = field("http", description="The protocol.")
    params: dict[str, tuple[str, ...]] = field(default_factory=dict, description="Query of the request.")
    honor_labels: bool = field(False, description="Labels of the page win over those of the target.")
    honor_timestamps: bool = field(True, description="Take the times that the page gives.")
    track_timestamps_staleness: Literal[False] = field(
        False, description="Series with times of their own are not marked as ended."
    )
    always_scrape_classic_histograms: bool = field(False, description="They always are.")
    enable_compression: bool = field(True, description="Ask for gzip.")
    enable_http2: bool = field(True, description="HTTP/1.1 is spoken whatever this says.")
    follow_redirects: bool = field(True, description="Go where a redirection points.")
    basic_auth: BasicAuth | None = field(None, description="User and password.")
    authorization: Authorization | None = field(None, description="A token.")
    tls_config: TlsConfig = field(TlsConfig(), description="TLS.")
    http_headers: dict[str, Header] = field(default_factory=dict, description="Further request headers.")
    static_configs: tuple[StaticTargets, ...] = field((), description="Targets by name.")
    file_sd_configs: tuple[FileDiscovery, ...] = field((), description="Targets in files.")
    dns_sd_configs: tuple[DnsDiscovery, ...] = field((), description="Targets behind names.")
    relabel_configs: tuple[RelabelConfig, ...] = field((), description="Steps on a target's labels.")
    metric_relabel_configs: tuple[RelabelConfig, ...] = field((), description="Steps on each series' labels.")
    metric_name_validation_scheme: Literal["", "utf8"] = field("", description="Names are UTF-8.")

    @model_validator(mode="after")
    def _consistent(self) -> "Scrape":
        if self.basic_auth and self.authorization:
            raise PydanticCustomError("auth", "has both basic_auth and authorization: keep one")
        if self.scrape_interval and self.scrape_timeout > self.scrape_interval:
            raise PydanticCustomError("timeout", "has a scrape_timeout above its scrape_interval")
        return self

    def within(self, defaults: ScrapeGlobal) -> "Scrape":
        """This job with what `global` says where it says nothing itself."""
        changes: dict[str, object] = {
            name: getattr(defaults, name)
            for name in (*_Limits.model_fields, "scrape_interval", "scrape_protocols")
            if not getattr(self, name)
        }
        interval = self.scrape_interval or defaults.scrape_interval
        if not self.scrape_timeout:
            changes["scrape_timeout"] = min(defaults.scrape_timeout, interval)
        return self.model_copy(update=changes)
