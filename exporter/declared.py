"""Business figures as they are declared: who may give one, with which labels, and what is left out. Pure.

families of a source ─▶ admitted ─▶ families with the declared help and unit
                            └─────▶ (metric, "source" | "type" | "label") → series left out
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from exporter.naming import TEXT_LENGTH_MAX, is_metric
from exporter.rows import LABELS_MAX
from exporter.settings import Option
from promkit.exposition import Family, MetricType, Sample

__all__ = ["PREFIX", "Declaration", "admitted", "foreign_labels", "full_name", "name_fault", "objection"]

PREFIX = "business_"
_WITHIN = {"le", "quantile"}  # labels that a histogram has by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A business figure: what it is, and what it may look like."""

    help: Annotated[str, Option("What it is, in a sentence.", max_length=TEXT_LENGTH_MAX)] = ""
    type: Annotated[
        Literal["gauge", "counter", "histogram"] | None,
        Option("Its type (default: counter where the name ends in `_total`, gauge elsewhere)."),
    ] = None
    unit: Annotated[str, Option("Its unit, with which the name ends, as seconds or per_minute.")] = ""
    labels: Annotated[
        tuple[str, ...],
        Option("The labels that it may have; a series with another is left out.", max_length=LABELS_MAX),
    ] = ()
    source: Annotated[
        str | None,
        Option(
            "The one source of it: a kind, as json, a source, as sql/shop, or push (default: any).",
            alias="from",
        ),
    ] = None


def name_fault(name: str, declaration: Declaration) -> str | None:
    """What is wrong with the name of a declared figure."""
    if not name.startswith(PREFIX):
        return f"a business figure is called {PREFIX}…, not {name[:80]!a}"
    if not is_metric(name):
        return f"metric name not allowed: {name[:80]!a}"
    bare = name.removesuffix("_total")
    if (declaration.type == "counter") != (bare != name) and declaration.type is not None:
        return f"{name}: the name of a counter ends in _total, and no other's"
    if declaration.unit and not bare.endswith(f"_{declaration.unit}"):
        return f"{name} does not end with its unit, {declaration.unit[:80]!a}"
    return None


def objection(declaration: Declaration, source: str, family: Family) -> tuple[str, str] | None:
    """Why a source may not give a figure at all: a word for the label and a sentence."""
    if declaration.source is not None and declaration.source not in {source, source.partition("/")[0]}:
        return "source", f"{full_name(family)} comes from {declaration.source}"
    name = full_name(family)
    wanted = _type(declaration, name)
    if family.type not in {wanted, MetricType.UNTYPED}:
        return "type", f"{name} is a {wanted.value}, not a {family.type.value}"
    return None


def _type(declaration: Declaration, name: str) -> MetricType:
    return MetricType(declaration.type or ("counter" if name.endswith("_total") else "gauge"))


def foreign_labels(declaration: Declaration, sample: Sample) -> set[str]:
    """The labels of a series that were not declared."""
    return set(sample.labels) - set(declaration.labels) - _WITHIN


def full_name(family: Family) -> str:
    """A family's name as people know it."""
    return f"{family.name}_total" if family.type is MetricType.COUNTER else family.name


def admitted(
    declarations: Mapping[str, Declaration], source: str, families: Sequence[Family]
) -> tuple[Sequence[Family], Mapping[tuple[str, str], int]]:
    """What of a source's families may be shown, and what is left out: (metric, reason) → series."""
    shown: list[Family] = []
    left_out: dict[tuple[str, str], int] = {}
    for family in families:
        name = full_name(family)
        declaration = declarations.get(name)
        if declaration is None:
            shown.append(family)
            continue
        refused = objection(declaration, source, family)
        if refused is not None:
            left_out[name, refused[0]] = len(family.samples)
            continue
        kept = tuple(sample for sample in family.samples if not foreign_labels(declaration, sample))
        if len(kept) < len(family.samples):
            left_out[name, "label"] = len(family.samples) - len(kept)
        shown.append(_as_declared(replace(family, samples=kept), name, declaration))
    return shown, left_out


def _as_declared(family: Family, name: str, declaration: Declaration) -> Family:
    """Whoever gives it says little of it, and a page without types nothing: what was declared is shown."""
    if family.type is MetricType.UNTYPED and declaration.type != "histogram":
        family = replace(family, name=name.removesuffix("_total"), type=_type(declaration, name))
    return replace(family, help=declaration.help or family.help, unit=declaration.unit or family.unit)
