"""`lumina demo`: an alert that closes its loop, on real parts.

A small web shop in a process of its own (`shop`), load against it (`load`), the three processes watching it,
and an inbox (`inbox`) that stands in for mail, Slack, SMS and webhooks. `stage` sets them up, `story` tells.
"""

from lumina.demo.story import run

__all__ = ["run"]
