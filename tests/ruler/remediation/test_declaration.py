"""What holds for the declaration of any action."""

from typing import Any

import pytest

from promkit.config import parse
from promkit.errors import ConfigError
from ruler.remediation import RemediationConfig
from ruler.remediation import declaration as declarations
from ruler.remediation.actions.docker import Config
from tests.builders.remediation import a_config

HEAD = "enabled: true\nactions:\n  remedy:\n    "


def read(text: str) -> RemediationConfig:
    return parse(HEAD + text.replace("\n", "\n    "), RemediationConfig, "ruler.yml", {})


FAULTS = {
    "an unknown kind": (
        "kind: dokcer\nverb: stop",
        (
            "ruler.yml:4:11: 'kind' must be one of 'command', 'docker', 'kubernetes', 'postgres', 'process', "
            "'systemd', 'webhook', not 'dokcer': did you mean 'docker'?"
        ),
    ),
    "no kind": ("verb: stop", "ruler.yml:4:5: key 'kind' is missing in actions.remedy"),
    "a key of another kind": (
        "kind: systemd\nverb: stop\nunit: api\ncontainer: api",
        "ruler.yml:7:5: unknown key 'container' in actions.remedy",
    ),
    "a verb of another kind": ("kind: systemd\nverb: pause\nunit: api", "'verb' must be one of 'start'"),
    "nothing to act on": (
        "kind: docker\nverb: stop",
        "needs `container`, or a parameter marked `target: true` that gives it",
    ),
    "two targets": (
        "kind: docker\nverb: stop\nparameters: {a: {enum: [x], target: true}, b: {enum: [y], target: true}}",
        "only one parameter can be the target",
    ),
    "a place that is not declared": (
        "kind: docker\nverb: stop\ncontainer: 'shop-{service}-1'",
        "{service} in 'shop-{service}-1' is not declared under `parameters`",
    ),
    "a lone brace": ("kind: docker\nverb: stop\ncontainer: 'shop-{'", "lone '{'"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_one_line_at_its_place(case: str) -> None:
    text, line = FAULTS[case]
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["docker", "kubernetes", "postgres"])
def test_a_client_that_is_missing_is_named_with_the_extra(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "find_spec", lambda name: None)
    needs: dict[str, dict[str, Any]] = {
        "docker": {"verb": "stop", "container": "x"},
        "kubernetes": {"verb": "rollout_restart", "namespace": "shop", "name": "x"},
        "postgres": {"verb": "vacuum", "dsn": "host=db"},
    }
    with pytest.raises(ValueError, match=rf"pip install 'lumina-monitoring\[{kind}\]'"):
        a_config(actions={"remedy": {"kind": kind, **needs[kind]}})


def test_what_it_acts_on_is_the_target_where_nothing_else_is_said() -> None:
    parameters = "parameters: {service: {enum: [api, web], target: true}}"
    named = read(f"kind: docker\nverb: stop\ncontainer: 'shop-{{service}}-1'\n{parameters}")
    plain = read(f"kind: docker\nverb: stop\n{parameters}")
    for config, name in ((named, "shop-web-1"), (plain, "web")):
        action = config.actions["remedy"]
        assert isinstance(action, Config)
        assert action.named(action.container, {"service": "web"}) == name
