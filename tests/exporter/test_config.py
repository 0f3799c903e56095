"""exporter.yml: what it may say, and what is said when it is wrong."""

from pathlib import Path

import pytest

from exporter.collectors.http import Settings as HttpSettings
from exporter.config import Config, owners, sources
from exporter.reader import DEFAULTS, read
from promkit.errors import ConfigError
from tests.builders.exporter_files import FULL


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "exporter.yml"
    path.write_text(text)
    return path


def test_the_shipped_defaults_are_the_defaults() -> None:
    assert list(sources(read(DEFAULTS, {}))) == list(sources(Config()))


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    assert read(write(tmp_path, ""), {}) == Config()


def test_everything(tmp_path: Path) -> None:
    config = read(write(tmp_path, FULL), {})
    found = {source.name: source.settings for source in sources(config)}
    assert list(found) == [
        "cpu",
        "disk",
        "network",
        "host",
        "process",
        "http/shop",
        "access_log/shop",
        "access_log/batch",
        "push",
    ]
    cpu, shop = found["cpu"], found["http/shop"]
    assert (cpu.every, cpu.timeout, cpu.stale_after_ms, cpu.series_max) == (5_000, 1_000, 60_000, 100)
    assert isinstance(shop, HttpSettings)
    assert (shop.every, shop.body_bytes_max, shop.expect.status) == (15_000, 65_536, (200, 204))
    assert shop.tls.ca_file == tmp_path / "ca.pem"  # as seen from the file
    assert config.data == tmp_path / "data"
    assert {(claim.subject, claim.component): name for claim, name in owners(config).items()} == {
        ("requests", "shop"): "access_log/shop",
        ("requests", "batch"): "access_log/batch",
        ("requests", "nightly"): "push",
        ("usage", "api"): "process",
    }


DECLARED = {
    "nothing is": "{}",
    "as it is": "{business_n: {help: N., labels: [kind, db], from: sql/shop}}",
    "by kind": "{business_n: {labels: [kind, db], from: sql}}",
    "pushed": "{business_n: {labels: [db, kind, x]}, business_pushed: {from: push}}",
}


@pytest.mark.parametrize("business", DECLARED.values(), ids=DECLARED)
def test_declared(tmp_path: Path, business: str) -> None:
    assert read(write(tmp_path, f"business: {business}\n{SQL}"), {}).business is not None


def test_no_secret_is_shown(tmp_path: Path) -> None:
    config = read(write(tmp_path, FULL), {})
    assert "hunter22" not in repr(config)


SQL = (
    "collectors: {sql: [{name: shop, dsn: 'sqlite:////x', labels: {db: x}, queries: [{sql: SELECT 1,"
    " labels: [kind], metrics: [{name: business_n, value: n}]}]}]}"
)
WRONG = {
    "a key": (
        "collectors: {cpu: {evry: 1s}}",
        "1:20: unknown key 'evry' in collectors.cpu: did you mean 'every'",
    ),
    "a collector": ("collectors: {cpuu: {}}", "1:14: unknown key 'cpuu' in collectors: did you mean 'cpu'"),
    "no unit": ("collectors: {cpu: {every: 10}}", "needs a unit"),
    "too often": ("collectors: {cpu: {every: 1ms}}", "must be greater than or equal to 100"),
    "a pattern": (
        "collectors: {disk: {mounts_exclude: '('}}",
        "1:37: 'mounts_exclude': not a regular",
    ),
    "a pattern too long": (f"collectors: {{disk: {{mounts_exclude: '{'a' * 1001}'}}}}", "longer than 1000"),
    "a name": ("collectors: {http: [{name: a/b, url: 'http://x'}]}", "a name is 1 to 63"),
    "a password in the URL": (
        "collectors: {http: [{name: a, url: 'http://a:b@x'}]}",
        "must not hold a password",
    ),
    "no URL": ("collectors: {http: [{name: a, url: 'ftp://x'}]}", "`url` must be http"),
    "a group of nothing": (
        "collectors: {process: {groups: [{name: a}]}}",
        "needs `names`, `cmdline` or",
    ),
    "two groups of one name": (
        "collectors: {process: {groups: [{name: a, names: [x]}, {name: a, names: [y]}]}}",
        "more than one group is called 'a'",
    ),
    "a pattern without its format": (
        "collectors: {access_log: [{name: a, path: x, pattern: '(?P<status>.)'}]}",
        "need each other",
    ),
    "a pattern without status": (
        "collectors: {access_log: [{name: a, path: x, format: regex, pattern: '.'}]}",
        "needs a group",
    ),
    "two sources of one name": (
        "collectors: {http: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]}",
        "1:50: there is a http/a already",
    ),
    "two sources of one component": (
        "collectors: {access_log: [{name: a, path: x, component: s}, {name: b, path: y, component: s}]}",
        "requests of component 's' come from access_log/a already, access_log/b is a second source",
    ),
    "pushed and logged": (
        "components: {shop: {from: push}}\ncollectors: {access_log: [{name: shop, path: x}]}",
        "come from push already, access_log/shop is a second source",
    ),
    "two groups of one component": (
        (
            "collectors: {process: {groups: ["
            "{name: a, names: [x], component: c}, {name: b, names: [y], component: c}]}}"
        ),
        "usage of component 'c' come from process already",
    ),
    "a query of nothing": (
        "collectors: {sql: [{name: a, dsn: 'sqlite:////x', queries: [{sql: SELECT 1}]}]}",
        "1:61: 'queries[0]': needs `metrics` or `pools`",
    ),
    "a database without an address": (
        "collectors: {sql: [{name: a, queries: []}]}",
        "needs `dsn` or `dsn_file`",
    ),
    "a figure of another name": (
        "business: {app_x: {}}",
        "1:12: a business figure is called business_…, not 'app_x'",
    ),
    "a figure of no source": (
        "business: {business_x: {from: sql/shop}}",
        "1:25: there is no source 'sql/shop': known are cpu",
    ),
    "a figure that its source does not give": (
        f"business: {{business_x: {{from: sql/shop}}}}\n{SQL}",
        "1:25: sql/shop does not give business_x",
    ),
    "a figure of another source": (
        f"business: {{business_n: {{from: push, labels: [kind, db]}}}}\n{SQL}",
        "2:20: business_n comes from push, sql/shop is a second source",
    ),
    "a label that is not declared": (
        f"business: {{business_n: {{labels: [kind]}}}}\n{SQL}",
        "2:20: sql/shop gives business_n a label that is not declared: db: add it to `labels` of business_n",
    ),
    "a source that is not there": (
        "components: {shop: {from: access_lag}}",
        "no source 'access_lag'",
    ),
    "a source of other things": (
        "components: {shop: {from: access_log}}\ncollectors: {access_log: [{name: a, path: x}]}",
        "access_log does not measure component 'shop'",
    ),
}


def test_what_is_not_installed_is_said_at_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.config.find_spec", lambda name: None if name == "sqlalchemy" else True)
    query = "{sql: SELECT 1 AS n, metrics: [{name: business_n, value: n}]}"
    text = f"collectors:\n  sql:\n    - {{name: shop, dsn: 'sqlite:////x', queries: [{query}]}}\n"
    with pytest.raises(ConfigError) as raised:
        read(write(tmp_path, text), {})
    assert str(raised.value) == (
        f"{tmp_path / 'exporter.yml'}:3:7: sql/shop needs the extra `sql`, which is not installed:"
        " run pip install 'lumina-monitoring[sql]'"
    )


@pytest.mark.parametrize(("text", "why"), WRONG.values(), ids=WRONG)
def test_wrong(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(write(tmp_path, text), {})
    assert why in str(raised.value)
    assert str(raised.value).startswith(str(tmp_path / "exporter.yml"))
