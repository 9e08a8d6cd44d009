"""Results in a file: what is kept, what has changed, and what comes from elsewhere."""

import json
import multiprocessing
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from monograph.cli import app
from monograph.sweep import Outcome, Row, Store, Task
from monograph.sweep.history import changes
from monograph.sweep.record import read_record, write_record
from monograph.sweep.store import StoreError

ROOT = Path(__file__).parents[2]


def row(name, kind, code="", torch="2.13.0", **own):
    outcome = Outcome(kind, code=code, seconds=1.5, details={"nodes": 3})
    content = f"digest own 1.0 torch {torch}+cpu"
    return Row("own", name, "monograph", "dynamic", content, outcome, **own)


def task(name):
    return Task("folder", "own", name, "monograph", "dynamic", torch="2.13.0")


def noted(path, *rows):
    store = Store(path, "0.1.0", "abc")
    for r in rows:
        store.note(task(r.name), r.content, r.outcome, "abc")
    store.close()


def command(*arguments):
    return CliRunner().invoke(app, ["sweep", *map(str, arguments)])


def test_rows_come_back_as_they_were(tmp_path):
    file = tmp_path / "deeper" / "results.db"
    noted(file, row("a", "right", source="abc"), row("b", "refused", "MG-D101", source="abc"))
    assert list(Store(file)) == [
        row("a", "right", source="abc"), row("b", "refused", "MG-D101", source="abc"),
    ]  # fmt: skip
    with sqlite3.connect(file) as found:
        assert found.execute("SELECT name, kind FROM latest").fetchall() == [
            ("a", "right"), ("b", "refused"),
        ]  # fmt: skip


def test_the_last_result_counts_and_none_is_forgotten(tmp_path):
    file = tmp_path / "results.db"
    noted(file, row("a", "refused"), row("b", "right"))
    noted(file, row("a", "right"))
    store = Store(file)
    assert {r.name: r.outcome.kind for r in store} == {"a": "right", "b": "right"}
    assert [run.number for run in store.runs()] == [1, 2]
    assert {r.name: r.outcome.kind for r in store.until(2)} == {"a": "refused", "b": "right"}
    found = store.history()
    assert [(n, r.outcome.kind) for n, r in found[row("a", "right").key]] == [
        (1, "refused"), (2, "right"),
    ]  # fmt: skip


def _add(file, name):
    noted(file, *(row(f"{name}{i}", "right") for i in range(20)))


def test_several_processes_add_to_one_file(tmp_path):
    file, context = tmp_path / "results.db", multiprocessing.get_context("fork")
    started = [context.Process(target=_add, args=(file, name)) for name in "ab"]
    for process in started:
        process.start()
    for process in started:
        process.join()
    store = Store(file)
    assert len(list(store)) == 40
    assert len(store.runs()) == 2


def test_files_of_other_kinds_are_refused(tmp_path):
    lines = tmp_path / "results.jsonl"
    lines.write_text("{}\n")
    with pytest.raises(StoreError, match="monograph sweep import"):
        Store(lines)
    newer = tmp_path / "newer.db"
    with sqlite3.connect(newer) as file:
        file.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreError, match="the format 7"):
        Store(newer)
    assert command("show", "--results", lines).exit_code == 2


def test_results_in_lines_of_json_are_imported(tmp_path):
    file, old = tmp_path / "results.db", tmp_path / "old.jsonl"
    first = [row("a", "refused", source="abc"), row("b", "right"), row("a", "right", source="abc")]
    lines = [json.dumps(asdict(r)) for r in first]
    old.write_text("\n".join([*lines, lines[0][:30]]) + "\n")  # the last one was cut off
    made = command("import", old, "--results", file)
    assert "2 results" in made.stderr
    assert {r.name: r for r in Store(file)} == {"a": first[2], "b": first[1]}
    assert [run.origin for run in Store(file).runs()] == ["old.jsonl"]
    old.write_text("<<<<<<< ours\n")
    assert command("import", old, "--results", file).exit_code == 2


def test_parts_of_several_machines_are_brought_together(tmp_path):
    noted(tmp_path / "1.db", row("a", "right"))
    noted(tmp_path / "2.db", row("b", "refused"))
    made = command("import", tmp_path / "1.db", tmp_path / "2.db", "--results", tmp_path / "all.db")
    assert made.exit_code == 0, made.output
    assert {r.name for r in Store(tmp_path / "all.db")} == {"a", "b"}


def test_the_record_of_the_project_goes_through_the_store(tmp_path):
    record = ROOT / "sweeps" / "record.jsonl"
    store = Store()
    store.take(read_record(record), "record")
    write_record(store, tmp_path / "record.jsonl")
    assert (tmp_path / "record.jsonl").read_text() == record.read_text()


def test_stages_and_versions_of_torch_are_tasks_of_their_own(tmp_path):
    rows = [
        row("a", "right"), row("a", "fails", stage="onnx"), row("a", "right", torch="2.15.0"),
    ]  # fmt: skip
    store = Store()
    store.take(rows, "elsewhere")
    assert len(list(store)) == 3
    write_record(store, tmp_path / "record.jsonl")
    assert {r.key for r in read_record(tmp_path / "record.jsonl")} == {r.key for r in rows}


def test_what_has_changed():
    before = [
        row("a", "right"), row("b", "refused", "MG-D101"), row("c", "refused", "MG-D101"),
        row("d", "right"), row("e", "right"), row("g", "right"),
    ]  # fmt: skip
    after = [
        row("a", "wrong"), row("b", "right"), row("c", "refused", "MG-D105"), row("d", "right"),
        row("f", "fails"), row("g", "lost"),
    ]  # fmt: skip
    found = [(c.what, c.after.name) for c in changes(before, after)]
    assert found == [("broken", "a"), ("other", "c"), ("mended", "b")]
    assert (
        str(changes(before, after)[1])
        == "other: own/c monograph dynamic 2.13.0: refused MG-D101 -> refused MG-D105"
    )
    newer = [row("a", "fails", torch="2.15.0")]
    assert changes(before, newer) == []
    assert [c.what for c in changes(before, newer, of_any_torch=True)] == ["broken"]


def test_the_command_tells_what_broke(tmp_path):
    file = tmp_path / "results.db"
    noted(file, row("a", "right"), row("b", "refused"))
    record = tmp_path / "record.jsonl"
    write_record(Store(file), record)
    noted(file, row("b", "right"))
    mended = command("changes", "--results", file)
    assert (mended.exit_code, mended.stdout) == (
        0, "mended: own/b monograph dynamic 2.13.0: refused -> right\n",
    )  # fmt: skip
    noted(file, row("a", "crashes"))
    assert command("changes", "--results", file).exit_code == 1
    assert "mended" not in command("changes", "--results", file).stdout
    for since in (("--since", 2), ("--against", record)):
        found = command("changes", "--results", file, *since)
        assert found.exit_code == 1
        assert [line.split(":")[0] for line in found.stdout.splitlines()] == ["broken", "mended"]
    assert command("runs", "--results", file).stdout.count("0.1.0 abc") == 3
    assert command("changes", "--results", file, "--torch", "2.13.0", "2.15.0").exit_code == 0
