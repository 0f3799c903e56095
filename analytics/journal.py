"""What was said and what then happened: predictions, anomalies and their fates, in SQLite.

Bounded: the newest 10,000 predictions and 5,000 anomalies. Of very many series a part is written down in
each run, in turn, so that every row lives long enough to be judged. One connection writes and reads under
one lock: rows are few, and no call takes longer than a moment.
"""

import json
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from analytics.learner import Live
from analytics.result import Anomaly, Prediction
from analytics.truth import Judged, Pending
from promkit.errors import Conflict, Unavailable
from promkit.labels import Labels

__all__ = ["ANOMALIES_MAX", "PREDICTIONS_MAX", "Journal"]

PREDICTIONS_MAX = 10_000
ANOMALIES_MAX = 5_000
_A_RUN_MAX = 400  # predictions of one run: at a run every 5 minutes a row stays for two hours
_PENDING_MAX = PREDICTIONS_MAX
_VERSION = 1
_SCHEMA = """
CREATE TABLE predictions (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, series TEXT NOT NULL, made_ms INTEGER NOT NULL,
    for_ms INTEGER NOT NULL, last REAL NOT NULL, value REAL NOT NULL, lower REAL NOT NULL, upper REAL NOT
    NULL, confidence REAL NOT NULL, features TEXT NOT NULL, actual REAL, error REAL, settled INTEGER NOT
    NULL DEFAULT 0
);
CREATE INDEX predictions_waiting ON predictions (settled, for_ms);
CREATE INDEX predictions_made ON predictions (made_ms);
CREATE TABLE anomalies (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, series TEXT NOT NULL, at_ms INTEGER NOT NULL, value REAL
    NOT NULL, expected REAL NOT NULL, deviation REAL NOT NULL, severity TEXT NOT NULL, confidence REAL NOT
    NULL, score REAL NOT NULL, description TEXT NOT NULL, UNIQUE (series, at_ms)
);
CREATE INDEX anomalies_at ON anomalies (at_ms);
CREATE TABLE accuracy (
    model TEXT PRIMARY KEY, judged INTEGER NOT NULL, "right" INTEGER NOT NULL, inside INTEGER NOT NULL,
    error REAL NOT NULL, error_last REAL NOT NULL
);
"""

_ADD_PREDICTION = """
INSERT INTO predictions (model, series, made_ms, for_ms, last, value, lower, upper, confidence, features)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_ADD_ANOMALY = """
INSERT OR IGNORE INTO anomalies
(model, series, at_ms, value, expected, deviation, severity, confidence, score, description)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TRIM_PREDICTIONS = "DELETE FROM predictions WHERE id <= (SELECT max(id) FROM predictions) - ?"
_TRIM_ANOMALIES = "DELETE FROM anomalies WHERE id <= (SELECT max(id) FROM anomalies) - ?"
_WAITING = """
SELECT id, model, series, for_ms, last, value, lower, upper FROM predictions
WHERE settled = 0 AND for_ms <= ? ORDER BY for_ms LIMIT ?
"""
_SETTLE = "UPDATE predictions SET settled = 1, actual = ?, error = ? WHERE id = ?"
_ACCOUNT = """
INSERT INTO accuracy (model, judged, "right", inside, error, error_last) VALUES (?, 1, ?, ?, ?, ?)
ON CONFLICT (model) DO UPDATE SET judged = judged + 1, "right" = "right" + excluded."right",
inside = inside + excluded.inside, error = error + excluded.error, error_last = error_last +
excluded.error_last
"""
_LIVE = 'SELECT model, judged, "right", inside, error, error_last FROM accuracy'
_PREDICTIONS = """
SELECT model, series, made_ms, for_ms, value, lower, upper, confidence, features, actual, error
FROM predictions WHERE made_ms >= ? AND (? IS NULL OR model = ?) ORDER BY id DESC LIMIT ?
"""
_ANOMALIES = """
SELECT model, series, at_ms, value, expected, deviation, severity, confidence, score, description
FROM anomalies WHERE at_ms >= ? ORDER BY at_ms DESC, id DESC LIMIT ?
"""
_SUMMARY = """
SELECT model, count(*) AS count, avg(confidence) AS average_confidence,
avg(abs(error)) AS mean_absolute_error, count(error) AS judged
FROM predictions WHERE made_ms >= ? GROUP BY model ORDER BY model
"""


class Journal:
    """`analytics.db` in the data directory; in memory where there is none."""

    def __init__(self, directory: Path | None) -> None:
        """Open or make it. Conflict: a newer version wrote it. Unavailable: it cannot be opened."""
        path = ":memory:" if directory is None else str(directory / "analytics.db")
        try:
            self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
            if version == 0:
                self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;")
        except sqlite3.Error as error:
            raise Unavailable(f"the journal cannot be opened: {error}", path) from None
        if version > _VERSION:
            raise Conflict(
                f"the journal was written by a newer version (schema {version}, known {_VERSION})",
                path,
                "upgrade, or name another --data",
            )
        self._lock = threading.Lock()
        self._turn = 0

    def close(self) -> None:
        """Write what is pending and close."""
        with self._lock:
            self._db.close()

    def record(self, predictions: Sequence[Prediction], anomalies: Sequence[Anomaly]) -> None:
        """Add a run's rows, in one transaction, and forget the oldest beyond the limits."""
        with self._lock, self._db:
            self._db.execute("BEGIN")
            chosen = [_prediction_row(row) for row in self._in_turn(predictions)]
            self._db.executemany(_ADD_PREDICTION, chosen)
            self._db.executemany(_ADD_ANOMALY, [_anomaly_row(row) for row in anomalies])
            self._db.execute(_TRIM_PREDICTIONS, (PREDICTIONS_MAX,))
            self._db.execute(_TRIM_ANOMALIES, (ANOMALIES_MAX,))

    def pending(self, until_ms: int) -> list[Pending]:
        """Predictions whose time came by `until_ms` and that were not judged."""
        rows = self._rows(_WAITING, until_ms, _PENDING_MAX)
        return [
            Pending(row["id"], row["model"], _labels(row["series"]), *tuple(row.values())[3:]) for row in rows
        ]

    def settle(self, judged: Sequence[Judged]) -> None:
        """Write what came, and add it to each model's account."""
        with self._lock, self._db:
            self._db.execute("BEGIN")
            self._db.executemany(_SETTLE, [(row.actual, row.error, row.id) for row in judged])
            counted = [
                (row.model, int(row.right), int(row.inside), abs(row.error), row.error_last)
                for row in judged
                if row.error is not None
            ]
            self._db.executemany(_ACCOUNT, counted)

    def live(self) -> dict[str, Live]:
        """How each model's predictions have fared."""
        return {row["model"]: Live(*tuple(row.values())[1:]) for row in self._rows(_LIVE)}

    def forget(self, model: str) -> None:
        """Start a model's account anew: it was changed or deleted."""
        with self._lock:
            self._db.execute("DELETE FROM accuracy WHERE model = ?", (model,))

    def predictions(self, since_ms: int, model: str | None = None) -> list[dict[str, Any]]:
        """Predictions made since then, newest first."""
        return [_public(row) for row in self._rows(_PREDICTIONS, since_ms, model, model, PREDICTIONS_MAX)]

    def anomalies(self, since_ms: int) -> list[dict[str, Any]]:
        """Anomalies since then, newest first."""
        return [_public(row) for row in self._rows(_ANOMALIES, since_ms, ANOMALIES_MAX)]

    def summary(self, since_ms: int) -> list[dict[str, Any]]:
        """Count, average confidence and error of the predictions since then, by model."""
        return self._rows(_SUMMARY, since_ms)

    def _in_turn(self, predictions: Sequence[Prediction]) -> Sequence[Prediction]:
        """All of few; of many, each run the next part."""
        if len(predictions) <= _A_RUN_MAX:
            return predictions
        start = self._turn % len(predictions)
        self._turn = (start + _A_RUN_MAX) % len(predictions)
        doubled = [*predictions[start:], *predictions[:start]]
        return doubled[:_A_RUN_MAX]

    def _rows(self, sql: str, *values: object) -> list[dict[str, Any]]:
        with self._lock:
            cursor = self._db.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _prediction_row(row: Prediction) -> tuple[object, ...]:
    return (
        row.model,
        _series(row.series),
        row.made_ms,
        row.for_ms,
        row.last,
        row.value,
        row.lower,
        row.upper,
        row.confidence,
        json.dumps(row.features),
    )


def _anomaly_row(row: Anomaly) -> tuple[object, ...]:
    return (
        row.model,
        _series(row.series),
        row.at_ms,
        row.value,
        row.expected,
        row.deviation,
        row.severity.value,
        row.confidence,
        row.score,
        row.description,
    )


def _series(labels: Labels) -> str:
    return json.dumps(dict(labels.items()), ensure_ascii=False, separators=(",", ":"))


def _labels(text: str) -> Labels:
    return Labels(json.loads(text))


def _public(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the API shows it: the metric apart from its labels, what was text as what it means."""
    labels = _labels(row.pop("series"))
    if "features" in row:
        row["features"] = json.loads(row["features"])
    return {"metric": labels.metric, "labels": dict(labels.without_metric().items()), **row}
