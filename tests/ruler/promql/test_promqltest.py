"""Prometheus' own test scripts for the 3.5 language, but for native histograms, which come later."""

import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from promkit.errors import LuminaError
from promkit.labels import Labels
from ruler.promql import (
    Engine,
    Matrix,
    Options,
    RangeVector,
    Result,
    Scalar,
    String,
    Vector,
    parse,
    selectors,
)
from ruler.promql.ast import Call, walk
from ruler.store import is_absent
from tests.builders.promqltest import Clear, Eval, Load, Points, read
from tests.builders.series import ListSource

SCRIPTS = Path(__file__).parents[4] / "shared" / "promqltest" / "v3.5"
OPTIONS = Options(experimental_functions=True, duration_expr=True, delayed_name_removal=True)
NATIVE_FUNCTIONS = frozenset(
    ("histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar")
)
CASES_WITHOUT_NATIVE = 494
MINUTE = 60_000


def answers(script: Path) -> Iterator[tuple[Eval, str | None]]:
    """Each case that needs no native histogram, and what is wrong with our answer to it."""
    source, native = ListSource(), set[Labels]()
    for command in read(script):
        match command:
            case Clear():
                source, native = ListSource(), set()
            case Load():
                native.update(command.native)
                for labels, points in command.series:
                    numbered = enumerate(points)
                    source.add(labels, [(i * command.step_ms, v) for i, v in numbered if v is not None])
            case Eval() if not needs_native(command, native):
                yield command, fault(Engine(source, OPTIONS), command)
            case Eval():
                pass


def needs_native(case: Eval, native: set[Labels]) -> bool:
    """The rule: it expects a native histogram, calls what only they have, or selects a series of them."""
    if case.has_histograms:
        return True
    try:
        node = parse(case.query, OPTIONS.features)
    except LuminaError:
        return False
    if any(isinstance(part, Call) and part.function in NATIVE_FUNCTIONS for part in walk(node)):
        return True
    return any(
        all(matcher.matches_labels(labels) for matcher in selector.matchers)
        for selector in selectors(node)
        for labels in native
    )


def fault(engine: Engine, case: Eval) -> str | None:
    """What is wrong with our answer, or None."""
    try:
        if case.step_ms:
            result = engine.range(case.query, case.start_ms, case.end_ms, case.step_ms)
            return fault_of_matrix(case, result) or fault_of_notes(case, result)
        result = engine.instant(case.query, case.start_ms)
    except LuminaError as error:
        return fault_of_error(case, error)
    return (
        fault_of_instant(case, result) or fault_of_notes(case, result) or fault_of_range(engine, case, result)
    )


def fault_of_error(case: Eval, error: LuminaError) -> str | None:
    if not case.fails:
        return f"failed: {error}"
    return mismatch(case.expects.get("fail"), [error.problem.removeprefix("parse error: ")])


def fault_of_notes(case: Eval, result: Result) -> str | None:
    for kind, notes in (("warn", result.warnings), ("info", result.infos)):
        texts = [re.sub(r" \(\d+:\d+\)$", "", note) for note in notes]
        if kind in case.expects and (not texts or mismatch(case.expects[kind], texts)):
            return f"expected {kind} {case.expects[kind]}, got {texts}"
        if f"no_{kind}" in case.expects and texts:
            return f"expected no {kind}, got {texts}"
    return None


def mismatch(pattern: tuple[str, str] | None, texts: list[str]) -> str | None:
    if pattern is None:
        return None
    kind, text = pattern
    found = any(text == got if kind == "msg" else re.search(text, got) for got in texts)
    return None if found else f"expected {kind} {text!r}, got {texts}"


def fault_of_instant(case: Eval, result: Result) -> str | None:
    if case.fails:
        return f"should have failed, gave {result.value}"
    match result.value:
        case Scalar(value=value):
            return None if case.scalar is not None and same(case.scalar, value) else f"gave {value}"
        case String(value=text):
            return None if case.text == text else f"gave {text!r}"
        case RangeVector():
            return fault_of_samples(case, result.value)
        case Vector(labels=labels, values=values):
            return fault_of_vector(case, list(labels), values.tolist())
        case _:
            return f"gave {result.value}"


def fault_of_vector(case: Eval, labels: list[Labels], values: list[float]) -> str | None:
    got = dict(zip(labels, values, strict=True))
    if len(got) != len(labels):
        return f"series twice: {labels}"
    wanted = {name: points[0] for name, points in case.series if points and points[0] is not None}
    if case.ordered and list(wanted) != labels:
        return f"expected the order {list(wanted)}, got {labels}"
    if set(wanted) != set(got):
        return f"expected {wanted}, got {got}"
    wrong = {name: got[name] for name, value in wanted.items() if not same(value, got[name])}
    return f"expected {wanted}, got {wrong}" if wrong else None


def fault_of_samples(case: Eval, value: RangeVector) -> str | None:
    assert case.matrix is not None
    start, _, step = case.matrix
    for labels, points in case.series:
        at = list(value.labels).index(labels)
        times, values = value.samples[at]
        wanted = {start + i * step: v for i, v in enumerate(points) if v is not None}
        if wanted.keys() != set(times.tolist()) or not all(
            same(wanted[t], v) for t, v in zip(times.tolist(), values.tolist(), strict=True)
        ):
            return f"expected {wanted}, got {times} {values}"
    return None if len(case.series) == len(value.labels) else f"gave {value.labels}"


def fault_of_matrix(case: Eval, result: Result) -> str | None:
    if case.fails:
        return f"should have failed, gave {result.value}"
    matrix = result.value
    assert isinstance(matrix, Matrix)
    wanted = {labels: points for labels, points in case.series if any(p is not None for p in points)}
    if case.scalar is not None:
        wanted = {Labels(): [case.scalar]}
    if set(wanted) != set(matrix.labels):
        return f"expected {wanted}, got {matrix.labels}"
    for column, labels in enumerate(matrix.labels):
        points = wanted[labels] + [None] * (len(matrix.times) - len(wanted[labels]))
        if fault_at := differing(points, matrix.values[:, column]):
            return f"{labels}: {fault_at}"
    return None


def differing(points: Points, values: np.ndarray) -> str | None:
    absent = is_absent(values)
    for step, (wanted, got, gone) in enumerate(zip(points, values.tolist(), absent, strict=True)):
        if (wanted is None) != gone or (wanted is not None and not same(wanted, got)):
            return f"step {step}: expected {wanted}, got {'nothing' if gone else got} of {values.tolist()}"
    return None


def fault_of_range(engine: Engine, case: Eval, instant: Result) -> str | None:
    """An instant's answer is the middle step of a range around it, but for ranges and texts."""
    if not isinstance(instant.value, Vector) or case.ordered:
        return None
    matrix = engine.range(case.query, case.start_ms - MINUTE, case.start_ms + MINUTE, MINUTE).value
    assert isinstance(matrix, Matrix)
    middle = matrix.values[1]
    there = [column for column in range(len(matrix.labels)) if not is_absent(middle)[column]]
    return fault_of_vector(case, [matrix.labels[column] for column in there], middle[there].tolist())


def same(wanted: float, got: float) -> bool:
    """Within 1e-6 of their sum; NaN is NaN; zero is only zero."""
    if math.isnan(wanted) or math.isnan(got):
        return math.isnan(wanted) and math.isnan(got)
    if wanted == got:
        return True
    if wanted == 0 or got == 0 or math.isinf(wanted) or math.isinf(got):
        return False
    return abs(wanted - got) / min(abs(wanted) + abs(got), 1.7e308) < 1e-6


@pytest.mark.skipif(not SCRIPTS.is_dir(), reason="the test scripts are not at ../shared/promqltest")
def test_scripts() -> None:
    cases = {
        f"{script.stem}:{case.line}: {case.query}": wrong
        for script in sorted(SCRIPTS.glob("*.test"))
        for case, wrong in answers(script)
    }
    failing = {name: wrong for name, wrong in cases.items() if wrong}
    assert not failing, "\n".join(f"{name}\n    {wrong}" for name, wrong in failing.items())
    assert len(cases) >= CASES_WITHOUT_NATIVE
