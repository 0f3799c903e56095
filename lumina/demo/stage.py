"""Sets the demo up in a folder of its own: shop, load, inbox and the three processes, on free ports."""

import contextlib
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from lumina.demo.inbox import Inbox
from lumina.demo.load import Load
from lumina.demo.ports import free_port
from lumina.demo.shop import actions, sql_source
from lumina.home import prepare
from lumina.up import Children, commands
from promkit.errors import Unavailable

__all__ = ["ALERT", "Stage"]

ALERT = "ShopFailing"
READY_S = 45.0
REQUESTS_PER_SECOND = 20.0
LOG_TAIL_BYTES = 3_000


class Stage:
    """A context manager: on entry everything runs and is healthy, on exit all of it is ended."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._folder = tempfile.TemporaryDirectory(prefix="lumina-demo-")
        self._home = Path(self._folder.name)
        self._pid_file = self._home / "shop.pid"
        self._database = self._home / "shop.db"
        self._shop_port = free_port()
        self.inbox = Inbox()
        addresses = {name: f"127.0.0.1:{free_port()}" for name in ("exporter", "ruler", "analytics")}
        self.urls: Mapping[str, str] = {name: f"http://{address}" for name, address in addresses.items()}
        self._addresses = addresses
        self._load = Load(self._shop_port, REQUESTS_PER_SECOND)
        self._keeper: subprocess.Popen[bytes] | None = None
        self._log = (self._home / "processes.log").open("wb")
        self._children = Children(
            commands(self._home, addresses, ("--log.level", "info")), self._say, output=self._log
        )

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def break_shop(self) -> None:
        """Make the shop slow and failing, until it is restarted."""
        url = f"http://127.0.0.1:{self._shop_port}/-/break"
        with urllib.request.urlopen(url, data=b"", timeout=5):
            pass

    def shop_pid(self) -> int:
        """The shop's present process, 0 while there is none."""
        with contextlib.suppress(OSError, ValueError):
            return int(self._pid_file.read_text())
        return 0

    @property
    def home(self) -> Path:
        """The folder of its files, as long as it runs."""
        return self._home

    @property
    def shop_url(self) -> str:
        """The shop's front page."""
        return f"http://127.0.0.1:{self._shop_port}/"

    def tend(self) -> None:
        """See to it that the three processes run."""
        self._children.tend(time.monotonic())

    def stay(self) -> None:
        """Go on until Ctrl-C."""
        while True:
            self.tend()
            time.sleep(0.5)

    def diagnosis(self) -> str:
        """The end of what the processes logged."""
        self._log.flush()
        text = (self._home / "processes.log").read_bytes()[-LOG_TAIL_BYTES:]
        return text.decode("utf-8", "replace")

    def _set_up(self) -> None:
        self.inbox.start()
        self._write_home()
        access_log = self._home / "access.log"
        access_log.touch()
        shop = [sys.executable, "-m", "lumina.demo.shop", "keep", "--port", str(self._shop_port)]
        push = f"{self.urls['exporter']}/push"
        files = ["--log", str(access_log), "--data", str(self._database), "--pid-file", str(self._pid_file)]
        self._keeper = subprocess.Popen([*shop, *files, "--push", push], stdout=self._log, stderr=self._log)
        self._await("the shop", f"http://127.0.0.1:{self._shop_port}/-/healthy")
        self._load.start()
        self._children.tend(time.monotonic())
        for name, url in self.urls.items():
            self._await(name, f"{url}/-/ready")
        self._say(
            f"\n  shop         http://127.0.0.1:{self._shop_port}/  ({REQUESTS_PER_SECOND:g} requests/s)\n"
            f"  front page   {self.urls['ruler']}/\n"
            f"  inbox        http://127.0.0.1:{self.inbox.http_port}/\n"
        )
        self._await_measured()

    def _await(self, name: str, url: str) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if name in self.urls:
                self.tend()
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2):  # noqa: S310 - loopback
                return
            time.sleep(0.1)
        raise Unavailable(f"{name} was not ready within {READY_S:g} s: {self.diagnosis()}")

    def _await_measured(self) -> None:
        """Wait until the ruler has seen the shop being well: the story then starts from there."""
        query = "/api/v1/query?query=app_error_ratio%7Bcomponent%3D%22shop%22%7D%20%3C%200.01"
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            self.tend()
            url = self.urls["ruler"] + query
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - loopback
                if b'"value"' in answer.read():
                    return
            time.sleep(0.2)
        raise Unavailable(f"the shop was not measured within {READY_S:g} s: {self.diagnosis()}")

    def _write_home(self) -> None:
        for name, document in (("exporter", self._exporter()), ("ruler", self._ruler())):
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
            (self._home / f"{name}.yml").write_text(text, "utf-8")
        (self._home / "rules").mkdir()
        text = yaml.safe_dump({"rules": [self._rule()]}, sort_keys=False, allow_unicode=True)
        (self._home / "rules" / "shop.yml").write_text(text, "utf-8")
        secrets = self._home / "secrets"
        secrets.mkdir(mode=0o700)
        (secrets / "slack").write_text(f"http://127.0.0.1:{self.inbox.http_port}/slack")
        (secrets / "twilio").write_text("the inbox takes any token")
        prepare(self._home, self._addresses)  # the shipped rules, models and analytics.yml beside ours

    def _exporter(self) -> dict[str, object]:
        log = {
            "name": "shop",
            "path": str(self._home / "access.log"),
            "endpoints": {"compliance": "^/api/compliance"},
            "every": "1s",
            "window": "10s",
        }
        probe = {"name": "shop", "url": f"{self.shop_url}-/healthy", "every": "2s"}
        group = {"name": "shop", "pidfile": str(self._pid_file), "component": "shop"}
        return {
            "collectors": {
                "access_log": [log],
                "http": [probe],
                "sql": [sql_source(self._database, every="2s")],
                "process": {"every": "2s", "groups": [group]},
                "push": {"every": "1s"},
                "cpu": {"every": "2s"},
            },
            "components": {"shop": {"from": "access_log/shop"}},
        }

    def _ruler(self) -> dict[str, object]:
        inbox = f"127.0.0.1:{self.inbox.http_port}"
        return {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "2s"},
            "scrape_configs": [
                # A forecast keeps the labels of the series that it is about.
                {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [address]}]}
                for name, address in self._addresses.items()
            ],
            "rule_files": ["rules/*.yml"],
            "dashboard_files": ["dashboards/*.yml"],
            "channels": {
                "email": {
                    "to": "ops@example.org",
                    "from": "lumina@example.org",
                    "smarthost": f"127.0.0.1:{self.inbox.smtp_port}",
                    "require_tls": False,
                },
                "slack": {"api_url_file": "secrets/slack", "channel": "#ops"},
                "sms": {
                    "to": ["+15550100"],
                    "from": "+15550199",
                    "account_sid": "AC00000000000000000000000000000000",
                    "auth_token_file": "secrets/twilio",
                    "api_url": f"http://{inbox}",
                },
                "webhook": {"url": f"http://{inbox}/webhook"},
            },
            "remediation": {"enabled": True, "actions": actions(self._shop_port, self._pid_file)},
        }

    def _rule(self) -> dict[str, object]:
        return {
            "id": "shop-failing",
            "name": ALERT,
            "description": "{{ $labels.component }} fails {{ $value | humanizePercentage }} of its requests",
            "metric": 'app_error_ratio{component="shop"}',
            "condition": "gt",
            "threshold": 0.05,
            "duration": "8s",
            "recover": {"threshold": 0.03, "for": "10s"},
            "severity": "critical",
            "cooldown": "5m",
            "channels": ["email", "slack", "sms", "webhook"],
            "auto_remediation": {
                "action": "restart_service",
                "parameters": {"service": "api"},
                "verify": {"expr": 'app_error_ratio{component="shop"} < 0.05', "within": "1m", "for": "3s"},
            },
        }

    def _end(self) -> None:
        self._load.stop()
        for name in self._children.stop():
            self._say(f"{name} had to be killed")
        if self._keeper is not None:
            self._keeper.terminate()
            self._keeper.wait(10)
        self.inbox.stop()
        self._log.close()
        self._folder.cleanup()
