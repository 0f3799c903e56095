"""Rules that people switched on or off while the ruler runs, in place of what the files say."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from ruler.database import Database, rule_overrides
from ruler.rules import Rule

__all__ = ["Override", "Overrides"]


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody's word on a rule, for good or until then."""

    enabled: bool
    by: str
    at_ms: int
    until_ms: int | None = None


class Overrides:
    """All overrides, by rule. The mapping is swapped whole, so that readers need no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.read() as connection:
            self._all: Mapping[str, Override] = {
                row.rule: Override(row.enabled, row.by, row.at_ms, row.until_ms)
                for row in connection.execute(select(rule_overrides))
            }

    def all(self) -> Mapping[str, Override]:
        return self._all

    def enabled(self, rule: Rule) -> bool:
        """Whether the rule is to be evaluated."""
        override = self._all.get(rule.id)
        return rule.enabled if override is None else override.enabled

    def put(self, rule: str, override: Override) -> None:
        """Store somebody's word; part of the caller's transaction where there is one."""
        row = {
            "rule": rule,
            "enabled": override.enabled,
            "by": override.by,
            "at_ms": override.at_ms,
            "until_ms": override.until_ms,
        }
        with self._database.exclusive():
            with self._database.write() as connection:
                statement = upsert(rule_overrides).values(row)
                connection.execute(statement.on_conflict_do_update(index_elements=["rule"], set_=row))
            self._all = {**self._all, rule: override}

    def expire(self, now_ms: int) -> bool:
        """Let the files' word hold again where the time is up; tells whether it was anywhere."""
        over = [
            name for name, one in self._all.items() if one.until_ms is not None and one.until_ms <= now_ms
        ]
        if not over:
            return False
        with self._database.exclusive():
            with self._database.write() as connection:
                connection.execute(delete(rule_overrides).where(rule_overrides.c.rule.in_(over)))
            self._all = {name: one for name, one in self._all.items() if name not in over}
            return True
