"""Sources → gauges on /metrics.

Start with `main`, which joins all rooms; follow a value through `collector` (what a source is), `collectors/`
(one a file), `scheduler` (cadence, timeout, caps), `page` (rendered ahead of the scrape), `routes`, `server`.
Settings are dataclasses, and YAML is read by `reader` in a process of its own, so that this one stays light.
"""
