"""The load is of people who come and go."""

from lumina.demo.load import FORGETFUL, _steps


def test_a_visit() -> None:
    steps = _steps(1)
    assert steps[0] == ("POST", "/login/1")
    assert steps[-1] == ("POST", "/logout/1")
    assert ("POST", "/api/compliance/scans") in steps
    assert _steps(FORGETFUL)[-1] != ("POST", f"/logout/{FORGETFUL}")
