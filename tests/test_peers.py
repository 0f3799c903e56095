"""What differential tests stand on: the right peers, started and ended for sure."""

import os
import sys
from pathlib import Path

import pytest

from tests import peers
from tests.builders.processes import free_port, running
from tests.peers import peer


@pytest.mark.service
def test_prometheus_starts_answers_and_is_gone_afterwards(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "prometheus.yml").write_text("scrape_configs: []\n")
    argv = [
        peer("prometheus"),
        f"--config.file={tmp_path}/prometheus.yml",
        f"--storage.tsdb.path={tmp_path}/data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with running(argv, f"http://127.0.0.1:{port}/-/ready", log=tmp_path / "log") as process:
        assert process.pid
    assert process.popen.returncode is not None
    assert "Server is ready" in process.tail(200)


def test_a_program_that_ends_at_once_shows_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such option')"]
    with (
        pytest.raises(pytest.fail.Exception, match="ended with 1:\nno such option"),
        running(argv, "http://127.0.0.1:1/"),
    ):
        pass
    assert "no such option" in capsys.readouterr().out


def test_an_old_prometheus_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "prometheus"
    old.write_text("#!/bin/sh\necho 'prometheus, version 2.42.0+ds (branch: debian/sid)'\n")
    old.chmod(0o755)
    monkeypatch.setattr(peers, "_find", lambda name: old)
    with pytest.raises(pytest.skip.Exception, match=r"is 2\.42, older than 3\.5: make services"):
        peer("prometheus")


def test_a_missing_peer_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "_find", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="nginx is not there: make services"):
        peer("nginx")


@pytest.mark.service
@pytest.mark.parametrize("name", peers.NAMES)
def test_every_peer_can_be_executed(name: str) -> None:
    assert os.access(peer(name), os.X_OK)
