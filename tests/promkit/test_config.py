from enum import StrEnum
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, field_validator

from promkit.config import (
    ByteSize,
    DurationMs,
    Model,
    Ratio,
    Secret,
    document,
    field,
    load,
    parse,
    reference,
    resolve,
    reveal,
    where,
)
from promkit.errors import ConfigError, ConfigErrors


class Level(StrEnum):
    HIGH = "high"
    OFF = "off"


class Job(Model):
    """Keys that are Prometheus'."""

    env_substitution: ClassVar[bool] = False
    job_name: str = field(description="Name.")
    scrape_interval: DurationMs = field(60_000, description="How often.", unit="ms")
    labels: dict[str, str] = field(default_factory=dict, description="Labels.")
    targets: list[str] = field(default_factory=list, description="Targets.")


class Systemd(Model):
    kind: Literal["systemd"] = field(description="Kind.")
    unit: str = field(description="Unit.")


class Command(Model):
    kind: Literal["command"] = field(description="Kind.")
    argv: list[str] = field(description="Program.", min_length=1)


class Notify(Model):
    channel: str = field(description="Channel.")
    urgent: bool = field(default=False, description="Urgent.")


class Prometheus(Model):
    """A file of theirs."""

    env_substitution: ClassVar[bool] = False
    rule_files: list[str] = field(default_factory=list, description="Rules.")
    scrape_configs: list[Job] = field(default_factory=list, description="Jobs.")


class Config(Prometheus):
    """Their file with keys of ours."""

    env_substitution: ClassVar[bool] = True
    port: int = field(80, description="Port.", ge=1)
    size: ByteSize = field(10 << 30, description="Size.")
    share: Ratio = field(0.5, description="Share.")
    level: Level = field(Level.HIGH, description="Level.")
    notify: str | Notify | list[Notify] = field("none", description="Who.")
    actions: dict[str, Annotated[Systemd | Command, Field(discriminator="kind")]] = field(
        default_factory=dict, description="Actions."
    )
    password: Secret | None = field(None, description="Password.")
    password_file: Path | None = field(None, description="Its file.")
    for_: DurationMs = field(0, description="How long.", alias="for")
    retention: DurationMs | Literal["off"] = field("off", description="How long.")
    even: int = field(0, description="An even number.")

    @field_validator("even")
    @classmethod
    def _even(cls, number: int) -> int:
        if number % 2:
            raise ValueError("is odd")
        return number


def read(text: str, **env: str) -> Config:
    return parse(text, Config, "c.yml", env, Path("/etc/lumina"))


def faults(text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, **env)
    return str(caught.value).splitlines()


FAULTS = {
    "an unknown key": ("prot: 1", ["c.yml:1:1: unknown key 'prot': did you mean 'port'?"]),
    "an unknown key inside": (
        "scrape_configs:\n  - job_name: web\n    tragets: []",
        ["c.yml:3:5: unknown key 'tragets' in 'web': did you mean 'targets'?"],
    ),
    "an unknown key near to none": (
        "actions:\n  x: {kind: systemd, unit: a, zzz: 1}",
        ["c.yml:2:31: unknown key 'zzz' in actions.x: known are kind, unit"],
    ),
    "a key that is missing": (
        "scrape_configs: [{}]",
        ["c.yml:1:18: key 'job_name' is missing in scrape_configs[0]"],
    ),
    "a key without its value": ("scrape_configs: [{job_name: }]", ["c.yml:1:19: 'job_name' has no value"]),
    "a key twice": ("port: 1\nport: 2", ["c.yml:2:1: key 'port' stands there twice"]),
    "a key in two spellings": (
        "rule_files: []\nruleFiles: []",
        ["c.yml:2:1: key 'ruleFiles' stands there twice, in two spellings"],
    ),
    "another type": ("port: [1]", ["c.yml:1:7: 'port' must be a whole number, not a list"]),
    "a text for a number": ('port: "1"', ["c.yml:1:7: 'port' must be a whole number, not '1'"]),
    "a fraction for a whole": ("port: 1.5", ["c.yml:1:7: 'port' must be a whole number, not 1.5"]),
    "yes for a number": ("port: yes", ["c.yml:1:7: 'port' must be a whole number, not yes"]),
    "a number for a list": ("rule_files: 3", ["c.yml:1:13: 'rule_files' must be a list, not 3"]),
    "an item of another type": (
        "rule_files: [a, {b: c}]",
        ["c.yml:1:17: 'rule_files[1]' must be a text, not a mapping"],
    ),
    "too little": ("port: 0", ["c.yml:1:7: 'port' must be greater than or equal to 1, not 0"]),
    "too few": (
        "actions: {a: {kind: command, argv: []}}",
        ["c.yml:1:36: 'argv' must have at least 1 entry, not 0"],
    ),
    "a duration without a unit": (
        "scrape_configs: [{job_name: a, scrape_interval: 15}]",
        ["c.yml:1:49: 'scrape_interval' needs a unit: write 15s or 15m, not 15"],
    ),
    "no duration": (
        "for: 5 minutes",
        ["c.yml:1:6: 'for' must be a duration, as 30s, 5m or 1h30m, not '5 minutes'"],
    ),
    "no size": (
        "size: 5 apples",
        ["c.yml:1:7: 'size' must be a size in bytes, as 512MB or 10GiB, not '5 apples'"],
    ),
    "no ratio": (
        "share: 50",
        ["c.yml:1:8: 'share' must be a ratio from 0 to 1, or a percentage, as 0.25 or 25%, not 50"],
    ),
    "no such choice": (
        "level: hihg",
        ["c.yml:1:8: 'level' must be one of 'high' or 'off', not 'hihg': did you mean 'high'?"],
    ),
    "a rule of its own": ("even: 3", ["c.yml:1:7: 'even': is odd"]),
    "the file is a list": ("- a", ["c.yml:1:1: the file must be a mapping, not a list"]),
    "no such kind": (
        "actions: {a: {kind: sysd, unit: x}}",
        ["c.yml:1:21: 'kind' must be one of 'systemd', 'command', not 'sysd': did you mean 'systemd'?"],
    ),
    "no kind": ("actions: {a: {unit: x}}", ["c.yml:1:14: key 'kind' is missing in actions.a"]),
    "only the kind that was meant is spoken of": (
        "actions: {a: {kind: command}}",
        ["c.yml:1:14: key 'argv' is missing in actions.a"],
    ),
    "none of a union": (
        "notify: {1: 2}\nretention: [x]",
        [
            "c.yml:1:9: key 'channel' is missing in notify",
            "c.yml:1:10: unknown key '1' in notify: known are channel, urgent",
            "c.yml:2:12: 'retention' must be 'off' or a duration, as 30s, 5m or 1h30m, not a list",
        ],
    ),
    "a union's member is told what it lacks": (
        "notify: [{channel: a, urgent: maybe}]",
        ["c.yml:1:31: 'urgent' must be true or false, not 'maybe'"],
    ),
    "all of them, in their order": (
        "port: x\nscrape_configs:\n  - jobname: a\nsize: -1\n",
        [
            "c.yml:1:7: 'port' must be a whole number, not 'x'",
            "c.yml:3:5: key 'job_name' is missing in scrape_configs[0]",
            "c.yml:3:5: unknown key 'jobname' in scrape_configs[0]: did you mean 'job_name'?",
            "c.yml:4:7: 'size' must be a size in bytes, as 512MB or 10GiB, not -1",
        ],
    ),
    "two secrets": (
        "password: a\npassword_file: b",
        ["c.yml:1:1: give 'password' or 'password_file', not both"],
    ),
    "a variable that is not set": (
        "port: 1\nnotify: a${NOPE}b",
        ["c.yml:2:9: environment variable NOPE is not set: set it, or write $$ for a dollar sign"],
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_is_said_where_it_stands(name: str) -> None:
    text, lines = FAULTS[name]
    assert faults(text) == lines


SYNTAX = {
    "a tab": ("a:\n\tb: 1", "c.yml:2:1: not YAML: ", "never with tabs"),
    "a colon in a text": ("a: b: c", "c.yml:1:5: not YAML: ", "quote a text that has ': '"),
    "an open bracket": ("a: [1", "c.yml:2:1: not YAML: ", "a bracket is not closed"),
    "an open quote": ("a: 'x", "c.yml:1:6: not YAML: ", ""),
    "an indentation": ("a:\n  b: 1\n c: 2", "c.yml:3:2: not YAML: ", "indentation"),
    "an alias of nothing": ("a: *b", "c.yml:1:4: not YAML: ", "define it above"),
    "a control character": ("a: b\nc: \x07", "c.yml:2:4: not YAML: character U+0007", ""),
    "two documents": ("a: 1\n---\nb: 2", "c.yml:", ""),
    "an object of Python": ("port: !!python/object:os.system x", "c.yml:1:7: cannot be read as ", ""),
    "an alias that holds itself": ("a: &x [*x]", "c.yml:1:4: an alias that holds itself", ""),
    "a merge of itself": ("a: &x {<<: *x}", "c.yml:1:4: an alias that holds itself", ""),
    "depth": ("[" * 80 + "]" * 80, "c.yml:1:66: nested deeper than 64 levels", ""),
    "much depth": ("[" * 100_000, "c.yml:", ""),
    "laughs": (
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        + "\n".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)),
        "c.yml:",
        "",
    ),
}


@pytest.mark.parametrize("name", SYNTAX)
def test_what_is_no_yaml_is_one_line(name: str) -> None:
    text, start, remedy = SYNTAX[name]
    (line,) = faults(text)
    assert line.startswith(start)
    assert remedy in line


def test_an_empty_file_is_all_defaults() -> None:
    assert read("") == read("# nothing\n") == Config()


def test_keys_are_snake_or_camel_case() -> None:
    config = read("ruleFiles: [a]\nscrapeConfigs: [{jobName: b, scrapeInterval: 5s}]")
    assert config.rule_files == ["a"]
    assert config.scrape_configs[0].scrape_interval == 5_000


def test_a_key_without_a_value_is_as_if_it_were_not_there() -> None:
    # As in the prometheus.yml that Prometheus ships, where all rule files are commented out.
    assert read("rule_files:\n  # - first.yml\nport:\nsize: ~") == Config()


def test_unquoted_numbers_and_words_are_texts_where_texts_are_wanted() -> None:
    config = read(
        "scrape_configs: [{job_name: 0x1f, labels: {v: 1.10, on: yes, at: 2026-01-01}}]\n"
        "level: off\npassword: 0123"
    )
    job = config.scrape_configs[0]
    assert (job.job_name, job.labels) == ("0x1f", {"v": "1.10", "on": "yes", "at": "2026-01-01"})
    assert config.level is Level.OFF
    assert reveal(config, "password") == "0123"


def test_merge_keys_and_anchors() -> None:
    config = read("scrape_configs:\n  - &a {job_name: a, targets: [x]}\n  - {<<: *a, job_name: b}")
    assert [(job.job_name, job.targets) for job in config.scrape_configs] == [("a", ["x"]), ("b", ["x"])]


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("64KB", 65_536),
        ("64KiB", 65_536),
        ("1.5 MiB", 1_572_864),
        ("10g", 10 << 30),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert read(f"size: {text}").size == size


def test_ratios() -> None:
    assert [read(f"share: {text}").share for text in ("0", "1", "0.25", "25%", "100%")] == [
        0,
        1,
        0.25,
        0.25,
        1,
    ]


def test_variables_stand_for_their_values_in_our_keys() -> None:
    config = read(
        'port: ${PORT}\nnotify: "${A}-$$${B}"\nsize: "${SIZE}"\npassword: ${PORT}',
        PORT="81",
        A="x",
        B="y",
        SIZE="5",
    )
    assert (config.port, config.notify, config.size) == (81, "x-$y", 5)
    assert reveal(config, "password") == "81"


def test_variables_are_left_alone_in_their_keys_and_where_they_are_none() -> None:
    config = read(
        "rule_files: ['${A}']\nscrape_configs: [{job_name: '${1}${A}$$'}]\nnotify: '${a} ${1} $A'", A="x"
    )
    assert (config.rule_files, config.scrape_configs[0].job_name) == (["${A}"], "${1}${A}$$")
    assert config.notify == "${a} ${1} $A"


def test_a_value_of_the_environment_is_not_shown() -> None:
    assert faults("port: ${TOKEN}", TOKEN="s3cret") == [
        "c.yml:1:7: 'port' must be a whole number, not '${TOKEN}'"
    ]


def test_secrets_do_not_show_themselves() -> None:
    config = read("password: hunter2")
    shown = (
        repr(config),
        str(config.password),
        f"{config.password}",
        config.model_dump_json(),
        str(config.model_dump()),
    )
    assert not [text for text in shown if "hunter2" in text]
    assert faults("password: {hunter2: 1}") == ["c.yml:1:11: 'password' must be a text"]
    assert reveal(config, "password") == "hunter2"


def test_a_secret_file_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text("port: 1\npassword_file: secrets/p")
    config = load(path, Config, {})
    with pytest.raises(ConfigError) as caught:
        reveal(config, "password")
    assert str(caught.value) == f"{path}:2:1: password_file: {tmp_path}/secrets/p: No such file or directory"
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "p").write_text("one\n")
    assert reveal(config, "password") == "one"
    (tmp_path / "secrets" / "p").write_text("two\n")
    assert reveal(config, "password") == "two"
    (tmp_path / "secrets" / "p").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        reveal(config, "password")
    (tmp_path / "secrets" / "p").write_bytes(b"x" * 70_000)
    with pytest.raises(ConfigError, match="larger than 64 KiB"):
        reveal(config, "password")
    assert reveal(Config(), "password") is None


def test_paths_are_seen_from_the_files_folder() -> None:
    config = read("password_file: a/b")
    assert resolve(config, Path("a/b")) == Path("/etc/lumina/a/b")
    assert resolve(config, Path("/a")) == Path("/a")
    assert resolve(Config(), Path("a")) == Path("a")


def test_where_a_key_stands() -> None:
    config = read(
        "port: 1\nscrape_configs:\n  - job_name: a\n  - jobName: b\n    labels: {x: y}\n"
        "actions: {r: {kind: systemd, unit: u}}"
    )
    assert str(where(config, "port")) == "c.yml:1:1"
    assert str(where(config.scrape_configs[1])) == "c.yml:4:5"
    assert str(where(config.scrape_configs[1], "labels", "x")) == "c.yml:5:14"
    assert str(where(config.actions["r"], "unit")) == "c.yml:6:30"
    assert str(where(config, "not there")) == "c.yml:1:1"
    assert str(where(Config())) == "Config"


def test_two_files_that_say_the_same_are_equal() -> None:
    assert read("port: 1") == read("\n\nport: 1") == Config(port=1)
    assert hash(read("password: a").password) == hash(Secret("a"))


def test_models_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read("port: 1").port = 2  # type: ignore[misc]


def test_it_is_shown_as_it_would_be_written() -> None:
    shown = read("for: 90s\nsize: 1048576").model_dump(mode="json", by_alias=True)
    assert (shown["for"], shown["size"]) == ("1m30s", "1MiB")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "No such file or directory"),
        (b"a: \xff", ":1: not UTF-8"),
        (b"\xef\xbb\xbfport: x", ":1:7: 'port'"),
    ],
    ids=["not there", "not UTF-8", "with a byte order mark"],
)
def test_files(tmp_path: Path, content: bytes | None, text: str) -> None:
    path = tmp_path / "c.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=text):
        load(path, Config, {})


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path, Config, {})


def test_faults_are_there_one_by_one() -> None:
    with pytest.raises(ConfigErrors) as caught:
        read("port: x\nprot: 1")
    assert [fault.remedy for fault in caught.value.faults] == [None, "did you mean 'port'?"]


def test_the_reference_lists_every_key() -> None:
    options = {option.path: option for option in reference(Config)}
    assert list(options)[:3] == ["rule_files", "scrape_configs", "scrape_configs[].job_name"]
    interval = options["scrape_configs[].scrape_interval"]
    assert (interval.type, interval.default, interval.unit, interval.required) == (
        "duration",
        "1m",
        "ms",
        False,
    )
    assert options["scrape_configs[].job_name"].required
    assert {
        path: options[path].type for path in ("size", "share", "level", "for", "password", "actions")
    } == {
        "size": "size",
        "share": "ratio",
        "level": "one of high, off",
        "for": "duration",
        "password": "secret",
        "actions": "mapping of mapping",
    }
    assert options["size"].default == "10GiB"
    assert options["actions.<name> (systemd).kind"].type == "one of systemd"
    assert {path for path in options if path.startswith("actions.<name> (")} == {
        "actions.<name> (systemd).kind",
        "actions.<name> (systemd).unit",
        "actions.<name> (command).kind",
        "actions.<name> (command).argv",
    }
    assert options["notify"].type == "text or mapping or list of mapping"
    assert all(option.description for option in options.values())


def test_the_reference_writes_defaults_as_one_would() -> None:
    class Kept(Model):
        retention: DurationMs | Literal["off"] = field(86_400_000, description="How long.")
        version: Literal["", "TLS12"] = field("", description="The oldest.")

    retention, version = reference(Kept)
    assert (retention.type, retention.default) == ("duration or one of off", "1d")
    assert version.type == 'one of "", TLS12'


def test_a_document_is_data_with_places() -> None:
    read_ = document("a: [1, {b: x}]", "d.yml")
    assert read_.data == {"a": [1, {"b": "x"}]}
    assert str(read_.where(("a", 1, "b"))) == "d.yml:1:12"
    assert str(read_.where_key(("a", 1, "b"))) == "d.yml:1:9"


YAML_LIKE = st.text(st.sampled_from("abport: \n-[]{}#&*!|>'\"%@`,?\t0123.x~<"), max_size=60)


@given(YAML_LIKE | st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read(text)
    except ConfigError as error:
        assert str(error).startswith("c.yml:")  # noqa: PT017 - it may not raise at all
