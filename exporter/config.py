"""exporter.yml."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import create_model

from exporter.collector import Claim, Kind, Name, Source
from exporter.collectors import KINDS
from promkit.config import Model, field, load, parse, resolve, where
from promkit.errors import ConfigError, ConfigErrors

__all__ = ["Component", "Config", "owners", "read", "sources"]

SOURCES_MAX = 500
DEFAULTS = Path(__file__).parent / "defaults" / "exporter.yml"


def _fields(
    kinds: Iterable[Kind],
) -> Mapping[str, Any]:  # Any: an annotation and its default, as pydantic takes them
    """The keys under `collectors:`, one a kind."""
    fields: dict[str, Any] = {}
    for kind in kinds:
        if kind.many:
            fields[kind.name] = (
                tuple[kind.settings, ...],  # type: ignore[name-defined] # made of the list at run time
                field((), description=f"Each item is a source of its own: {kind.summary}"),
            )
        else:
            fields[kind.name] = (
                kind.settings | bool,
                field(kind.on, description=f"false: off; true: on; or its settings: {kind.summary}"),
            )
    return fields


if TYPE_CHECKING:

    class Collectors(Model):
        """The collectors by kind; its fields are made of the list."""

else:
    Collectors = create_model(
        "Collectors", __base__=Model, __doc__="The collectors by kind.", **_fields(KINDS)
    )


class Component(Model):
    """Where a component's requests are measured."""

    source: str = field(
        alias="from",
        description="The one source of its response time, throughput and errors: a kind, as access_log,"
        " or a source, as access_log/shop, or push.",
    )


class Config(Model):
    """What the exporter measures."""

    collectors: Collectors = field(Collectors(), description="What is measured, by kind of collector.")
    components: dict[Name, Component] = field(
        {}, description="Component → the source of its response time, throughput and errors."
    )
    data: Path | None = field(
        None, description="Folder for positions in logs and for pushes; without it a restart forgets them."
    )

    @property
    def data_path(self) -> Path | None:
        """The data folder as seen from the file's own."""
        return resolve(self, self.data) if self.data is not None else None


def read(path: Path | None, env: Mapping[str, str]) -> Config:
    """Read and check a file; None: the defaults. ConfigError, ConfigErrors: all that is wrong in it."""
    if path is None:
        config = parse(DEFAULTS.read_text(encoding="utf-8"), Config, "defaults", env)
    else:
        config = load(path, Config, env)
    owners(config)
    return config


def sources(config: Config) -> Sequence[Source]:
    """Every source, in the order of the list of kinds. ConfigErrors: names that collide, or too many."""
    found: list[Source] = []
    faults: list[ConfigError] = []
    for kind in KINDS:
        settings = getattr(config.collectors, kind.name)
        if kind.many:
            names: set[str] = set()
            for number, item in enumerate(settings):
                if item.name in names:
                    place = where(config.collectors, kind.name, number, "name")
                    faults.append(ConfigError(f"a second {kind.name} is called {item.name!r}", place))
                names.add(item.name)
                found.append(Source(f"{kind.name}/{item.name}", kind, item))
        elif settings is not False:
            found.append(Source(kind.name, kind, kind.settings() if settings is True else settings))
    if len(found) > SOURCES_MAX:
        faults.append(ConfigError(f"more than {SOURCES_MAX} sources", where(config.collectors)))
    if faults:
        raise ConfigErrors(faults)
    return found


def owners(config: Config) -> Mapping[Claim, str]:
    """Which source measures what of which component. ConfigErrors: two of them do, or none as said."""
    found = sources(config)
    names = {name for source in found for name in (source.name, source.kind.name)}
    owner: dict[Claim, str] = {}
    faults: list[ConfigError] = []
    for name, component in config.components.items():
        place = where(component, "from")
        if component.source not in names:
            faults.append(ConfigError(f"no such source: {component.source!r}", place, _known(names)))
        elif component.source == "push":
            owner[Claim("requests", name)] = "push"
        elif not any(
            Claim("requests", name) in source.settings.claims() for source in _named(found, component.source)
        ):
            faults.append(ConfigError(f"{component.source!r} does not measure component {name!r}", place))
    for source in found:
        for claim in source.settings.claims():
            first = owner.setdefault(claim, source.name)
            if first != source.name or list(source.settings.claims()).count(claim) > 1:
                faults.append(_second(claim, first, source))
    if faults:
        raise ConfigErrors(list({str(fault): fault for fault in faults}.values()))
    return owner


def _named(found: Sequence[Source], name: str) -> Sequence[Source]:
    return [source for source in found if name in {source.name, source.kind.name}]


def _second(claim: Claim, first: str, source: Source) -> ConfigError:
    problem = f"{claim.subject} of component {claim.component!r} come from {first} and from {source.name}"
    return ConfigError(problem, where(source.settings), "a component has one source: take the other away")


def _known(names: Iterable[str]) -> str:
    return "known are " + ", ".join(sorted(names))
