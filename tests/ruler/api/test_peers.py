"""amtool and promtool talk to the ruler as to their own servers; trees are those of Prometheus."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.builders.processes import free_port, running
from tests.builders.ruler import ARuler, a_ruler_in_memory
from tests.peers import peer

pytestmark = pytest.mark.service


def catch_up(ruler: ARuler) -> None:
    """The peers' clock is the wall's: put the ruler's just past it."""
    ruler.clock.at_ms = time.time_ns() // 1_000_000 + 1


def tool(name: str, *words: str) -> str:
    done = subprocess.run([peer(name), *words], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def amtool(ruler: ARuler, *words: str) -> str:
    return tool("amtool", f"--alertmanager.url={ruler.url}", *words)


@pytest.fixture
def present(ruler: ARuler) -> ARuler:
    """A ruler whose clock shows the peers' time."""
    catch_up(ruler)
    return ruler


def test_amtool_adds_and_finds_alerts(present: ARuler) -> None:
    amtool(present, "alert", "add", "Disk", "host=a", "--annotation=summary=full")
    amtool(present, "alert", "add", "Disk", "host=b")
    found = json.loads(amtool(present, "alert", "query", "host=a", "-o", "json"))
    assert [alert["labels"] for alert in found] == [{"alertname": "Disk", "host": "a"}]
    assert "full" in amtool(present, "alert", "query", "Disk", "-o", "extended")
    assert json.loads(amtool(present, "alert", "query", "host=~c.*", "-o", "json")) == []


def test_amtool_silences_finds_and_ends(present: ARuler) -> None:
    amtool(present, "alert", "add", "Disk", "host=a")
    options = ["--author=ann", "--comment=moving", "--duration=1h"]
    id_ = amtool(present, "silence", "add", "alertname=Disk", "host=~a|b", *options).strip()
    catch_up(present)
    (silence,) = json.loads(amtool(present, "silence", "query", "-o", "json"))
    assert (silence["id"], silence["createdBy"], silence["comment"]) == (id_, "ann", "moving")
    assert json.loads(amtool(present, "alert", "query", "-o", "json")) == []
    assert len(json.loads(amtool(present, "alert", "query", "--silenced", "-o", "json"))) == 1
    amtool(present, "silence", "update", id_, "--duration=2h", "--comment=longer")
    amtool(present, "silence", "expire", id_)
    assert json.loads(amtool(present, "silence", "query", "-o", "json")) == []
    assert len(json.loads(amtool(present, "alert", "query", "-o", "json"))) == 1


def test_amtool_shows_configuration_and_cluster(present: ARuler) -> None:
    assert "disabled" in amtool(present, "cluster", "show")


def test_promtool_queries(present: ARuler) -> None:
    present.feed(("up", {"job": "a"}, 1), ("up", {"job": "b"}, 0))
    assert 'up{job="a"} => 1' in tool("promtool", "query", "instant", present.url, "up")
    at = present.clock.at_ms // 1000 + 1
    span = [f"--start={at - 60}", f"--end={at}", "--step=30s"]
    assert 'up{job="b"}' in tool("promtool", "query", "range", *span, present.url, "up")
    assert 'job="a"' in tool("promtool", "query", "series", '--match=up{job="a"}', present.url)
    assert tool("promtool", "query", "labels", present.url, "job").split() == ["a", "b"]


EXPRESSIONS = (
    'sum by (a) (rate(x{b=~"c"}[5m] offset 1m)) / on (a) group_left (z) -y @ 5',
    "topk(3, x) and y",
    "max_over_time(x[5m:1m] @ end())",
    "1 > bool 2",
    '"s"',
    "sum without () (x offset -5m)",
    "(histogram_quantile(0.9, x))",
    "round(x)",
    'label_join(x, "a", ",", "b")',
    "time()",
    "x == ignoring (b) y",
    "x or y",
    "5m",
    "Inf",
    "x[5m] @ start()",
    '{"a.b", c="d"}',
    'x{a!="b",c!~"d"}',
    'count_values("v", x)',
    "-1.5e-7 * x",
)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("prometheus")
    (folder / "prometheus.yml").write_text("")
    address = f"127.0.0.1:{free_port()}"
    argv = [
        peer("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
    ]
    with running(argv, f"http://{address}/-/ready"):
        yield f"http://{address}"


def parsed(url: str, expression: str) -> Any:
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{url}/api/v1/parse_query?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def test_trees_are_those_of_prometheus(prometheus: str, tmp_path: Path) -> None:
    with a_ruler_in_memory(tmp_path) as ruler:
        for expression in EXPRESSIONS:
            assert parsed(ruler.url, expression) == parsed(prometheus, expression), expression
