"""A house with one service for tests of remediation: real book and database, samples and deeds at hand.

house = House(folder, rule)        house.breach()  house.heal()     what the next evaluation finds
house.pass_time(60_000)            evaluations and ticks, 10 s apart
house.did                          texts of the plans that were executed
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from promkit.errors import Unavailable
from promkit.labels import Labels
from ruler.alerts import Happening, Transition
from ruler.alerts.book import Book
from ruler.database import Database
from ruler.promql.result import Result as Answer
from ruler.promql.result import Vector
from ruler.remediation import Outcome, Plan, Remediation, RemediationConfig, Result, Run
from ruler.rules import Breach, Evaluation, Group, Remedy, Rule
from tests.builders.rules import NOW_MS, a_rule

__all__ = ["NOW_MS", "TICK_MS", "House", "a_config", "a_remedy", "a_sick_rule"]

TICK_MS = 10_000


def a_config(*, enabled: bool = True, actions: Mapping[str, Any] | None = None) -> RemediationConfig:
    """An operator's declaration: restart_service of api, web, worker, db; scale_up that can be taken back."""
    shipped = {
        "restart_service": {
            "kind": "command",
            "argv": ["restart", "{service}"],
            "parameters": {"service": {"enum": ["api", "web", "worker", "db"], "target": True}},
        },
        "scale_up": {
            "kind": "command",
            "argv": ["scale", "+{instances}"],
            "undo": ["scale", "-{instances}"],
            "parameters": {"instances": {"type": "int", "min": 1, "max": 4}},
        },
    }
    text = json.dumps({"enabled": enabled, "actions": shipped if actions is None else actions})
    return RemediationConfig.model_validate_json(text)


def a_remedy(**fields: Any) -> Remedy:
    return replace(Remedy("restart_service", {"service": "api"}), **fields)


def a_sick_rule(remedy: Remedy | None = None, **fields: Any) -> Rule:
    """`errors > 5`, cooldown 5 minutes, which restarts api."""
    fields = {
        "expr": "errors > 5",
        "present_expr": "errors",
        "condition": None,
        "cooldown_ms": 300_000,
        "remedy": remedy or a_remedy(),
        **fields,
    }
    return a_rule("sick", name="Sick", **fields)


@dataclass
class Samples:
    """An engine that knows the answers to a few expressions: their series' labels, or None: it cannot say."""

    answers: dict[str, list[dict[str, str]] | None] = field(default_factory=dict)

    def instant(self, query: str, at_ms: int) -> Answer:
        series = self.answers.get(query, [])
        if series is None:
            raise Unavailable("the store is down")
        return Answer(Vector(at_ms, [Labels(one) for one in series], np.zeros(len(series))))


class Deeds:
    """Stands where the runner's threads are: executes at once, and says what tests tell it to."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.outcome: Callable[[Plan], Result | None] = lambda plan: Result(Outcome.DONE)
        self.running: dict[int, Plan] = {}
        self._results: list[tuple[int, Result]] = []

    def free(self) -> bool:
        return len(self.running) < 4

    def has(self, run_id: int) -> bool:
        return run_id in self.running or any(run_id == one for one, _ in self._results)

    def submit(self, run_id: int, plan: Plan, execute: Callable[[Plan, int, Event], Result]) -> None:
        self.did.append(plan.text)
        result = self.outcome(plan)
        if result is None:
            self.running[run_id] = plan
        else:
            self._results.append((run_id, result))

    def finish(self, run_id: int, result: Result) -> None:
        del self.running[run_id]
        self._results.append((run_id, result))

    def cancel(self, run_id: int) -> None:
        self.finish(run_id, Result(Outcome.CANCELLED, "ended on request"))

    def results(self) -> list[tuple[int, Result]]:
        taken, self._results = self._results, []
        return taken

    def close(self) -> None:
        for run_id in list(self.running):
            self.cancel(run_id)


class House:
    """One rule's world under a manual clock."""

    def __init__(
        self,
        rule: Rule | None = None,
        config: RemediationConfig | None = None,
        folder: Path | None = None,  # where state is kept: a crash needs one
    ) -> None:
        self.url = f"sqlite:///{folder}/state.db" if folder else "sqlite://"
        self.rule = rule or a_sick_rule()
        self.config = config or a_config()
        self.now_ms = NOW_MS
        self.samples = Samples({"errors": [{}]})
        self.deeds = Deeds()
        self.sick: list[dict[str, str]] = []
        self.start()

    def start(self) -> None:
        """Start the ruler, or start it again after a crash: only what is on the disk is known."""
        self.database = Database.open(self.url)
        self.book = Book(self.database)
        self.book.adopt([self.rule], self.now_ms)
        self.remediation = Remediation(self.config, self.book, self.database, self.samples)
        self.remediation._runner = self.remediation._desk.runner = self.deeds  # type: ignore[assignment]
        self.reload()
        self.book.listen(self.remediation.hear)
        self.remediation.recover(self.now_ms)

    def reload(self) -> None:
        self.remediation.reload(self.config, [Group("g", "rules.yml", TICK_MS, (self.rule,))])

    def crash(self) -> None:
        """Everything in memory is gone; what executes, ends with it."""
        self.database.close()
        self.deeds.running.clear()
        self.deeds.results()
        self.start()

    def breach(self, *series: dict[str, str]) -> None:
        self.sick = list(series) or [{}]
        self.samples.answers["errors > 5"] = list(self.sick)
        self.samples.answers["errors"] = list(self.sick)

    def heal(self) -> None:
        self.samples.answers["errors > 5"] = []
        self.sick = []

    def vanish(self) -> None:
        """The series is no longer there: a successful scrape does not have it."""
        self.heal()
        self.samples.answers["errors"] = []

    def set_clock(self, delta_ms: int) -> None:
        """Somebody puts the wall clock forward, or back."""
        self.now_ms += delta_ms
        self.book.clock_stepped(delta_ms, self.now_ms)
        self.remediation.clock_stepped(delta_ms)

    def evaluate(self) -> None:
        breaches = [self.alert_labels(**one) for one in self.sick]
        self.book.advance(
            Evaluation(
                rule=self.rule,
                at_ms=self.now_ms,
                breaching=[Breach(labels, 9.0, {}) for labels in breaches],
                present=frozenset(self.book.states(self.rule.id))
                if self.samples.answers["errors"]
                else frozenset(),
            ),
            self.now_ms,
        )

    def alert_labels(self, **series: str) -> Labels:
        return Labels({**self.rule.labels, **series, "alertname": self.rule.name})

    def pass_time(self, wait_ms: int = TICK_MS) -> None:
        """Evaluate the rule and tick, every 10 s."""
        for _ in range(max(1, wait_ms // TICK_MS)):
            self.now_ms += TICK_MS
            self.evaluate()
            self.remediation.tick(self.now_ms)

    @property
    def did(self) -> list[str]:
        return self.deeds.did

    @property
    def fingerprint(self) -> str:
        return self.alert_labels().fingerprint_hex()

    def runs(self) -> list[Run]:
        """The oldest first."""
        return self.remediation.runs()[::-1]

    def phases(self) -> list[str]:
        return [run.phase.value for run in self.runs()]

    def told(self, *kinds: Happening) -> list[Transition]:
        """The timeline's rows about remedies, oldest first."""
        rows = self.book.transitions(0, 10_000)
        return [row for row in rows if row.happening in (kinds or REMEDIES)]

    def happenings(self) -> list[str]:
        return [row.happening.value.removeprefix("remedy ") for row in self.told()]

    def decisions(self) -> list[str]:
        return [row.decision for row in reversed(self.remediation.audit())]


REMEDIES: Iterable[Happening] = frozenset(one for one in Happening if one.value.startswith("remedy "))
