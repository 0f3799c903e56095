"""The promises of delivery under everything that may happen: seeded days of faults, crashes and people.

No message is lost and no end is told twice: whatever was accepted as firing is followed by exactly one
resolved, across refusals, outages, silences and a kill between any two writes. A message is repeated at most
once for each crash between its being taken and that being written down.
"""

from collections import Counter
from random import Random

import pytest

from promkit.matcher_text import parse_matchers
from ruler.alerts import PostedAlert, Silence
from ruler.delivery.message import Message, Status
from ruler.delivery.outbox import Outcome, Row
from tests.builders.delivery import House, a_setup

TEXT = """
route:
  receiver: one
  group_by: [alertname]
  group_wait: 1s
  group_interval: 5s
  repeat_interval: 60s
  routes:
  - {receiver: two, matchers: [host=~"b|c"], group_by: ['...'], continue: true}
  - {receiver: one, matchers: [host=~"a|b"], group_by: [host]}
receivers:
- name: one
  webhook_configs: [{url: 'http://one.example'}, {url: 'http://one.example/2', send_resolved: false}]
- {name: two, webhook_configs: [{url: 'http://two.example'}]}
inhibit_rules:
- {source_matchers: [alertname=Source], target_matchers: [alertname=B], equal: [host]}
"""
NAMES, HOSTS = ("A", "B", "Source"), ("a", "b", "c")
STEPS = 250


class World:
    """A house, what its receivers have taken, and how often it was killed in between."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.house = House(a_setup(TEXT))
        self.taken: list[tuple[str, Message, bool]] = []  # target, content, and whether that was written down
        self.silences: list[str] = []

    def step(self) -> None:
        deeds = (self.fire, self.resolve, self.wait, self.send, self.silence, self.unsilence, self.kill)
        self.random.choices(deeds, weights=(5, 5, 8, 10, 1, 2, 1))[0]()

    def labels(self) -> dict[str, str]:
        return {"alertname": self.random.choice(NAMES), "host": self.random.choice(HOSTS)}

    def fire(self) -> None:
        self.house.fire(self.labels())

    def resolve(self) -> None:
        self.house.resolve(self.labels())

    def wait(self) -> None:
        self.house.clock.at_ms += self.random.choice((10, 500, 1_000, 5_000, 20_000))
        self.house.delivery.turn()

    def send(self) -> None:
        outbox = self.house.delivery._outbox
        rows, _ = outbox.due(self.house.clock.at_ms)
        for row in outbox.claim(rows[: self.random.randint(1, 4)], self.house.clock.at_ms + 1_000):
            if self.random.random() < 0.3:
                self.house.delivery.turn()  # things go on while a message is on its way
            outcome = self.random.choices(
                (Outcome(accepted=True), Outcome(retry_ms=2_000), Outcome(refused=True), None),
                # Who may have taken a message does not refuse its repeat.
                weights=(6, 4, 1 if row.attempts == 1 else 0, 0.5),
            )[0]
            if outcome is None:  # taken, and killed before that was written
                self.take(row, written=False)
                self.kill()
                return
            if outcome.accepted:
                self.take(row)
            self.settle(row, outcome)
        self.house.delivery.turn()

    def settle(self, row: Row, outcome: Outcome) -> None:
        delivery = self.house.delivery
        way = delivery._dispatcher.setup.integration(row.target)
        assert way is not None
        settled = delivery._outbox.settle(row, outcome, way.target, self.house.clock.at_ms)
        if self.random.random() < 0.05:
            self.kill()  # between the outcome and what follows from it
        else:
            delivery._sent(settled, outcome)

    def take(self, row: Row, *, written: bool = True) -> None:
        assert isinstance(row.content, Message)
        self.taken.append((row.target, row.content, written))

    def silence(self) -> None:
        now_ms = self.house.clock.at_ms
        matchers = parse_matchers(f"host={self.random.choice(HOSTS)}")
        silence = Silence(
            id="",
            matchers=matchers,
            starts_ms=now_ms,
            ends_ms=now_ms + 10**9,
            updated_ms=now_ms,
            by="ann",
            comment="c",
            annotations={},
        )
        self.silences.append(self.house.book.silence(silence, now_ms))

    def unsilence(self) -> None:
        if self.silences:
            self.house.book.expire_silence(self.silences.pop(), self.house.clock.at_ms)

    def kill(self) -> None:
        self.house.restart()
        self.house.delivery.turn()

    def calm_down(self) -> None:
        """Everything ends well: nothing is silenced, all is over, every receiver takes what it gets."""
        while self.silences:
            self.unsilence()
        self.house.book.post(
            [
                PostedAlert({"alertname": name, "host": host}, ends_ms=self.house.clock.at_ms)
                for name in NAMES
                for host in HOSTS
            ],
            self.house.clock.at_ms,
        )
        for _ in range(20):
            self.house.clock.at_ms += 5_000
            self.house.delivery.turn()
            outbox = self.house.delivery._outbox
            rows, _ = outbox.due(self.house.clock.at_ms)
            for row in outbox.claim(rows, self.house.clock.at_ms + 1_000):
                self.take(row)
                way = self.house.delivery._dispatcher.setup.integration(row.target)
                assert way is not None
                settled = outbox.settle(row, Outcome(accepted=True), way.target, self.house.clock.at_ms)
                self.house.delivery._sent(settled, Outcome(accepted=True))


def check(world: World) -> None:
    state: dict[tuple[str, str, str], Status] = {}
    repeats: Counter[tuple[str, str]] = Counter()  # allowed: by target and group
    for target, content, written in world.taken:
        place = (target, str(content.group_labels))
        again = False
        for fact in content.facts:
            where = (*place, fact.fingerprint)
            if fact.status is Status.RESOLVED and state.get(where) is Status.RESOLVED:
                assert again or repeats[place], f"the end of {fact.labels} was told twice to {target}"
                again = True
            state[where] = fact.status
        repeats[place] += (not written) - again
    firing = [where for where, status in state.items() if status is Status.FIRING]
    left = [where for where in firing if "webhook[1]" not in where[0]]  # that one wants no resolved
    assert not left, f"never told to be over: {left}"
    assert not world.house.delivery._outbox.pending()
    assert not world.house.delivery._dispatcher.groups()


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_or_told_twice(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
    world.calm_down()
    check(world)
