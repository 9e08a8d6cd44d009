"""Demands on strides, as torch's guards: where a stride leads nowhere, none is made."""

import io

import pytest
import torch

import monograph
from monograph import Dim


class Written(torch.nn.Module):
    """Writes into what is a view where the argument is in one piece, and a copy else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x * 1.0
        rows = y.reshape(-1, 8)
        rows[rows > 0] = -1.0
        return y


def _saved(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    return torch.export.load(file)


@pytest.mark.parametrize("example", [(1, 6), (3, 5)])
def test_sizes_0_and_1(example: tuple[int, int]) -> None:
    dynamic = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(Written(), (torch.randn(*example, 8),), dynamic_shapes=dynamic)
    theirs = program.to_torch()
    forms = {
        "theirs": theirs.module(),
        "saved": _saved(theirs).module(),
        "back": monograph.from_torch(theirs).module(),
    }
    for sizes in ((1, 6), (2, 0), (0, 3), (0, 0), (1, 1), (4, 1), (2, 5)):
        x = torch.randn(*sizes, 8)
        for form, module in forms.items():
            assert torch.equal(module(x), Written()(x)), (form, sizes)
    with pytest.raises(AssertionError, match="stride"):
        theirs.module()(torch.randn(5, 2, 8).transpose(0, 1))
    with pytest.raises(monograph.InputError):
        forms["back"](torch.randn(5, 2, 8).transpose(0, 1))
