"""exporter.yml as data: the sources it asks for, and which of them measures what. Standard library only."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any

from exporter.collector import Claim, Kind, Source
from exporter.collectors import KINDS
from exporter.declared import Declaration, name_fault
from exporter.settings import Name, Option

__all__ = ["Component", "Config", "Fault", "faults", "owners", "sources"]

SOURCES_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Where a component's requests are measured."""

    source: Annotated[
        str,
        Option(
            "The one source of its response time, throughput and errors: a kind, as access_log, a source, as"
            " access_log/shop, or push.",
            alias="from",
        ),
    ]


_TAKEN = {"json"}  # names that every pydantic model has itself


def _attribute(kind: Kind) -> str:
    """The field of a kind's settings."""
    return f"{kind.name}_" if kind.name in _TAKEN else kind.name


def _collectors() -> type:
    """A dataclass with a field for each kind."""
    fields: list[tuple[str, Any, Any]] = []  # an annotation and a default each, as make_dataclass takes them
    for kind in KINDS:
        if kind.many:
            alias = kind.name if kind.name in _TAKEN else None
            option = Option(f"Each item is a source of its own: {kind.summary}", alias=alias)
            kept_as = GenericAlias(tuple, (kind.settings, ...))
            fields.append((_attribute(kind), Annotated[kept_as, option], ()))
        else:
            option = Option(f"false: off; true: on; or its settings: {kind.summary}")
            fields.append((_attribute(kind), Annotated[kind.settings | bool, option], kind.on))
    return dataclasses.make_dataclass(
        "Collectors",
        fields,
        namespace={"__doc__": "The collectors, by kind."},
        frozen=True,
        slots=True,
        kw_only=True,
    )


if TYPE_CHECKING:

    class Collectors:
        """The collectors, by kind."""

else:
    Collectors = _collectors()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the exporter measures."""

    collectors: Annotated[Collectors, Option("What is measured, by kind of collector.")] = Collectors()  # noqa: RUF009 - frozen
    components: Annotated[
        dict[Name, Component], Option("Component → the source of its response time, throughput and errors.")
    ] = dataclasses.field(default_factory=dict)
    business: Annotated[
        dict[str, Declaration],
        Option("Business figure's name → what it may look like; one that is not here is taken as it comes."),
    ] = dataclasses.field(default_factory=dict)
    data: Annotated[
        Path | None,
        Option("Folder for positions in logs and for pushes; without it a restart forgets them."),
    ] = None
    root: Annotated[
        Path | None,
        Option(
            "Where the host's file system is mounted when the exporter runs in a container: disks,"
            " interfaces, processes and facts are then the host's. Taken at the start."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the key that says it."""

    path: Sequence[str | int]
    problem: str
    remedy: str | None = None


def sources(config: Config) -> Sequence[Source]:
    """Every source, in the order of the list of kinds."""
    return [source for _, source in _placed(config)]


def owners(config: Config) -> Mapping[Claim, str]:
    """Which source measures what of which component."""
    owner = {
        Claim("requests", name): component.source
        for name, component in config.components.items()
        if component.source == "push"
    }
    for source in sources(config):
        for claim in source.settings.claims():
            owner.setdefault(claim, source.name)
    return owner


def faults(config: Config) -> Sequence[Fault]:
    """What fits no single key: names that are taken, components with two sources or none."""
    placed = _placed(config)
    found = [*_doubles(placed), *_lacking(placed), *_seconds(config, placed), *_misnamed(config, placed)]
    found += _undeclared(config, placed)
    if len(placed) > SOURCES_MAX:
        found.append(Fault(("collectors",), f"more than {SOURCES_MAX} sources"))
    return found


def _placed(config: Config) -> Sequence[tuple[Sequence[str | int], Source]]:
    """Every source with the key that asks for it."""
    found: list[tuple[Sequence[str | int], Source]] = []
    for kind in KINDS:
        at = ("collectors", kind.name)
        settings = getattr(config.collectors, _attribute(kind))
        if kind.many:
            found.extend(
                ((*at, number), Source(f"{kind.name}/{one.name}", kind, one))
                for number, one in enumerate(settings)
            )
        elif settings is not False:
            found.append((at, Source(kind.name, kind, kind.settings() if settings is True else settings)))
    return found


def _doubles(placed: Sequence[tuple[Sequence[str | int], Source]]) -> Iterable[Fault]:
    seen: set[str] = set()
    for path, source in placed:
        if source.name in seen:
            yield Fault((*path, "name"), f"there is a {source.name} already", "give it another name")
        seen.add(source.name)


def _lacking(placed: Sequence[tuple[Sequence[str | int], Source]]) -> Iterable[Fault]:
    """A source whose client is not installed. It is looked for, not loaded."""
    for path, source in placed:
        needs = source.kind.needs
        if needs is not None and find_spec(needs.module) is None:
            problem = f"{source.name} needs the extra `{needs.extra}`, which is not installed"
            yield Fault(path, problem, f"run pip install 'lumina-monitoring[{needs.extra}]'")


def _seconds(config: Config, placed: Sequence[tuple[Sequence[str | int], Source]]) -> Iterable[Fault]:
    """A second source for what of a component has one."""
    owner = {claim: name for claim, name in owners(config).items() if name == "push"}
    for path, source in placed:
        for claim in source.settings.claims():
            if claim in owner:
                problem = f"{claim.subject} of component {claim.component!r} come from"
                yield Fault(
                    path,
                    f"{problem} {owner[claim]} already, {source.name} is a second source",
                    "a component has one: take the other away",
                )
            owner.setdefault(claim, source.name)


def _misnamed(config: Config, placed: Sequence[tuple[Sequence[str | int], Source]]) -> Iterable[Fault]:
    """A component whose source is not there, or does not measure it."""
    by_name = _by_name(placed)
    for component, said in config.components.items():
        path = ("components", component, "from")
        claim = Claim("requests", component)
        if said.source not in by_name:
            remedy = f"known are {', '.join(sorted(by_name))}"
            yield Fault(path, f"there is no source {said.source!r}", remedy)
        elif said.source != "push" and not any(
            claim in source.settings.claims() for source in by_name[said.source]
        ):
            remedy = f"give one of its sources `component: {component}`"
            yield Fault(path, f"{said.source} does not measure component {component!r}", remedy)


def _undeclared(config: Config, placed: Sequence[tuple[Sequence[str | int], Source]]) -> Iterable[Fault]:
    """A business figure that no source gives as it is declared."""
    by_name = _by_name(placed)
    for name, declaration in config.business.items():
        fault = name_fault(name, declaration)
        if fault is not None:
            yield Fault(("business", name), fault)
        elif declaration.source is not None and declaration.source not in by_name:
            remedy = f"known are {', '.join(sorted(by_name))}"
            yield Fault(("business", name, "from"), f"there is no source {declaration.source!r}", remedy)
        elif declaration.source is not None and not any(
            name in dict(source.settings.gives()) or source.kind.name == "push"
            for source in by_name[declaration.source]
        ):
            yield Fault(("business", name, "from"), f"{declaration.source} does not give {name}")
    for path, source in placed:
        for name, labels in source.settings.gives():
            declared = config.business.get(name)
            if declared is None:
                continue
            if declared.source not in {None, source.name, source.kind.name}:
                yield Fault(path, f"{name} comes from {declared.source}, {source.name} is a second source")
            for label in sorted(set(labels) - set(declared.labels)):
                remedy = f"add it to `labels` of {name} under `business`"
                yield Fault(path, f"{source.name} gives {name} a label that is not declared: {label}", remedy)


def _by_name(placed: Sequence[tuple[Sequence[str | int], Source]]) -> Mapping[str, Sequence[Source]]:
    """Every source by its name, and by its kind's."""
    found: dict[str, list[Source]] = {}
    for _, source in placed:
        for name in {source.name, source.kind.name}:
            found.setdefault(name, []).append(source)
    return found
