"""What the ruler may do to the shop: the specification's four names, as `remediation.actions` has them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["actions"]


def actions(port: int, pid_file: Path) -> Mapping[str, Any]:
    """Each name with its deed."""
    operator = f"http://127.0.0.1:{port}/-"
    restart = [sys.executable, "-m", "lumina.demo.shop", "restart", "--port", str(port)]
    return {
        "restart_service": {
            "kind": "command",
            "argv": [*restart, "--pid-file", str(pid_file)],
            "timeout": "30s",
            "parameters": {"service": {"enum": ["api"], "target": True}},
        },
        "scale_up": {
            "kind": "webhook",
            "url": f"{operator}/pool/grow/{{instances}}",
            "undo": {"url": f"{operator}/pool/shrink/{{instances}}"},
            "parameters": {"instances": {"type": "int", "min": 1, "max": 4}},
        },
        "optimize_memory": {"kind": "process", "signal": "USR1", "pid_file": str(pid_file)},
        "optimize_database": {"kind": "webhook", "url": f"{operator}/optimize"},
    }
