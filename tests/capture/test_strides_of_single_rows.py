"""Strides where there is one element or none along a dimension: what is told holds for the example.

And for a call of other sizes it is eager mode's, or the call is refused.
"""

import itertools

import pytest
import torch

from monograph import Dim, InputError, PythonFeatureError, export

FORMS = {
    "in order": lambda sizes: torch.zeros(sizes),
    "transposed": lambda sizes: torch.zeros(sizes[::-1]).permute(*range(len(sizes))[::-1]),
    "in steps": lambda sizes: torch.zeros(*sizes[:-1], 2 * sizes[-1])[..., ::2],
    "a part": lambda sizes: torch.zeros(*sizes[:-1], sizes[-1] + 3)[..., : sizes[-1]],
    "expanded": lambda sizes: torch.zeros(1, *sizes[1:]).expand(sizes),
}
ASKED = {
    "all": lambda x: x.stride(),
    "the first": lambda x: (x.stride(0), x.stride(-1)),
    "of a view": lambda x: x.unsqueeze(0).stride(),
    "of a sum": lambda x: (x + 1).stride(),
    "where a view starts": lambda x: x[1:].storage_offset(),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("form", FORMS)
def test_example_holds(form, asked):
    program = ASKED[asked]
    told = 0
    shapes = [*itertools.product((0, 1, 2), (1, 3)), (2, 1, 1), (1, 0, 3), (1, 3, 2)]
    for sizes in shapes:
        x = FORMS[form](sizes)
        try:
            ep = export(program, (x,), dynamic_shapes=(dict.fromkeys(range(x.dim()), Dim.AUTO),))
        except PythonFeatureError as error:
            if error.code == "MG-P106":
                continue
            raise
        if asked != "of a sum" or x.numel():  # no element, no way to lie
            assert ep.module()(x) == program(x), sizes
        told += 1
        for others in shapes:
            y = FORMS[form](others)
            if y.dim() == x.dim() and (asked != "of a sum" or y.numel()):
                try:
                    assert ep.module()(y) == program(y), (sizes, others)
                except InputError:
                    continue
    assert told or asked in ("of a sum", "of a view", "where a view starts")
