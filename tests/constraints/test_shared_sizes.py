"""Arguments that share a size, each declared by itself: a question about one is asked of all."""

import pytest
import torch
import torch.nn.functional as F

from monograph import Dim, InputError, export
from monograph.testing import assert_exports

R = torch.randn
ANY = {0: Dim.DYNAMIC}


def repeated_rows(x, mask):
    rows = mask.repeat_interleave(2, dim=0).view(mask.shape[0], 2, 4)
    return x.view(x.shape[0], 2, 4) + rows


def written_corner(x, h):
    t = F.pad(h, [0, 0, 0, 1])
    t[..., -1, -1] += 1.0
    return x @ t


def asked_before_the_tie(x, y):
    scaled = x.view(x.shape[0], -1) if x.shape[0] > 1 else x
    return scaled + y


def asked_of_the_second(x, y):
    total = x + y
    if y.shape[0] == 1:
        return total.view(1, -1).expand(y.shape[0], -1)
    return total.view(y.shape[0], -1).expand(y.shape[0], -1)


def asked_of_both(x, y):
    total = x @ y
    if x.shape[0] + y.shape[0] > 2:
        return total.relu()
    return total.relu()


def three_tensors(x, y, z):
    if z.shape[0] != 1:
        z = z[: z.shape[0]]
    return torch.cat([x + y, y * z], 1)


PROGRAMS = {
    "repeated_rows": (repeated_rows, [(8,), (4,)]),
    "written_corner": (written_corner, [(3, 3), (2, 3)]),
    "asked_before_the_tie": (asked_before_the_tie, [(3,), (3,)]),
    "asked_of_the_second": (asked_of_the_second, [(3,), (3,)]),
    "asked_of_both": (asked_of_both, [(3, 3), (3, 2)]),
    "three_tensors": (three_tensors, [(3,), (3,), (3,)]),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("batch", [2, 4])
def test_batches_of_one(name, batch):
    program, rests = PROGRAMS[name]

    def inputs(n):
        return tuple(R(n, *rest) for rest in rests)

    calls = [inputs(n) for n in (1, 2, 3, 7)]
    assert_exports(program, inputs(batch), more_inputs=calls, dynamic_shapes=(ANY,) * len(rests))


def differs_for_one(x, y):
    total = x + y
    return total.sum(0) if x.shape[0] == 1 else total.mean(0)


def differs_for_one_of_the_first(x, y):
    scaled = x * 2 if x.shape[0] == 1 else x * 3
    return scaled + y


@pytest.mark.parametrize("program", [differs_for_one, differs_for_one_of_the_first])
def test_a_batch_of_one_that_is_another_program_is_kept(program):
    exported = export(program, (R(3, 4), R(3, 4)), dynamic_shapes=(ANY, ANY))
    for size in (1, 2, 5):
        args = (R(size, 4), R(size, 4))
        torch.testing.assert_close(exported.module()(*args), program(*args))


def test_what_is_tied_stays_tied():
    """The side of one row broadcasts; nobody has shown that other rows do."""
    exported = export(asked_before_the_tie, (R(3, 4), R(3, 4)), dynamic_shapes=(ANY, ANY))
    for args in [(R(1, 4), R(5, 4)), (R(5, 4), R(1, 4)), (R(2, 4), R(3, 4))]:
        with pytest.raises(InputError):
            exported.module()(*args)
