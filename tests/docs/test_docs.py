"""What the documents show works: commands, files, links."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from analytics.config import Config as AnalyticsConfig
from analytics.spec import ModelSpec
from exporter.config import Config as ExporterConfig
from exporter.schema import model_of
from promkit.config import Model, parse
from promkit.web_config import WebConfig
from ruler.config import RulerConfig
from ruler.dashboards import parse_dashboard
from ruler.delivery import DeliveryConfig
from ruler.rules import RuleContext, parse_rules
from tests.builders.chart import CHART, helm
from tests.builders.prose import DOCS, ROOT, Block, anchors, blocks, links
from tests.builders.up import Up
from tests.peers import PATH, peer

PAGES = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in DOCS}
WIDTH = 120
TIMEOUT_S = 60
DEFAULT_ADDRESSES = {
    "exporter": "127.0.0.1:19100",
    "ruler": "127.0.0.1:19090",
    "analytics": "127.0.0.1:19092",
}
RUN = [name for name, text in PAGES.items() if any(b.language == "sh" for b in blocks(text))]
MODELS: Mapping[str, type[Model]] = {
    "ruler.yml": RulerConfig,
    "exporter.yml": model_of(ExporterConfig),
    "analytics.yml": AnalyticsConfig,
    "alertmanager.yml": DeliveryConfig,
    "web.yml": WebConfig,
}


def environment(up: Up) -> dict[str, str]:
    """What a reader's shell has: the command on its path, which asks the processes that run here."""
    folders = [str(Path(sys.executable).parent), *(str(peer_folder) for peer_folder in peer_folders()), PATH]
    return {
        **os.environ,
        "PATH": os.pathsep.join(folders),
        "LUMINA_URL": up.urls["ruler"],
        "LUMINA_ANALYTICS_URL": up.urls["analytics"],
        "USER": "reader",
        "COLUMNS": "200",
    }


def peer_folders() -> set[Path]:
    found = set()
    for name in ("amtool", "promtool"):
        try:
            found.add(peer(name).parent)
        except pytest.skip.Exception:
            continue
    return found


def run(block: Block, up: Up) -> subprocess.CompletedProcess[str]:
    text = block.text
    for process, address in DEFAULT_ADDRESSES.items():
        text = text.replace(address, up.addresses[process])
    deadline = time.monotonic() + (float(block.argument) if block.order == "until" else 0)
    while True:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=up.home.parent,
            env=environment(up),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if done.returncode == 0 or time.monotonic() > deadline:
            return done


@pytest.mark.e2e
@pytest.mark.timeout(180)
@pytest.mark.parametrize("page", RUN)
def test_every_command_runs(page: str, up: Up) -> None:
    missing = []
    for block in blocks(PAGES[page]):
        if block.language == "yaml" and block.name.startswith("monitoring/"):
            (up.home.parent / block.name).write_text(block.text, encoding="utf-8")
        if block.language != "sh" or block.order == "skip":
            continue
        if block.order == "needs":
            try:
                peer(block.argument)
            except pytest.skip.Exception as reason:
                missing.append(str(reason))
                continue
        done = run(block, up)
        assert done.returncode == 0, f"{page}:{block.line}\n{block.text}{done.stdout}{done.stderr}"
    if missing:
        pytest.skip("; ".join(sorted(set(missing))))


def yaml_blocks() -> list[Any]:
    return [
        pytest.param(block, id=f"{page}:{block.line}")
        for page, text in PAGES.items()
        for block in blocks(text)
        if block.language == "yaml"
    ]


@pytest.mark.parametrize("block", yaml_blocks())
def test_every_file_is_read(block: Block, tmp_path: Path) -> None:
    name = block.name.removeprefix("monitoring/")
    if name.startswith("rules/"):
        assert parse_rules(block.text, name, RuleContext(any_name=True)).rules
    elif name.startswith("dashboards/"):
        assert parse_dashboard(block.text, name).widgets
    elif name == "prometheus.yml":  # what Prometheus reads may be more than we do
        path = tmp_path / name
        path.write_text(block.text, encoding="utf-8")
        subprocess.run([peer("promtool"), "check", "config", path], check=True, capture_output=True)
    elif name == "role.yml":
        path = tmp_path / name
        path.write_text(block.text, encoding="utf-8")
        checker = [sys.executable, "-m", "kubernetes_validate", "--strict", "-k", "1.35", str(path)]
        subprocess.run(checker, check=True, capture_output=True, timeout=60)
    elif name == "values.yaml":
        (tmp_path / name).write_text(block.text, encoding="utf-8")
        done = helm("template", "lumina", CHART, "-f", tmp_path / name)
        assert done.returncode == 0, done.stderr
    else:
        model = ModelSpec if name.startswith("models/") else MODELS[name]
        parse(block.text, model, name, {})


COMMENTED_OUT = re.compile(r"^( *)# ( *(?:[\w.-]+:(?: .*)?|- .*))$")


@pytest.mark.parametrize("name", ["ruler.yml", "exporter.yml"])
def test_what_a_shipped_file_has_commented_out_is_right_too(name: str) -> None:
    path = ROOT / name.removesuffix(".yml") / "defaults" / name
    lines = path.read_text(encoding="utf-8").splitlines()
    assert any(COMMENTED_OUT.match(line) for line in lines)
    parse("\n".join(COMMENTED_OUT.sub(r"\1\2", line) for line in lines), MODELS[name], name, {})


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page: str) -> None:
    for link in links(PAGES[page]):
        target, _, anchor = link.partition("#")
        if target.startswith(("http://", "https://")):
            continue
        path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.exists(), f"{page} links to {link}, which is not there"
        if anchor:
            assert anchor in anchors(path.read_text(encoding="utf-8")), f"{page}: no such heading: {link}"


@pytest.mark.parametrize("page", [page for page in PAGES if "reference" not in page])
def test_lines_are_not_too_wide(page: str) -> None:
    wide = [
        number
        for number, line in enumerate(PAGES[page].splitlines(), 1)
        if len(line) > WIDTH and not line.startswith(("|", "![")) and "http" not in line
    ]
    assert not wide, f"{page}: lines {wide}"


def test_every_page_can_be_found_from_the_readme() -> None:
    seen: set[str] = set()
    waiting = ["README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page not in PAGES:
            continue
        seen.add(page)
        for link in links(PAGES[page]):
            path = ((ROOT / page).parent / link.partition("#")[0]).resolve()
            if path.is_relative_to(ROOT) and path.suffix == ".md":
                waiting.append(str(path.relative_to(ROOT)))
    assert set(PAGES) - seen == set()
