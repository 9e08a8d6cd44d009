"""Whatever torch asks of a size, a float or a truth that varies, the node under it answers."""

import re
from pathlib import Path

import pytest
import torch
from torch.fx.experimental.sym_node import SymNode

import monograph
from monograph import Dim
from monograph.shapes.env import ShapeEnv
from monograph.shapes.symnode import BoolNode, FloatNode, IntNode, symbolic
from monograph.testing import assert_exports

_HEADER = Path(torch.__path__[0]) / "include/torch/csrc/utils/python_symnode.h"
_ASKED_BY_C = set(
    re.findall(r"\b([a-z]\w*)\([^;{}]*\)\s*(?:const\s*)?override", _HEADER.read_text())
)
_ASKED_BY_PYTHON = {name for name in dir(SymNode) if not name.startswith("_")}
# Of integers alone; the rest is asked of any of the three.
_OF_INTEGERS = {
    name for name in _ASKED_BY_PYTHON
    if name.startswith(("is_contiguous", "is_channels_last", "is_non_overlapping", "bitwise"))
} | {"sym_sum", "lshift", "rshift", "and_", "or_"}  # fmt: skip


def test_the_lists_are_found():
    assert {"add", "str", "guard_int", "sym_ite", "wrap_bool"} <= _ASKED_BY_C
    assert {"add", "str", "guard_int", "sym_sqrt", "is_contiguous"} <= _ASKED_BY_PYTHON


@pytest.mark.parametrize("kind", [IntNode, FloatNode, BoolNode])
def test_each_kind_answers_all_that_torch_asks(kind):
    asked = _ASKED_BY_C | _ASKED_BY_PYTHON
    if kind is not IntNode:
        asked = asked - _OF_INTEGERS
    assert sorted(name for name in asked if not hasattr(kind, name)) == []


def test_numbers_answer_as_truths_and_truths_as_numbers():
    env = ShapeEnv()
    size = symbolic(env, env.symbol("s0", 3, "x.shape[0]")).node
    half = size.truediv(size.wrap_int(2))
    truth = size.gt(size.wrap_int(1))
    assert size.guard_bool("", 0)
    assert half.guard_bool("", 0)
    assert not size.sub(size.wrap_int(3)).guard_bool("", 0)
    assert truth.add(size.wrap_int(4)).guard_int("", 0) == 5
    assert truth.guard_float("", 0) == 1.0
    assert half.guard_int("", 0) == 1
    assert half.int_floordiv(half.wrap_float(1.0)).guard_float("", 0) == 1.0
    assert size.sym_sqrt().guard_float("", 0) == 3**0.5
    assert size.float_pow(size.wrap_int(2)).guard_float("", 0) == 9.0
    assert size.float_truediv(size.wrap_int(2)).guard_float("", 0) == 1.5


_N = {0: Dim.DYNAMIC}


@pytest.mark.parametrize(
    "make",
    [
        lambda n: torch.randn((n, 3), generator=None),
        lambda n: torch.rand((2, n), generator=torch.default_generator, dtype=torch.float64),
        lambda n: torch.randint(9, (n,), generator=None),
        lambda n: torch.randint(-3, n, (n, 2)),
        lambda n: torch.randperm(n),
        lambda n: torch.normal(0.0, 1.0, (n, 2)),
    ],
    ids=["randn", "rand", "randint", "randint_below_a_size", "randperm", "normal"],
)
def test_random_factories_take_sizes(make):
    more = [(torch.ones(1, 2),), (torch.ones(6, 2),)]
    assert_exports(
        lambda x: make(x.shape[0]), (torch.ones(4, 2),), dynamic_shapes=(_N,), more_inputs=more
    )


def test_bins_as_many_as_a_size():
    def degrees(x, index):
        return torch.bincount(index, minlength=x.size(0))

    more = [
        (torch.ones(4, 2), torch.tensor([0, 3, 3])),
        (torch.ones(3, 2), torch.tensor([], dtype=torch.int64)),
        (torch.ones(1, 2), torch.tensor([0, 5])),
    ]
    args = (torch.ones(5, 2), torch.tensor([0, 1, 1, 4]))
    assert_exports(degrees, args, dynamic_shapes=(_N, _N), more_inputs=more)


def test_rms_norm_below_sizes():
    more = [(torch.randn(1, 7, 8),), (torch.randn(4, 1, 8),)]
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    for gradients in (True, False):
        with torch.set_grad_enabled(gradients):
            assert_exports(
                torch.nn.RMSNorm(8), (torch.randn(2, 5, 8),), dynamic_shapes=shapes,
                more_inputs=more,
            )  # fmt: skip


def test_what_a_tensor_takes_in_memory_is_worked_out_where_it_is_asked(monkeypatch):
    """Torch's own way would multiply sizes and strides for each tensor, and ask if one is 0."""
    counted = []
    multiplied = IntNode.mul
    monkeypatch.setattr(IntNode, "mul", lambda *numbers: counted.append(1) or multiplied(*numbers))
    any_size = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    x, more = torch.randn(2, 3), [(torch.randn(1, 1),), (torch.randn(0, 4),), (torch.randn(5, 2),)]

    def plain(x):
        return torch.relu(x.transpose(0, 1) + 1) * 2

    monograph.export(plain, (x,), dynamic_shapes=any_size)
    assert not counted
    monograph.export(lambda x: x * (x.shape[0] * x.shape[1]), (x,), dynamic_shapes=any_size)
    assert counted  # those of a program are

    def asked(x):
        memory = torch._C.TensorBase.untyped_storage  # beside the method, which is refused
        return x * memory(x.mT.clone()).nbytes() + memory(x[:, None].expand(-1, 4, -1) + 1).nbytes()

    assert_exports(asked, (x,), dynamic_shapes=any_size, more_inputs=more)
