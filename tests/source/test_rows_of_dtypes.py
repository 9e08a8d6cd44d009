"""Lists of unknown length whose items differ in dtype: as eager mode has them, or refused."""

import itertools

import pytest
import torch

import monograph

_ITEMS = {
    "same": lambda row: row,
    "double": lambda row: row.double(),
    "long": lambda row: row.long(),
    "complex": lambda row: row * 1j,
    "bool": lambda row: row > 0,
}
_ENDS = {"stack": torch.stack, "last": lambda rows: rows[-1]}
N = monograph.Dim("n", min=1)


def stacked(x, first, item, end):
    rows = [first(x[0])]
    for i in range(x.shape[0]):
        rows.append(item(x[i]))
    return end(rows)


@pytest.mark.parametrize(("first", "item", "end"), itertools.product(_ITEMS, _ITEMS, _ENDS))
def test_items_keep_their_dtype(first, item, end):
    first, item, end = _ITEMS[first], _ITEMS[item], _ENDS[end]

    def program(x):
        return stacked(x, first, item, end)

    x = torch.randn(4, 3)
    try:
        exported = monograph.export(program, (x,), dynamic_shapes={"x": {0: N}}, strict=True)
    except monograph.MonographError as error:
        assert error.code in ("MG-C114", "MG-S101")  # noqa: PT017
        assert first is not item
        return
    for size in (4, 1, 6):
        x = torch.randn(size, 3)
        found, expected = exported.module()(x), program(x)
        assert found.dtype == expected.dtype
        assert torch.equal(found, expected)


def test_numbers_are_not_rounded():
    def program(x):
        numbers = [0]
        for i in range(x.shape[0]):
            numbers.append(i + 0.5)
        return torch.tensor(numbers) + x.sum()

    x = torch.ones(4)
    try:
        exported = monograph.export(program, (x,), dynamic_shapes={"x": {0: N}}, strict=True)
    except monograph.ExportError:
        return
    assert torch.equal(exported.module()(x), program(x))


def stacked_elsewhere(x, item):
    rows = [x[0]]
    for i in range(x.shape[0]):
        rows.append(item(x[i]))
    return torch.stack(rows)


def test_what_does_not_fit_one_program_is_no_matter_for_the_next():
    x = torch.randn(4, 3)
    kept = {"dynamic_shapes": {"x": {0: N}}, "strict": True}
    with pytest.raises(monograph.MonographError):
        monograph.export(lambda x: stacked_elsewhere(x, torch.Tensor.double), (x,), **kept)
    program = monograph.export(lambda x: stacked_elsewhere(x, torch.sin), (x,), **kept)
    assert torch.equal(program.module()(x), stacked_elsewhere(x, torch.sin))
