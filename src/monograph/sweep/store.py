"""Results in one file of SQLite: every verdict of every run, the last of each task in sight."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from monograph.sweep.results import Outcome, Row
from monograph.sweep.tasks import Key, Task

__all__ = ["Run", "Store", "StoreError"]

_FORMAT = 1
_HEAD = b"SQLite format 3\x00"
_PATIENCE = 60.0  # seconds, while another process writes
_SCHEMA = """
CREATE TABLE runs (
    number INTEGER PRIMARY KEY, started TEXT NOT NULL, version TEXT NOT NULL, source TEXT NOT NULL,
    origin TEXT NOT NULL
);
CREATE TABLE verdicts (
    number INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, library TEXT NOT NULL,
    name TEXT NOT NULL, exporter TEXT NOT NULL, form TEXT NOT NULL, stage TEXT NOT NULL,
    torch TEXT NOT NULL, content TEXT NOT NULL, source TEXT NOT NULL, kind TEXT NOT NULL,
    step TEXT NOT NULL, code TEXT NOT NULL, message TEXT NOT NULL, place TEXT NOT NULL,
    line TEXT NOT NULL, seconds REAL NOT NULL, details TEXT NOT NULL
);
CREATE INDEX tasks ON verdicts (library, name, exporter, form, stage, torch, number);
CREATE VIEW latest AS SELECT * FROM verdicts WHERE number IN (
    SELECT max(number) FROM verdicts GROUP BY library, name, exporter, form, stage, torch
);
"""
_COLUMNS = (
    "run, library, name, exporter, form, stage, torch, content, source, kind, step, code, message, "
    "place, line, seconds, details"
)


class StoreError(ValueError):
    """A file that holds no results, or those of another version."""


@dataclass(frozen=True)
class Run:
    """One time that results came in. ``origin``: the file that they were read from, if any."""

    number: int
    started: str
    version: str
    source: str
    origin: str


class Store:
    """Results in a file, or in memory. A run begins when its first result is noted.

    Several processes may add to one file at a time. ``rows``: the last result of each task, as
    they were when the file was opened, and what was noted since.

    Raises:
        StoreError: the file is of another kind.
    """

    def __init__(self, path: Path | None = None, version: str = "", source: str = "") -> None:
        self.path = path
        self.version, self.source = version, source
        self._run: int | None = None
        if path is not None and path.exists() and not _is_database(path):
            raise StoreError(
                f"{path} is no file of results: `monograph sweep import {path}` reads lines of JSON"
            )
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(":memory:" if path is None else path, timeout=_PATIENCE)
        self._prepare()
        self.rows: dict[Key, Row] = {row.key: row for row in self._select("latest")}

    def _prepare(self) -> None:
        if self._format() == 0:
            with self._file:
                self._file.execute("BEGIN IMMEDIATE")
                if self._format() == 0:  # of two that find no tables one makes them
                    for statement in _SCHEMA.split(";\n"):
                        self._file.execute(statement)
                    self._file.execute(f"PRAGMA user_version = {_FORMAT}")
        if self._format() != _FORMAT:
            raise StoreError(
                f"{self.path} has the format {self._format()}, and {_FORMAT} is known here"
            )

    def _format(self) -> int:
        [[found]] = self._file.execute("PRAGMA user_version")
        return int(found)

    def _select(self, table: str, where: str = "", *values: object) -> Iterator[Row]:
        found = self._file.execute(
            f"SELECT {_COLUMNS} FROM {table} {where} ORDER BY number", values
        )
        for _, library, name, exporter, form, stage, _, content, source, *told in found:
            kind, step, code, message, place, line, seconds, details = told
            outcome = Outcome(kind, step, code, message, place, line, seconds, json.loads(details))
            yield Row(library, name, exporter, form, content, outcome, source, stage)

    def note(self, task: Task, content: str, outcome: Outcome, source: str = "") -> Row:
        """Keep an outcome, in the file at once."""
        row = Row.of(task, content, outcome, source)
        self._add([row])
        return row

    def take(self, rows: Iterable[Row], origin: str) -> int:
        """Add the results of elsewhere as a run of their own; how many."""
        self._run = self._begin(origin)
        taken = list(rows)
        self._add(taken)
        self._run = None
        return len(taken)

    def _begin(self, origin: str = "") -> int:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with self._file:
            made = self._file.execute(
                "INSERT INTO runs (started, version, source, origin) VALUES (?, ?, ?, ?)",
                (now, self.version, self.source, origin),
            )
        assert made.lastrowid is not None
        return made.lastrowid

    def _add(self, rows: list[Row]) -> None:
        if self._run is None:
            self._run = self._begin()
        with self._file:
            self._file.executemany(
                f"INSERT INTO verdicts ({_COLUMNS}) VALUES ({', '.join('?' * 17)})",
                [(self._run, *_values(row)) for row in rows],
            )
        self.rows.update((row.key, row) for row in rows)

    def known(self, task: Task, content: str) -> Row | None:
        """What came of the task before, if nothing that it depends on has changed."""
        row = self.rows.get(task.key)
        return row if row is not None and row.content == content else None

    def runs(self) -> list[Run]:
        """All of them, the first one first."""
        found = self._file.execute("SELECT number, started, version, source, origin FROM runs")
        return [Run(*values) for values in found]

    def until(self, run: int) -> list[Row]:
        """The last result of each task before a run began."""
        rows = self._select("verdicts", "WHERE run < ?", run)
        return list({row.key: row for row in rows}.values())

    def history(self) -> dict[Key, list[tuple[int, Row]]]:
        """All results of each task, each with its run, the first one first."""
        found: dict[Key, list[tuple[int, Row]]] = {}
        numbers = [n for [n] in self._file.execute("SELECT run FROM verdicts ORDER BY number")]
        for run, row in zip(numbers, self._select("verdicts"), strict=True):
            found.setdefault(row.key, []).append((run, row))
        return found

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())


def _values(row: Row) -> tuple[object, ...]:
    o = row.outcome
    return (
        *row.key, row.content, row.source, o.kind, o.step, o.code, o.message, o.where, o.text,
        o.seconds, json.dumps(o.details, ensure_ascii=False),
    )  # fmt: skip


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(len(_HEAD))
    return head in (b"", _HEAD)
