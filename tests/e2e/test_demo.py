"""The closed loop, end to end: exactly what `lumina demo --once --json` promises."""

import json
import subprocess

import pytest

from lumina.demo.story import STEPS
from tests.builders.e2e import LUMINA

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(280)
def test_the_loop_closes_on_real_parts() -> None:
    done = subprocess.run(
        [*LUMINA, "demo", "--once", "--json"], capture_output=True, text=True, timeout=270, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["closed"]
    seen = {step["step"]: step["seconds"] for step in told["steps"]}
    assert set(seen) == {step.name for step in STEPS}
    assert seen["pending"] <= seen["firing"] <= seen["remediation"] <= seen["verified"]
    assert seen["firing"] <= seen["notified"] <= seen["told so"]
    assert max(seen.values()) < 180
