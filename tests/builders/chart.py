"""The Helm chart as helm renders it, once for each set of values."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.builders.prose import ROOT
from tests.peers import peer

__all__ = ["CHART", "OPERATOR", "VALUES", "helm", "of_kind", "pod_specs", "render", "rendered", "written"]

CHART = ROOT / "deploy" / "helm"
VALUES = {path.name.removesuffix("-values.yaml"): path for path in sorted((CHART / "ci").glob("*.yaml"))}
OPERATOR = ("--api-versions", "monitoring.coreos.com/v1")

Manifest = dict[str, Any]


def helm(*words: object) -> subprocess.CompletedProcess[str]:
    """Run helm."""
    return subprocess.run(
        [peer("helm"), *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )


@cache
def rendered(values: str, *more: str) -> str:
    """What `helm template` makes of one set of values, where the cluster has Prometheus' operator."""
    words = ["template", "r", CHART, "--namespace", "watch", "-f", VALUES[values], "--kube-version", "1.35"]
    done = helm(*words, *(more or OPERATOR))
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def render(values: str, *more: str) -> list[Manifest]:
    """The manifests of one set of values, to look at and not to change."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return [found for found in yaml.load_all(rendered(values, *more), Loader=loader) if found]


def of_kind(manifests: list[Manifest], kind: str) -> dict[str, Manifest]:
    """Those of one kind, by name."""
    return {found["metadata"]["name"]: found for found in manifests if found["kind"] == kind}


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """What says how pods run, by the name of its object."""
    for found in manifests:
        if found["kind"] in {"DaemonSet", "StatefulSet", "Deployment"}:
            yield found["metadata"]["name"], found["spec"]["template"]["spec"]
        elif found["kind"] == "Pod":
            yield found["metadata"]["name"], found["spec"]


def written(folder: Path, manifests: list[Manifest], name: str) -> list[Path]:
    """Write a ConfigMap's keys as files, as a pod sees them."""
    config = of_kind(manifests, "ConfigMap")[name]
    paths = []
    for key, text in (config.get("data") or {}).items():
        path = folder / key
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
