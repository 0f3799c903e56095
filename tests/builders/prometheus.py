"""A real Prometheus over given samples, for as long as a test needs it."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.builders.processes import free_port, running
from tests.builders.samples import Series, openmetrics
from tests.peers import peer

FEATURES = "promql-experimental-functions,promql-duration-expr"


@contextlib.contextmanager
def prometheus_with(series: Series, folder: Path) -> Iterator[str]:
    """Its URL; the samples are written as blocks before it starts."""
    page, data, config = folder / "page.txt", folder / "data", folder / "prometheus.yml"
    page.write_text(openmetrics(series), encoding="utf-8")
    config.write_text("global: {evaluation_interval: 1m}\n", encoding="utf-8")
    subprocess.run(
        [peer("promtool"), "tsdb", "create-blocks-from", "openmetrics", page, data],
        check=True,
        capture_output=True,
    )
    port = free_port()
    argv = [
        peer("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--enable-feature={FEATURES}",
    ]
    with running(argv, f"http://127.0.0.1:{port}/-/ready"):
        yield f"http://127.0.0.1:{port}"
