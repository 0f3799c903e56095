"""What the exporter asks of the shop's database: its `sql` source, as exporter.yml has it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["WINDOW_MS", "sql_source"]

WINDOW_MS = 15_000  # rates and shares are of so long; short, for a demo does not wait a minute
ACTIVE_MS = 20_000  # a session whose user was not seen for longer is not active

_NOW_MS = "(julianday('now') - 2440587.5) * 86400000"
# The last scans, with the time that they are a rate of: less than the window where the shop is younger.
_RECENT = f"""
WITH clock AS (SELECT {_NOW_MS} AS now_ms),
recent AS (SELECT scans.*, now_ms FROM scans, clock WHERE finished_ms > now_ms - {WINDOW_MS}),
covered AS (
    SELECT min({WINDOW_MS}, now_ms - (SELECT min(queued_ms) FROM scans)) / 60000.0 AS minutes FROM clock
)
"""  # noqa: S608 - of our own numbers
_SCANS_BY_TYPE = f"""{_RECENT}
SELECT kind AS type, (SELECT count(*) FROM recent WHERE type = kind) / minutes AS per_minute
FROM (SELECT 'automated' AS kind UNION ALL SELECT 'requested'), covered
"""  # noqa: S608
_SCANS = f"""{_RECENT}
SELECT
    (SELECT count(*) FROM recent WHERE state = 'done') / minutes AS per_minute,
    (SELECT avg(state = 'failed') FROM recent) AS failures,
    (SELECT avg(finished_ms - started_ms) / 1000 FROM recent) AS duration,
    (SELECT count(*) FROM scans WHERE state = 'queued') AS waiting,
    (SELECT coalesce(max(now_ms - queued_ms), 0) / 1000 FROM scans, clock WHERE state = 'queued') AS oldest
FROM covered
"""  # noqa: S608
_SESSIONS = (
    f"SELECT count(*) AS active FROM sessions WHERE ended_ms IS NULL AND seen_ms > {_NOW_MS} - {ACTIVE_MS}"  # noqa: S608
)


def sql_source(database: Path, every: str) -> Mapping[str, Any]:
    """The source, by name `shop`."""
    return {
        "name": "shop",
        "dsn": f"sqlite:///{database.absolute()}",
        "every": every,
        "queries": [
            {
                "sql": _SCANS_BY_TYPE,
                "labels": ["type"],
                "metrics": [
                    _metric(
                        "business_compliance_scans_per_minute", "per_minute", "Scans that ended, a minute."
                    )
                ],
            },
            {
                "sql": _SCANS,
                "metrics": [
                    _metric(
                        "business_compliance_throughput_per_minute",
                        "per_minute",
                        "Scans that succeeded, a minute.",
                    ),
                    _metric("business_compliance_failures_ratio", "failures", "Share of scans that failed."),
                    _metric(
                        "business_compliance_scan_duration_seconds", "duration", "Mean time a scan took."
                    ),
                    _metric("business_compliance_queue_depth", "waiting", "Scans that wait."),
                    _metric(
                        "business_compliance_oldest_age_seconds", "oldest", "How long the oldest scan waits."
                    ),
                ],
            },
            {
                "sql": _SESSIONS,
                "metrics": [
                    {
                        **_metric("business_user_sessions", "active", "Sessions whose user was seen lately."),
                        "labels": {"type": "authenticated"},
                    }
                ],
            },
        ],
    }


def _metric(name: str, value: str, help_text: str) -> dict[str, Any]:
    return {"name": name, "value": value, "help": help_text}
