"""Everything that is configured, read and checked whole: ruler.yml, the rules it names, access, delivery.

A reload reads it anew; only when all of it is right does it replace what is in force.
"""

import argparse
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from promkit.config import Model, load, resolve, shown
from promkit.errors import ConfigError, ConfigErrors
from promkit.labels import Labels
from promkit.process import parse_listen
from promkit.web import Access
from promkit.web_config import WebConfig, server_context
from ruler.config import RulerConfig
from ruler.dashboards import API_FILES, DashboardSet, load_dashboards
from ruler.delivery import DeliveryConfig, Setup, make_setup
from ruler.options import promql_options, retention_ms
from ruler.promql import Engine, Vector
from ruler.promql import parse as parse_query
from ruler.remediation import how_to_bind
from ruler.rules import (
    Render,
    RuleContext,
    RuleSet,
    Severities,
    TemplateData,
    escalation_of,
    load_files,
)
from ruler.store import StorageOptions
from ruler.template import Template, alert_data, compile_alert_text, render_alert_text
from ruler.workbench import Finding, Surroundings, check_policies, policy_faults

__all__ = [
    "API_RULES",
    "Settings",
    "Unset",
    "policies",
    "read",
    "renderer",
    "rule_context",
    "surroundings",
]

ACTIONS = "remediation.actions"
API_RULES = "rules/api.yml"  # what the API writes, beside ruler.yml


@dataclass(frozen=True, slots=True)
class Unset:
    """A name that rules use and nobody has set up."""

    name: str  # email
    kind: str  # channel | action
    file: str
    key: str  # what to add there
    why: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What is in force."""

    config: RulerConfig
    base: Path  # the folder that paths in ruler.yml are seen from
    files: tuple[str, ...]  # patterns of all files that this was read from
    rules: RuleSet
    rule_context: RuleContext  # what the rules were held to
    api_rules: Path | None  # the file that the API writes; None: there is no ruler.yml to stand beside
    dashboards: DashboardSet
    storage: StorageOptions
    state_url: str
    external_url: str
    severities: Severities
    delivery: Setup
    access: Access
    unset: tuple[Unset, ...]
    warnings: tuple[str, ...]
    routes: DeliveryConfig | None  # alertmanager.yml as it was written
    flags: Mapping[str, str]

    def config_text(self) -> str:
        """ruler.yml without its secrets."""
        return _yaml(self.config)

    def delivery_text(self) -> str:
        """alertmanager.yml without its secrets; "" where there is none."""
        return "" if self.routes is None else _yaml(self.routes)


def read(options: argparse.Namespace, env: Mapping[str, str]) -> Settings:
    """Read all files. ConfigError, ConfigErrors: what is wrong in them."""
    path: Path | None = options.config
    config = load(path, RulerConfig, env) if path else RulerConfig()
    base = path.parent if path else Path()
    routes = _routes(config, options.alertmanager_config, env)
    delivery = make_setup(routes, config.channels)
    context = rule_context(config, delivery, options.features)
    rules = load_files(config.rule_files, base, context, optional=[API_RULES] if path else [])
    dashboards = load_dashboards(config.dashboard_files, base, optional=[API_FILES] if path else [])
    web = load(options.web_config, WebConfig, env) if options.web_config else WebConfig()
    server_context(web)  # its files are read again when the server starts: here, to refuse them in time
    external_url = _external_url(options.external_url, options.listen)
    access = Access(
        parse_listen(options.listen)[0],
        web,
        hosts=(urlsplit(external_url).hostname or "",),
        insecure=options.insecure,
    )
    if options.insecure and config.remediation.enabled:
        raise ConfigError(
            "--insecure is refused while remediation.enabled",
            str(path),
            "give logins with --web.config.file, or disarm remediation",
        )
    storage = config.storage.options()
    if options.retention is not None:
        storage = replace(storage, retention_ms=retention_ms(options.retention))
    split = config.delivery if isinstance(config.delivery, Path) else None
    named = (path, options.web_config, options.alertmanager_config, split and resolve(config, split))
    return Settings(
        config=config,
        base=base,
        files=(
            *(str(one.absolute()) for one in named if one is not None),
            *config.rule_files,
            *config.dashboard_files,
            *([API_FILES, API_RULES] if path else []),
        ),
        rules=rules,
        rule_context=context,
        api_rules=base / API_RULES if path else None,
        dashboards=dashboards,
        storage=storage,
        state_url=config.state.url or f"sqlite:///{options.data / 'state.db'}",
        external_url=external_url,
        severities=Severities(config.severities),
        delivery=delivery,
        access=access,
        unset=_unset(config, delivery, rules),
        warnings=(*rules.warnings, *dashboards.warnings, *_without_rules(dashboards, rules)),
        routes=routes,
        flags={name: str(value) for name, value in sorted(vars(options).items()) if value is not None},
    )


def _routes(config: RulerConfig, file: Path | None, env: Mapping[str, str]) -> DeliveryConfig | None:
    """Routes and receivers: of --alertmanager-config, else of `delivery`."""
    if file is not None:
        return load(file, DeliveryConfig, env)
    if isinstance(config.delivery, Path):
        return load(resolve(config, config.delivery), DeliveryConfig, env)
    return config.delivery


def _yaml(config: Model) -> str:
    return yaml.safe_dump(shown(config), sort_keys=False, allow_unicode=True)


def rule_context(config: RulerConfig, delivery: Setup, features: Sequence[str] = ()) -> RuleContext:
    """What rule files are held to: the names that exist, and the languages.

    ConfigErrors: escalations name receivers that do not exist.
    """
    engine = promql_options(features).features
    names = delivery.channel_names()
    if faults := policy_faults(config.escalations, names):
        raise ConfigErrors(faults)
    return RuleContext(
        channels=names,
        receivers=names,
        escalations={name: escalation_of(name, one) for name, one in config.escalations.items()},
        severities=Severities(config.severities),
        check_action=config.remediation.check_action,
        compile_template=lambda text: compile_alert_text(text, "rule"),
        parse=lambda query: parse_query(query, engine),
        evaluation_interval_ms=config.global_.evaluation_interval,
        short_interval_ms=min(config.global_.evaluation_interval, RuleContext().short_interval_ms),
    )


def surroundings(path: Path, env: Mapping[str, str]) -> tuple[RuleContext, Surroundings]:
    """What rule files are checked against; without the file at `path`, the defaults.

    ConfigError, ConfigErrors: what is wrong in ruler.yml.
    """
    config = load(path, RulerConfig, env) if path.exists() else RulerConfig()
    delivery = make_setup(_routes(config, None, env), config.channels)
    ways = [way for several in delivery.integrations.values() for way in several if way.missing]
    storage = config.storage.options()
    around = Surroundings(
        not_set_up={way.target.receiver: f"add channels.{way.target.receiver} to ruler.yml" for way in ways},
        not_bound={name: how_to_bind(name) for name in config.remediation.unbound},
        scrape_interval_ms=config.global_.scrape_interval,
        retention_ms=storage.retention_ms or None,
    )
    return rule_context(config, delivery), around


def policies(path: Path, env: Mapping[str, str]) -> tuple[RuleContext, RuleSet, list[Finding]]:
    """The escalations of ruler.yml, the rules that name them, and what is doubtful about them.

    ConfigError, ConfigErrors: what is wrong in ruler.yml, or in what it names.
    """
    config = load(path, RulerConfig, env)
    delivery = make_setup(_routes(config, None, env), config.channels)
    context = rule_context(config, delivery)
    rules = load_files(config.rule_files, path.parent, context)
    return context, rules, check_policies(config.escalations, delivery, rules.rules)


def _unset(config: RulerConfig, delivery: Setup, rules: RuleSet) -> tuple[Unset, ...]:
    """What rules ask for and nobody has set up."""
    steps = [step for rule in rules.rules if rule.escalation is not None for step in rule.escalation.steps]
    channels = {name for rule in rules.rules for name in rule.channels}
    channels |= {name for step in steps for name in step.notify}
    missing = {name for name in channels if any(way.missing for way in delivery.integrations.get(name, ()))}
    actions = {rule.remedy.action for rule in rules.rules if rule.remedy is not None}
    unbound = actions & set(config.remediation.unbound)
    untold, undone = "Alerts are recorded, and nobody is told.", "The remedy is recorded, and not run."
    return (
        *(Unset(name, "channel", "ruler.yml", f"channels.{name}", untold) for name in sorted(missing)),
        *(Unset(name, "action", "ruler.yml", f"{ACTIONS}.{name}", undone) for name in sorted(unbound)),
    )


def _without_rules(dashboards: DashboardSet, rules: RuleSet) -> list[str]:
    """Widgets whose threshold is that of a rule that is not there."""
    known = {rule.id for rule in rules.rules}
    return [
        f"{one.where}: widget {widget.title!r} names rule {widget.look.rule!r}, which is not there"
        for one in dashboards.dashboards
        for widget in one.widgets
        if widget.look.rule is not None and widget.look.rule not in known
    ]


def renderer(engine: Engine, external_labels: Mapping[str, str], external_url: str) -> Render:
    """What fills in the templates of labels and annotations, with Prometheus' functions."""

    @lru_cache(maxsize=4096)
    def compiled(text: str) -> Template:
        return compile_alert_text(text, "rule")

    def render(text: str, data: TemplateData) -> str:
        def query(expression: str) -> list[tuple[Labels, float]]:
            value = engine.instant(expression, data.at_ms).value
            if not isinstance(value, Vector):
                return []
            return list(zip(value.labels, value.values.tolist(), strict=True))

        given = alert_data(data.labels, data.value, external_labels, external_url)
        return render_alert_text(compiled(text), given, data.at_ms, query)

    return render


def _external_url(given: str | None, listen: str) -> str:
    if given is not None:
        if urlsplit(given).scheme not in {"http", "https"} or not urlsplit(given).hostname:
            raise ConfigError(f"not an http URL: {given!r}", "--web.external-url")
        return given.rstrip("/")
    host, port = parse_listen(listen)
    name = socket.getfqdn() if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
