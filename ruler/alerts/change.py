"""What one deed changes, gathered before any of it is stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from promkit.labels import Labels
from ruler.alerts.alert import Acknowledgement, Alert, Happening, Phase, State, Transition
from ruler.alerts.posted import Posted
from ruler.rules import Rule

__all__ = ["BY_HAND", "Change", "States"]

BY_HAND = "by hand"
States = Mapping[Labels, State]


@dataclass(slots=True)
class Change:
    """New states and posted alerts, acknowledgements, and what there is to say about it."""

    now_ms: int
    rule: Rule | None = None  # the rule that was evaluated, as it is now
    states: dict[str, tuple[States, States]] = field(default_factory=dict)  # rule → before, after
    posted: dict[Labels, Posted | None] = field(default_factory=dict)  # None: forgotten
    acknowledged: dict[Labels, Acknowledgement | None] = field(default_factory=dict)
    moves: list[tuple[str, Transition]] = field(default_factory=list)  # rule ("": posted), what it did
    said: list[Transition] = field(default_factory=list)  # what is told as it is

    def move(self, rule: str, before: States, after: States, transitions: Sequence[Transition]) -> None:
        """Replace what a rule remembers."""
        self.states[rule] = (before, after)
        self.moves += [(rule, transition) for transition in transitions]

    def post(self, labels: Labels, earlier: Posted | None, new: Posted | None) -> None:
        """Replace a posted alert; None: its time is up."""
        was_firing = earlier is not None and earlier.alert.phase is Phase.FIRING
        self.posted[labels] = new
        if new is not None and new.alert.phase is Phase.FIRING:
            if not was_firing:
                self.moves.append(("", Transition(self.now_ms, Happening.FIRING, new.alert)))
            return
        if new is not None and new.alert.reason == BY_HAND:
            return  # closed, and posted on though not as resolved: it stays closed
        self.posted[labels] = None
        if earlier is not None and was_firing:
            last = earlier.alert if new is None else new.alert
            over = replace(last, phase=Phase.RESOLVED, updated_ms=self.now_ms)
            self.moves.append(("", Transition(self.now_ms, Happening.RESOLVED, over)))

    def close(self, labels: Labels, posted: Posted) -> None:
        """Keep a posted alert that a person resolves, so that the next post does not open it."""
        closed = replace(posted.alert, phase=Phase.RESOLVED, updated_ms=self.now_ms, reason=BY_HAND)
        self.posted[labels] = replace(posted, alert=closed)

    def acknowledge(self, labels: Labels, acknowledgement: Acknowledgement | None) -> None:
        """Set or end an acknowledgement."""
        self.acknowledged[labels] = acknowledgement

    def say(self, happening: Happening, alert: Alert, detail: Mapping[str, str]) -> None:
        """Add a row to the timeline."""
        self.said.append(Transition(self.now_ms, happening, alert, detail))

    def holders(self, labels: Labels) -> list[str]:
        """The rules that have a state of this label set afterwards, of those that this changes."""
        return [rule for rule, (_, after) in self.states.items() if labels in after]

    def touched(self) -> set[Labels]:
        """The label sets whose alert may look different afterwards."""
        touched = set(self.posted) | set(self.acknowledged)
        for before, after in self.states.values():
            touched.update(labels for labels, state in after.items() if before.get(labels) is not state)
            touched.update(labels for labels in before if labels not in after)
        return touched
