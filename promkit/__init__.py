"""The Prometheus wire formats and the process plumbing that exporter, ruler and analytics stand on.

It knows no alert and no model. Its modules are its doors: there is nothing to import from here.
"""
