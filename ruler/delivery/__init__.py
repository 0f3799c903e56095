"""Who hears of an alert, and when: routes, groups, mutes, cooldowns, and messages that are never lost.

    transitions ─▶ dispatcher ─▶ outbox rows ─▶ sender ─▶ receivers
                   (dispatch: pure)    ▲            │
                                       └── outcome ─┘

The grammar is alertmanager.yml's. What is owed to a receiver is a row on the disk from the moment it is
decided, until the receiver took it, refused it, or a day has passed.
"""

from ruler.delivery.config import ChannelsConfig, DeliveryConfig
from ruler.delivery.delivery import Delivery
from ruler.delivery.escalate import foreseen
from ruler.delivery.mute import Suppression
from ruler.delivery.outlet import Outlet, OutletConfig
from ruler.delivery.setup import Setup, load_setup, make_setup
from ruler.delivery.views import DeadLetter, GroupView, NotificationRecord, ReceiverView

__all__ = [
    "ChannelsConfig",
    "DeadLetter",
    "Delivery",
    "DeliveryConfig",
    "GroupView",
    "NotificationRecord",
    "Outlet",
    "OutletConfig",
    "ReceiverView",
    "Setup",
    "Suppression",
    "foreseen",
    "load_setup",
    "make_setup",
]
