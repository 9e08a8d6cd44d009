"""Programs on ``x`` of any two sizes and 4: as in eager mode, or refused; never otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from monograph import Dim, MonographError, export

Program = Callable[[torch.Tensor], Any]
Sizes = tuple[int, int]


def exported(program: Program, given: Sizes, strict: bool) -> Callable[..., Any]:
    """The program for any sizes, from an example of ``given``."""
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(*given, 4),)
    return export(program, example, dynamic_shapes=shapes, strict=strict).module()


def require_right_or_refused(
    program: Program, given: Sizes, strict: bool, sizes: Iterable[Sizes]
) -> None:
    """Whatever is exported and runs gives what eager mode gives."""
    try:
        call = exported(program, given, strict)
    except MonographError:
        return
    for size in sizes:
        x = torch.randn(*size, 4)
        try:
            found = call(x)
        except (MonographError, RuntimeError):
            continue
        torch.testing.assert_close(found, program(x))
