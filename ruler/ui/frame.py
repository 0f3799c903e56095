"""The frame that charts over time share: an interval of time and one of values, ticks, instants.

A chart's text has one size however wide it is: only what is drawn inside is stretched. Hence three boxes:

    scale    svg, of fixed width: what the ticks stand for
    plot     svg, as wide as there is room; grid and instants placed by percent, `height` pixels high
    inside   svg in the plot, UNITS wide whatever the plot is
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["BOTTOM", "TOP", "UNITS", "Frame", "inside", "instants", "level", "tick"]

TOP, BOTTOM = 8, 22  # pixels; room above and below what is drawn
UNITS = 1000  # the width of what is stretched
_STEPS_MS = (
    *(seconds * 1000 for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * 60_000 for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * 3_600_000 for hours in (1, 2, 3, 6, 12)),
    *(days * 86_400_000 for days in (1, 2, 7, 14, 30)),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What is drawn. `height` is that of the whole, in pixels."""

    start_ms: int
    end_ms: int
    low: float
    high: float
    height: int

    def x(self, at_ms: float) -> float:
        """As a share of the width, 0–1."""
        return (at_ms - self.start_ms) / max(self.end_ms - self.start_ms, 1)

    def y(self, value: float) -> float:
        """In pixels from the top; what lies beyond the scale is at its end."""
        held = min(max(value, self.low), self.high)
        return TOP + (self.high - held) / (self.high - self.low) * (self.height - TOP - BOTTOM)


def level(at_y: float) -> str:
    """The place of a horizontal line."""
    return f'y1="{at_y:.1f}" y2="{at_y:.1f}"'


def tick(at_y: float, text: str) -> str:
    """What a tick of the scale stands for."""
    return f'<text class="axis" x="100%" dx="-8" y="{at_y + 4:.1f}" text-anchor="end">{escape(text)}</text>'


def inside(frame: Frame, drawn: str) -> str:
    """What is stretched to the plot's width."""
    return (
        f'<svg width="100%" height="{frame.height}" viewBox="0 0 {UNITS} {frame.height}" '
        f'preserveAspectRatio="none">{drawn}</svg>'
    )


def instants(frame: Frame) -> str:
    """Round instants along the bottom."""
    return "".join(_instant(frame, at_ms) for at_ms in _round_instants(frame.start_ms, frame.end_ms))


def _round_instants(start_ms: int, end_ms: int) -> Sequence[int]:
    wanted = (end_ms - start_ms) / 5
    step = next((step for step in _STEPS_MS if step >= wanted), _STEPS_MS[-1])
    shift = _utc_offset_ms(end_ms)  # local midnights and full hours
    first = (start_ms + shift + step - 1) // step * step - shift
    return range(first, end_ms + 1, step)


def _utc_offset_ms(at_ms: int) -> int:
    return (time.localtime(at_ms / 1000).tm_gmtoff or 0) * 1000


def _instant(frame: Frame, at_ms: int) -> str:
    span_ms = frame.end_ms - frame.start_ms
    form = "%H:%M" if span_ms <= 2 * 86_400_000 else "%d %b"
    if span_ms <= 3 * 60_000:
        form = "%H:%M:%S"
    text = time.strftime(form, time.localtime(at_ms / 1000))
    share = frame.x(at_ms)
    anchor = "end" if share > 0.94 else "start" if share < 0.04 else "middle"
    place = f'x="{share * 100:.2f}%" y="{frame.height - 5}"'
    return f'<text class="axis" {place} text-anchor="{anchor}">{text}</text>'
