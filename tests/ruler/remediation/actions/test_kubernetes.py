"""A workload of a cluster (in memory) is scaled within the operator's bounds, or restarted."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pydantic import ValidationError

from promkit.errors import ConfigError
from ruler.remediation.action import Outcome, Result
from ruler.remediation.actions.kubernetes import KUBERNETES
from ruler.remediation.deeds.kubernetes import do as deed
from tests.builders.cluster import Cluster
from tests.builders.deeds import back, do, here, plan
from tests.builders.processes import free_port

WEB = {"namespace": "shop", "name": "web"}
SCALE = {**WEB, "verb": "scale", "min": 1, "max": 4}
INSTANCES = {"parameters": {"instances": {"type": "int", "min": -5, "max": 9}}}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as made:
        made.add("deployment", "shop/web", 2)
        yield made


def replicas(cluster: Cluster) -> int:
    count: int = cluster.get("deployment", "shop/web")["spec"]["replicas"]
    return count


STEPS = {  # by, afterwards, outcome, text
    "one more": (1, 3, Outcome.DONE, "2 → 3 replicas"),
    "fewer": (-1, 1, Outcome.DONE, "2 → 1 replicas"),
    "no more than allowed": (9, 4, Outcome.DONE, "2 → 4 replicas"),
    "no fewer than allowed": (-5, 1, Outcome.DONE, "2 → 1 replicas"),
}


@pytest.mark.parametrize("case", STEPS)
def test_a_step_ends_at_the_operators_bounds(case: str, cluster: Cluster) -> None:
    by, after, outcome, text = STEPS[case]
    planned = plan(KUBERNETES, {"instances": by}, **SCALE, **INSTANCES, by="{instances}", url=cluster.url)
    assert planned.text == f"scale deployment shop/web by {by:+d}, from 1 to 4"
    result = here(deed, planned)
    assert (result.outcome, result.text) == (outcome, text)
    assert replicas(cluster) == after


def test_at_its_bound_nothing_is_done(cluster: Cluster) -> None:
    result = here(deed, plan(KUBERNETES, **{**SCALE, "max": 2}, by=1, url=cluster.url))
    assert result.outcome is Outcome.NOT_STARTED
    assert result.text == "2 replicas already, of 1 to 2 that are allowed"


def test_a_number_of_replicas_may_be_asked_for(cluster: Cluster) -> None:
    declared = {**SCALE, **INSTANCES, "replicas": "{instances}", "url": cluster.url}
    assert here(deed, plan(KUBERNETES, {"instances": 4}, **declared)).text == "2 → 4 replicas"
    with pytest.raises(ConfigError, match="5 replicas are not allowed: from 1 to 4"):
        plan(KUBERNETES, {"instances": 5}, **declared)


def test_it_is_taken_back_to_what_was_found(cluster: Cluster, tmp_path: Path) -> None:
    """Through the process of its own, as in the ruler."""
    token = tmp_path / "token"
    token.write_text("T0KEN\n")
    planned = plan(KUBERNETES, **SCALE, by=1, url=cluster.url, token_file=str(token))
    result = do(KUBERNETES, planned)
    assert result.ok
    assert result.text == "2 → 3 replicas"
    assert replicas(cluster) == 3
    taken_back = back(KUBERNETES, planned, result)
    assert taken_back is not None
    assert taken_back.text == "3 → 2 replicas"
    assert replicas(cluster) == 2
    assert "T0KEN" not in json.dumps([planned.to_json(), result.to_json()])
    scale = "/apis/apps/v1/namespaces/shop/deployments/web/scale"
    assert cluster.requests() == [("GET", scale), ("PUT", scale)] * 2


def test_what_somebody_changed_since_is_not_taken_back(cluster: Cluster) -> None:
    planned = plan(KUBERNETES, **SCALE, by=1, url=cluster.url)
    undo = KUBERNETES.undo(planned, here(deed, planned))
    assert undo is not None
    cluster.add("deployment", "shop/web", 7)
    result = here(deed, undo)
    assert result.outcome is Outcome.NOT_STARTED
    assert result.text == "7 replicas by now, not 3: somebody else has changed them"


def test_what_never_came_to_scale_is_not_taken_back() -> None:
    planned = plan(KUBERNETES, **SCALE, by=1, url="http://127.0.0.1:1")
    assert KUBERNETES.undo(planned, Result(Outcome.UNKNOWN)) is None


def test_a_restart_is_the_annotation_of_kubectl(cluster: Cluster) -> None:
    cluster.add("statefulset", "shop/db", 1)
    for resource, name in (("deployment", "web"), ("statefulset", "db")):
        declared = {"verb": "rollout_restart", "resource": resource, "namespace": "shop", "url": cluster.url}
        planned = plan(
            KUBERNETES, {"name": name}, **declared, parameters={"name": {"enum": [name], "target": True}}
        )
        assert planned.text == f"rollout restart of {resource} shop/{name}"
        assert planned.target == name
        assert here(deed, planned).ok
        template = cluster.get(resource, f"shop/{name}")["spec"]["template"]
        assert template["metadata"]["labels"] == {"app": name}
        stamp = template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
        assert stamp.endswith("Z")


def test_new_pods_are_waited_for(cluster: Cluster) -> None:
    done = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    cluster.set_status("deployment", "shop/web", **{**done, "availableReplicas": 1})
    planned = plan(KUBERNETES, **WEB, verb="rollout_restart", wait=True, url=cluster.url)
    cancel = Event()
    results: list[Result] = []
    thread = Thread(target=lambda: results.append(do(KUBERNETES, planned, cancel=cancel)))
    thread.start()
    deadline = time.monotonic() + 25
    looked = ("GET", "/apis/apps/v1/namespaces/shop/deployments/web")
    while cluster.requests().count(looked) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    cancel.set()
    thread.join(10)
    assert results[0].text.startswith("ended on request: restart asked for at ")
    assert results[0].text.endswith("1 of 2 available, 2 updated")
    cluster.set_status("deployment", "shop/web", **done)
    assert here(deed, planned).text.endswith("; 2 of 2 available, 2 updated")


def test_what_the_server_says_is_told(cluster: Cluster) -> None:
    gone = here(deed, plan(KUBERNETES, **{**SCALE, "name": "nope"}, by=1, url=cluster.url))
    assert gone.outcome is Outcome.NOT_STARTED
    assert "(HTTP status 404)" in gone.text
    said = 'deployments.apps "web" is forbidden: User "lumina" cannot patch resource "deployments"'
    cluster.refuse(said)
    refused = here(deed, plan(KUBERNETES, **WEB, verb="rollout_restart", url=cluster.url))
    assert refused.outcome is Outcome.FAILED
    assert refused.text == f"{said} (HTTP status 403)"


def test_without_a_way_to_the_cluster_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    path = tmp_path / "config"
    for text in (None, "", "clusters: [", "clusters: 7"):
        if text is not None:
            path.write_text(text)
        result = here(deed, plan(KUBERNETES, **SCALE, by=1, kubeconfig=str(path)))
        assert result.outcome is Outcome.NOT_STARTED
        assert "no way to the cluster" in result.text


def test_a_server_that_is_not_there_is_said() -> None:
    result = here(deed, plan(KUBERNETES, **SCALE, by=1, url=f"http://127.0.0.1:{free_port()}"))
    assert result.outcome is Outcome.NOT_STARTED
    assert result.text == "the API server does not answer: [Errno 111] Connection refused"


def test_a_kubeconfig_leads_to_the_cluster(cluster: Cluster, tmp_path: Path) -> None:
    config = {
        "current-context": "other",
        "contexts": [{"name": "prod", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
        "users": [{"name": "u", "user": {"token": "T0KEN"}}],
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    planned = plan(KUBERNETES, **SCALE, by=1, kubeconfig=str(path), context="prod")
    assert here(deed, planned).text == "2 → 3 replicas"


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no amount": (SCALE, "scale needs `replicas` or `by`"),
    "two amounts": ({**SCALE, "by": 1, "replicas": 2}, "scale needs `replicas` or `by`"),
    "no bounds": ({**WEB, "verb": "scale", "by": 1, "min": 1}, "scale needs `min` and `max`"),
    "bounds the wrong way round": ({**SCALE, "by": 1, "min": 5}, "scale needs `min` and `max`"),
    "an amount for a restart": ({**WEB, "verb": "rollout_restart", "by": 1}, "are for scale"),
    "a daemonset has no scale": ({**SCALE, "by": 1, "resource": "daemonset"}, "scale is for deployment"),
    "no name": ({"verb": "rollout_restart", "namespace": "shop"}, "needs `name`"),
    "a token without a server": ({**SCALE, "by": 1, "token_file": "/x"}, "belong to `url`"),
    "two ways": ({**SCALE, "by": 1, "url": "http://x", "context": "c"}, "not both"),
    "another protocol": ({**SCALE, "by": 1, "url": "ftp://x"}, "not an http or https address"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_faulty_declaration_is_refused(case: str) -> None:
    declared, problem = FAULTS[case]
    with pytest.raises(ValidationError) as caught:
        plan(KUBERNETES, **declared)
    assert problem in str(caught.value)


@pytest.mark.parametrize("name", ["../secrets/x", "a/b", "a..b", "", "x" * 254])
def test_a_name_cannot_change_the_path(name: str) -> None:
    parameters = {"name": {"enum": [name], "target": True}}
    with pytest.raises(ConfigError, match="is not a name of Kubernetes"):
        plan(KUBERNETES, {"name": name}, verb="rollout_restart", namespace="shop", parameters=parameters)
