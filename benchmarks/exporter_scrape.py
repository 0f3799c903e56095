"""A scrape of the exporter beside node_exporter: time, CPU, memory, and the first answer, in one run.

    python benchmarks/exporter_scrape.py [--node PATH] [--scrapes 300] [--starts 5]

Both are asked in turn over connections that are kept, as Prometheus does it, with gzip and OpenMetrics; then
each is started anew a few times, and timed from exec to its first whole page. CPU is user and system time of
the process over all scrapes. node_exporter shows more of the kernel: KiB is the size of a page, packed.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
ACCEPT = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4"
OURS = "import sys; from exporter.main import run; sys.exit(run(sys.argv[1:]))"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


class Program:
    def __init__(self, argv: Sequence[str], flag: str) -> None:
        self.port = free_port()
        self.started = time.perf_counter()
        self.popen = subprocess.Popen(
            [*argv, f"{flag}=127.0.0.1:{self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.first_ms = self._first()
        self.connection = HTTPConnection("127.0.0.1", self.port, timeout=10)

    def _first(self) -> float:
        while True:
            try:
                connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("GET", "/metrics")
                assert b"\n" in connection.getresponse().read()
            except OSError:
                time.sleep(0.002)
            else:
                return (time.perf_counter() - self.started) * 1000

    def scrape(self) -> tuple[float, int]:
        started = time.perf_counter()
        self.connection.request("GET", "/metrics", headers={"Accept": ACCEPT, "Accept-Encoding": "gzip"})
        body = self.connection.getresponse().read()
        return (time.perf_counter() - started) * 1000, len(body)

    def cpu_ms(self) -> float:
        fields = Path(f"/proc/{self.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * 1000 / TICKS

    def resident_mib(self) -> float:
        status = Path(f"/proc/{self.popen.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def end(self) -> None:
        self.popen.terminate()
        self.popen.wait()


def measured(program: Program, times: Sequence[float], size: int, cpu_ms: float) -> dict[str, float]:
    ordered = sorted(times)
    return {
        "p50 ms": statistics.median(ordered),
        "p99 ms": ordered[int(len(ordered) * 0.99)],
        "CPU ms": cpu_ms / len(times),
        "RSS MiB": program.resident_mib(),
        "KiB": size / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--node", default=shutil.which("prometheus-node-exporter"))
    parser.add_argument("--scrapes", type=int, default=300)
    parser.add_argument("--starts", type=int, default=5)
    options = parser.parse_args()
    if options.node is None:
        parser.error("prometheus-node-exporter is not on the path: give --node")
    commands = {
        "lumina exporter": ([sys.executable, "-c", OURS], "--listen"),
        "node_exporter": ([options.node], "--web.listen-address"),
    }
    programs = {name: Program(*command) for name, command in commands.items()}
    for program in programs.values():
        for _ in range(20):
            program.scrape()
    times: dict[str, list[float]] = {name: [] for name in programs}
    sizes: dict[str, int] = {}
    before = {name: program.cpu_ms() for name, program in programs.items()}
    for _ in range(options.scrapes):
        for name, program in programs.items():
            taken, sizes[name] = program.scrape()
            times[name].append(taken)
    rows = {
        name: measured(program, times[name], sizes[name], program.cpu_ms() - before[name])
        for name, program in programs.items()
    }
    for program in programs.values():
        program.end()
    for name, command in commands.items():
        starts = []
        for _ in range(options.starts):
            program = Program(*command)
            starts.append(program.first_ms)
            program.end()
        rows[name]["first ms"] = statistics.median(starts)
    ours, theirs = rows.values()
    rows["ratio"] = {key: ours[key] / theirs[key] for key in ours}
    print(f"{'':16}" + "".join(f"{key:>10}" for key in ours))
    for name, row in rows.items():
        print(f"{name:16}" + "".join(f"{row[key]:10.2f}" for key in ours))


if __name__ == "__main__":
    main()
