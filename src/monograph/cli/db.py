"""``monograph db``: the catalogue of patterns."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress
from rich.syntax import Syntax
from rich.table import Column
from rich.table import Table as Grid

from monograph.diagnostics.codes import CODES
from monograph.diagnostics.rendering import styled
from monograph.exportdb.case import TAGS, Support
from monograph.exportdb.exporters import EXPORTERS
from monograph.exportdb.recording import measured
from monograph.exportdb.registry import CASES, Entry, cases, get
from monograph.exportdb.runner import CaseFailedError, refusal, run_case, shown_program
from monograph.exportdb.scaffold import scaffold
from monograph.exportdb.searching import search
from monograph.exportdb.table import Table, headline, merged, problems_of, recorded
from monograph.sweep import Report
from monograph.sweep.record import read_record

__all__ = ["db"]

db = typer.Typer(
    help="Which patterns can be exported, and what to write instead.", no_args_is_help=True
)

_MARKS = {
    "right": "[green]right[/]", "limited": "[yellow]limited[/]", "refused": "[yellow]refused[/]",
    "fails": "[red]fails[/]", "cannot run": "[red]cannot run[/]", "hangs": "[red]hangs[/]",
    "crashes": "[red]crashes[/]", "wrong": "[bold red]silently wrong[/]",
}  # fmt: skip
_MOST_HITS = 10
_RECORD = Path("sweeps/record.jsonl")

Tag = Annotated[str | None, typer.Option(help="Only cases with this tag.")]
From = Annotated[Path | None, typer.Option("--from", help="A folder with cases of your own.")]


@db.command("list")
def list_command(
    tag: Tag = None,
    support: Annotated[Support | None, typer.Option(help="Only cases with this support.")] = None,
    exporter: Annotated[
        str | None, typer.Option(help="Show what became of each with this exporter.")
    ] = None,
) -> None:
    """All cases, one a line."""
    tables = recorded()
    grid = Grid("case", "what it shows", "support", *([exporter] if exporter else []), box=None)
    for entry in _chosen(tag, None):
        if support is not None and entry.case.support is not support:
            continue
        outcome = tables[-1].outcome(entry.name, exporter) if exporter and tables else None
        last = [_MARKS[outcome.kind] if outcome else "-"] if exporter else []
        grid.add_row(entry.name, entry.title, entry.case.support.value, *last)
    Console().print(grid)


@db.command("show")
def show_command(name: Annotated[str, typer.Argument(help="The name of a case.")]) -> None:
    """A case: what it shows, its program, what it exports to, and what to write instead."""
    console, entry = Console(), _entry(name)
    console.print(f"[bold]{entry.title}[/]  [dim]{entry.name}[/]", highlight=False)
    strict = entry.case.support_in(strict=True)
    both = "" if strict is entry.case.support else f", {strict.value} in strict mode"
    console.print(f"{entry.case.support.value}{both}; tags: {', '.join(entry.case.tags)}")
    for title, text in entry.sections.items():
        console.print(f"\n[bold]{title}[/]")
        console.print(Markdown(text))
    source = entry.source_of()
    _code(console, "Program", source)
    error = refusal(entry, entry.expect.code) if entry.expect.code else None
    if error is not None:
        console.print("\n[bold]What Monograph says[/]")
        console.print(styled(error.lines()), soft_wrap=True)
    else:
        _code(console, "Exports to", shown_program(entry))
    for rewrite in entry.rewrites:
        changes = difflib.unified_diff(
            source.splitlines(),
            entry.source_of(rewrite).splitlines(),
            entry.name,
            rewrite,
            lineterm="",
        )
        _code(console, f"Rewrite: {rewrite}", "\n".join(changes), "diff")
    console.print()
    console.print(_support(entry))


@db.command("search")
def search_command(
    text: Annotated[list[str], typer.Argument(help="Words, a code, or an error message.")],
) -> None:
    """Cases that fit words, a code, or the text of an error of any exporter."""
    hits = search(" ".join(text), cases(), recorded())[:_MOST_HITS]
    if not hits:
        _fail("no case fits; all of them: monograph db list")
    for hit in hits:
        entry = hit.entry
        Console().print(
            f"[bold]{entry.name}[/]  {entry.title} [dim]({entry.case.support.value})[/]",
            highlight=False,
        )


@db.command("explain")
def explain_command(code: Annotated[str, typer.Argument(help="Such as MG-D101.")]) -> None:
    """What an error code means, and the cases that show it."""
    found = CODES.get(code.upper())
    if found is None:
        _fail(f"there is no code {code}; the codes are {', '.join(CODES)}")
    console = Console()
    console.print(f"[bold red]{found.name}[/] {found.title}", highlight=False)
    console.print(f"{found.why}.", highlight=False)
    for entry in cases():
        if found.name in (entry.expect.code, entry.expect.strict_code):
            mark = "  *" if entry.name == found.case else "   "
            console.print(f"{mark} {entry.name}: {entry.title}", highlight=False)
    if found.case:
        console.print(f"more: monograph db show {found.case}", highlight=False)


@db.command("new")
def new_command(
    name: Annotated[str, typer.Argument(help="The pattern, such as branch-on-tensor-value.")],
    area: Annotated[str, typer.Option(help="The folder among the cases.")] = "values",
    to: Annotated[Path | None, typer.Option(help="Another folder: one of your own.")] = None,
) -> None:
    """Write the frame of a new case."""
    file = (CASES / area if to is None else to) / f"{name.replace('-', '_')}.py"
    if file.exists():
        _fail(f"{file} is there already")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(scaffold(file.stem))
    Console().print(f"{file} is written", highlight=False, soft_wrap=True)


@db.command("run")
def run_command(
    case: Annotated[list[str] | None, typer.Option(help="Only this case.")] = None,
    tag: Tag = None,
    exporter: Annotated[list[str] | None, typer.Option(help="Only this exporter.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes at a time.")] = 2,
    again: Annotated[bool, typer.Option("--again", help="Also what was measured before.")] = False,
    folder: From = None,
) -> None:
    """Measure cases with exporters; those of the catalogue are recorded."""
    exporters = exporter or list(EXPORTERS)
    unknown = set(exporters) - EXPORTERS.keys()
    if unknown:
        _fail(f"no exporter {', '.join(unknown)}; there are {', '.join(EXPORTERS)}")
    entries = [e for e in _chosen(tag, folder) if not case or e.name in _names(case)]
    table = _table() if folder is None else Table.empty()
    tasks = [
        (e, x)
        for e in entries
        for x in exporters
        if again or EXPORTERS[x].is_ours or not table.is_fresh(e, x)
    ]
    notes = Console(stderr=True)
    with Progress(console=notes, transient=True) as progress:
        bar = progress.add_task("measuring", total=len(tasks))
        for found in measured(tasks, jobs):
            table.note(found)
            progress.update(bar, advance=1, description=found.entry.name)
    Console().print(_summary(table, entries, exporters))
    if folder is None:
        notes.print(f"{table.write()} is written", highlight=False, soft_wrap=True)
    elif _declared_wrongly(entries, notes):
        raise typer.Exit(1)


@db.command("lint")
def lint_command() -> None:
    """Whether the recorded table fits the cases. Status 1: it does not."""
    found = problems_of(_table(), list(cases()))
    for line in found:
        Console().print(line, highlight=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)


@db.command("headline")
def headline_command() -> None:
    """The counts of the recorded tables, in Markdown."""
    print(headline(recorded(), cases()))


@db.command("export")
def export_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="A .json file.")],
) -> None:
    """The whole catalogue, with all that was measured, as JSON."""
    text = json.dumps(merged(cases()), indent=1, sort_keys=True, ensure_ascii=False)
    output.write_text(text + "\n", encoding="utf-8")


def _fail(text: str) -> NoReturn:
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)


def _names(names: list[str]) -> set[str]:
    return {name.replace("-", "_") for name in names}


def _entry(name: str) -> Entry:
    try:
        return get(name)
    except KeyError:
        entries = cases()
        near_names = difflib.get_close_matches(name.replace("-", "_"), [e.name for e in entries])
        names = near_names or [hit.entry.name for hit in search(name, entries)[:3]]
        meant = " or ".join(names) or f"`db search {name}`"
        _fail(f"there is no case {name}; did you mean {meant}?")


def _chosen(tag: str | None, folder: Path | None) -> list[Entry]:
    if tag is not None and tag not in TAGS:
        _fail(f"there is no tag {tag}; the tags are {', '.join(TAGS)}")
    return [entry for entry in cases(folder) if tag is None or tag in entry.case.tags]


def _table() -> Table:
    """The recorded table of the torch that is installed."""
    fresh = Table.empty()
    return next((table for table in recorded() if table.version == fresh.version), fresh)


def _code(console: Console, title: str, text: str, language: str = "python") -> None:
    console.print(f"\n[bold]{title}[/]")
    if console.is_terminal:
        console.print(Syntax(text, language, background_color="default", word_wrap=False))
    else:
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _support(entry: Entry) -> Grid:
    tables = recorded()
    grid = Grid(Column("exporter", no_wrap=True), *(f"torch {t.version}" for t in tables))
    for exporter in EXPORTERS.values():
        cells = []
        for table in tables:
            outcome = table.outcome(entry.name, exporter.name)
            why = f" {outcome.code or outcome.exception}" if outcome and outcome.exception else ""
            cells.append("-" if outcome is None else _MARKS[outcome.kind] + why)
        grid.add_row(exporter.title, *cells)
    return grid


def _summary(table: Table, entries: list[Entry], exporters: list[str]) -> Grid:
    counts = table.counts(entry.name for entry in entries)
    kinds = [k for k in _MARKS if any(counts[x][k] for x in exporters)]
    grid = Grid("exporter", *(_MARKS[k] for k in kinds))
    for name in exporters:
        grid.add_row(EXPORTERS[name].title, *(str(counts[name][k]) for k in kinds))
    return grid


def _declared_wrongly(entries: list[Entry], notes: Console) -> bool:
    failed = False
    for entry in entries:
        try:
            run_case(entry)
        except CaseFailedError as error:
            failed = True
            notes.print(str(error), markup=False, highlight=False, soft_wrap=True)
    return failed


@db.command("site")
def site_command(
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder.")],
    form: Annotated[str, typer.Option("--format", help="html or rst.")] = "html",
    sweep: Annotated[Path, typer.Option(help="A record of models, if there is one.")] = _RECORD,
) -> None:
    """The catalogue as pages that need no network."""
    if form not in ("html", "rst"):
        _fail(f"the formats are html and rst, not {form}")
    from monograph.exportdb.site import build

    prose = {}
    if sweep.exists():
        prose["real libraries"] = Report(read_record(sweep)).markdown()
    entries, notes = list(cases()), Console(stderr=True)
    with Progress(console=notes, transient=True) as progress:
        bar = progress.add_task("writing", total=len(entries))
        files = build(
            output,
            entries,
            recorded(),
            form=form,
            prose=prose,
            tell=lambda name: progress.update(bar, advance=1, description=name),
        )
    notes.print(f"{len(files)} files in {output}", highlight=False, soft_wrap=True)
