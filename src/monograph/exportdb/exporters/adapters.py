"""One way to call every exporter: Monograph's two modes, and torch's three."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from monograph.exporting import export
from monograph.interop.declarations import as_torch

__all__ = ["EXPORTERS", "Exported", "Exporter"]


Model = Callable[..., Any]


@dataclass(frozen=True)
class Exported:
    """A program: what calls it, how many nodes it has, and itself after being saved and loaded."""

    program: object
    run: Callable[..., Any]
    nodes: int
    reload: Callable[[], Callable[..., Any]]


@dataclass(frozen=True)
class Exporter:
    """``export(model, args, kwargs, dynamic_shapes)``; ``is_ours``: it is Monograph."""

    name: str
    title: str
    export: Callable[[Model, tuple[Any, ...], dict[str, Any], object], Exported]
    is_ours: bool = False
    is_strict: bool = False


def _monograph(strict: bool) -> Callable[..., Exported]:
    def run(
        model: Model, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: object
    ) -> Exported:
        from monograph.edges import load, save

        program = export(model, args, kwargs, dynamic_shapes=shapes, strict=strict)

        def reload() -> Callable[..., Any]:
            buffer = io.BytesIO()
            save(program, buffer)
            buffer.seek(0)
            return load(buffer).module()

        return Exported(program, program.module(), len(program.graph.nodes), reload)

    return run


def _torch(function: str, **options: bool) -> Callable[..., Exported]:
    def run(
        model: Model, args: tuple[Any, ...], kwargs: dict[str, Any], shapes: object
    ) -> Exported:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            make = getattr(torch.export, function)
            program: torch.export.ExportedProgram = make(
                model, args, kwargs, dynamic_shapes=as_torch(shapes), **options
            )

        def reload() -> Callable[..., Any]:
            buffer = io.BytesIO()
            torch.export.save(program, buffer)
            buffer.seek(0)
            return torch.export.load(buffer).module()

        return Exported(program, program.module(), len(program.graph.nodes), reload)

    return run


EXPORTERS = {
    exporter.name: exporter
    for exporter in (
        Exporter("monograph", "Monograph", _monograph(False), is_ours=True),
        Exporter(
            "monograph-strict", "Monograph, strict", _monograph(True), is_ours=True, is_strict=True
        ),
        Exporter("torch", "torch.export", _torch("export", strict=False)),
        Exporter("torch-strict", "torch.export, strict", _torch("export", strict=True)),
        Exporter("torch-draft", "draft_export", _torch("draft_export")),
    )
}
