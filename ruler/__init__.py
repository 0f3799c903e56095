"""Samples → rules → alerts → notifications and remediation.

Its rooms, from the bottom up: `store`, `template`, `database`; `promql`; `rules`, `ingest`; `alerts`;
`delivery`, `remediation`; `workbench`; `api`, `ui`; and `main`, the only file that knows them all.
"""
