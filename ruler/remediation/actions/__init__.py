"""The kinds of actions: one a file, listed here alone."""

from collections.abc import Mapping
from typing import Annotated

from promkit.config import field
from ruler.remediation.action import Action
from ruler.remediation.actions import command, docker, kubernetes, postgres, process, systemd, webhook

__all__ = ["KINDS", "AnyAction"]

KINDS: Mapping[str, Action] = {
    action.kind: action
    for action in (
        command.COMMAND,
        docker.DOCKER,
        kubernetes.KUBERNETES,
        postgres.POSTGRES,
        process.PROCESS,
        systemd.SYSTEMD,
        webhook.WEBHOOK,
    )
}

# What may stand under a name in ruler.yml: `kind` tells which of them it is.
AnyAction = Annotated[
    command.Config
    | docker.Config
    | kubernetes.Config
    | postgres.Config
    | process.Config
    | systemd.Config
    | webhook.Config,
    field(description="one action", discriminator="kind"),
]
