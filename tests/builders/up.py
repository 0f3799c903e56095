"""`lumina up` in a home of its own, on free ports, in a hurry: it scrapes and evaluates each second."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lumina.home import prepare
from tests.builders.e2e import LUMINA
from tests.builders.processes import free_port, running

__all__ = ["Up", "an_up"]

NAMES = ("exporter", "ruler", "analytics")
HURRY = {"scrape_interval: 10s": "scrape_interval: 1s", "evaluation_interval: 30s": "evaluation_interval: 1s"}
# A channel of which nobody minds that nothing listens there.
WEBHOOK = "\nchannels:\n  webhook: {url: 'http://127.0.0.1:9/'}\n"


@dataclass(frozen=True, slots=True)
class Up:
    """Where it runs; `addresses` by process, host:port."""

    home: Path
    addresses: Mapping[str, str]

    @property
    def urls(self) -> dict[str, str]:
        return {name: f"http://{address}" for name, address in self.addresses.items()}


@contextmanager
def an_up(home: Path) -> Iterator[Up]:
    """Run it until the block ends; all three are ready inside."""
    addresses = {name: f"127.0.0.1:{free_port()}" for name in NAMES}
    prepare(home, addresses)
    text = (home / "ruler.yml").read_text(encoding="utf-8")
    for slow, quick in HURRY.items():
        assert slow in text
        text = text.replace(slow, quick)
    (home / "ruler.yml").write_text(text + WEBHOOK, encoding="utf-8")
    flags = [word for name in NAMES for word in (f"--{name}", addresses[name])]
    up = Up(home, addresses)
    with running([*LUMINA, "up", "--home", home, *flags], f"{up.urls['ruler']}/-/ready", within_s=60):
        yield up
