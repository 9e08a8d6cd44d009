"""``resolve_conj`` copies what is conjugated, and else is the tensor itself: as for the example."""

import itertools

import pytest
import torch

import monograph


def _twice(y):
    y.mul_(2)
    return y.resolve_conj().mul_(3)


def _written_after(y):
    found = y.resolve_conj()
    y.mul_(2)
    return found


WRITES = {
    "itself": lambda y: y.resolve_conj().mul_(2),
    "a part": lambda y: y.mT.resolve_conj()[0].mul_(2),
    "twice": _twice,
    "after it": _written_after,
    "its real part": lambda y: y.resolve_conj().real.mul_(2),
    "its imaginary part": lambda y: y.imag.resolve_neg().mul_(2),
    "is it": lambda y: y + 1 if y.resolve_conj() is y else y - 1,
}
READS = {
    "returned": lambda y: y.resolve_conj(),
    "both": lambda y: (y * 2, y.resolve_conj()),
    "real": lambda y: y.resolve_conj().real * 2,
}


def _example(is_conjugated):
    made = torch.tensor([[1 + 2j, 3 - 1j], [2j, 1 + 0j]])
    return made.conj() if is_conjugated else made


@pytest.mark.parametrize(("name", "bit"), list(itertools.product(WRITES, (False, True))))
def test_what_is_written_is_the_argument_or_a_copy_as_for_the_example(name, bit):
    model = WRITES[name]
    program = monograph.export(model, (_example(bit),))
    given, eager = _example(bit), _example(bit)
    assert torch.equal(program.module()(given), model(eager))
    assert torch.equal(given, eager)
    with pytest.raises(monograph.InputError) as caught:
        program.module()(_example(not bit))
    assert caught.value.code == "MG-I107"


@pytest.mark.parametrize(("name", "bit"), list(itertools.product(READS, (False, True))))
def test_what_is_only_read_may_be_conjugated_or_not(name, bit):
    program = monograph.export(READS[name], (_example(bit),))
    for each in (False, True):
        torch.testing.assert_close(program.module()(_example(each)), READS[name](_example(each)))
