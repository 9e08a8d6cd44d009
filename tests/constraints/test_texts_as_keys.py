"""Texts that are made of sizes: as keys of dictionaries, and where a question is settled."""

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim

LENGTHS = (0, 1, 2, 3, 7, 10, 11)
TABLE = {"3": torch.full((1,), 5.0), "7": torch.ones(1)}
cache = {}


def module_cache(x):
    key = f"{x.shape[1]}_{x.device}"
    if key not in cache:
        cache[key] = torch.arange(x.shape[1]).float()[:, None]
    return x + cache[key]


class OwnCache(nn.Module):
    def __init__(self, *called_with):
        super().__init__()
        self.tables = {}
        for x in called_with:
            self(x)

    def forward(self, x):
        key = (x.size(1), str(x.dtype), "width " + str(x.size(2)))
        if key not in self.tables:
            self.tables[key] = torch.arange(x.size(1))[:, None] * torch.arange(x.size(2))
        return x + self.tables[key]


def two_keys(x):
    found = {}
    found.setdefault(f"k{x.shape[1]}", []).append(x.sum())
    found.setdefault(f"k{x.shape[2]}", []).append(x.sum() * 2)
    return sum(len(each) * each[0] for each in found.values())


def exported(program, strict):
    x = torch.randn(2, 7, 4)
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    return monograph.export(program, (x,), dynamic_shapes=shapes, strict=strict).module()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("calls", [0, 2])
@pytest.mark.parametrize("program", [module_cache, OwnCache])
def test_a_cache_by_a_text_of_sizes(program, calls, strict):
    cache.clear()
    called_with = [torch.ones(2, n, 4) for n in (7, 10)[:calls]]
    if program is OwnCache:
        program = OwnCache(*called_with)
    else:
        for x in called_with:
            program(x)
    found = exported(program, strict)
    for n in LENGTHS:
        x = torch.randn(3, n, 5)
        torch.testing.assert_close(found(x), program(x))


def test_a_table_that_is_there_is_found():
    """Either for the only size that it is there for, or not at all."""
    shapes = ({1: Dim.DYNAMIC},)

    def program(x):
        return x + TABLE.get(str(x.shape[1]), torch.zeros(1))

    with pytest.raises(monograph.ExportError, match="constant"):
        monograph.export(program, (torch.randn(2, 7),), dynamic_shapes=shapes)
    with pytest.raises(monograph.ExportError, match="constant"):
        monograph.export(program, (torch.randn(2, 3),), dynamic_shapes=shapes)


def test_two_sizes_may_be_one_key():
    found = exported(two_keys, False)
    for n in LENGTHS:
        x = torch.randn(3, n, 3)
        try:
            got = found(x)
        except monograph.InputError:
            assert n == 3  # two keys in the example, and one here
            continue
        torch.testing.assert_close(got, two_keys(x))


TEXTS = {
    "str": lambda m: len(str(m)),
    "str of a tuple": lambda m: len(str((m, 1))),
    "f-string": lambda m: len(f"{m}"),
    "format": lambda m: len("{}".format(m)),  # noqa: UP032
    "percent": lambda m: len("%s" % m),  # noqa: UP031
    "type": lambda m: 1 if type(m) is int else 2,
    "type of it": lambda m: m if type(m) is int else 0,
}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("strict", [False, True])
def test_a_text_is_no_symbols_name_where_a_question_is_settled(text, strict):
    def program(x):
        n = x.shape[1]
        m = 10 if n > 6 else n
        return x * TEXTS[text](m)

    def with_type(x):
        n = x.shape[1]
        m = n if n > 6 else n + 1
        return x * TEXTS[text](m)

    for each in (program, with_type):
        try:
            found = exported(each, strict)
        except monograph.ExportError:
            continue
        for n in LENGTHS:
            x = torch.randn(3, n, 4)
            try:
                got = found(x)
            except monograph.InputError:
                continue
            torch.testing.assert_close(got, each(x))
