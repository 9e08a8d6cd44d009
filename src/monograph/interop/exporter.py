"""What stands in the place of torch's exporter, where Monograph is installed.

What it gives is torch's own ``ExportedProgram`` in everything but how it is decomposed
(``decomposing``).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

from torch.export import ExportedProgram as TorchProgram
from torch.export import draft_export

from monograph.diagnostics import MonographError
from monograph.interop.declarations import as_torch
from monograph.interop.decomposing import as_installed
from monograph.interop.importing import from_torch
from monograph.interop.private import (
    Exporter,
    exporter,
    is_drafting,
    set_exporter,
)
from monograph.ir.program import Parts

__all__ = ["Settings", "drafted", "install", "installed", "uninstall"]

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
