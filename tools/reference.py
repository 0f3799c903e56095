"""Writes docs/reference/: what files may say, what is measured, what may be asked, read off the code itself.

.venv/bin/python tools/reference.py
"""

import ast
import inspect
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from analytics.config import Config as AnalyticsConfig
from analytics.server import build
from analytics.spec import ModelSpec
from exporter.collectors import KINDS
from exporter.config import Config as ExporterConfig
from exporter.routes import PATHS
from exporter.schema import model_of
from promkit.config import Model, reference
from promkit.own import Registry
from promkit.process import SYSTEM_CLOCK
from promkit.web import Access, create_app
from promkit.web_config import Role, WebConfig
from ruler.api import FORM_READS, ROUTERS
from ruler.config import RulerConfig
from ruler.dashboards.schema import DashboardFile
from ruler.delivery import DeliveryConfig
from ruler.events import KINDS as EVENTS
from ruler.events import POSTED
from ruler.options import FEATURES
from ruler.promql.functions import FUNCTIONS, Function
from ruler.rules.schema import RuleFile
from ruler.ui import router as ui_router

__all__ = ["COMMAND", "FOLDER", "api", "configuration", "events", "metrics", "pages_of", "promql", "write"]

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "reference"
COMMAND = ".venv/bin/python tools/reference.py"
PROCESSES = ("exporter", "ruler", "analytics")
MADE = f"<!-- Made by `{COMMAND}` from the code: change the text there, then run it. -->\n"
READY_S = 60.0

# Title, what is said of it, model, and keys that have a section of their own.
_FILES: Sequence[tuple[str, str, type[Model], Sequence[str]]] = (
    (
        "ruler.yml",
        """`lumina ruler --config`. The keys of prometheus.yml mean what they mean there; what that file may
ask and the ruler does not do is refused by name.""",
        RulerConfig,
        ("delivery",),
    ),
    (
        "alertmanager.yml",
        """The `delivery` of ruler.yml, by path or inline, or `lumina ruler --alertmanager-config`. A
route's `routes` have the keys of `route` themselves.""",
        DeliveryConfig,
        (),
    ),
    ("Rule files", "The `rule_files` of ruler.yml. `${NAME}` is not replaced in them.", RuleFile, ()),
    (
        "Dashboard files",
        "The `dashboard_files` of ruler.yml, a dashboard a file. `${NAME}` is not replaced in them.",
        DashboardFile,
        (),
    ),
    (
        "exporter.yml",
        "`lumina exporter --config`. Every collector has `every`, `timeout`, `stale_after` and `series_max`.",
        model_of(ExporterConfig),
        (),
    ),
    ("analytics.yml", "`lumina analytics --config`.", AnalyticsConfig, ()),
    ("Model files", "The `models` of analytics.yml, a model a file.", ModelSpec, ()),
    (
        "Web configuration",
        "`--web.config.file` of all three: the file of Prometheus' exporter-toolkit, with ours beside it.",
        WebConfig,
        (),
    ),
)

_CONFIGURATION = """# Configuration

{made}
Keys are written `snake_case` or `camelCase`; an unknown one is refused with the nearest known one. `[]`
stands for each item of a list, `<name>` for a name of yours. Durations are written as `90s`, `5m`, `1h30m`,
`7d`; sizes as `64KB`, `10GiB`; ratios as `0.25` or `25%`. A key that ends in `_file` names a file with the
secret, seen from the configuration file's folder and read when it is needed. `${{NAME}}` is replaced by the
environment only in values of keys that are Lumina's own; `$$` is a dollar there.
"""
_METRICS = """# Metrics

{made}
Names follow Prometheus' conventions: base units, ratios from 0 to 1, `_total` for counters. What the host
or the source does not have is absent.

## What the exporter measures
"""
_API = """# HTTP

{made}
Each role may do what the ones before it may: viewer, operator, admin; `anyone` needs no login ever. On
loopback without logins every caller is admin; beyond it, one without a login reads at most. Errors under
`/api/v1` are Prometheus' JSON (`status`, `errorType`, `error`). Instants in our own answers are RFC 3339,
or Unix milliseconds where the name ends in `_ms`.
"""
_PROMQL = """# PromQL

{made}
The language is Prometheus' (3.5): operators, aggregations, `offset` and `@`, subqueries, vector matching.
Its manual holds here; these are the functions. Native histograms come later. Flags of the ruler switch on
what is experimental there, too:
"""

_EVENTS = """# Events

{made}
What each type's `data` say; the frame around them and how to hear of them is in [events](../events.md).
Types with a star are posted by analytics, or a program in its place.
"""

# What all of ruler and analytics answer besides their own.
_OF_THE_PROCESS = {
    "/-/healthy": "200 while the process lives.",
    "/-/ready": "200 once it works; 503 before that.",
    "/metrics": "What the process measures of itself; text format or OpenMetrics, as asked.",
    "/-/reload": "Read all files anew. 400: one is wrong, and what was in force stays.",
}
_OF_THE_EXPORTER = {
    "/": "The sources, with their last run and what went wrong.",
    "/metrics": "The last values of every source; `collect[]` and `exclude[]` choose sources.",
    "/push": "Take pushed metrics, JSON or an exposition page; DELETE drops a group.",
    "/-/healthy": "200 while the process lives.",
    "/-/ready": "200 once every source was read; 503 before that.",
}


def configuration() -> str:
    """Every key of every file."""
    parts = [
        _CONFIGURATION.format(made=MADE),
        "\n".join(f"- [{title}](#{_anchor(title)})" for title, *_ in _FILES) + "\n",
    ]
    for title, text, model, elsewhere in _FILES:
        parts.append(f"## {title}\n\n{text}\n")
        parts.append(_table(("key", "type", "default", "what it says"), _keys(model, elsewhere)))
    return "\n".join(parts)


def _keys(model: type[Model], elsewhere: Sequence[str]) -> Iterator[Sequence[str]]:
    for option in reference(model):
        if option.path.startswith(tuple(f"{key}." for key in elsewhere)):
            continue
        default = "required" if option.required else _code(option.default)
        unit = f" ({option.unit})" if option.unit and option.unit not in option.type else ""
        yield _code(option.path), option.type + unit, default, option.description


def metrics(pages: Mapping[str, str]) -> str:
    """Every metric: of the collectors by their docstrings, of the processes by their own pages."""
    parts = [_METRICS.format(made=MADE)]
    told = ""
    for kind in KINDS:
        path = ROOT / "exporter" / "collectors" / f"{kind.name}.py"
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        told += text
        on = "on by default" if kind.on else "on once it is set up"
        parts.append(f"### {kind.name} ({on})\n\n```text\n{text}\n```\n")
    of_all = {name for name, _, _ in _families(pages["ruler"]) if name.startswith(("process_", "python_"))}
    for process in PROCESSES:
        rows = sorted(
            (_code(name), kind, text)
            for name, kind, text in _families(pages[process])
            if name.startswith((f"{process}_", "alertmanager_")) and name not in told
        )
        parts.append(
            f"## What the {process} says of itself\n" if process != "analytics" else "## Analytics\n"
        )
        parts.append(_table(("metric", "type", "what it is"), rows))
    rows = sorted((_code(n), kind, text) for n, kind, text in _families(pages["ruler"]) if n in of_all)
    parts.append("## What every process says of itself\n")
    parts.append(_table(("metric", "type", "what it is"), rows))
    return "\n".join(parts)


def _families(page: str) -> Iterator[tuple[str, str, str]]:
    """Name, type and help of each family of a page in text format."""
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", page, re.MULTILINE))
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", page, re.MULTILINE):
        yield name, kind, helps.get(name, "")


def api() -> str:
    """Every route with who may ask it."""
    own, access = Registry("docs"), Access("127.0.0.1")
    nothing = cast("Any", SimpleNamespace(reload=None))  # nothing is asked of these applications
    ruler = create_app("ruler", access, own, routers=(*ROUTERS, ui_router), form_reads=FORM_READS)
    analytics = build(nothing, nothing, access, own, SYSTEM_CLOCK)
    parts = [
        _API.format(made=MADE),
        "## Ruler\n",
        _table(("method", "path", "who", "what it does"), _routes(ruler.routes)),
        "## Analytics\n",
        _table(("method", "path", "who", "what it does"), _routes(analytics.routes)),
        "## Exporter\n",
        "`/push` beyond loopback takes only operators, and addresses in `allow`.\n",
        _table(
            ("method", "path", "what it does"),
            (
                (", ".join(method for method in methods if method != "HEAD"), _code(path), text)
                for path, methods in PATHS.items()
                for text in (_OF_THE_EXPORTER[path],)
            ),
        ),
    ]
    return "\n".join(parts)


def _routes(routes: Iterable[Any]) -> list[Sequence[str]]:
    """A row for each path, the process' own last; HEAD goes without saying."""
    merged: dict[tuple[str, str, str], list[str]] = {}
    for route in _flat(routes):
        methods = sorted((route.methods or set()) - {"HEAD"})
        if not methods or route.path.endswith(".css"):
            continue
        text = _OF_THE_PROCESS.get(route.path) or _words(inspect.getdoc(route.endpoint) or "")
        who = _role(route, methods)
        merged.setdefault((route.path, who, text), []).extend(methods)
    rows = [
        (", ".join(methods), _code(path.replace(":path}", "}")), who, text)
        for (path, who, text), methods in merged.items()
    ]
    return sorted(
        rows, key=lambda row: (row[1].startswith(("`/-/", "`/metrics")), "/api/" not in row[1], row[1])
    )


def _words(doc: str) -> str:
    """A docstring on one line, without the row of the specification that it may begin with."""
    text = re.sub(r"^S\d+: ", "", " ".join(doc.split()))
    return text[:1].upper() + text[1:]


def _flat(routes: Iterable[Any]) -> Iterator[APIRoute]:
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from _flat(inner.routes)
        elif isinstance(route, APIRoute):
            yield route


def _role(route: APIRoute, methods: Sequence[str]) -> str:
    if route.path in {"/-/healthy", "/-/ready"}:
        return "anyone"
    found = list(_needed(route.dependant))
    if found:
        return max(found, key=list(Role).index).value
    return (Role.VIEWER if methods == ["GET"] else Role.ADMIN).value


def _needed(dependant: Dependant) -> Iterator[Role]:
    for inner in dependant.dependencies:
        role = getattr(inner.call, "role", None)
        if isinstance(role, Role):
            yield role
        yield from _needed(inner)


def promql() -> str:
    """Every function of the table."""
    flags = "\n".join(f"- `--enable-feature={name}`" for name in FEATURES)
    return "\n".join(
        [
            _PROMQL.format(made=MADE),
            flags + "\n",
            _table(
                ("function", "gives", "what"),
                (
                    (_code(_signature(name, row)), row.returns.documented, _about(row))
                    for name, row in FUNCTIONS.items()
                ),
            ),
        ]
    )


def _signature(name: str, row: Function) -> str:
    arguments = [kind.documented for kind in row.args]
    needed = len(arguments) - row.optional
    words = [*arguments[:needed], *(f"[{word}]" for word in arguments[needed:])]
    return f"{name}({', '.join(words)}{', …' if row.repeats else ''})"


def _about(row: Function) -> str:
    """The function's own words; numpy's are about arrays and left out, the name says enough."""
    words = []
    doc = inspect.getdoc(row.call) or ""
    if getattr(row.call, "__module__", "").startswith("ruler.") and doc:
        words.append(re.sub(r" → \[K, S\]\.| \[K, 1\]", "", doc.partition("\n")[0]).removesuffix(".") + ".")
    elif isinstance(row.call, np.ufunc):
        words.append("Of each value.")
    elif row.by_time:
        words.append("Of each value as Unix seconds, in UTC; without a vector, of the time of evaluation.")
    if row.least > 1:
        words.append(f"Needs {row.least} samples in the window.")
    if row.experimental:
        words.append("Experimental: needs promql-experimental-functions.")
    return " ".join(words)


def events() -> str:
    """Every type of the list, with the keys of its data."""
    parts = [_EVENTS.format(made=MADE)]
    for kind, about in EVENTS.items():
        star = " \\*" if kind in POSTED else ""
        parts += [f"## {kind.value}{star}\n", f"{about.when[:1].upper()}{about.when[1:]}.\n"]
        parts.append(
            _table(("key", "what it says"), ((_code(key), what) for key, what in about.data.items()))
        )
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def pages_of(urls: Mapping[str, str]) -> dict[str, str]:
    """The own pages of running processes; waits until there is what only a first cycle gives."""
    deadline = time.monotonic() + READY_S
    while True:
        try:
            pages = {name: _get(f"{urls[name]}/metrics") for name in PROCESSES}
        except (OSError, urllib.error.URLError):
            pages = {}
        # A library may answer first: these stand for all that comes with the first cycle.
        if pages and "analytics_prediction" in pages["analytics"] and "ruler_alerts" in pages["ruler"]:
            return pages
        if time.monotonic() > deadline:
            sys.exit(f"not all of {', '.join(urls.values())} answered within {READY_S:g} s")
        time.sleep(0.2)


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def write(pages: Mapping[str, str]) -> dict[Path, str]:
    """Every page of docs/reference/ by its path."""
    made = {
        "configuration": configuration(),
        "metrics": metrics(pages),
        "api": api(),
        "promql": promql(),
        "events": events(),
    }
    return {FOLDER / f"{name}.md": text for name, text in made.items()}


def _main() -> int:
    ports = {name: _free_port() for name in PROCESSES}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    with tempfile.TemporaryDirectory() as folder:
        flags = [word for name, port in ports.items() for word in (f"--{name}", f"127.0.0.1:{port}")]
        process = subprocess.Popen([sys.executable, "-m", "lumina", "up", "--home", f"{folder}/home", *flags])
        try:
            pages = pages_of(urls)
        finally:
            process.terminate()
            process.wait(20)
    for path, text in write(pages).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
    return 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(_main())
