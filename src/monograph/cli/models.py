"""``monograph check ZOO.toml[:NAME]``: the models of a catalogue, or those that were changed."""

from __future__ import annotations

from pathlib import Path

import typer
from rich.console import Console

from monograph.checking import check
from monograph.diagnostics.rendering import styled
from monograph.sweep import Catalogue
from monograph.sweep.declared import CatalogueError, Declared
from monograph.sweep.touched import is_touched, touched_models
from monograph.sweep.trials import example

__all__ = ["check_models", "is_worth_checking"]


def is_worth_checking(file: Path, since: str) -> bool:
    """Whether the file, or one that it imports, differs from a commit."""
    try:
        return is_touched(file, since)
    except CatalogueError as error:
        _fail(str(error))
        raise


def check_models(path: Path, name: str, since: str | None, strict: bool) -> bool:
    """Check each model, or those that differ from a commit; whether all is as expected."""
    try:
        declared = Declared.read(path)
        entries = Catalogue(path).entries(path.stem)
        chosen = list(entries) if since is None else list(touched_models(path, since))
    except (CatalogueError, OSError) as error:
        _fail(str(error))
        raise
    if name and name not in entries:
        _fail(f"{path} has no model {name}; there are {', '.join(entries)}")
    exporter = "monograph-strict" if strict else "monograph"
    found = []
    for each in chosen:
        if name in ("", each):
            expected = declared.expectation(each, exporter, "dynamic", "")
            found.append(_is_as_expected(Catalogue(path), path.stem, each, expected, strict))
    Console(stderr=True).print(
        f"{len(found)} of {len(entries)} models checked, {found.count(False)} not as expected",
        highlight=False, soft_wrap=True,
    )  # fmt: skip
    return all(found)


def _is_as_expected(
    catalogue: Catalogue, library: str, name: str, expected: str, strict: bool
) -> bool:
    console = Console()

    def tell(text: str) -> None:
        console.print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)

    try:
        model, (args, kwargs), shapes = example(catalogue.entries(library)[name])
    except ValueError as error:
        tell(str(error))
        return expected == "eager cannot"
    report = check(model, args, kwargs, dynamic_shapes=shapes, strict=strict)
    verdict = "right" if report.is_clean else "refused"
    codes = {f"refused {problem.code}" for problem in report.problems}
    if expected == verdict or expected in codes:
        tell("it exports" if report.is_clean else f"{expected}, as expected")
        return True
    for problem in report.problems:
        console.print(styled(problem.lines()), soft_wrap=True)
    tell(report.summary if not report.is_clean else f"it exports, and {expected} was expected")
    return False


def _fail(text: str) -> None:
    Console(stderr=True).print(text, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(2)
