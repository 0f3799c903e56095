"""Models → what this room works with: routes, targets, inhibition, times, templates. All faults at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from promkit.config import Model, resolve, where
from promkit.config import parse as parse_config
from promkit.errors import ConfigError, ConfigErrors, Where
from ruler.delivery.config import (
    ChannelsConfig,
    DeliveryConfig,
    Globals,
    InhibitConfig,
    ReceiverConfig,
    RouteConfig,
)
from ruler.delivery.dispatch import DEFAULT_TIMING, Timing
from ruler.delivery.http_config import HttpConfig
from ruler.delivery.intervals import TimeInterval
from ruler.delivery.message import Target
from ruler.delivery.mute import InhibitRule
from ruler.delivery.receiver import Receiver
from ruler.delivery.receivers import RECEIVERS
from ruler.delivery.route import CHANNEL_KEY, Route, Router, child_key
from ruler.delivery.texts import Texts, default_templates

__all__ = ["CHANNELS", "Integration", "Setup", "load_setup", "make_setup", "parse_delivery"]

CHANNELS = ("email", "slack", "sms")  # they exist as names, set up or not
NOBODY = "ui"  # the receiver of the default route: what is on the page and in the log needs no message
# Of channels where no routes are written: `cooldown` keeps repeats apart, so news and ends need not wait.
CHANNEL_WAIT_MS = 5_000
CHANNEL_INTERVAL_MS = 30_000
TEMPLATE_FILES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Integration:
    """One way in which a receiver is reached. Without `config` it is a name that is not set up."""

    target: Target
    kind: Receiver
    config: Any = None

    @property
    def missing(self) -> str:
        """What to do about one that is not set up; "" for one that is."""
        if self.config is not None:
            return ""
        name = self.target.receiver
        return f"{name} is not set up: add channels.{name} to ruler.yml"


@dataclass(frozen=True, slots=True)
class Setup:
    """A configuration, whole and checked. A reload makes a new one."""

    router: Router
    integrations: Mapping[str, tuple[Integration, ...]]  # receiver → its ways
    inhibit_rules: tuple[InhibitRule, ...]
    intervals: Mapping[str, tuple[TimeInterval, ...]]
    texts: Texts
    resolve_timeout_ms: int
    labels: Mapping[str, Mapping[str, str]]  # of receivers that were given some
    warnings: tuple[str, ...] = ()

    def integration(self, target_key: str) -> Integration | None:
        """Find a target again; None: it is gone since."""
        receiver = target_key.rpartition("/")[0]
        found = self.integrations.get(receiver, ())
        return next((one for one in found if one.target.key == target_key), None)

    def channel_names(self) -> frozenset[str]:
        """Give the names that a rule may put under `channels`, and an escalation under `notify`."""
        return frozenset(self.integrations)


def parse_delivery(text: str, source: str, base: Path | None = None) -> DeliveryConfig:
    """Read alertmanager.yml.

    ConfigError, ConfigErrors: what is wrong in it.
    """
    return parse_config(text, DeliveryConfig, source, {}, base)


def load_setup(path: Path) -> Setup:
    """Read and check an alertmanager.yml.

    ConfigError, ConfigErrors: it cannot be read, or what is wrong in it.
    """
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8"
        raise ConfigError(reason, Where(str(path))) from None
    return make_setup(parse_delivery(text, str(path), path.parent), None)


def make_setup(delivery: DeliveryConfig | None, channels: ChannelsConfig | None) -> Setup:
    """Put a configuration together. Without `delivery` nobody is told but the channels that rules name.

    ConfigError, ConfigErrors: everything that is wrong in it.
    """
    return _Maker(delivery, channels or ChannelsConfig()).setup()


class _Maker:
    """One making; faults are collected."""

    def __init__(self, delivery: DeliveryConfig | None, channels: ChannelsConfig) -> None:
        self._delivery = delivery
        self._globals = delivery.global_ if delivery is not None else Globals()
        self._channels = channels
        self._faults: list[ConfigError] = []

    def setup(self) -> Setup:
        texts = Texts(self._templates())
        integrations = self._receivers(texts)
        intervals = self._intervals()
        root = self._root(frozenset(integrations), frozenset(intervals))
        rules = tuple(
            self._inhibit(rule) for rule in (self._delivery.inhibit_rules if self._delivery else ())
        )
        if self._faults:
            faults = sorted(self._faults, key=_position)
            raise ConfigErrors(faults) if len(faults) > 1 else faults[0]
        own_timing = replace(DEFAULT_TIMING, wait_ms=CHANNEL_WAIT_MS, interval_ms=CHANNEL_INTERVAL_MS)
        timing = root.timing if self._delivery else own_timing
        own = {name: _channel_route(name, timing) for name in integrations}
        unset = [one.missing for ways in integrations.values() for one in ways if one.missing]
        return Setup(
            router=Router(root, own),
            integrations=integrations,
            inhibit_rules=rules,
            intervals=intervals,
            texts=texts,
            resolve_timeout_ms=self._globals.resolve_timeout,
            labels={one.name: one.labels for one in (self._delivery.receivers if self._delivery else ())},
            warnings=tuple(unset),
        )

    def _fault(self, problem: str, model: Model, *path: str | int, remedy: str | None = None) -> None:
        self._faults.append(ConfigError(problem, where(model, *path), remedy))

    # Templates

    def _templates(self) -> Any:  # noqa: ANN401 - Templates, whatever files there are
        templates = default_templates()
        for index, pattern in enumerate(self._delivery.templates if self._delivery else ()):
            assert self._delivery is not None, "it has templates"  # noqa: S101 - for the type checker
            for path in self._files(pattern, index):
                try:
                    templates = templates.with_file(path.read_text(), str(path))
                except (OSError, UnicodeDecodeError) as error:
                    reason = getattr(error, "strerror", None) or "not UTF-8"
                    self._fault(f"template file {path}: {reason}", self._delivery, "templates", index)
                except ConfigError as error:
                    self._faults.append(error)
        try:
            templates.check()
        except ConfigError as error:
            self._faults.append(error)
        return templates

    def _files(self, pattern: str, index: int) -> list[Path]:
        assert self._delivery is not None, "it has templates"  # noqa: S101 - for the type checker
        path = resolve(self._delivery, Path(pattern))
        try:
            found = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
        except (ValueError, NotImplementedError):
            self._fault(f"not a pattern of files: {pattern!r}", self._delivery, "templates", index)
            return []
        return [file for file in found[:TEMPLATE_FILES_MAX] if file.is_file()]

    # Receivers

    def _receivers(self, texts: Texts) -> dict[str, tuple[Integration, ...]]:
        found: dict[str, tuple[Integration, ...]] = {}
        for config in self._delivery.receivers if self._delivery else ():
            if config.name in found:
                self._fault(f"receiver {config.name!r} is there twice", config, "name")
                continue
            found[config.name] = self._ways(config, texts)
        for name in (*CHANNELS, "webhook"):
            config_of = getattr(self._channels, name)
            if config_of is None:
                if name in CHANNELS and name not in found:
                    target = Target(name, name, 0, send_resolved=False)
                    found[name] = (Integration(target, RECEIVERS[name]),)
            elif name in found:
                self._fault(
                    f"receiver {name!r} is there already",
                    self._channels,
                    name,
                    remedy="a channel is a receiver of that name: give it in one place",
                )
            else:
                found[name] = self._integrations(RECEIVERS[name], name, (config_of,), texts)
        if self._delivery is None:
            found[NOBODY] = ()
        return found

    def _ways(self, config: ReceiverConfig, texts: Texts) -> tuple[Integration, ...]:
        ways: list[Integration] = []
        for kind in RECEIVERS.values():
            configs: Sequence[Model] = getattr(config, f"{kind.kind}_configs")
            ways.extend(self._integrations(kind, config.name, configs, texts))
        return tuple(ways)

    def _integrations(
        self, kind: Receiver, receiver: str, configs: Iterable[Any], texts: Texts
    ) -> tuple[Integration, ...]:
        filled: list[Any] = []
        for config in configs:
            try:
                whole = kind.fill(config, self._globals)
            except ValueError as error:
                self._fault(str(error), config)
                continue
            self._check_texts(kind, whole, texts)
            filled.extend(kind.split(_with_http(whole, self._globals.http_config)))
        return tuple(
            Integration(Target(receiver, kind.kind, index, config.send_resolved), kind, config)
            for index, config in enumerate(filled)
        )

    def _check_texts(self, kind: Receiver, config: Model, texts: Texts) -> None:
        for text in kind.texts(config):
            if "{{" not in text.text:
                continue
            try:
                texts.check(text.text, text.path[0] if isinstance(text.path[0], str) else "", html=text.html)
            except ConfigError as error:
                inside = error.where if isinstance(error.where, Where) else Where("")
                problem = f"{'.'.join(map(str, text.path))}: {error.problem}"
                if inside.source != text.path[0]:
                    problem += f" (in {inside})"
                elif inside.line:
                    problem += f" (at {inside.line}:{inside.column} of the text)"
                self._faults.append(ConfigError(problem, where(config, *text.path)))

    # Times, inhibition, routes

    def _intervals(self) -> dict[str, tuple[TimeInterval, ...]]:
        found: dict[str, tuple[TimeInterval, ...]] = {}
        if self._delivery is None:
            return found
        for config in (*self._delivery.mute_time_intervals, *self._delivery.time_intervals):
            if config.name in found:
                self._fault(f"time interval {config.name!r} is there twice", config, "name")
            found[config.name] = tuple(span.interval() for span in config.time_intervals)
        return found

    def _inhibit(self, config: InhibitConfig) -> InhibitRule:
        if len(set(config.equal)) < len(config.equal):
            self._fault("equal has a label twice", config, "equal")
        return InhibitRule(
            sources=(*config.source_match, *config.source_match_re, *config.source_matchers),
            targets=(*config.target_match, *config.target_match_re, *config.target_matchers),
            equal=config.equal,
        )

    def _root(self, receivers: frozenset[str], intervals: frozenset[str]) -> Route:
        if self._delivery is None:
            return Route("{}", NOBODY)
        config = self._delivery.route
        if not config.receiver:
            self._fault("the root route needs a receiver", config)
        if config.all_matchers():
            self._fault("the root route takes every alert: it has no matchers", config)
        for key in ("mute_time_intervals", "active_time_intervals"):
            if getattr(config, key):
                self._fault(f"the root route cannot be muted: {key}", config, key)
        if config.continue_:
            self._fault("the root route has no siblings: it cannot continue", config, "continue")
        return self._route(config, None, receivers, intervals)

    def _route(
        self,
        config: RouteConfig,
        parent: Route | None,
        receivers: frozenset[str],
        intervals: frozenset[str],
    ) -> Route:
        if config.receiver and config.receiver not in receivers:
            known = ", ".join(sorted(receivers)) or "none"
            self._fault(f"no receiver {config.receiver!r}: there are {known}", config, "receiver")
        for key in ("mute_time_intervals", "active_time_intervals"):
            for index, name in enumerate(getattr(config, key)):
                if name not in intervals:
                    self._fault(f"no time interval {name!r}", config, key, index)
        base = parent or Route("", "")
        matchers = config.all_matchers()
        group_by = base.group_by if config.group_by is None else tuple(sorted(config.group_by))
        route = Route(
            key=child_key(base.key, matchers),
            receiver=config.receiver or base.receiver,
            timing=_timing(config, base.timing),
            group_by=() if group_by == ("...",) else group_by,
            group_by_all=base.group_by_all if config.group_by is None else group_by == ("...",),
            matchers=matchers,
            goes_on=config.continue_,
            mutes=config.mute_time_intervals,
            actives=config.active_time_intervals,
        )
        children = tuple(self._route(child, route, receivers, intervals) for child in config.routes)
        return replace(route, routes=children)


def _position(fault: ConfigError) -> tuple[str, int, int]:
    where = fault.where if isinstance(fault.where, Where) else Where(str(fault.where))
    return where.source, where.line, where.column


def _timing(config: RouteConfig, base: Timing) -> Timing:
    return Timing(
        wait_ms=base.wait_ms if config.group_wait is None else config.group_wait,
        interval_ms=config.group_interval or base.interval_ms,
        repeat_ms=config.repeat_interval or base.repeat_ms,
    )


def _channel_route(name: str, timing: Timing) -> Route:
    return Route(CHANNEL_KEY, name, timing, group_by=("alertname",))


def _with_http(config: Any, default: HttpConfig | None) -> Any:  # noqa: ANN401 - a receiver's Config
    if "http_config" not in type(config).model_fields or config.http_config is not None:
        return config
    return config.model_copy(update={"http_config": default or HttpConfig()})
