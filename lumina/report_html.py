"""A report as one HTML file: tables and plots, nothing to load from elsewhere, fit for a mail or printer."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from lumina.report_text import sections

__all__ = ["report_html"]

STYLE = """
:root { --dim: #55606f; --rule: #d9dee6 }
body { font: 15px/1.5 system-ui, sans-serif; color: #1a2230; max-width: 1100px; margin: 2rem auto }
table { border-collapse: collapse; width: 100%; font-size: .9em }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--rule) }
td { font-variant-numeric: tabular-nums }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(420px, 1fr)); gap: 1rem }
.chart { display: flex; height: 180px } .scale { flex: none; width: 78px; height: 180px }
.plot { flex: 1; min-width: 0; height: 180px; overflow: visible }
.grid { stroke: var(--rule) } .axis { fill: var(--dim); font-size: 11px }
.line { fill: none; stroke: var(--c); stroke-width: 1.75; vector-effect: non-scaling-stroke }
.c0 { --c: #0b67c2 } .c1 { --c: #c2410c } .c2 { --c: #15803d } .c3 { --c: #9333ea }
.c4 { --c: #b91c5c } .c5 { --c: #0e7490 } .c6 { --c: #92700c } .c7 { --c: #475569 }
.swatch { display: inline-block; width: .8rem; height: .2rem; background: var(--c) }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; padding: 0; font-size: .85em }
"""


def report_html(figures: Mapping[str, Any], plots: Sequence[tuple[str, str]]) -> str:
    """The report; `plots` are titles with markup of ours."""
    drawn = "".join(f"<section><h3>{escape(title)}</h3>{markup}</section>" for title, markup in plots)
    parts = [
        f"<h2>{escape(title)}</h2><p>{escape(sentence)}</p>{_table(columns, rows)}"
        for title, sentence, columns, rows in sections(figures)
    ]
    title = f"Lumina Monitor: the last {escape(str(figures['range']))}"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        f'<div class="plots">{drawn}</div>{"".join(parts)}</main></body></html>'
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not columns or not rows:
        return ""
    head = "".join(f"<th>{escape(column.capitalize())}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
