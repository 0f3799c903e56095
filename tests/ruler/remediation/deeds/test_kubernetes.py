"""When a rollout is over, read off recorded states of workloads."""

from typing import Any

import pytest

from promkit.errors import LuminaError
from ruler.remediation.deeds.kubernetes import rollout

DEPLOYMENT = {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}
DAEMONSET = {
    "observedGeneration": 2,
    "desiredNumberScheduled": 2,
    "currentNumberScheduled": 2,
    "updatedNumberScheduled": 2,
    "numberAvailable": 2,
}
STATES: dict[str, tuple[dict[str, Any], bool, str]] = {
    "all new": (DEPLOYMENT, True, "3 of 3 available, 3 updated"),
    "not seen yet": ({**DEPLOYMENT, "observedGeneration": 1}, False, "3 of 3 available, 3 updated"),
    "one to go": ({**DEPLOYMENT, "updatedReplicas": 2}, False, "3 of 3 available, 2 updated"),
    "an old one is left": ({**DEPLOYMENT, "replicas": 4}, False, "3 of 3 available, 3 updated"),
    "not available": ({**DEPLOYMENT, "availableReplicas": 1}, False, "1 of 3 available, 3 updated"),
    "nothing known": ({}, False, "0 of 3 available, 0 updated"),
    "a daemonset": (DAEMONSET, True, "2 of 2 available, 2 updated"),
    "a daemonset on its way": ({**DAEMONSET, "numberAvailable": 1}, False, "1 of 2 available, 2 updated"),
}


@pytest.mark.parametrize("case", STATES)
def test_a_rollout_is_over(case: str) -> None:
    status, is_over, text = STATES[case]
    found = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status}
    assert rollout(found) == (is_over, text)


def test_a_rollout_that_the_cluster_gave_up_is_a_failure() -> None:
    condition = {
        "type": "Progressing",
        "reason": "ProgressDeadlineExceeded",
        "message": 'ReplicaSet "web-1" has timed out progressing.',
    }
    with pytest.raises(LuminaError, match="timed out progressing"):
        rollout({"spec": {"replicas": 1}, "status": {"conditions": [condition]}})
