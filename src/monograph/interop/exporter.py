"""What stands in the place of torch's exporter, where Monograph is installed.

What it gives is torch's own ``ExportedProgram`` in everything but how it is decomposed.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from torch.export import CustomDecompTable, draft_export, load, save
from torch.export import ExportedProgram as TorchProgram

from monograph.diagnostics import MonographError
from monograph.interop.declarations import as_torch
from monograph.interop.importing import from_torch
from monograph.interop.private import (
    Exporter,
    choosable_composites,
    exporter,
    is_drafting,
    set_exporter,
)
from monograph.interop.reflected import Taking
from monograph.interop.torch_export import converted
from monograph.ir.program import Parts
from monograph.passes.decomposed import decomposed
from monograph.passes.table import Decompositions

__all__ = ["Decomposing", "Settings", "drafted", "install", "installed", "uninstall"]

_log = logging.getLogger("monograph.installed")


@dataclass(frozen=True)
class Settings:
    """How to export in the place of torch.

    Attributes:
        export: from what ``torch.export.export`` gets to a program; takes its keywords.
        fallback: whether torch's own exporter does what ``export`` refuses.
        strict: in place of what the caller says; None leaves it to the caller.
    """

    export: Callable[..., Parts]
    fallback: bool = False
    strict: bool | None = None


class Decomposing(TorchProgram):
    """A program of torch's that is decomposed by templates.

    It remembers nothing of ours: its graph may be edited between export and decomposition, as
    quantisers do, and is read as it is then.
    """

    def run_decompositions(
        self,
        decomp_table: Mapping[Any, Callable[..., object]] | None = None,
        decompose_custom_triton_ops: bool = False,
    ) -> TorchProgram:
        """The same program with other operators: one of this class again.

        What cannot be read, since it was edited or holds what only torch knows, torch decomposes.

        Raises:
            DecompositionError: MG-O102, for a rule that fails or gives another result.
        """
        if decompose_custom_triton_ops:
            return super().run_decompositions(decomp_table, decompose_custom_triton_ops)
        try:
            parts = from_torch(self)
        except MonographError as error:
            _log.warning("torch decomposes the program, which is not read here: %s", error)
            return super().run_decompositions(decomp_table)
        return as_installed(decomposed(parts, _rules(decomp_table)))

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the program's file: torch's own pickles lose what is noted on nodes."""
        file = io.BytesIO()
        save(self, file)
        return _of_bytes, (type(self), file.getvalue())

    def __copy__(self) -> TorchProgram:
        made = type(self).__new__(type(self))
        made.__dict__.update(self.__dict__)
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> TorchProgram:
        made = memo[id(self)] = type(self).__new__(type(self))
        made.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return made


class _DecomposingTaking(Decomposing, Taking):
    """Such a program, whose module takes arguments of any class."""


def as_installed(parts: Parts) -> TorchProgram:
    """A program as torch's, of the kind that is given where Monograph is installed."""
    return converted(parts, kinds=(Decomposing, _DecomposingTaking))[0]


def _of_bytes(kind: type[TorchProgram], content: bytes) -> TorchProgram:
    made = kind.__new__(kind)
    made.__dict__.update(load(io.BytesIO(content)).__dict__)
    return made


def drafted(
    mod: Callable[..., object],
    args: tuple[object, ...],
    kwargs: Mapping[str, object] | None,
    shapes: object,
) -> Parts:
    """What ``torch.export.draft_export`` makes of a program that is refused here.

    Raises:
        InteropError: MG-F104, where it makes what is not known here.
    """
    draft: Callable[..., TorchProgram] = draft_export
    return from_torch(draft(mod, args, dict(kwargs or {}), dynamic_shapes=as_torch(shapes)))


def _rules(table: Mapping[Any, Callable[..., object]] | None) -> Decompositions | None:
    """What torch's programs make of a table: composite operators that it lacks are kept whole."""
    if table is None:
        return None
    full: Mapping[Any, Callable[..., object]] = table
    if isinstance(table, CustomDecompTable):
        full = table.materialize()
    rules = Decompositions(full)
    for op in choosable_composites() - set(full):
        rules.keep(op)
    return rules


# Putting it there, and back ------------------------------------------------------------------

_lock = threading.Lock()
_users = 0  # installations that are in force, of threads and of the process
_original: Exporter = exporter()
_everywhere: Settings | None = None
_here: ContextVar[Settings | None] = ContextVar("installed", default=None)


def install(settings: Settings) -> None:
    """Export like this from now on in all threads; again: with other settings."""
    global _everywhere
    with _lock:
        if _everywhere is None:
            _enter()
        _everywhere = settings


def uninstall() -> None:
    """Take back ``install``; what ``installed`` is in force stays."""
    global _everywhere
    with _lock:
        if _everywhere is not None:
            _everywhere = None
            _leave()


@contextlib.contextmanager
def installed(settings: Settings) -> Iterator[None]:
    """Export like this while it is entered, in this thread alone."""
    with _lock:
        _enter()
    token = _here.set(settings)
    try:
        yield
    finally:
        _here.reset(token)
        with _lock:
            _leave()


def _enter() -> None:
    global _users, _original
    _users += 1
    if exporter() is not _export:
        _original = exporter()
        set_exporter(_export)


def _leave() -> None:
    """Put torch's exporter back, unless somebody else has put one over ours meanwhile."""
    global _users
    _users -= 1
    if not _users and exporter() is _export:
        set_exporter(_original)


def _export(
    mod: object,
    args: tuple[object, ...],
    kwargs: Mapping[str, object] | None = None,
    dynamic_shapes: object = None,
    *,
    strict: bool = True,
    **keywords: object,
) -> TorchProgram:
    """In the place of torch's: called as that is, from all threads."""
    settings = _here.get() or _everywhere
    if settings is not None:
        asked = strict if settings.strict is None else settings.strict
        try:
            parts = settings.export(
                mod, args, kwargs, dynamic_shapes=dynamic_shapes, strict=asked, **keywords
            )
            return as_installed(parts)
        except MonographError as error:
            # A draft is for what is refused: torch goes on where that is so, and reports it.
            if not settings.fallback and not is_drafting():
                raise
            _log.warning("torch's exporter is called, since this is refused:\n%s", error)
    return _original(mod, args, kwargs, dynamic_shapes, strict=strict, **keywords)
