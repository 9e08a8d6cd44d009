"""Functions of ``torch.export`` that are methods here, or not needed: for programs that call them.

``import monograph as torch_export`` finds each name of ``torch.export`` that has a counterpart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from monograph.checking import Report, check
from monograph.constraints.violations import suggestions_in
from monograph.diagnostics import ExportError
from monograph.exporting import export
from monograph.hierarchy import FlatArgsAdapter, UnflattenedModule
from monograph.ir.program import Parts
from monograph.passes.place import devices_of
from monograph.program import ExportedProgram
from monograph.shapes.constraints import refine

__all__ = [
    "DraftedProgram",
    "draft_export",
    "move_to_device_pass",
    "refine_dynamic_shapes_from_suggested_fixes",
    "register_dataclass",
    "unflatten",
]


def unflatten(
    module: ExportedProgram, flat_args_adapter: FlatArgsAdapter | None = None
) -> UnflattenedModule:
    """``module.unflatten(flat_args_adapter)``: the modules, each with its part of the graph."""
    return module.unflatten(flat_args_adapter)


def register_dataclass(cls: type, *, serialized_type_name: str | None = None) -> None:
    """Make a dataclass known to ``torch.export`` and its files, as torch's function does.

    An export does not need it: dataclasses are taken apart as they are. ``to_torch()`` and
    ``save`` give torch a program that names the class, where it is registered.
    """
    from monograph.interop.reflected import register_dataclass

    register_dataclass(cls, serialized_type_name=serialized_type_name)


def refine_dynamic_shapes_from_suggested_fixes(msg: str, dynamic_shapes: object) -> object:
    """``dynamic_shapes`` with the suggestions followed that an error's text makes.

    ``msg``: ``str(error)``, of Monograph's ``ConstraintViolationError`` or of torch's error.
    ``refine_dynamic_shapes`` takes the error itself.

    Raises:
        ValueError: the text has no suggestions.
    """
    return refine(dynamic_shapes, suggestions_in(msg))


def move_to_device_pass(
    ep: ExportedProgram, location: torch.device | str | Mapping[str, str]
) -> ExportedProgram:
    """``ep.to_device(location)``: a program for another device.

    ``location`` may map devices to others; a program for one that it does not name stays there.

    Raises:
        InteropError: MG-F104, for a program that uses several devices, or what is no device.
    """
    if isinstance(location, Mapping):
        places = {str(torch.device(old)): new for old, new in location.items()}
        found = [places[str(d)] for d in devices_of(ep.graph) if str(d) in places]
        if not found:
            return ep
        location = found[0]
    return ep.to_device(location)


class DraftedProgram(ExportedProgram):
    """What ``draft_export`` returns: a program with what stands in the way of it.

    Attributes:
        report: the problems, each with what to write instead; clean for what exports as it is.
    """

    def __init__(self, parts: Parts, report: Report) -> None:
        super().__init__(parts)
        self.report = report


def draft_export(
    mod: Callable[..., object],
    args: tuple[object, ...] = (),
    kwargs: Mapping[str, object] | None = None,
    *,
    dynamic_shapes: object = None,
    preserve_module_call_signature: tuple[str, ...] = (),
    strict: bool = False,
    prefer_deferred_runtime_asserts_over_guards: bool = False,
) -> DraftedProgram:
    """A program in any case, and a report of what stands in the way.

    Where ``export`` refuses, the program is that of ``check``: exported with the changes that the
    report proposes. Where these do not suffice, ``torch.export.draft_export`` makes the program,
    from what holds for the example inputs alone.

    Arguments are those of ``export``.

    Raises:
        ExportError: torch's exporter makes no program either.
    """
    try:
        program = export(
            mod,
            args,
            kwargs,
            dynamic_shapes=dynamic_shapes,
            strict=strict,
            preserve_module_call_signature=preserve_module_call_signature,
            prefer_deferred_runtime_asserts_over_guards=prefer_deferred_runtime_asserts_over_guards,
        )
        return DraftedProgram(program.parts, Report(program))
    except ExportError as error:
        refusal = error
        report = check(mod, args, kwargs, dynamic_shapes=dynamic_shapes, strict=strict)
    if report.program is not None:
        return DraftedProgram(report.program.parts, report)
    from monograph.interop.exporter import drafted

    try:
        return DraftedProgram(drafted(mod, args, kwargs, dynamic_shapes), report)
    except Exception as error:
        raise refusal from error
