"""The collectors, one a file. Configuration, pages and contract tests are made of this list alone."""

from collections.abc import Sequence

from exporter.collector import Kind, Needs
from exporter.collectors import (
    access_log,
    cpu,
    disk,
    host,
    http,
    json,
    memory,
    network,
    postgres,
    process,
    push,
    sql,
)

__all__ = ["KINDS"]

KINDS: Sequence[Kind] = (
    Kind("cpu", cpu.Settings, cpu.Cpu, on=True, warm_up_ms=1_000),
    Kind("memory", memory.Settings, memory.Memory, on=True),
    Kind("disk", disk.Settings, disk.Disk, on=True),
    Kind("network", network.Settings, network.Network, on=True),
    Kind("host", host.Settings, host.Host, on=True),
    Kind("process", process.Settings, process.Process, on=True, warm_up_ms=1_000),
    Kind("http", http.Settings, http.Http, many=True),
    Kind("access_log", access_log.Settings, access_log.AccessLog, many=True),
    Kind("sql", sql.Settings, sql.Sql, many=True, needs=Needs("sqlalchemy", "sql")),
    Kind("json", json.Settings, json.Json, many=True, needs=Needs("jmespath", "json")),
    Kind("postgres", postgres.Settings, postgres.Postgres, many=True, needs=Needs("psycopg", "postgres")),
    Kind("push", push.Settings, push.Push, on=True),
)
