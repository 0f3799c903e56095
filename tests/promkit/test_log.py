import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from promkit.log import LogFormat, get, setup

Written = Callable[[], list[str]]


@pytest.fixture
def logging_to() -> Iterator[Callable[..., Written]]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def start(level: str = "info", style: LogFormat = "logfmt") -> Written:
        stream = io.StringIO()
        setup(level, style, stream)
        return lambda: stream.getvalue().splitlines()

    yield start
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


FIELDS = {
    "a word": ("web", "key=web"),
    "a number": (1.5, "key=1.5"),
    "blanks": ("a b", 'key="a b"'),
    "quotes and line feeds": ('a"\nb', 'key="a\\"\\nb"'),
    "an equals sign": ("a=b", 'key="a=b"'),
    "nothing": ("", 'key=""'),
    "none": (None, "key=null"),
    "true": (True, "key=true"),
    "an error": (ValueError("no way"), 'key="no way"'),
    "an escape of terminals": ("\x1b[31m", 'key="\\u001b[31m"'),
    "another script": ("ü", 'key="ü"'),
}


@pytest.mark.parametrize("name", FIELDS)
def test_logfmt(logging_to: Callable[..., Written], name: str) -> None:
    value, text = FIELDS[name]
    written = logging_to()
    get("ruler.scrape").warning("target unreachable", key=value)
    (line,) = written()
    assert line.startswith("time=20")
    assert line.endswith(f'Z level=warning logger=ruler.scrape msg="target unreachable" {text}')


def test_json(logging_to: Callable[..., Written]) -> None:
    written = logging_to(style="json")
    get("a").info("hello", number=1, ratio=float("nan"), error=ValueError("x\ny"), on=True, none=None)
    (line,) = written()
    record = json.loads(line)
    assert record.pop("time").endswith("Z")
    assert record == {
        "level": "info",
        "logger": "a",
        "msg": "hello",
        "number": 1,
        "ratio": "nan",
        "error": "x\ny",
        "on": True,
        "none": None,
    }


def test_fields_never_hide_what_every_line_has(logging_to: Callable[..., Written]) -> None:
    written = logging_to()
    get("a").info("b", level="x", logger="y")
    assert written()[0].endswith("level=info logger=a msg=b level_=x logger_=y")


def test_levels(logging_to: Callable[..., Written]) -> None:
    written = logging_to("warning")
    log = get("a")
    log.debug("one")
    log.info("two")
    log.warning("three")
    log.error("four")
    assert [line.split("msg=")[1] for line in written()] == ["three", "four"]
    assert not log.is_debug()


def test_a_bug_has_its_traceback_on_the_same_line(logging_to: Callable[..., Written]) -> None:
    written = logging_to()
    try:
        assert 1 / 0
    except ZeroDivisionError:
        get("a").exception("failed", task="x")
    (line,) = written()
    assert 'task=x traceback="Traceback' in line


def test_libraries_speak_in_the_same_format(logging_to: Callable[..., Written]) -> None:
    written = logging_to()
    logging.getLogger("some.library").warning("%d of %d", 1, 2)
    logging.getLogger("urllib3.connectionpool").info("each request")
    (line,) = written()
    assert line.endswith('level=warning logger=some.library msg="1 of 2"')


def test_what_is_long_is_cut(logging_to: Callable[..., Written]) -> None:
    written = logging_to()
    get("a").info("b", body="x" * 100_000)
    assert len(written()[0]) < 5_000
