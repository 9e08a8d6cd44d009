"""``monograph check FILE.py[:NAME]``."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.syntax import Syntax

from monograph.checking import Report, check
from monograph.cli.models import check_models, is_worth_checking
from monograph.cli.summary import refuse
from monograph.cli.target import StrictMode, Target
from monograph.diagnostics.codes import CODES
from monograph.diagnostics.rendering import styled
from monograph.diagnostics.watching import Watch, watching
from monograph.source.rewrite import Patch
from monograph.target import UsageError, example, load

__all__ = ["check_command"]


class Format(StrEnum):
    """How the report is written."""

    text = "text"
    json = "json"
    sarif = "sarif"
    html = "html"


def check_command(
    target: Target,
    fix: Annotated[bool, typer.Option("--fix", help="Write the changes that were tried.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write them in spite of uncommitted changes.")
    ] = False,
    strict: StrictMode = False,
    prove: Annotated[
        bool, typer.Option("--prove", help="Run what exports, too, and compare with eager mode.")
    ] = False,
    form: Annotated[Format, typer.Option("--format", help="How to write it.")] = Format.text,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file for the report.")
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Only what has changed, as git knows it.")
    ] = False,
    since: Annotated[str, typer.Option(help="The commit that --changed compares with.")] = "HEAD",
) -> None:
    """Find everything that stands in the way of an export, and what to write instead.

    Of a catalogue of models in TOML: of each of them, in short. Status 0: it exports. 1: there are
    problems. 2: there is no such program.
    """
    notes = Console(stderr=True)
    path, _, name = target.partition(":")
    if path.endswith(".toml"):
        raise typer.Exit(not check_models(Path(path), name, since if changed else None, strict))
    if changed and not is_worth_checking(Path(path), since):
        notes.print(f"{path}: nothing has changed since {since}", highlight=False, soft_wrap=True)
        return
    try:
        model, args, kwargs, shapes = example(load(Path(path)), name, path)
        watch = Watch(is_close=form is Format.html)
        with notes.status(watch), watching(watch):
            report = check(model, args, kwargs, dynamic_shapes=shapes, strict=strict, prove=prove)
    except UsageError as error:
        notes.print(str(error), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(2) from None
    except Exception as error:
        refuse(notes, error)
    patches = report.patches_for(Path(path))
    text = _written(report, form, target)
    if output is not None:
        output.write_text(str(report) + "\n" if text is None else text)
    elif text is not None:
        print(text)
    else:
        _print(report, patches)
    if report.is_clean:
        return
    if not fix:
        raise typer.Exit(1)
    _write(report, patches, target, force, notes)


def _written(report: Report, form: Format, target: str) -> str | None:
    """The report in a form for other tools."""
    if form is Format.json:
        return json.dumps(report.as_dict(), indent=2)
    if form is Format.sarif:
        return json.dumps(_sarif(report), indent=2)
    return report.as_html(target) if form is Format.html else None


def _print(report: Report, patches: list[Patch]) -> None:
    console = Console()
    for problem in report.problems:
        console.print(styled(problem.lines()), soft_wrap=True)
        console.print()
    diff = "\n".join(patch.diff() for patch in patches)
    if diff and report.program is not None:
        console.print(report.promise)
        if console.is_terminal:
            console.print(Syntax(diff, "diff", background_color="default"))
        else:
            print(diff)
        console.print()
    for assumption in report.assumptions:
        console.print(f"assumes: {assumption}", markup=False, highlight=False, soft_wrap=True)
    console.print(report.summary, markup=False, highlight=False)


def _write(report: Report, patches: list[Patch], target: str, force: bool, notes: Console) -> None:
    """Write the changes, and prove in a new process that the program exports with them."""
    if report.program is None or not patches:
        notes.print("nothing is written: no change of files makes the program export")
        raise typer.Exit(1)
    states = {patch.file: _not_committed(patch.file) for patch in patches}
    unsafe = [f"{file}: {state}" for file, state in states.items() if state]
    if unsafe and not force:
        notes.print("nothing is written; --force writes all the same", highlight=False)
        notes.print("\n".join(unsafe), markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    for patch in patches:
        Path(patch.file).write_text(patch.after)
        notes.print(f"[dim]{patch.file} is written[/]", highlight=False)
    command = [sys.executable, "-m", "monograph", "check", target, "--prove"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        for patch in patches:
            Path(patch.file).write_text(patch.before)
        notes.print("the files are as they were: in a process of its own the program fails still")
        notes.print(done.stdout + done.stderr, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1)
    notes.print("it exports, and gives what eager mode gives", highlight=False)


def _not_committed(file: str) -> str:
    """Why ``file`` could not be got back from git; empty where it could."""
    done = subprocess.run(
        ["git", "status", "--porcelain", "--", Path(file).name],
        cwd=Path(file).resolve().parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return "in no git repository, so that nothing would keep it as it was"
    return "uncommitted changes" if done.stdout.strip() else ""


def _sarif(report: Report) -> dict[str, Any]:
    """The report in the format of code scanning tools (SARIF 2.1.0)."""
    codes = sorted({problem.code for problem in report.problems})
    rules = [{"id": code, "shortDescription": {"text": CODES[code].title}} for code in codes]
    results = []
    for problem in report.problems:
        result: dict[str, Any] = {
            "ruleId": problem.code,
            "level": "error",
            "message": {"text": problem.error.what + (f". {problem.fix}" if problem.fix else "")},
            "occurrenceCount": problem.count,
        }
        where = problem.where
        if where is not None:
            region: dict[str, Any] = {"startLine": where.line}
            if where.start is not None:
                region["startColumn"] = where.start + 1
            place = {"artifactLocation": {"uri": Path(where.file).as_uri()}, "region": region}
            result["locations"] = [{"physicalLocation": place}]
        results.append(result)
    driver = {"name": "monograph", "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
