"""Does to a database what a postgres plan says."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import conninfo, sql
from psycopg.errors import Diagnostic

from promkit.apart import NotStarted, Tell, show, work
from promkit.errors import LuminaError

__all__ = ["do"]

_NOTICES_MAX = 100
_SHOWN_MAX = 20
_STATEMENTS: Mapping[str, LiteralString] = {
    "vacuum": "VACUUM {}",
    "analyze": "ANALYZE {}",
    "vacuum_analyze": "VACUUM (ANALYZE) {}",
    "reindex": "REINDEX TABLE CONCURRENTLY {}",
}
# Of this database alone, never our own, and of no other kind of process than clients' sessions.
_IDLE = """
SELECT pid, usename, application_name, extract(epoch from now() - state_change)::int,
       pg_terminate_backend(pid)
FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND state IN ('idle in transaction', 'idle in transaction (aborted)')
  AND state_change < now() - %s * interval '1 millisecond'
"""


class Notices:
    """What the server says besides its answers; bounded."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def take(self, diagnostic: Diagnostic) -> None:
        text = f"{diagnostic.severity}: {diagnostic.message_primary}"
        show(text)
        if diagnostic.severity_nonlocalized == "WARNING" and len(self.warnings) < _NOTICES_MAX:
            self.warnings.append(text)


def do(order: Mapping[str, Any], tell: Tell) -> str:
    """Connect, do it. LuminaError: the server refused, or warned."""
    notices = Notices()
    tell("not connected yet")
    with _connected(order) as connection:
        connection.add_notice_handler(notices.take)
        try:
            if order["verb"] == "terminate_idle":
                return _terminate_idle(connection, order["idle_ms"])
            return _tend(connection, order, notices, tell)
        except psycopg.Error as error:
            raise LuminaError(_why(error)) from None


def _tend(connection: psycopg.Connection[Any], order: Mapping[str, Any], notices: Notices, tell: Tell) -> str:
    parts = order["table"]
    table = sql.Identifier(*parts) if parts else sql.SQL("")
    what = ".".join(parts) if parts else "all tables"
    if parts:
        name = table.as_string(connection)
        row = connection.execute("SELECT to_regclass(%s)", (name,)).fetchone()
        if row is None or row[0] is None:
            raise NotStarted(f"there is no table {what}")
    tell(f"{order['verb']} of {what} has begun")
    connection.execute(sql.SQL(_STATEMENTS[order["verb"]]).format(table))
    if notices.warnings:
        raise LuminaError("; ".join(notices.warnings[:3]))
    return f"{order['verb']} of {what} is done"


def _terminate_idle(connection: psycopg.Connection[Any], idle_ms: int) -> str:
    rows = connection.execute(_IDLE, (idle_ms,)).fetchall()
    ended = [row for row in rows if row[4]]
    for pid, user, application, idle_s, _ in ended[:_SHOWN_MAX]:
        show(f"ended {pid}: user {user}, application {application!r}, idle for {idle_s} s")
    if len(ended) < len(rows):
        raise LuminaError(f"{len(rows) - len(ended)} of {len(rows)} sessions could not be ended")
    return f"{len(ended)} sessions ended" if len(ended) != 1 else "1 session ended"


def _connected(order: Mapping[str, Any]) -> psycopg.Connection[Any]:
    """NotStarted: no way in."""
    try:
        dsn = order["dsn"] or Path(order["dsn_file"]).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise NotStarted(getattr(error, "strerror", None) or "is not UTF-8", order["dsn_file"]) from None
    try:
        given = conninfo.conninfo_to_dict(dsn)
    except psycopg.Error:  # libpq's own words repeat it, password and all
        raise NotStarted("is not an address as libpq takes it", order["dsn_file"] or "dsn") from None
    given["application_name"] = "lumina-remediation"
    if order["database"]:
        given["dbname"] = order["database"]
    try:
        connection = psycopg.connect(conninfo.make_conninfo("", **given), autocommit=True)
        # Should this process be killed outright, the server still ends what it does.
        connection.execute("SELECT set_config('statement_timeout', %s, false)", (str(order["timeout_ms"]),))
    except psycopg.Error as error:
        raise NotStarted(_why(error)) from None
    return connection


def _why(error: psycopg.Error) -> str:
    return " ".join((error.diag.message_primary or str(error)).split())[:500]


if __name__ == "__main__":
    sys.exit(work(do))
