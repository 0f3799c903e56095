"""The Helm chart: it renders, Kubernetes would take it, and its pods may do little."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import lumina
from tests.builders.chart import CHART, VALUES, helm, of_kind, pod_specs, render, rendered

pytestmark = pytest.mark.service

VERSIONS = ("1.29", "1.35")


def test_helm_lint_has_nothing_to_say() -> None:
    for path in VALUES.values():
        done = helm("lint", "--strict", "--quiet", CHART, "-f", path)
        assert (done.returncode, done.stdout.strip()) == (0, ""), path.name


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_would_take_it(version: str, tmp_path: Path) -> None:
    # Schemas of the operator's kinds are not Kubernetes' own.
    every = {json.dumps(found): found for values in VALUES for found in render(values)}
    ours = [found for found in every.values() if "coreos" not in found["apiVersion"]]
    # What dashboards say is Grafana's to check; here they would take most of the time.
    ours = [
        {**found, "data": dict.fromkeys(found["data"], "{}")}
        if "-dashboard-" in found["metadata"]["name"]
        else found
        for found in ours
    ]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(ours), encoding="utf-8")
    validate = Path(sys.executable).with_name("kubernetes-validate")
    done = subprocess.run(
        [validate, "--strict", "-k", version, tmp_path / "all.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert said.count("passed for resource") == len(ours), said


@pytest.mark.parametrize("values", VALUES)
def test_pods_are_restricted(values: str) -> None:
    found = dict(pod_specs(render(values)))
    assert found
    for name, pod in found.items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] >= 10_000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
        assert pod["enableServiceLinks"] is False, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "readOnlyRootFilesystem": True,
                "allowPrivilegeEscalation": False,
                "privileged": False,
                "capabilities": {"drop": ["ALL"]},
            }, name


@pytest.mark.parametrize("values", VALUES)
def test_containers_say_what_they_need_and_are_limited(values: str) -> None:
    for name, pod in pod_specs(render(values)):
        for container in pod["containers"]:
            resources = container["resources"]
            assert {"cpu", "memory"} <= set(resources["requests"]), name
            assert "memory" in resources["limits"], name
            assert "cpu" not in resources["limits"], f"{name}: who is throttled is late"


@pytest.mark.parametrize("values", VALUES)
def test_processes_are_probed(values: str) -> None:
    for name, pod in pod_specs(render(values)):
        if pod.get("restartPolicy") == "Never":
            continue
        for container in pod["containers"]:
            assert container["startupProbe"]["httpGet"]["path"] == "/-/ready", name
            assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready", name
            assert container["livenessProbe"]["httpGet"]["path"] == "/-/healthy", name
            assert {port["name"] for port in container["ports"]} == {"http"}, name


@pytest.mark.parametrize("values", VALUES)
def test_only_the_exporter_sees_the_node_and_only_to_read(values: str) -> None:
    for name, pod in pod_specs(render(values)):
        paths = [volume["hostPath"]["path"] for volume in pod.get("volumes", []) if "hostPath" in volume]
        if not name.endswith("-exporter"):
            assert paths == [], name
            continue
        assert paths == ["/"]
        mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}
        assert mounts["host"]["readOnly"] is True
        assert mounts["host"]["mountPropagation"] == "HostToContainer"


@pytest.mark.parametrize("values", VALUES)
def test_only_data_can_be_written(values: str) -> None:
    for name, pod in pod_specs(render(values)):
        for container in pod["containers"]:
            writable = {
                mount["mountPath"] for mount in container.get("volumeMounts", []) if not mount.get("readOnly")
            }
            assert writable <= {"/data"}, name


@pytest.mark.parametrize("values", VALUES)
def test_a_token_of_the_cluster_is_for_remedies_alone(values: str) -> None:
    manifests = render(values)
    tokens = {name for name, pod in pod_specs(manifests) if pod["automountServiceAccountToken"]}
    assert tokens == ({"monitoring-ruler"} if values == "full" else set())
    for account in of_kind(manifests, "ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False
    assert bool(of_kind(manifests, "Role")) is (values == "full")
    assert not of_kind(manifests, "ClusterRole")


def test_rights_are_by_verb_and_by_name() -> None:
    roles = [role for role in render("full") if role["kind"] == "Role"]
    assert {role["metadata"]["namespace"]: role["rules"] for role in roles} == {
        "shop": [
            {
                "apiGroups": ["apps"],
                "resources": ["deployments"],
                "resourceNames": ["api", "worker"],
                "verbs": ["get", "patch"],
            },
            {
                "apiGroups": ["apps"],
                "resources": ["deployments/scale"],
                "resourceNames": ["api", "worker"],
                "verbs": ["get", "update"],
            },
        ],
        "data": [
            {
                "apiGroups": ["apps"],
                "resources": ["statefulsets"],
                "resourceNames": ["queue"],
                "verbs": ["get", "patch"],
            },
            {
                "apiGroups": ["apps"],
                "resources": ["statefulsets/scale"],
                "resourceNames": ["queue"],
                "verbs": ["get", "update"],
            },
            {
                "apiGroups": ["apps"],
                "resources": ["daemonsets"],
                "resourceNames": ["agent"],
                "verbs": ["get", "patch"],
            },
        ],
    }
    for binding in (found for found in render("full") if found["kind"] == "RoleBinding"):
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", "name": "monitoring-ruler", "namespace": "watch"}
        ]


def test_what_needs_the_operator_is_left_out_without_it() -> None:
    with_it = render("full")
    assert {found["kind"] for found in with_it} >= {"ServiceMonitor", "PrometheusRule"}
    without = render("full", "--api-versions", "v1")
    assert not {found["kind"] for found in without} & {"ServiceMonitor", "PrometheusRule"}


@pytest.mark.parametrize("values", VALUES)
def test_there_is_one_of_each_and_no_budget_that_would_hold_up_a_drain(values: str) -> None:
    manifests = render(values)
    for kind in ("StatefulSet", "Deployment"):
        assert [found["spec"]["replicas"] for found in of_kind(manifests, kind).values()] in ([1], [])
    assert not of_kind(manifests, "PodDisruptionBudget")


@pytest.mark.parametrize("values", VALUES)
def test_services_policies_and_monitors_select_pods_that_are_there(values: str) -> None:
    manifests = render(values)
    pods = [
        found["spec"]["template"]["metadata"]["labels"]
        for found in manifests
        if found["kind"] in {"DaemonSet", "StatefulSet", "Deployment"}
    ]
    for found in manifests:
        spec = found.get("spec", {})
        match found["kind"]:
            case "Service":
                wanted = spec["selector"]
            case "NetworkPolicy":
                wanted = spec["podSelector"]["matchLabels"]
            case "ServiceMonitor":
                wanted = spec["selector"]["matchLabels"]
            case _:
                continue
        assert sum(wanted.items() <= labels.items() for labels in pods) == 1, found["metadata"]["name"]


def test_nobody_connects_but_neighbours_and_who_is_named() -> None:
    policies = of_kind(render("default"), "NetworkPolicy")
    assert set(policies) == {"r-lumina-exporter", "r-lumina-ruler", "r-lumina-analytics"}
    for policy in policies.values():
        (rule,) = policy["spec"]["ingress"]
        assert rule["from"] == [{"podSelector": {}}]
    (rule,) = of_kind(render("full"), "NetworkPolicy")["monitoring-ruler"]["spec"]["ingress"]
    assert len(rule["from"]) == 2


def test_a_changed_file_restarts_who_reads_it_only_at_the_start() -> None:
    def annotations(*more: str) -> Any:
        manifests = render("default", "--api-versions", "v1", *more)
        return {
            found["metadata"]["name"]: found["spec"]["template"]["metadata"]["annotations"]
            for found in manifests
            if found["kind"] in {"DaemonSet", "StatefulSet", "Deployment"}
        }

    def changed(*more: str) -> set[str]:
        return {name for name, found in annotations(*more).items() if found != before[name]}

    before = annotations()
    assert changed() == set(), "the same values, the same pods"
    assert changed("--set", "exporter.config.collectors.network=false") == {"r-lumina-exporter"}
    assert changed("--set", "analytics.config.history=7d") == {"r-lumina-analytics"}
    assert changed("--set", "ruler.config.storage.retention=7d") == set(), "the ruler watches its files"
    assert changed("--set", "web.hosts={a.example.org}") == set(before)


def test_a_secret_of_one_s_own_is_used_and_none_is_made() -> None:
    manifests = render("prometheus")
    assert not of_kind(manifests, "Secret")
    for name, pod in pod_specs(manifests):
        secrets = [volume["secret"]["secretName"] for volume in pod.get("volumes", []) if "secret" in volume]
        assert secrets == ([] if name.endswith("-test") else ["lumina-logins"])


def test_the_token_is_made_anew_for_each_release_and_never_shown_in_a_config() -> None:
    (secret,) = of_kind(render("default"), "Secret").values()
    token = secret["data"]["operator-token"]
    assert len(token) >= 40
    assert rendered("default").count(token) == 1


def test_a_value_that_is_misspelt_is_refused() -> None:
    for wrong in ("exporter.enable=true", "ruler.persistence.sice=1Gi", "web.host=a", "rulers.x=1"):
        done = helm("template", "r", CHART, "--set", wrong)
        assert done.returncode != 0, wrong
        assert "additional properties" in done.stderr, wrong
    done = helm("template", "r", CHART, "--set", "remediation.kubernetes.enabled=true")
    assert done.returncode != 0
    assert "workloads" in done.stderr


def test_the_schema_knows_every_value() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))

    def missing(at: Any, values: Any, above: str) -> list[str]:
        found = schema["definitions"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
        if "properties" not in found:
            return []
        assert found["additionalProperties"] is False, above
        names = [f"{above}.{key}" for key in values if key not in found["properties"]]
        return names + [
            name
            for key, value in values.items()
            if key in found["properties"] and isinstance(value, dict)
            for name in missing(found["properties"][key], value, f"{above}.{key}")
        ]

    assert missing(schema, yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")), "") == []


def test_its_versions_are_those_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert chart["version"] == chart["appVersion"] == lumina.__version__


def test_the_notes_name_the_next_command() -> None:
    done = helm("install", "r", CHART, "--namespace", "watch", "--dry-run=client")
    notes = done.stdout.partition("NOTES:")[2]
    assert "kubectl -n watch port-forward svc/r-lumina-ruler 19090" in notes, done.stderr
    assert "helm -n watch test r" in notes
