"""What gives the very tensor, where nothing is to be done: its sizes change with that tensor's."""

import pytest
import torch
from torch.nn import functional

from monograph import MutationError, export

GIVES_ITSELF = {
    "contiguous": lambda x: x.contiguous(),
    "to": lambda x: x.to(x.dtype),
    "type_as": lambda x: x.type_as(x),
    "cpu": lambda x: x.cpu(),
    "resolve_conj": lambda x: x.resolve_conj(),
    "real": lambda x: x.real,
    "conj": lambda x: x.conj(),
    "conj_physical": lambda x: torch.conj_physical(x),
    "positive": lambda x: +x,
    "mT": lambda x: x.mT,
    "mH": lambda x: x.mH,
    "H": lambda x: x.H,
    "T": lambda x: x.T,
    "adjoint": lambda x: x.adjoint(),
    "flatten": lambda x: x.flatten(0, 0),
    "flatten_all": lambda x: x.flatten(),
    "reshape": lambda x: x.reshape(x.shape),
    "expand": lambda x: x.expand(x.shape),
    "view": lambda x: x.view(x.shape),
    "view_as": lambda x: x.view_as(x),
    "atleast": lambda x: torch.atleast_1d(x),
    "atleast_of_two": lambda x: torch.atleast_1d(x, x)[0],
    "broadcast": lambda x: torch.broadcast_tensors(x, x)[0],
    "sum_to_size": lambda x: x.sum_to_size(x.shape),
    "dropout": lambda x: functional.dropout(x, 0.5, False),
    "feature_dropout": lambda x: functional.dropout2d(x, 0.5, False),
    "squeeze": lambda x: x.squeeze(),
    "permute": lambda x: x.permute([*range(x.dim())]),
    "detach": lambda x: x.detach(),
    "slice": lambda x: x[...],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("changed", ["first", "second"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("name", GIVES_ITSELF)
def test_sizes_of_the_very_tensor(name, shape, changed):
    def program(x):
        first = x + 1
        second = GIVES_ITSELF[name](first)
        (first if changed == "first" else second).unsqueeze_(0)
        return first * 2, second * 3, first.dim(), second.dim()

    x = torch.ones(shape)
    try:
        expected = program(x)
    except RuntimeError:  # there is no such view of a vector
        return
    try:
        exported = export(program, (x,)).module()
    except MutationError as error:
        refusal = error
    else:
        torch.testing.assert_close(exported(x), expected)
        return
    assert refusal.code == "MG-M105"
    assert expected[2:] == (x.dim() + 1, x.dim() + 1)
