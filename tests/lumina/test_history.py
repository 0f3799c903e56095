"""`lumina history import`: into a folder, into a running ruler, and what it refuses."""

import json
from pathlib import Path

import pytest

from lumina.__main__ import main
from lumina.commands import history
from tests.builders.e2e import a_ruler, ask

START_S = 1_700_000_000
LINES = [
    "# TYPE shop_orders counter",
    *(f'shop_orders_total{{shop="{shop}"}} {n} {START_S + 60 * n}' for n in range(100) for shop in "ab"),
    "# EOF",
]


def test_into_a_folder_and_then_into_the_ruler_that_owns_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "backup.om"
    file.write_text("\n".join(LINES[:101]) + "\n")
    data = tmp_path / "data"
    assert main(["history", "import", str(file), "--data", str(data), "--output", "json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert done == {
        "samples": 100,
        "rejected": 0,
        "first_ms": START_S * 1000,
        "last_ms": (START_S + 49 * 60) * 1000,
    }
    ruler = a_ruler(tmp_path)
    ruler.write({"storage": {"retention": "off"}})
    with ruler.start() as process:
        assert main(["history", "import", str(file), "--data", str(data)]) == 1
        assert str(process.pid) in capsys.readouterr().err
        # The rest of it, in several pieces, over HTTP.
        monkeypatch.setattr(history, "PIECE_BYTES", 2_000)
        file.write_text("\n".join(LINES) + "\n")
        assert main(["history", "import", str(file), "--url", ruler.url]) == 0
        assert capsys.readouterr().err.startswith("imported 200 samples")
        query = 'sum(count_over_time(shop_orders_total{shop="a"}[100m]))'
        result = ask(f"{ruler.url}/api/v1/query", query=query, time=str(START_S + 99 * 60))["result"]
        assert result[0]["value"][1] == "100"

        bad = [*LINES[:150], "shop_orders_total{shop= 1 1", "# EOF"]
        file.write_text("\n".join(bad) + "\n")
        assert main(["history", "import", str(file), "--url", ruler.url]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"{file}:151"), said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shop_orders 1\n", ":1: a sample without a timestamp"),
        ("a 1 1\nb{ 1 1\n", ":2"),
        ("a 1 nonsense\n", ":1"),
    ],
)
def test_a_line_that_is_wrong_is_named(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup.om"
    file.write_text(text)
    assert main(["history", "import", str(file), "--data", str(tmp_path / "data")]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"{file}{said}")
    assert err.count("\n") == 1
