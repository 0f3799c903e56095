"""An engine for images and containers with no daemon and no registry: buildah, and podman as Docker.

Everything is in a folder of the test's own. The image that ours begins with cannot be pulled: one of Debian's
packages stands in for it.
"""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.builders.processes import running
from tests.builders.prose import ROOT

__all__ = ["Engine", "an_engine"]

# Program → the Debian package that has it.
NEEDED = {
    "buildah": "buildah",
    "podman": "podman",
    "crun": "crun",
    "/usr/lib/podman/netavark": "netavark",
    "/usr/lib/podman/aardvark-dns": "aardvark-dns",
    "iptables": "iptables",
    "mmdebstrap": "mmdebstrap",
}
# Without systemd there are no cgroups to put containers in.
CONTAINERS_CONF = """\
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
"""
CERTIFICATES = Path("/etc/ssl/certs")


@dataclass(frozen=True, slots=True)
class Engine:
    """Its folder; images and containers are there."""

    folder: Path

    @property
    def env(self) -> Mapping[str, str]:
        return {**os.environ, "CONTAINERS_CONF": f"{self.folder}/containers.conf", "DOCKER_HOST": self.socket}

    @property
    def socket(self) -> str:
        return f"unix://{self.folder}/podman.sock"

    def run(self, *words: object, within_s: float = 900) -> str:
        """Run a program → what it said; the test fails with it when the program does."""
        done = subprocess.run(
            [str(word) for word in words],
            cwd=ROOT,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
        assert done.returncode == 0, (
            f"{' '.join(map(str, words))}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
        return done.stdout

    def buildah(self, *words: object) -> str:
        return self.run("buildah", *self._stores, *words)

    def podman(self, *words: object) -> str:
        """Through the socket: containers live in the service's own mounts."""
        return self.run("podman", "--remote", "--url", self.socket, *words, within_s=120)

    def stand_in(self, name: str) -> None:
        """Make a base image of this name: Debian with its Python."""
        sources = self.run("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages")
        mirror = next(line for line in sources.splitlines() if line.rstrip("/").endswith("/debian"))
        packages = "python3,python3-venv,python3-pip,ca-certificates"
        root = self.folder / "root.tar"
        self.run(
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={packages}", "bookworm", root, mirror
        )
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, root, "/")
        root.unlink()
        self.buildah(
            "run", "--isolation", "chroot", container, "--", "ln", "-sf", "python3", "/usr/bin/python"
        )
        self.buildah("commit", "--quiet", container, name)
        self.buildah("rm", container)

    def build(self, tag: str) -> None:
        """Build our image; pip finds its index as it does outside."""
        index = ["--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro"]
        index += ["--env", f"PIP_CERT={CERTIFICATES}/ca-certificates.crt"]
        how = ["--isolation", "chroot", "--pull=never", "--format", "docker"]
        self.buildah("build", *how, *index, "--tag", tag, "--file", "deploy/Dockerfile", ".")

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve Docker's socket until the block ends."""
        # The mount of cgroups' second version beside the first confuses the runtime: taken away for us alone.
        script = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"'
        podman = ["podman", *self._stores, "--cgroup-manager=cgroupfs", "system", "service", "-t", "0"]
        argv = ["unshare", "-m", "sh", "-c", script, "sh", *podman, self.socket]
        with running(argv, env=self.env, log=self.folder / "podman.log"):
            deadline = time.monotonic() + 20
            while not (self.folder / "podman.sock").exists():
                assert time.monotonic() < deadline, "podman does not serve"
                time.sleep(0.05)
            stop = threading.Event()
            timer = threading.Thread(target=self._check_health, args=(stop,), daemon=True)
            timer.start()
            try:
                yield
            finally:
                stop.set()
                timer.join(120)

    def _check_health(self, stop: threading.Event) -> None:
        """Do what systemd's timers would: ask every container's health check."""
        while not stop.wait(1):
            for container in self._asked("ps", "--quiet").split():
                self._asked("healthcheck", "run", container)

    def _asked(self, *words: str) -> str:
        """Whatever becomes of it: containers come and go meanwhile."""
        argv = ["podman", "--remote", "--url", self.socket, *words]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False, timeout=60)
        return done.stdout

    @property
    def _stores(self) -> Sequence[str]:
        return ("--root", f"{self.folder}/images", "--runroot", f"{self.folder}/run")


def an_engine(folder: Path) -> Engine:
    """An engine in this folder. Skips the test, saying what to install, where something is missing."""
    if os.geteuid() != 0:
        pytest.skip("images are built as root")
    missing = [package for program, package in NEEDED.items() if shutil.which(program) is None]
    if missing:
        pytest.skip(f"apt-get install -y --no-install-recommends {' '.join(missing)}")
    (folder / "containers.conf").write_text(CONTAINERS_CONF, encoding="utf-8")
    return Engine(folder)
