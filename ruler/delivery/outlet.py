"""One address of the operator's that JSON is posted to, by the way that messages go, outside the outbox."""

import random
from collections.abc import Mapping
from pathlib import Path

from pydantic import model_validator

from promkit.config import DurationMs, Model, field, reveal
from promkit.errors import ConfigError
from ruler.delivery.http_config import HttpConfig, fetcher
from ruler.delivery.pace import backoff_ms
from ruler.delivery.receiver import HttpRequest, Verdict
from ruler.delivery.receivers.common import TIMEOUT_MS, SecretUrl
from ruler.delivery.transport import send_http

__all__ = ["Outlet", "OutletConfig"]


class OutletConfig(Model):
    """Where to post, and how."""

    url: SecretUrl | None = field(None, description="Where it goes.")
    url_file: Path | None = field(None, description="A file with that address.")
    timeout: DurationMs = field(TIMEOUT_MS, description="How long an answer may take.", ge=1)
    http_config: HttpConfig | None = field(None, description="How requests are made; as in alertmanager.yml.")

    @model_validator(mode="after")
    def _has_one_url(self) -> "OutletConfig":
        if (self.url is None) is (self.url_file is None):
            raise ValueError("needs url or url_file, and not both")
        return self


class Outlet:
    """Posts. Retries are the caller's: it knows what may wait, and for how long."""

    def __init__(self, config: OutletConfig) -> None:
        self._config = config
        self._client = fetcher(config.http_config or HttpConfig(), config.timeout)

    def post(self, body: bytes, headers: Mapping[str, str], now_ms: int) -> Verdict:
        """Post JSON once → accepted, to be tried again, or refused."""
        try:
            url = (reveal(self._config, "url") or "").strip()
        except ConfigError as error:  # a file that cannot be read now may be readable later
            return Verdict(accepted=False, retry=True, error=str(error))
        request = HttpRequest("POST", url, body, {"Content-Type": "application/json", **headers})
        return send_http(self._client, request, now_ms, None)

    @staticmethod
    def pause_ms(verdict: Verdict, tried_for_ms: int) -> int:
        """How long to wait before the next attempt: as asked, else anything up to half of the time so far."""
        asked_ms = verdict.retry_after_ms
        return backoff_ms(tried_for_ms, random.uniform) if asked_ms is None else asked_ms
