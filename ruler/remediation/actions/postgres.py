"""Care of a PostgreSQL database: vacuum, analyze, reindex, and sessions that sit idle in a transaction.

vacuum, analyze, vacuum_analyze   of a table, or of all that the login owns
reindex                           of a table, concurrently: reads and writes go on
terminate_idle                    ends sessions of the database that are idle in a transaction for too long

Cancelled or too late, the query is cancelled in PostgreSQL. Names are quoted, so no parameter can become SQL.
The server's own words are the output; a warning (as of a table that the login may not vacuum) is a failure.
"""

import re
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from promkit.config import DurationMs, field, resolve
from promkit.duration import format_duration
from promkit.errors import ConfigError
from ruler.remediation.action import Action, Parameters, Plan, Result
from ruler.remediation.apart import execute
from ruler.remediation.declaration import Declaration
from ruler.remediation.parameters import fill, settle, target_of

__all__ = ["POSTGRES", "Config"]

_PASSWORD = re.compile(r"(?:^|[\s?&])(?:password|sslpassword)\s*=", re.IGNORECASE)
_SAYS = {
    "vacuum": "vacuum",
    "analyze": "analyze",
    "vacuum_analyze": "vacuum and analyze",
    "reindex": "reindex concurrently",
}


class Config(Declaration):
    """An action of kind `postgres` in ruler.yml."""

    places: ClassVar[tuple[str, ...]] = ("database", "table")
    client: ClassVar[tuple[str, str] | None] = ("psycopg", "postgres")

    kind: Literal["postgres"] = field(description="tend a PostgreSQL database")
    verb: Literal["vacuum", "analyze", "vacuum_analyze", "reindex", "terminate_idle"] = field(
        description="what is done; nothing of it is taken back"
    )
    dsn: str | None = field(
        None, description="where it is, as libpq takes it; shown in plans: no password (~/.pgpass is read)"
    )
    dsn_file: Path | None = field(None, description="a file with that address, where it has a password")
    database: str | None = field(
        None, description="the database, instead of the address' own; {name} is a parameter's place"
    )
    table: str | None = field(
        None,
        description="the table, as table or schema.table; {name} is a parameter's place; left out, it is the "
        "parameter marked as target, else all tables",
    )
    idle: DurationMs | None = field(
        None, description="terminate_idle: how long a session sits in its transaction at least", gt=0
    )
    timeout: DurationMs = field(600_000, description="the query is cancelled after this time", gt=0)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.dsn is None) is (self.dsn_file is None):
            raise ValueError("give `dsn` or `dsn_file`")
        if self.dsn is not None and _has_password(self.dsn):
            raise ValueError("`dsn` has a password in it: use `dsn_file`")
        if (self.idle is None) is (self.verb == "terminate_idle"):
            raise ValueError("terminate_idle needs `idle`, and nothing else has it")
        if self.verb == "terminate_idle" and self.table is not None:
            raise ValueError("terminate_idle has no `table`")
        if self.verb == "reindex" and self.table is None and not self._target:
            raise ValueError("reindex needs `table`, or a parameter marked `target: true` that gives it")
        return self

    @property
    def _target(self) -> bool:
        return any(one.target for one in self.parameters.values())


def plan(config: Config, name: str, parameters: Parameters) -> Plan:
    """Pure. ConfigError: a parameter that the operator does not allow, not a table's name."""
    settled = settle(config.parameters, parameters)
    target = target_of(config.parameters, settled)
    table = None
    if config.verb != "terminate_idle":
        table = target or None if config.table is None else fill(config.table, settled)
    details: dict[str, Any] = {
        "verb": config.verb,
        "dsn": config.dsn,
        "dsn_file": None if config.dsn_file is None else str(resolve(config, config.dsn_file)),
        "database": None if config.database is None else fill(config.database, settled),
        "table": None if table is None else _parts(table),
        "idle_ms": config.idle,
        "timeout_ms": config.timeout,
    }
    where = f" in database {details['database']}" if details["database"] else ""
    if config.idle is not None:
        text = f"end sessions idle in a transaction for {format_duration(config.idle)}{where}"
    else:
        text = f"{_SAYS[config.verb]} {f'table {table}' if table else 'all tables'}{where}"
    return Plan(name, config.kind, target, text, config.timeout, details)


def undo(plan: Plan, result: Result) -> None:
    """Maintenance is not taken back."""
    del plan, result


def _parts(table: str) -> list[str]:
    parts = table.split(".")
    if len(parts) > 2 or not all(part and "\0" not in part for part in parts):
        raise ConfigError(f"{table!r} is not a table's name: as table or schema.table")
    return parts


def _has_password(dsn: str) -> bool:
    try:
        login = urlsplit(dsn) if "://" in dsn else None
    except ValueError:
        return True
    return bool(_PASSWORD.search(dsn) or (login is not None and login.password))


POSTGRES = Action("postgres", Config, plan, execute, undo)
