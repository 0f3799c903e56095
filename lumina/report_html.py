"""A report as one HTML file: tables and plots, nothing to load from elsewhere, fit for a mail or printer."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from lumina.report_text import sections

__all__ = ["report_html"]

STYLE = """
:root {
  color-scheme: light dark;
  --ink: light-dark(#1a2230, #e6eaf0); --dim: light-dark(#55606f, #a3afbf);
  --rule: light-dark(#d9dee6, #333d4b); --ground: light-dark(#ffffff, #11161d)
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 1100px; margin: 2rem auto; padding: 0 1rem }
h1 { margin-bottom: 0 } h1 + p { color: var(--dim); margin-top: .2rem }
h2 { margin: 2rem 0 .5rem } h3 { margin: .8rem 0 .4rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-size: .9em }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule) }
td { font-variant-numeric: tabular-nums } td:first-child { overflow-wrap: anywhere; min-width: 16rem }
.number { text-align: right; white-space: nowrap }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(420px, 100%), 1fr)); gap: 1rem }
.plots section { break-inside: avoid; min-width: 0 }
.chart { display: flex; height: 180px } .scale { flex: none; width: 78px; height: 180px }
.plot { flex: 1; min-width: 0; height: 180px; overflow: visible }
.grid { stroke: var(--rule) } .axis { fill: var(--dim); font-size: 11px }
.line { fill: none; stroke: var(--c); stroke-width: 1.75; vector-effect: non-scaling-stroke }
.c0 { --c: #2f83d6 } .c1 { --c: #d05a1e } .c2 { --c: #1f9d4d } .c3 { --c: #a04cf0 }
.c4 { --c: #d13a7a } .c5 { --c: #1b93ae } .c6 { --c: #ad8a1c } .c7 { --c: #76849a }
.swatch { display: inline-block; width: .8rem; height: .2rem; margin-right: .3rem; vertical-align: middle;
  background: var(--c) }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0; font-size: .85em }
@media print { body { margin: 0; max-width: none; font-size: 12px } tr { break-inside: avoid } }
"""
# Columns of text; all others are figures, which line up at the right.
_TEXTS = frozenset(
    {"SERIES", "MODEL", "TYPE", "STATE", "TRAINED", "TIME", "SEVERITY", "WHAT", "RANGE", "DIRECTION", "RULE"}
)


def report_html(figures: Mapping[str, Any], plots: Sequence[tuple[str, str]]) -> str:
    """The report; `plots` are titles with markup of ours."""
    drawn = "".join(f"<section><h3>{escape(title)}</h3>{markup}</section>" for title, markup in plots)
    graphs = f'<h2>Graphs</h2><div class="plots">{drawn}</div>' if drawn else ""
    first, *rest = sections(figures)  # the first is about the report as a whole
    parts = "".join(
        f"<h2>{escape(title)}</h2>{f'<p>{escape(sentence)}</p>' if sentence else ''}{_table(columns, rows)}"
        for title, sentence, columns, rows in rest
    )
    title = f"Lumina Monitor: the last {escape(str(figures['range']))}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{escape(first[1])}</p>"
        f"{graphs}{parts}</main></body></html>\n"
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not columns or not rows:
        return ""
    kinds = ["" if column in _TEXTS else ' class="number"' for column in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escape(column.capitalize())}</th>'
        for kind, column in zip(kinds, columns, strict=True)
    )
    body = "".join(f"<tr>{_cells(kinds, row)}</tr>" for row in rows)
    # A table that is wider than a phone scrolls, by keyboard as well.
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide" tabindex="0">{table}</div>'


def _cells(kinds: Sequence[str], row: Sequence[str]) -> str:
    return "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
