"""Slices of the rows or pieces of a tensor, of whatever number, are those that Python gives."""

import pytest
import torch

import monograph
from monograph import Dim

# Every second piece is no part of the tensor, to be joined as one.
SLICES = ("[1:]", "[:-1]", "[::2]", "[-2:]", "[1:3]", "[::-1]", "[1:][::-1]", "[:4][1:]")
PROGRAM = """
def program(x):
    rows = x.unbind(1)
    pieces = tuple(x.split(2, 1))
    some = rows{0}
    others = pieces{1}
    by_pairs = torch.stack([a * 2 - b for a, b in zip(some, rows)], 1)
    return torch.stack(some, 1), torch.cat(others, 1), len(some), len(others), by_pairs
"""


@pytest.mark.parametrize("written", SLICES)
def test_a_slice_of_parts(written, tmp_path):
    path = tmp_path / "program.py"
    path.write_text(PROGRAM.format(written, written.replace("::2", "1::")))
    namespace = {"torch": torch}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    program = namespace["program"]
    every = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    call = monograph.export(program, (torch.randn(2, 7, 3),), dynamic_shapes=every).module()
    for sizes in ((2, 7, 3), (1, 5, 3), (3, 4, 3), (2, 8, 3)):
        x = torch.randn(sizes)
        torch.testing.assert_close(call(x), program(x), check_stride=sizes[0] > 1)


def neighbours(x):
    steps = x.unbind(1)
    return torch.stack(
        [after - before for before, after in zip(steps[:-1], steps[1:], strict=True)],  # noqa: RUF007
        1,
    )


def the_first_and_the_last(x):
    steps = list(x.unbind(1))
    return steps[0], steps[-1], tuple(x.unbind(1))[-2]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [neighbours, the_first_and_the_last])
def test_rows_of_a_tensor_lie_as_in_eager_mode(program, strict):
    every = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(2, 5, 3),)
    call = monograph.export(program, example, dynamic_shapes=every, strict=strict).module()
    for sizes in ((2, 5, 3), (3, 2, 3), (1, 7, 3)):
        x = torch.randn(sizes)
        torch.testing.assert_close(call(x), program(x), check_stride=sizes[0] > 1)
