"""Scraping: CPU a sample and memory, ours and Prometheus', side by side on the same targets.

    python benchmarks/ingest.py --prometheus PATH [--targets 10] [--series 1000] [--interval 5] [--seconds 60]

Both scrape the same fake targets at the same time and write to disk as they do by default. CPU is user and
system time of the whole process, from the second scrape on; the first, in which all series are new, is shown
apart. Values: a third counters, a third gauges with decimals, a third that never change.
"""

import argparse
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

PAGES = 16
TICKS = os.sysconf("SC_CLK_TCK")


def page(target: int, series: int, number: int) -> bytes:
    lines = []
    for family in range(max(series // 100, 1)):
        lines += [
            f"# HELP bench_{family}_total Requests of kind {family}.",
            f"# TYPE bench_{family}_total counter",
        ]
        for place in range(min(series, 100)):
            seed = random.Random(f"{target}/{family}/{place}")
            start = seed.randrange(10**6)
            kind = place % 3
            value = (
                start + number * seed.randrange(1, 50) if kind == 0
                else round(start / 7 + number * 0.37 * seed.random(), 3) if kind == 1
                else start
            )  # fmt: skip
            lines.append(
                f'bench_{family}_total{{method="GET",path="/api/v1/items/{place}",code="200"}} {value}'
            )
    return ("\n".join(lines) + "\n").encode()


def serve(first_port: int, targets: int, series: int) -> None:
    """Answer with one page after the other, and spend as little as possible on it."""

    def answer(port: int, pages: list[bytes]) -> None:
        server = socket.create_server(("127.0.0.1", port))
        while True:
            peer, _ = server.accept()
            threading.Thread(target=talk, args=(peer, pages), daemon=True).start()

    def talk(peer: socket.socket, pages: list[bytes]) -> None:
        number = 0
        while True:
            request = b""
            while b"\r\n\r\n" not in request:
                received = peer.recv(65536)
                if not received:
                    return
                request += received
            peer.sendall(pages[number % PAGES])
            number += 1

    kind = "text/plain; version=0.0.4; charset=utf-8"
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {{}}\r\n\r\n"
    for target in range(targets):
        bodies = [page(target, series, number) for number in range(PAGES)]
        pages = [head.format(len(body)).encode() + body for body in bodies]
        threading.Thread(target=answer, args=(first_port + target, pages), daemon=True).start()
    print("ready", flush=True)
    signal.pause()


def ours(first_port: int, targets: int, interval_s: int, directory: str) -> None:
    from promkit.process import SYSTEM_CLOCK, Supervisor
    from ruler.ingest import Scrape, ScrapeGlobal, Scraper
    from ruler.store import StorageOptions, Store

    store = Store.open(Path(directory), StorageOptions(), SYSTEM_CLOCK.now_ms())
    scraper = Scraper(store, SYSTEM_CLOCK)
    addresses = [f"127.0.0.1:{first_port + target}" for target in range(targets)]
    job = {
        "job_name": "bench",
        "static_configs": [{"targets": addresses}],
        "scrape_interval": interval_s * 1000,
        "scrape_timeout": interval_s * 1000,
    }
    scraper.apply(ScrapeGlobal(), [Scrape.model_validate(job)])
    supervisor = Supervisor()
    supervisor.at_end("store", store.close)
    scraper.start(supervisor)
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    while not over.wait(1):
        stats = store.stats()
        print(json.dumps({"samples": stats.samples, "series": stats.series}), flush=True)
    supervisor.stop()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) / 1024


def folder_bytes(path: str) -> int:
    return sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())


def appended(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith('prometheus_tsdb_head_samples_appended_total{type="float"}'):
                return float(line.split()[-1])
    return 0.0


def free_ports(count: int) -> int:
    while True:
        first = random.randrange(20_000, 50_000)
        try:
            sockets = [socket.create_server(("127.0.0.1", first + number)) for number in range(count)]
        except OSError:
            continue
        for one in sockets:
            one.close()
        return first


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prometheus", type=Path)
    for name, value in (("targets", 10), ("series", 1000), ("interval", 5), ("seconds", 60)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--part", choices=["serve", "ours"])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--directory", default="")
    options = parser.parse_args()
    if options.part == "serve":
        serve(options.port, options.targets, options.series)
    elif options.part == "ours":
        ours(options.port, options.targets, options.interval, options.directory)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    first = free_ports(options.targets + 1)
    me = [sys.executable, __file__, "--port", str(first)]
    for name in ("targets", "series", "interval"):
        me += [f"--{name}", str(getattr(options, name))]
    with tempfile.TemporaryDirectory() as folder:
        pages = subprocess.Popen([*me, "--part", "serve"], stdout=subprocess.PIPE)
        assert pages.stdout is not None
        pages.stdout.readline()
        processes = {"ours": subprocess.Popen(
            [*me, "--part", "ours", "--directory", f"{folder}/ours"],
            stdout=Path(f"{folder}/ours.out").open("w"),
        )}  # fmt: skip
        if options.prometheus:
            processes["prometheus"] = prometheus(options, first, folder)
        try:
            measure(options, processes, first + options.targets, folder)
        finally:
            for process in [*processes.values(), pages]:
                process.terminate()
                process.wait()


def prometheus(options: argparse.Namespace, first: int, folder: str) -> "subprocess.Popen[bytes]":
    addresses = [f"127.0.0.1:{first + target}" for target in range(options.targets)]
    config = {
        "global": {"scrape_interval": f"{options.interval}s", "scrape_timeout": f"{options.interval}s"},
        "scrape_configs": [{"job_name": "bench", "static_configs": [{"targets": addresses}]}],
    }
    Path(f"{folder}/prometheus.yml").write_text(json.dumps(config))
    port = first + options.targets
    argv = [
        str(options.prometheus), f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/prometheus", f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    ]  # fmt: skip
    return subprocess.Popen(argv)


def measure(
    options: argparse.Namespace, processes: dict[str, "subprocess.Popen[bytes]"], port: int, folder: str
) -> None:
    def samples(name: str) -> float:
        if name == "prometheus":
            return appended(port)
        lines = Path(f"{folder}/ours.out").read_text().splitlines()
        return json.loads(lines[-1])["samples"] if lines else 0.0

    time.sleep(2 * options.interval + 1)
    first = {name: (cpu_s(one.pid), samples(name)) for name, one in processes.items()}
    time.sleep(options.seconds)
    result = {}
    for name, one in processes.items():
        cpu, count = cpu_s(one.pid) - first[name][0], samples(name) - first[name][1]
        result[name] = (1e6 * cpu / count, rss_mib(one.pid), folder_bytes(f"{folder}/{name}") / samples(name))
        print(
            f"{name:12} first {first[name][0]:6.2f} s; then {cpu:6.2f} s for {count:10.0f} samples: "
            f"{result[name][0]:.3f} µs a sample; {result[name][1]:.0f} MiB; {result[name][2]:.2f} bytes a sample"
        )
    if len(result) == 2:
        ratios = [mine / theirs for mine, theirs in zip(*result.values(), strict=True)]
        print("ours ÷ Prometheus: CPU {:.2f}, memory {:.2f}, disk {:.2f}".format(*ratios))


if __name__ == "__main__":
    main()
