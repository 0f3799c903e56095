"""What is scraped where, and under which labels. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from urllib.parse import urlencode, urlsplit

from promkit.duration import format_duration, parse_duration
from promkit.errors import ConfigError
from promkit.labels import Labels
from ruler.ingest.config import Scrape
from ruler.ingest.relabel import relabel

__all__ = ["Target", "TargetGroup", "TargetView", "targets_of"]

_META = "__meta_"
_PARAM = "__param_"


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """What a discovery found: addresses that share labels."""

    source: str
    addresses: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One page to scrape."""

    job: str  # of the configuration; label `job` may differ
    url: str
    labels: Labels
    discovered_labels: Labels
    interval_ms: int
    timeout_ms: int

    @property
    def key(self) -> str:
        """What makes it this target: where it is and under which labels."""
        return f"{self.url} {self.labels}"

    @property
    def offset_ms(self) -> int:
        """Where in its interval it is scraped: spread over all targets, the same after a restart."""
        digest = blake2b(f"{self.job} {self.key}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % self.interval_ms


@dataclass(frozen=True, slots=True)
class TargetView:
    """A target and how its last scrape went."""

    job: str
    url: str
    labels: Labels
    discovered_labels: Labels
    health: str = "unknown"  # up | down | unknown
    last_error: str = ""
    error_class: str = ""  # of FailureKind
    last_scrape_ms: int | None = None
    duration_ms: float = 0.0
    samples: int = 0
    interval_ms: int = 0
    timeout_ms: int = 0


def targets_of(job: Scrape, groups: Sequence[TargetGroup]) -> tuple[list[Target], list[Labels], list[str]]:
    """The targets of a job, the discovered labels of those that relabelling dropped, and what is wrong."""
    found: dict[str, Target] = {}
    dropped, faults = [], []
    for group in groups:
        for address in group.addresses:
            discovered = _discovered(job, address, group.labels)
            labels = relabel(discovered, job.relabel_configs)
            if labels is None:
                dropped.append(discovered)
                continue
            try:
                target = _target(job, discovered, labels)
            except ConfigError as error:
                faults.append(f"{group.source}: {address}: {error.problem}")
            else:
                found.setdefault(target.key, target)
    return list(found.values()), dropped, faults


def _discovered(job: Scrape, address: str, labels: Mapping[str, str]) -> Labels:
    defaults = {
        "job": job.job_name,
        "__scheme__": job.scheme,
        "__metrics_path__": job.metrics_path,
        "__scrape_interval__": format_duration(job.scrape_interval),
        "__scrape_timeout__": format_duration(job.scrape_timeout),
    }
    defaults |= {_PARAM + name: values[0] for name, values in job.params.items() if values}
    return Labels({**defaults, **labels, "__address__": address})


def _target(job: Scrape, discovered: Labels, labels: Labels) -> Target:
    address = labels["__address__"]
    if not address:
        raise ConfigError("no address")
    interval_ms = parse_duration(labels["__scrape_interval__"])
    timeout_ms = parse_duration(labels["__scrape_timeout__"])
    if not 0 < timeout_ms <= interval_ms:
        raise ConfigError("scrape timeout must be above 0 and at most the interval")
    query = {name: list(values) for name, values in job.params.items()}
    for name, value in labels.items():
        if name.startswith(_PARAM):
            query[name[len(_PARAM) :]] = [value, *query.get(name[len(_PARAM) :], [])[1:]]
    path = labels["__metrics_path__"]
    path = path if path.startswith("/") else f"/{path}"
    url = f"{labels['__scheme__'] or 'http'}://{address}{path}"
    if query:
        url += ("&" if "?" in path else "?") + urlencode(sorted(query.items()), doseq=True)
    _check_url(url)
    own = {name: value for name, value in labels.items() if not name.startswith("__")}
    own.setdefault("instance", address)
    return Target(job.job_name, url, Labels(own), discovered, interval_ms, timeout_ms)


def _check_url(url: str) -> None:
    if any(character <= " " or character == "\x7f" for character in url):
        raise ConfigError(f"not a URL: {url!r}")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigError(f"not a URL: {url!r}: {error}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigError(f"not an http URL: {url!r}")
    if parts.path and "/" in parts.netloc:
        raise ConfigError(f"not a host and port: {parts.netloc!r}")
