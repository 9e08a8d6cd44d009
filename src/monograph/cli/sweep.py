"""``monograph sweep``: many models with several exporters, compared with eager mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

from monograph.exportdb.exporters import EXPORTERS
from monograph.sweep import FORMS, Catalogue, Limits, LocalRunner, Plan, Report, Row, Store
from monograph.sweep.record import read_record, write_record

__all__ = ["sweep"]

sweep = typer.Typer(
    help="Many models of real libraries, exported and compared.", no_args_is_help=True
)
_COLOURS = {"right": "green", "wrong": "bold red", "hangs": "red", "crashes": "red"}
_MOST_CAUSES = 20

Folder = Annotated[Path, typer.Option("--from", help="The folder with the lists of models.")]
Results = Annotated[Path, typer.Option(help="The file that results are added to.")]
Only = Annotated[
    list[str] | None, typer.Option(help="LIBRARY or LIBRARY/NAME; * stands for anything.")
]
Exporters = Annotated[list[str] | None, typer.Option("--exporter", help="Only this exporter.")]
Forms = Annotated[list[str] | None, typer.Option("--form", help=f"Only one of {', '.join(FORMS)}.")]
_FOLDER, _RESULTS, _RECORD = (
    Path("sweeps"),
    Path("sweeps/results.jsonl"),
    Path("sweeps/record.jsonl"),
)


@sweep.command("run")
def run_command(
    folder: Folder = _FOLDER,
    results: Results = _RESULTS,
    only: Only = None,
    exporter: Exporters = None,
    form: Forms = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was measured before.")] = False,
    failing: Annotated[
        bool, typer.Option("--failing", help="Also what was measured, and was not right.")
    ] = False,
    shard: Annotated[str, typer.Option(help="I/N: only the Ith of N parts.")] = "1/1",
    limit: Annotated[int | None, typer.Option(help="At most so many models a library.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes at a time.")] = 1,
    seconds: Annotated[float, typer.Option(help="Of processor time, for each export.")] = 60.0,
    gigabytes: Annotated[float, typer.Option(help="Of memory, for each export.")] = 6.0,
) -> None:
    """Measure what was not measured yet. A run that was cut off goes on where it was."""
    exporters, forms = tuple(exporter or ("monograph",)), tuple(form or FORMS)
    _known("exporter", exporters, EXPORTERS)
    _known("form", forms, FORMS)
    store = Store(results)
    plan = Plan(
        Catalogue(folder), store, exporters, forms, patterns=tuple(only or ("*",)),
        part=_part(shard), most=limit, again=again, failing=failing,
        limits=Limits(seconds, gigabytes),
    )  # fmt: skip
    notes, measured = Console(stderr=True), 0
    with Progress(console=notes, transient=True) as progress, LocalRunner(jobs) as runner:
        bar = progress.add_task("measuring", total=None)
        for row in plan.run(runner):
            measured += 1
            progress.update(bar, advance=1, description=f"{row.library}/{row.name}")
            notes.print(_line(row), highlight=False, soft_wrap=True)
    Console().print(_counts(Report(store)))
    notes.print(f"{measured} results added to {results}", highlight=False, soft_wrap=True)


@sweep.command("list")
def list_command(folder: Folder = _FOLDER, only: Only = None) -> None:
    """The models, one a line; libraries that are not installed are left out."""
    plan = Plan(Catalogue(folder), Store(), (), patterns=tuple(only or ("*",)))
    with LocalRunner() as runner:
        for task in plan.models(runner):
            print(f"{task.library}/{task.name}")


@sweep.command("show")
def show_command(
    results: Results = _RESULTS,
    exporter: Annotated[str, typer.Option(help="Whose results.")] = "monograph",
    form: Annotated[str, typer.Option(help=f"One of {', '.join(FORMS)}.")] = "dynamic",
) -> None:
    """What was found: counts by library, and causes of what is not right."""
    _known("exporter", (exporter,), EXPORTERS)
    _known("form", (form,), FORMS)
    report, console = Report(Store(results)), Console()
    console.print(_counts(report))
    console.print(_causes(report, exporter, form))


@sweep.command("table")
def table_command(
    results: Results = _RESULTS,
    record: Annotated[Path, typer.Option(help="The record that is kept.")] = _RECORD,
    page: Annotated[Path, typer.Option(help="The table in Markdown.")] = Path("docs/sweep.md"),
) -> None:
    """Write the record and its table in Markdown; without results the table of the record."""
    if results.exists():
        write_record(Store(results), record)
    elif not record.exists():
        _fail(f"there is neither {results} nor {record}")
    page.write_text(Report(read_record(record)).markdown(), encoding="utf-8")
    Console(stderr=True).print(f"{page} is written", highlight=False, soft_wrap=True)


def _fail(text: str) -> NoReturn:
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def _known(kind: str, names: tuple[str, ...], there_are: Mapping[str, object]) -> None:
    unknown = set(names) - there_are.keys()
    if unknown:
        _fail(f"no {kind} {', '.join(sorted(unknown))}; there are {', '.join(there_are)}")


def _part(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts)):
        _fail(f"a shard is I/N with 1 <= I <= N, not {text}")
    return int(part), int(parts)


def _line(row: Row) -> str:
    outcome = row.outcome
    colour = _COLOURS.get(outcome.kind, "yellow")
    what = escape(outcome.message.split("\n")[0][:120])
    way = f"{row.exporter} {row.form}".strip()
    return f"{row.library}/{row.name} {way} [{colour}]{outcome.kind}[/] {what}".rstrip()


def _counts(report: Report) -> Table:
    grid = Table(
        Column("", no_wrap=True), *(f"{EXPORTERS[e].title}, {f}" for e, f in report.ways())
    )
    rows: list[tuple[str, str | None]] = [(name, name) for name in report.libraries()]
    for title, library in [*rows, ("all", None)]:
        cells = []
        for way in report.ways():
            counts = report.counts(way, library)
            cells.append(f"{counts['right']}/{counts.total()}" if counts else "")
        grid.add_row(title, *cells)
    return grid


def _causes(report: Report, exporter: str, form: str) -> Table:
    grid = Table(Column("models", justify="right"), "outcome", "what is said", "line", "such as")
    for cause, keys in report.causes((exporter, form))[:_MOST_CAUSES]:
        kind = f"{cause.kind} {cause.code}"
        such_as = ", ".join("/".join(key) for key in keys[:3])
        grid.add_row(str(len(keys)), kind, *map(escape, (cause.message, cause.text, such_as)))
    return grid
