"""Which programs are touched by changes of files, as git knows them."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from monograph.sweep.declared import CatalogueError, Declared
from monograph.sweep.imports import files_behind

__all__ = ["is_touched", "touched_models"]


def is_touched(file: Path, since: str = "HEAD") -> bool:
    """Whether a Python file, or one below the repository that it imports, differs from a commit.

    Raises:
        CatalogueError: git does not know the folder or the commit.
    """
    root = Path(_git(file.parent, "rev-parse", "--show-toplevel")[0])
    return not files_behind(file, root).isdisjoint(_changed(file.parent, since))


def touched_models(catalogue: Path, since: str = "HEAD") -> Iterator[str]:
    """The names of the models that are declared otherwise, or whose files differ.

    Raises:
        CatalogueError: the file is no catalogue, or git does not know the folder or the commit.
    """
    declared = Declared.read(catalogue)
    changed = _changed(catalogue.parent, since)
    before = _models_at(catalogue, since) if catalogue.resolve() in changed else None
    for model in declared.models:
        is_other = before is not None and before.get(model["name"]) != model
        if is_other or not declared.files(model).isdisjoint(changed):
            yield model["name"]


def _models_at(catalogue: Path, since: str) -> dict[str, object]:
    """As they were declared; none where the catalogue was not there."""
    try:
        text = "\n".join(_git(catalogue.parent, "show", f"{since}:./{catalogue.name}"))
        return {model["name"]: model for model in tomllib.loads(text).get("models", ())}
    except (CatalogueError, tomllib.TOMLDecodeError, KeyError):
        return {}


def _changed(folder: Path, since: str) -> set[Path]:
    """Files of the repository that differ from a commit, new ones too."""
    root = Path(_git(folder, "rev-parse", "--show-toplevel")[0])
    names = [
        *_git(root, "diff", "--name-only", since, "--"),
        *_git(root, "ls-files", "--others", "--exclude-standard"),
    ]
    return {(root / name).resolve() for name in names}


def _git(folder: Path, *words: str) -> list[str]:
    done = subprocess.run(
        ["git", "-c", "core.quotePath=false", *words],
        cwd=folder.resolve(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CatalogueError(f"git: {done.stderr.strip()}")
    return done.stdout.splitlines()
