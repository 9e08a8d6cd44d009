"""``monograph sweep``: many models with several exporters, compared with eager mode."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Column, Table

import monograph
from monograph.exportdb.exporters import EXPORTERS, STAGES
from monograph.sweep import (
    FORMS,
    Catalogue,
    Executor,
    Limits,
    LocalExecutor,
    Plan,
    Report,
    Row,
    Store,
    Way,
)
from monograph.sweep.clusters import RayExecutor
from monograph.sweep.declared import CatalogueError, Declared, Settings
from monograph.sweep.history import changes
from monograph.sweep.pages import models_page, verdicts_json
from monograph.sweep.plan import source_digest
from monograph.sweep.record import read_record, write_record
from monograph.sweep.store import StoreError

__all__ = ["sweep"]

sweep = typer.Typer(
    help="Many models of real libraries, exported and compared.", no_args_is_help=True
)
_COLOURS = {"right": "green", "wrong": "bold red", "hangs": "red", "crashes": "red"}
_MOST_CAUSES = 20

Folder = Annotated[
    Path, typer.Option("--from", help="A catalogue in TOML, or the folder with lists of models.")
]
Results = Annotated[Path, typer.Option(help="The file that results are added to.")]
Only = Annotated[
    list[str] | None, typer.Option(help="LIBRARY or LIBRARY/NAME; * stands for anything.")
]
Exporters = Annotated[list[str] | None, typer.Option("--exporter", help="Only this exporter.")]
Forms = Annotated[list[str] | None, typer.Option("--form", help=f"Only one of {', '.join(FORMS)}.")]
Stages = Annotated[
    list[str] | None,
    typer.Option("--stage", help=f"Afterwards, of programs that are right: {', '.join(STAGES)}."),
]
Pythons = Annotated[
    list[str] | None,
    typer.Option("--python", help="An interpreter with another torch, instead of this one."),
]
_FOLDER, _RESULTS, _RECORD = Path("sweeps"), Path("sweeps/results.db"), Path("sweeps/record.jsonl")


@sweep.command("run")
def run_command(
    folder: Folder = _FOLDER,
    results: Results = _RESULTS,
    only: Only = None,
    exporter: Exporters = None,
    form: Forms = None,
    stage: Stages = None,
    python: Pythons = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was measured before.")] = False,
    failing: Annotated[
        bool, typer.Option("--failing", help="Also what was measured, and was not right.")
    ] = False,
    stale: Annotated[
        bool, typer.Option("--stale", help="Also what was measured with another Monograph.")
    ] = False,
    shard: Annotated[str, typer.Option(help="I/N: only the Ith of N parts.")] = "1/1",
    limit: Annotated[int | None, typer.Option(help="At most so many models a library.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes at a time.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="On a cluster of Ray: its address, `auto`, or `local` to start one."),
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Of processor time, for each export (60).")
    ] = None,
    gigabytes: Annotated[float | None, typer.Option(help="Of memory, for each export (6).")] = None,
) -> None:
    """Measure what was not measured yet. A run that was cut off goes on where it was."""
    catalogue, settings = _catalogue(folder)
    exporters = tuple(exporter or settings.exporters or ("monograph",))
    forms = tuple(form or settings.forms or FORMS)
    stages = tuple(stage or settings.stages)
    _known("exporter", exporters, EXPORTERS)
    _known("form", forms, FORMS)
    _known("stage", stages, STAGES)
    limits = Limits(
        seconds or settings.seconds or Limits.seconds,
        gigabytes or settings.gigabytes or Limits.gigabytes,
    )
    plan = Plan(
        catalogue, _store(results), exporters, forms, stages, patterns=tuple(only or ("*",)),
        part=_part(shard), most=limit, pythons=tuple(python or ("",)), again=again,
        failing=failing, stale=stale, limits=limits,
    )  # fmt: skip
    notes, measured = Console(stderr=True), 0
    executor = LocalExecutor(jobs) if ray is None else _cluster(catalogue, limits, ray)
    with Progress(console=notes, transient=True) as progress, closing(executor):
        bar = progress.add_task("measuring", total=None)
        for row in plan.run(executor):
            measured += 1
            progress.update(bar, advance=1, description=f"{row.library}/{row.name}")
            notes.print(_line(row), highlight=False, soft_wrap=True)
    for library, problem in plan.problems.items():
        notes.print(f"{library}: {problem}", markup=False, highlight=False, soft_wrap=True)
    for table in _tables(plan.store):
        Console().print(table)
    notes.print(f"{measured} results added to {results}", highlight=False, soft_wrap=True)


@sweep.command("list")
def list_command(folder: Folder = _FOLDER, only: Only = None) -> None:
    """The models, one a line; libraries that are not installed are left out."""
    plan = Plan(_catalogue(folder)[0], Store(), (), patterns=tuple(only or ("*",)))
    with closing(LocalExecutor()) as executor:
        for task in plan.models(executor):
            print(f"{task.library}/{task.name}")


@sweep.command("show")
def show_command(
    results: Results = _RESULTS,
    exporter: Annotated[str, typer.Option(help="Whose results.")] = "monograph",
    form: Annotated[str, typer.Option(help=f"One of {', '.join(FORMS)}.")] = "dynamic",
    stage: Annotated[str, typer.Option(help=f"One of {', '.join(STAGES)}.")] = "",
) -> None:
    """What was found: counts by library, and causes of what is not right."""
    _known("exporter", (exporter,), EXPORTERS)
    _known("form", (form,), FORMS)
    _known("stage", (stage,), {"": "", **STAGES})
    store, console = _store(results), Console()
    for table in _tables(store):
        console.print(table)
    console.print(_causes(Report(store), Way(exporter, form, stage)))


@sweep.command("changes")
def changes_command(
    results: Results = _RESULTS,
    since: Annotated[
        int | None, typer.Option(help="Since before this run (`monograph sweep runs`).")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="A record, in place of what was measured before.")
    ] = None,
    torch: Annotated[
        tuple[str, str] | None, typer.Option(help="From one version of torch to another.")
    ] = None,
) -> None:
    """What broke since the last run, what was mended. Status 1: something broke."""
    store = _store(results)
    if torch is not None:
        rows = [[row for row in store if row.torch == version] for version in torch]
        found = changes(*rows, of_any_torch=True)
    elif against is not None:
        found = changes(_read(against), store)
    else:
        runs = store.runs()
        number = since if since is not None else runs[-1].number if runs else 0
        found = changes(store.until(number), store)
    for change in found:
        print(change)
    if any(change.what == "broken" for change in found):
        raise typer.Exit(1)


@sweep.command("runs")
def runs_command(results: Results = _RESULTS) -> None:
    """When results were added, and with which Monograph."""
    for run in _store(results).runs():
        origin = f"from {run.origin}" if run.origin else ""
        print(f"{run.number:>4}  {run.started}  {run.version} {run.source}  {origin}".rstrip())


@sweep.command("import")
def import_command(
    files: Annotated[list[Path], typer.Argument(help="Records, or results of other machines.")],
    results: Results = _RESULTS,
) -> None:
    """Add the results of other files, such as those of shards; lines of JSON, too."""
    store, notes = _store(results), Console(stderr=True)
    for path in files:
        count = store.take(_read(path), path.name)
        notes.print(f"{count} results of {path}", highlight=False, soft_wrap=True)


@sweep.command("page")
def page_command(
    results: Results = _RESULTS,
    out: Annotated[Path, typer.Option(help="The folder for it.")] = Path("build/models"),
) -> None:
    """Write the verdicts as a page (index.html), and with their history as JSON (verdicts.json)."""
    store = _store(results)
    runs = store.runs()
    changed = changes(store.until(runs[-1].number), store) if runs else []
    out.mkdir(parents=True, exist_ok=True)
    (out / "index.html").write_text(models_page(store, changed), encoding="utf-8")
    data = verdicts_json(store, store.history(), runs, changed)
    (out / "verdicts.json").write_text(data, encoding="utf-8")
    Console(stderr=True).print(f"{out} is written", highlight=False, soft_wrap=True)


@sweep.command("table")
def table_command(
    results: Results = _RESULTS,
    record: Annotated[Path, typer.Option(help="The record that is kept.")] = _RECORD,
    page: Annotated[Path, typer.Option(help="The table in Markdown.")] = Path("docs/sweep.md"),
) -> None:
    """Write the record and its table in Markdown; without results the table of the record."""
    if results.exists():
        write_record(_store(results), record)
    elif not record.exists():
        _fail(f"there is neither {results} nor {record}")
    page.write_text(Report(_read(record)).markdown(), encoding="utf-8")
    Console(stderr=True).print(f"{page} is written", highlight=False, soft_wrap=True)


def _catalogue(path: Path) -> tuple[Catalogue, Settings]:
    """A catalogue, and what it asks for itself."""
    if not path.exists():
        _fail(f"there is no catalogue {path}")
    if path.is_dir():
        return Catalogue(path), Settings()
    if path.suffix != ".toml":
        _fail(f"{path} is neither a folder nor a catalogue in TOML")
    try:
        return Catalogue(path), Declared.read(path).settings
    except CatalogueError as error:
        _fail(str(error))


def _cluster(catalogue: Catalogue, limits: Limits, address: str) -> Executor:
    try:
        return RayExecutor(catalogue, limits, None if address == "local" else address)
    except ModuleNotFoundError:
        _fail("Ray is not installed: pip install 'monograph[ray]'")
    except (ValueError, ConnectionError) as error:
        _fail(str(error))


def _store(path: Path) -> Store:
    try:
        return Store(path, monograph.__version__, source_digest())
    except StoreError as error:
        _fail(str(error))


def _read(path: Path) -> list[Row]:
    """The results in a file of either kind."""
    if not path.exists():
        _fail(f"there is no file {path}")
    try:
        return list(Store(path))
    except StoreError:
        pass
    try:
        return read_record(path)
    except ValueError as error:
        _fail(str(error))


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
    way = " ".join(filter(None, (row.exporter, row.form, row.stage)))
    return f"{row.library}/{row.name} {way} [{colour}]{outcome.kind}[/] {what}".rstrip()


def _tables(store: Store) -> list[Table]:
    """Of each version of torch."""
    versions = sorted({row.torch for row in store})
    return [_counts(Report(store, torch)) for torch in versions]


def _counts(report: Report) -> Table:
    ways = report.ways()
    grid = Table(Column(f"torch {report.torch}", no_wrap=True), *(way.title for way in ways))
    rows: list[tuple[str, str | None]] = [(name, name) for name in report.libraries()]
    for title, library in [*rows, ("all", None)]:
        cells = []
        for way in ways:
            counts = report.counts(way, library)
            cells.append(f"{counts['right']}/{counts.total()}" if counts else "")
        grid.add_row(title, *cells)
    return grid


def _causes(report: Report, way: Way) -> Table:
    grid = Table(Column("models", justify="right"), "outcome", "what is said", "line", "such as")
    for cause, keys in report.causes(way)[:_MOST_CAUSES]:
        kind = f"{cause.kind} {cause.code}"
        such_as = ", ".join("/".join(key) for key in keys[:3])
        grid.add_row(str(len(keys)), kind, *map(escape, (cause.message, cause.text, such_as)))
    return grid
