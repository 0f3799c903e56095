"""What is done for the kinds that need a client library: one script a kind, `KIND.py`.

`ruler.remediation.apart` runs each by its path in a process of its own: it imports `promkit` and its client
alone, for the rooms around it cost two seconds of CPU. Nothing is imported from here.
"""

__all__ = []
