"""Why a scrape failed, by kind."""

from enum import StrEnum

from promkit.errors import Unavailable

__all__ = ["FailureKind", "ScrapeError"]


class FailureKind(StrEnum):
    """What a person would look at first."""

    REFUSED = "refused"
    TIMEOUT = "timeout"
    DNS = "dns"
    TLS = "tls"
    NETWORK = "network"
    HTTP_STATUS = "http_status"
    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    LIMIT = "limit"
    CONFIG = "config"


class ScrapeError(Unavailable):
    """The scrape failed as a whole."""

    def __init__(self, kind: FailureKind, problem: str) -> None:
        super().__init__(problem)
        self.kind = kind
