"""What the demo shows: the steps of a loop that closes, told as they are seen."""

import argparse
import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

from lumina.demo.inbox import Received
from lumina.demo.stage import ALERT, Stage
from promkit.errors import LuminaError

__all__ = ["STEPS", "Observation", "Step", "run", "seen", "timeline"]

DEADLINE_S = 170.0
POLL_S = 0.25
CHANNELS = ("email", "slack", "sms", "webhook")


@dataclass(frozen=True, slots=True)
class Observation:
    """What there is to be seen from outside, at one instant."""

    timeline: Sequence[Mapping[str, Any]]  # rows of the ruler's timeline, in order
    messages: Sequence[Received]
    pid_before: int
    pid_now: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step is seen once `look` finds what proves it: the Unix time and a few words."""

    name: str
    says: str
    look: Callable[[Observation], tuple[float, str] | None]


def _happening(word: str) -> Callable[[Observation], tuple[float, str] | None]:
    def look(observation: Observation) -> tuple[float, str] | None:
        for row in observation.timeline:
            if row["name"] == ALERT and row["happening"] == word:
                return row["at_s"], str(row["detail"].get("reason") or row["detail"].get("action", ""))
        return None

    return look


def _told(word: str) -> Callable[[Observation], tuple[float, str] | None]:
    def look(observation: Observation) -> tuple[float, str] | None:
        first: dict[str, float] = {}
        for message in observation.messages:
            text = f"{message.subject} {message.text}".lower()
            if ALERT.lower() in text and word in text:
                first.setdefault(message.channel, message.at)
        if set(first) < set(CHANNELS):
            return None
        return max(first.values()), "by " + ", ".join(sorted(first, key=first.__getitem__))

    return look


def _restarted(observation: Observation) -> tuple[float, str] | None:
    if observation.pid_now in {0, observation.pid_before}:
        return None
    return time.time(), f"pid {observation.pid_before} → {observation.pid_now}"


STEPS = (
    Step("pending", "the condition is breached; the rule waits its duration", _happening("pending")),
    Step("firing", "it held: the alert fires", _happening("firing")),
    Step("notified", "mail, Slack, SMS and webhook are in the inbox", _told("firing")),
    Step("remediation", "the guards let the remedy run", _happening("remedy started")),
    Step("restarted", "the shop is a new process", _restarted),
    Step("verified", "the remedy is seen to have worked", _happening("remedy verified")),
    Step("resolved", "the alert resolves by itself", _happening("resolved")),
    Step("told so", "the resolved messages are in the inbox", _told("resolved")),
)


def seen(observation: Observation) -> dict[str, tuple[float, str]]:
    """The steps that the observation proves: name → Unix time and words. Pure but for `restarted`'s stamp."""
    found = {}
    for step in STEPS:
        proof = step.look(observation)
        if proof is not None:
            found[step.name] = proof
    return found


def run(argv: Sequence[str]) -> int:
    """Show the loop once (`--once`: then stop; exit code 0 only if every step was seen)."""
    parser = argparse.ArgumentParser(
        prog="lumina demo",
        description="Watch an alert close its loop: fire, tell, remedy, verify, resolve.",
        epilog="example: lumina demo --once --json",
    )
    parser.add_argument("--once", action="store_true", help="stop after the first loop")
    parser.add_argument("--json", action="store_true", help="print what was seen as JSON")
    options = parser.parse_args(argv)
    say = _silent if options.json else _say
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with Stage(say) as stage:
            times = _tell(stage, say)
            closed = len(times) == len(STEPS)
            if options.json:
                _print_json(times, closed=closed)
            elif closed:
                say(f"\n  the loop is closed, {times[STEPS[-1].name][0]:.0f} s after the shop broke")
            if not closed:
                missing = ", ".join(step.name for step in STEPS if step.name not in times)
                sys.stderr.write(f"not seen within {DEADLINE_S:g} s: {missing}\n{stage.diagnosis()}\n")
            if closed and not options.once:
                say("  the processes go on running: look around, then end with Ctrl-C\n")
                stage.stay()
            return 0 if closed else 1
    except LuminaError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        say("")
        return 130


def _tell(stage: Stage, say: Callable[[str], None]) -> dict[str, tuple[float, str]]:
    """Break the shop and tell each step when it is seen: name → seconds since then, and words."""
    pid_before = stage.shop_pid()
    broke = time.time()
    stage.break_shop()
    say(f"   {0:5.1f} s  broken       the shop is slow, and three of four requests fail")
    times: dict[str, tuple[float, str]] = {}
    deadline = time.monotonic() + DEADLINE_S
    while len(times) < len(STEPS) and time.monotonic() < deadline:
        stage.tend()
        observation = Observation(
            timeline(stage.urls["ruler"]), list(stage.inbox.messages), pid_before, stage.shop_pid()
        )
        for step in STEPS:
            proof = seen(observation).get(step.name)
            if step.name not in times and proof is not None:
                times[step.name] = (max(0.0, proof[0] - broke), proof[1])
                words = f"  ({proof[1]})" if proof[1] else ""
                say(f"   {times[step.name][0]:5.1f} s  {step.name:<12} {step.says}{words}")
        time.sleep(POLL_S)
    return times


def timeline(ruler: str) -> list[Mapping[str, Any]]:
    """The ruler's timeline, each row with `at_s`; [] where it does not answer."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        url = f"{ruler}/api/v1/lumina/timeline"
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
            return [{**row, "at_s": row["at_ms"] / 1000} for row in json.load(answer)["data"]]
    return []


def _print_json(times: Mapping[str, tuple[float, str]], *, closed: bool) -> None:
    steps = [{"step": name, "seconds": round(s, 1), "detail": words} for name, (s, words) in times.items()]
    sys.stdout.write(json.dumps({"closed": closed, "steps": steps}, indent=2) + "\n")


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _silent(line: str) -> None:
    del line


def _say(line: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(line + os.linesep)
        sys.stdout.flush()
