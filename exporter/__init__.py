"""Sources → gauges on /metrics."""
