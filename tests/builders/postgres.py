"""A real PostgreSQL of a test's own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.builders.processes import Process, free_port, running
from tests.peers import peer

__all__ = ["Postgres", "postgres", "standby_of"]

READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs, with its superuser `postgres` and no password asked."""

    port: int
    folder: Path
    process: Process

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """A connection that commits each statement."""
        return psycopg.connect(self.dsn, autocommit=True, connect_timeout=10, **options)

    def run(self, *statements: str) -> None:
        """Run statements, each by itself."""
        with self.connect() as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def postgres(*settings: str) -> Iterator[Postgres]:
    """Start a server with `name=value` settings; ends and is deleted afterwards."""
    program = peer("postgres")
    # Not in a test's own folder: the server's user must be able to reach it.
    with tempfile.TemporaryDirectory(prefix="lumina-postgres-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        as_user = _unprivileged(Path(folder))
        initdb = [*as_user, str(program.parent / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
        subprocess.run(
            [*initdb, "--no-sync", "-E", "UTF8", "--locale=C"], check=True, capture_output=True, timeout=60
        )
        with _serving(Path(folder), settings) as server:
            yield server


@contextmanager
def standby_of(primary: Postgres) -> Iterator[Postgres]:
    """Start a server that follows another one."""
    with tempfile.TemporaryDirectory(prefix="lumina-standby-", ignore_cleanup_errors=True) as folder:
        copy = [str(peer("postgres").parent / "pg_basebackup"), "-D", str(Path(folder) / "data"), "-R"]
        source = ["-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-c", "fast", "--no-sync"]
        subprocess.run(
            [*_unprivileged(Path(folder)), *copy, *source], check=True, capture_output=True, timeout=60
        )
        with _serving(Path(folder), ()) as server:
            yield server


@contextmanager
def _serving(folder: Path, settings: Sequence[str]) -> Iterator[Postgres]:
    port = free_port()
    given = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off", *settings]
    flags = [word for setting in given for word in ("-c", setting)]
    argv = [*_unprivileged(folder), peer("postgres"), "-D", folder / "data", "-p", port, *flags]
    with running(argv) as process:
        server = Postgres(port, folder, process)
        _wait(server)
        yield server


def _unprivileged(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: then it is Debian's own user."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("postgres")
    os.chown(folder, user.pw_uid, user.pw_gid)
    setpriv = shutil.which("setpriv") or "setpriv"
    return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


def _wait(server: Postgres) -> None:
    pg_isready = peer("postgres").parent / "pg_isready"
    done = None
    for _ in range(int(READY_S / 0.1)):
        done = subprocess.run(
            [pg_isready, "-q", "-h", "127.0.0.1", "-p", str(server.port)], check=False, timeout=10
        )
        if done.returncode == 0:
            return
        try:
            server.process.popen.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(f"PostgreSQL did not start:\n{server.process.tail()}")
