"""Our shell scripts, as shellcheck reads them."""

import subprocess

import pytest

from tests.builders.prose import ROOT
from tests.peers import peer

SCRIPTS = [ROOT / ".ci" / "run", *sorted((ROOT / "tools").glob("*.sh"))]


@pytest.mark.service
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_has_nothing_to_say(script: object) -> None:
    done = subprocess.run([peer("shellcheck"), str(script)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
