from pathlib import Path

import numpy as np
import pytest

from analytics.anomaly import Alarms
from analytics.history import Columns
from analytics.learner import Block, Trained
from analytics.storage import forget_others, load_history, load_trained, save_history, save_trained
from promkit.errors import Unavailable
from tests.builders.made_history import NOW_MS, STEP_MS, a_series, times_until


def a_block() -> Block:
    labels = [a_series("cpu"), a_series("cpu", instance="web2")]
    return Block(labels, ("memory",), {"weights": np.array([[0.25, 0.75]])}, Alarms.none(2))


def test_what_was_learned_survives(tmp_path: Path) -> None:
    trained = Trained("key", [a_block(), a_block()], NOW_MS, 4032, NOW_MS - 5)
    save_trained(tmp_path / "learned", "m", trained)
    found = load_trained(tmp_path / "learned", ["m", "other"])
    assert list(found) == ["m"]
    back = found["m"]
    assert (back.key, back.trained_ms, back.steps, back.scored_ms) == ("key", NOW_MS, 4032, NOW_MS - 5)
    assert [block.labels for block in back.blocks] == [block.labels for block in trained.blocks]
    assert back.blocks[1].features == ("memory",)
    assert np.array_equal(back.blocks[0].state["weights"], trained.blocks[0].state["weights"])
    assert back.blocks[0].alarms.age.tolist() == [0, 0]


def test_history_survives(tmp_path: Path) -> None:
    columns = Columns(4)
    columns.move_to(NOW_MS, STEP_MS)
    columns.put([a_series("cpu")], times_until(steps=2), np.array([[0.5, 0.25]]), STEP_MS)
    columns.known_ms = NOW_MS
    save_history(tmp_path / "h.npz", [("cpu", columns)])
    found = load_history(tmp_path / "h.npz")["cpu"]
    assert found.labels == columns.labels
    assert np.array_equal(found.values, columns.values, equal_nan=True)
    assert (found.end_ms, found.known_ms) == (NOW_MS, NOW_MS)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY rubbish"])
def test_a_broken_file_is_left_aside(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "h.npz").write_bytes(content)
    assert load_history(tmp_path / "h.npz") == {}
    assert load_history(tmp_path / "none.npz") == {}


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        save_history(tmp_path / "no" / "h.npz", [])


def test_models_that_are_no_more_leave_nothing(tmp_path: Path) -> None:
    trained = Trained("key", [a_block()], NOW_MS, 1, NOW_MS)
    for model in ("old", "new"):
        save_trained(tmp_path, model, trained)
    forget_others(tmp_path, ["new"])
    assert [path.name for path in tmp_path.iterdir()] == ["new.npz"]
