"""Dashboard files."""
# ruff: noqa: E501 - a query is a line

from typing import Any

__all__ = ["TYPES", "WHOLE", "a_dashboard", "a_widget"]

# Every key, and every type of widget.
WHOLE = """id: host
name: Host
description: One machine.
metrics: [system_cpu_usage_ratio]
time_range: 6h
refresh: 30s
created_by: ann
variables:
  - {name: instance, label: instance, metric: system_info, title: Machine}
widgets:
  - type: line
    title: Network
    description: In and out.
    queries:
      - {expr: 'rate(system_network_receive_bytes_total{instance=~"$instance"}[$__rate_interval])', legend: "{device} in"}
      - {expr: 'rate(system_network_transmit_bytes_total[1m])'}
    position: {x: 0, y: 0, width: 12, height: 8}
    config: {unit: bytes/s, decimals: 1, min: 0, max: 10, stacked: true, legend: false, limit: 5, rule: busy}
  - type: gauge
    title: CPU
    metric: system_cpu_usage_ratio
    position: {x: 12, y: 0, width: 6, height: 4}
    config: {thresholds: [{above: 0.8}, {below: 0.01, severity: low}]}
  - type: table
    title: Disks
    queries: [{expr: system_disk_usage_ratio, legend: used, unit: ratio}]
    config: {columns: [mount, device]}
  - {type: heatmap, title: Latency, metric: 'sum by (le) (rate(x_bucket[5m]))'}
  - {type: bar, title: Load, metric: system_load1}
"""
# Every type of widget, over what a host and the ruler itself measure.
TYPES = """id: types
name: Every type
description: Drawn in every way there is.
refresh: 5s
variables: [{name: job, label: job, metric: up, title: Job}]
widgets:
  - {type: gauge, title: Memory, metric: system_memory_usage_ratio, position: {x: 0, y: 0, width: 6, height: 5}, config: {rule: high-memory-usage}}
  - {type: gauge, title: Last scrape, metric: 'max(timestamp(up{job=~"$job"}))', position: {x: 6, y: 0, width: 6, height: 5}, config: {decimals: 9}}
  - {type: bar, title: Disks, queries: [{expr: max by (mount) (system_disk_usage_ratio), legend: "{mount}"}], position: {x: 12, y: 0, width: 12, height: 5}, config: {thresholds: [{above: 0.9}]}}
  - {type: line, title: Load, queries: [{expr: system_load1, legend: 1 min}, {expr: system_load5, legend: 5 min}], position: {x: 0, y: 5, width: 12, height: 8}}
  - {type: line, title: CPU by mode, queries: [{expr: 'sum by (mode) (rate(system_cpu_seconds_total[$__rate_interval]))', legend: "{mode}"}], position: {x: 12, y: 5, width: 12, height: 8}, config: {stacked: true, unit: ratio}}
  - {type: table, title: Targets, queries: [{expr: 'up{job=~"$job"}', legend: up}, {expr: scrape_duration_seconds, legend: took}], config: {columns: [job], thresholds: [{below: 0, severity: critical}]}}
  - {type: heatmap, title: Answers, metric: 'sum by (le) (ruler_http_request_duration_seconds_bucket)'}
  - {type: line, title: Nothing, metric: no_such_metric}
  - {type: line, title: Fault, metric: system_load1 + on () group_left () up}
"""


def a_dashboard(id_: str = "shop", **changes: Any) -> dict[str, Any]:
    """A dashboard's data."""
    return {"id": id_, "widgets": [a_widget()], **changes}


def a_widget(**changes: Any) -> dict[str, Any]:
    """A widget's data."""
    return {"type": "line", "title": "Orders", "metric": "orders", **changes}
