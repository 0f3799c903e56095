"""`serve`, `keep` or `restart`: one program, so that each is a process of its own."""

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from lumina.demo.shop.keeper import keep, restart
from lumina.demo.shop.server import Shop

PUSH_EVERY_S = 1.0
STOP_POLL_S = 0.1


def serve(port: int, log: Path, data: Path, push: str) -> None:
    """Be the shop until SIGTERM; on SIGUSR1 give memory back."""
    ending, shedding = threading.Event(), threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: ending.set())
    signal.signal(signal.SIGUSR1, lambda _number, _frame: shedding.set())
    shop = Shop(port, log, data)
    threading.Thread(target=shop.serve_forever, args=(STOP_POLL_S,), name="shop", daemon=True).start()
    shop.worker.start()
    while not ending.wait(PUSH_EVERY_S):
        shop.push_pool(push)
        if shedding.is_set():
            shedding.clear()
            shop.pool.shed()
    shop.end()


def main(argv: Sequence[str] | None = None) -> int:
    """Play one of the roles → exit code."""
    parser = argparse.ArgumentParser(prog="lumina-demo-shop")
    parser.add_argument("role", choices=["serve", "keep", "restart"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("--push")
    options = parser.parse_args(argv)
    match options.role:
        case "serve":
            serve(options.port, options.log, options.data, options.push)
        case "keep":
            files = ["--log", str(options.log), "--data", str(options.data)]
            flags = ["--port", str(options.port), *files, "--push", options.push]
            keep([sys.executable, "-m", "lumina.demo.shop", "serve", *flags], options.pid_file)
        case "restart":
            return restart(options.pid_file, options.port)
    return 0


if __name__ == "__main__":
    sys.exit(main())
