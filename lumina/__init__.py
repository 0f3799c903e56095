"""The `lumina` command: it imports the other packages, and none of them imports it."""

__version__ = "0.1.0"
