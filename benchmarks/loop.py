"""The whole loop: CPU a sample and a rule of the ruler beside Prometheus, and what `lumina up` costs at rest.

    python benchmarks/loop.py [--targets 10] [--series 1000] [--rules 200] [--interval 5] [--seconds 60]

Both scrape the same fake targets and evaluate the same rules from the same configuration file, at the same
time on the same machine, so that noise hits both. First without rules, then with them: the difference is what
rules cost. Both are asked afterwards how many samples they stored and how often they evaluated, and figures
stand on their answers. CPU is user and system time of the whole process, from /proc.

At rest: `lumina up` in an empty home, seconds until all three processes are ready, then memory (sum of RSS)
and share of a core over the idle time. DESIGN's promises: 5 s, 250 MiB, 2 %.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PEERS = Path(__file__).resolve().parent.parent / ".cache" / "peers" / "bin"
PAGES = 8  # different pages that targets serve in turn


# Fake targets, all served by one process


def a_page(series: int, number: int) -> bytes:
    """Counters that rise, gauges that move, and some that rest."""
    lines = ["# TYPE http_requests_total counter"]
    for place in range(series // 2):
        labels = f'method="GET",handler="/api/{place % 40}",code="{200 + place // 40}"'
        lines.append(f"http_requests_total{{{labels}}} {place * 1000 + number * (place % 17)}")
    lines.append("# TYPE queue_length gauge")
    lines += [
        f'queue_length{{queue="q{place}"}} {(place * 7 + number * (place % 3)) % 100 / 8}'
        for place in range(series - series // 2)
    ]
    return ("\n".join(lines) + "\n").encode()


def serve_targets(port: int, series: int) -> None:
    """Answer every path with one page after the other."""
    pages = [a_page(series, number) for number in range(PAGES)]
    started = time.monotonic()

    class Target(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = pages[int(time.monotonic() - started) % PAGES]
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Target).serve_forever()


# One configuration for both


def configuration(folder: Path, port: int, options: argparse.Namespace, rules: int) -> Path:
    """A prometheus.yml, with its rule file beside it."""
    groups = [
        {"name": f"g{group}", "rules": [a_rule(number) for number in range(group, rules, 10)]}
        for group in range(min(rules, 10))
    ]
    (folder / "rules.yml").write_text(json.dumps({"groups": groups}))
    interval = f"{options.interval}s"
    config = {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": ["rules.yml"] if rules else [],
        "scrape_configs": [
            {
                "job_name": "fake",
                "static_configs": [
                    {
                        "targets": [f"127.0.0.1:{port}"],
                        "labels": {"instance": f"t{number}", "__metrics_path__": f"/{number}"},
                    }
                    for number in range(options.targets)
                ],
            }
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(json.dumps(config))
    return path


def a_rule(number: int) -> Mapping[str, Any]:
    """What people write: rates summed, quantities by instance, alerts on one series of each target."""
    match number % 4:
        case 0:
            return {
                "record": f"handler:requests:rate1m_{number}",
                "expr": f'sum by (instance) (rate(http_requests_total{{handler="/api/{number % 40}"}}[1m]))',
            }
        case 1:
            return {
                "alert": f"LongQueue{number}",
                "expr": f'queue_length{{queue="q{number}"}} > 1000',
                "for": "1m",
                "labels": {"severity": "page"},
            }
        case 2:
            return {
                "alert": f"Slow{number}",
                "expr": f'avg_over_time(queue_length{{queue="q{number}"}}[1m]) > 5',
                "for": "1m",
                "annotations": {"summary": "{{ $labels.instance }} has {{ $value }}"},
            }
        case _:
            return {
                "record": f"job:queue:max_{number}",
                "expr": f'max by (job) (queue_length{{queue=~"q{number % 100}."}})',
            }


# Processes


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running process, and what it was asked."""

    name: str
    url: str
    pid: int

    def query(self, expr: str) -> float:
        """One number."""
        query = urllib.parse.urlencode({"query": expr})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{query}", timeout=60) as answer:
            result = json.load(answer)["data"]["result"]
        return float(result[0]["value"][1]) if result else 0.0

    def rules(self) -> int:
        """How many rules have been evaluated, of all."""
        with urllib.request.urlopen(f"{self.url}/api/v1/rules", timeout=60) as answer:
            groups = json.load(answer)["data"]["groups"]
        return sum(rule["health"] == "ok" for group in groups for rule in group["rules"])


@contextmanager
def started(argv: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program, ended by its pid afterwards."""
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    except BaseException:
        print(log.read_text(errors="replace")[-3000:], file=sys.stderr)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_ready(url: str, within_s: float = 60) -> float:
    """Seconds until it answers 200."""
    begun = time.monotonic()
    while time.monotonic() - begun < within_s:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return time.monotonic() - begun
        except OSError:
            time.sleep(0.02)
    raise SystemExit(f"{url} was not ready within {within_s} s")


def tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    pids = [pid]
    for one in pids:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            pids += [int(child) for child in children.read_text().split()]
    return pids


def cpu_s(pids: Sequence[int]) -> float:
    """User and system time."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def rss_mib(pids: Sequence[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return pages * PAGE_BYTES / 1024 / 1024


# Measurements


@dataclass(frozen=True, slots=True)
class Figures:
    """What one contestant spent in one phase."""

    cpu_s: float
    samples: float
    rules: int
    rss_mib: float


def contest(options: argparse.Namespace, rules: int) -> dict[str, Figures]:
    """Run both at the same time on the same targets and rules."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loop-")))
        port = free_port()
        argv = [sys.executable, __file__, "--serve", str(port), "--series", str(options.series)]
        stack.enter_context(started(argv, folder / "targets.log"))
        wait_ready(f"http://127.0.0.1:{port}/")
        config = configuration(folder, port, options, rules)
        contestants = [start(stack, name, config, folder, options) for name in ("prometheus", "lumina")]
        for one in contestants:
            wait_ready(f"{one.url}/-/ready")
        # The first scrapes and evaluations, in which all is new, are over by then.
        time.sleep(3 * options.interval)
        before = {one.name: cpu_s([one.pid]) for one in contestants}
        time.sleep(options.seconds)
        spent = {one.name: cpu_s([one.pid]) - before[one.name] for one in contestants}
        held = {one.name: rss_mib([one.pid]) for one in contestants}
        window = f"{options.seconds}s"
        return {
            one.name: Figures(
                spent[one.name],
                one.query(f'sum(sum_over_time(scrape_samples_scraped{{job="fake"}}[{window}]))'),
                one.rules(),
                held[one.name],
            )
            for one in contestants
        }


def start(stack: ExitStack, name: str, config: Path, folder: Path, options: argparse.Namespace) -> Contestant:
    address = f"127.0.0.1:{free_port()}"
    data = folder / f"{name}-data"
    if name == "prometheus":
        argv = [
            str(options.prometheus),
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={address}",
        ]
    else:
        flags = ["--config", str(config), "--data", str(data), "--listen", address]
        argv = [sys.executable, "-m", "lumina", "ruler", *flags]
    process = stack.enter_context(started(argv, folder / f"{name}.log"))
    return Contestant(name, f"http://{address}", process.pid)


def idle(seconds: int) -> tuple[float, float, float]:
    """`lumina up` in an empty home → seconds to ready, MiB, share of a core."""
    addresses = {name: f"127.0.0.1:{free_port()}" for name in ("exporter", "ruler", "analytics")}
    with tempfile.TemporaryDirectory(prefix="idle-") as folder:
        argv = [sys.executable, "-m", "lumina", "up", "--home", f"{folder}/home"]
        for name, address in addresses.items():
            argv += [f"--{name}", address]
        begun = time.monotonic()
        with started(argv, Path(folder) / "log") as process:
            for address in addresses.values():
                wait_ready(f"http://{address}/-/ready")
            ready_s = time.monotonic() - begun
            time.sleep(min(30, seconds))  # imports and first evaluations are not rest
            pids = tree(process.pid)
            before = cpu_s(pids)
            time.sleep(seconds)
            return ready_s, rss_mib(pids), (cpu_s(pids) - before) / seconds


def report(plain: dict[str, Figures], ruled: dict[str, Figures], options: argparse.Namespace) -> None:
    evaluations = options.rules * options.seconds / options.interval
    print(f"{options.targets} targets x {options.series} series, {options.interval} s, {options.rules} rules")
    print(f"{'':12}{'samples':>10}{'us/sample':>11}{'rules ok':>10}{'us/rule':>9}{'RSS MiB':>9}")
    per_sample, per_rule = {}, {}
    for name, figures in plain.items():
        other = ruled[name]
        per_sample[name] = figures.cpu_s / max(figures.samples, 1) * 1e6
        scraping_s = per_sample[name] * other.samples / 1e6
        per_rule[name] = max(other.cpu_s - scraping_s, 0) / max(evaluations, 1) * 1e6
        print(
            f"{name:12}{figures.samples:10.0f}{per_sample[name]:11.2f}{other.rules:10d}"
            f"{per_rule[name]:9.0f}{other.rss_mib:9.0f}"
        )
    print(
        f"lumina / prometheus: sample {_ratio(per_sample)}, rule {_ratio(per_rule)}, "
        f"memory {ruled['lumina'].rss_mib / ruled['prometheus'].rss_mib:.2f}"
    )


def _ratio(figures: Mapping[str, float]) -> str:
    return f"{figures['lumina'] / figures['prometheus']:.2f}" if figures["prometheus"] else "-"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default in {"targets": 10, "series": 1000, "rules": 200, "interval": 5, "seconds": 60}.items():
        parser.add_argument(f"--{name}", type=int, default=default, help="default: %(default)s")
    parser.add_argument("--idle", type=int, default=60, help="seconds at rest; 0: leave that out")
    parser.add_argument("--prometheus", type=Path, default=PEERS / "prometheus")
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve_targets(options.serve, options.series)
    if shutil.which(options.prometheus) is None:
        print(f"{options.prometheus} is not there: make services", file=sys.stderr)
        return 2
    report(contest(options, 0), contest(options, options.rules), options)
    if options.idle:
        ready_s, held, share = idle(options.idle)
        print(f"lumina up at rest: ready in {ready_s:.1f} s, {held:.0f} MiB, {share:.2%} of a core")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
