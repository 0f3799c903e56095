"""The benchmark of the loop asks both for the same, and for what both take."""

import argparse
import os
import subprocess
from pathlib import Path

import pytest

from benchmarks.loop import a_page, configuration, cpu_s, rss_mib, tree
from promkit.exposition import parse
from tests.peers import peer


@pytest.mark.service
def test_prometheus_takes_its_configuration_and_rules(tmp_path: Path) -> None:
    options = argparse.Namespace(targets=3, series=100, interval=5)
    path = configuration(tmp_path, 9, options, rules=40)
    done = subprocess.run(
        [peer("promtool"), "check", "config", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 rules found" in done.stdout


def test_pages_have_the_series_that_were_asked_for_and_move() -> None:
    samples = [len(family.samples) for family in parse(a_page(501, 0))]
    assert sum(samples) == 501
    assert a_page(501, 0) != a_page(501, 1)


def test_what_a_process_spends_is_read() -> None:
    assert tree(os.getpid())[0] == os.getpid()
    assert cpu_s([os.getpid()]) > 0
    assert 5 < rss_mib([os.getpid()]) < 5_000
