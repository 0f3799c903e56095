"""What happened, as one stream: the types of S29, a bounded log of them, and who is told by webhook.

    transitions, rules in force, scrapes, dashboards, what analytics posts ─▶ Events ─▶ streams, webhooks

`Events.publish` is for the other rooms; `after` and `listen` are for who reads.
"""

from ruler.events.kind import KINDS, POSTED, EventKind, EventType
from ruler.events.log import Batch, Event, Events
from ruler.events.tell import told_of, told_of_dashboard, told_of_scrape
from ruler.events.watch import RuleWatch
from ruler.events.webhooks import WebhookConfig, Webhooks

__all__ = [
    "KINDS",
    "POSTED",
    "Batch",
    "Event",
    "EventKind",
    "EventType",
    "Events",
    "RuleWatch",
    "WebhookConfig",
    "Webhooks",
    "told_of",
    "told_of_dashboard",
    "told_of_scrape",
]
