"""The kinds of receiver: one file each, all of one shape (`ruler.delivery.receiver`), listed here."""

from ruler.delivery.receiver import Receiver
from ruler.delivery.receivers.email import EMAIL
from ruler.delivery.receivers.slack import SLACK
from ruler.delivery.receivers.sms import SMS
from ruler.delivery.receivers.webhook import WEBHOOK

__all__ = ["LATER", "RECEIVERS"]

RECEIVERS: dict[str, Receiver] = {one.kind: one for one in (EMAIL, SLACK, SMS, WEBHOOK)}

# Alertmanager's other kinds: refused by name until they come.
LATER = (
    "discord",
    "incidentio",
    "jira",
    "mattermost",
    "msteams",
    "msteamsv2",
    "opsgenie",
    "pagerduty",
    "pushover",
    "rocketchat",
    "sns",
    "telegram",
    "victorops",
    "webex",
    "wechat",
)
