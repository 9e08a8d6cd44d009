"""Pointwise operators without a rule, for sizes that vary: as in eager mode, and without fakes."""

import pytest
import torch
from torch import nn

from monograph import Dim, export
from monograph.inference import infer
from monograph.inference.rules import RULES

_DTYPES = (torch.float32, torch.int64, torch.complex64, torch.bool, torch.bfloat16)
_FORMS = {"alike": (0, 0), "row": (0, 1), "number": (0, 2), "column": (0, 3)}


def _operators():
    found = []
    for name in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, name)
        for overload in getattr(packet, "overloads", list)():
            op = getattr(packet, overload)
            required = [str(a.type) for a in op._schema.arguments if not a.has_default_value()]
            is_plain = torch.Tag.pointwise in op.tags and not op._schema.is_mutable
            if is_plain and op not in RULES and required in (["Tensor"], ["Tensor", "Tensor"]):
                found.append(op)
    return found


def _tensor(form, dtype, rows):
    shape = ((rows, 4), (4,), (), (rows, 1))[form]
    return torch.arange(torch.Size(shape).numel()).reshape(shape).remainder(3).to(dtype)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", _DTYPES, ids=str)
@pytest.mark.parametrize("form", _FORMS)
def test_as_in_eager_mode(form, dtype):
    varying = [{0: Dim.DYNAMIC}, None, None, {0: Dim.DYNAMIC}]
    compared = 0
    for op in _operators()[:: 2 if form == "alike" else 5]:
        forms = _FORMS[form][: str(op._schema).count("Tensor") - 1]
        shapes = ([varying[each] for each in forms],)

        def program(*given, op=op):
            return op(*given)

        def call(rows, forms=forms):
            return [_tensor(each, dtype, rows) for each in forms]

        try:
            program(*call(3))
        except (RuntimeError, IndexError):
            continue
        exported = export(program, tuple(call(3)), dynamic_shapes=shapes).module()
        for rows in (3, 1, 0, 5):
            expected, given = program(*call(rows)), exported(*call(rows))
            torch.testing.assert_close(given, expected, equal_nan=True, check_stride=True)
        compared += 1
    assert compared > 5


def test_a_network_needs_no_fake_tensors(monkeypatch):
    def refused(*args):
        raise AssertionError(args[0])

    monkeypatch.setattr(infer, "outcome_on_fakes", refused)
    model = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU6(True), nn.Conv2d(4, 4, 1), nn.Mish(True), nn.PReLU(),
        nn.InstanceNorm2d(4), nn.Dropout(0.1),
    )  # fmt: skip
    varying = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC}
    for rows in (2, 1):
        export(model, (torch.ones(rows, 3, 8, 9),))
        export(model, (torch.ones(rows, 3, 8, 9),), dynamic_shapes=(varying,))
