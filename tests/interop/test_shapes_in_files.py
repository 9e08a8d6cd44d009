"""Programs that return the shape of a tensor, from files: a ``torch.Size`` holds no tensors."""

import io

import pytest
import torch

from monograph import Dim, export, load, save

PROGRAMS = {
    "beside a tensor": lambda x: (x * 2, x.shape),
    "alone": lambda x: x.shape,
    "in containers": lambda x: {"a": [x.size()], "b": (x[1:], x[1:].shape)},
    "twice": lambda x: (x.shape,) * 2,
    "of its own": lambda x: (x, torch.Size([3, x.shape[0]])),
}


@pytest.mark.parametrize("shapes", [None, ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)])
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_shape_comes_back(name, shapes):
    program, x, file = PROGRAMS[name], torch.rand(5, 4), io.BytesIO()
    save(export(program, (x,), dynamic_shapes=shapes), file)
    file.seek(0)
    call = load(file).module()
    for size in ((5, 4), (5, 4) if shapes is None else (7, 1)):
        x = torch.rand(size)
        assert repr(call(x)) == repr(program(x))
