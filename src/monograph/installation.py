"""Monograph in the place of ``torch.export``'s exporter, for all that calls it.

``install()`` before ``torch.onnx.export``, a quantiser or any library that exports by itself: what
they get is a ``torch.export.ExportedProgram`` as before, captured here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from monograph.exporting import export
from monograph.ir.program import Parts

if TYPE_CHECKING:
    from monograph.interop.exporter import Settings

__all__ = ["install", "installed", "uninstall"]


def install(*, fallback: bool = False, strict: bool | None = None) -> None:
    """Let ``torch.export.export`` capture with Monograph from now on, in the whole process.

    It holds for those who imported ``export`` by name before, and for what torch's other
    functions export. Called again, it changes the settings; ``uninstall`` puts everything back.

    Args:
        fallback: call torch's own exporter where Monograph refuses; each refusal is then a warning
            of the logger ``monograph.installed``.
        strict: capture in this mode whatever the caller asks for; None does what the caller asks.
    """
    from monograph.interop import exporter  # torch.export: a second to import

    exporter.install(_settings(fallback, strict))


def uninstall() -> None:
    """Give ``torch.export.export`` its own exporter again. Without ``install``: nothing."""
    from monograph.interop import exporter

    exporter.uninstall()


@contextlib.contextmanager
def installed(*, fallback: bool = False, strict: bool | None = None) -> Iterator[None]:
    """``install`` for the body of a ``with``, and for the thread that runs it.

    Others export meanwhile as they did. May be nested: the innermost settings hold.
    """
    from monograph.interop import exporter

    with exporter.installed(_settings(fallback, strict)):
        yield


def _settings(fallback: bool, strict: bool | None) -> Settings:
    from monograph.interop.exporter import Settings

    return Settings(_exported, fallback, strict)


def _exported(*args: object, **keywords: object) -> Parts:
    return export(*args, **keywords).parts  # type: ignore[arg-type]
