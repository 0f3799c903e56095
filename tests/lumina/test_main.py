"""The console script: it loads only what it runs, and says which extra is missing."""

import subprocess
import sys

import pytest

HIDDEN = """
import sys
sys.modules[{module!r}] = None
from lumina.__main__ import main
sys.exit(main({argv!r}))
"""


@pytest.mark.parametrize(
    ("argv", "module", "extra"),
    [
        (["ruler"], "sqlalchemy", "ruler"),
        (["analytics", "run", "--once"], "numpy", "analytics"),
        (["alerts", "list"], "typer", "cli"),
    ],
)
def test_a_missing_extra_is_named(argv: list[str], module: str, extra: str) -> None:
    code = HIDDEN.format(module=module, argv=argv)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"[{extra}]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_exporter_loads_no_framework_of_the_command_line() -> None:
    code = (
        "import sys; from lumina.__main__ import main; main(['exporter', '--check-config']);"
        "print(sorted(set(sys.modules) & {'typer', 'rich', 'numpy', 'fastapi', 'requests', 'sqlalchemy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
