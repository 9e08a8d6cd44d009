"""Writes to pieces that a tensor is cut into at indices: in order or not, beyond it, negative."""

import pytest
import torch

from monograph import Dim, export

INDICES = [
    (1, 2, 4),
    (4, 2, 1),
    (4, 1, 3),
    (1, 7, 3),
    (2, 2, 2),
    (-1, 2, -2),
    (9, 9, 1),
    (-9, 3),
    (),
]
CUTS = {
    "tensor_split": (lambda x, at: torch.tensor_split(x, at), 0),
    "tensor_split of columns": (lambda x, at: torch.tensor_split(x, at, -2), 1),
    "tensor_split by a tensor": (lambda x, at: torch.tensor_split(x, torch.LongTensor(at)), 0),
    "hsplit": (lambda x, at: torch.hsplit(x, at), 1),
    "vsplit": (lambda x, at: torch.vsplit(x, at), 0),
    "dsplit": (lambda x, at: torch.dsplit(x, at), 2),
}  # fmt: skip


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("name", CUTS)
def test_write(name, varying):
    cut, dim = CUTS[name]
    for indices in INDICES:

        def program(x, indices=indices):
            pieces = cut(x, indices)
            for i, piece in enumerate(pieces):
                piece.add_(10**i)
            pieces[-1].transpose(0, 1)[1:].mul_(3)
            return pieces, [list(piece.shape) for piece in pieces]

        sizes = [5, 4, 3]
        sizes[dim] = 6
        shapes = ({dim: Dim.AUTO},) if varying else None
        ep = export(program, (torch.rand(sizes),), dynamic_shapes=shapes)
        for more in (0, 0, 1, 4) if varying else (0, 0):
            sizes[dim] = 6 + more
            x = torch.rand(sizes)
            expected = x.clone()
            wanted = program(expected)
            torch.testing.assert_close((ep.module()(x), x), (wanted, expected))


def test_write_at_indices_of_the_call():
    def program(x, indices):
        for i, piece in enumerate(torch.tensor_split(x, indices)):
            piece.add_(10**i)
        return x

    ep = export(program, (torch.rand(6, 2), torch.tensor([1, 2, 4])))
    for indices in INDICES[:7]:
        x, at = torch.rand(6, 2), torch.tensor(indices)
        torch.testing.assert_close(ep.module()(x.clone(), at), program(x, at))
