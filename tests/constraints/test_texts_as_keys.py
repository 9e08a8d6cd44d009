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


class WholeTexts(nn.Module):
    """Tables by texts of two sizes, made in the way that is asked for."""

    def __init__(self, way, called_with):
        super().__init__()
        self.tables, self.way = {}, way
        for x in called_with:
            self(x)

    def forward(self, x):
        return x + self.table(x, *x.shape[-2:])

    def table(self, x, h, w):
        if self.way == "f-string":
            key = f"{h}-{w}_{x.device}"
        elif self.way == "sum":
            key = f"k1{h}" + f"x{w!r}" + str(x.dtype)
        elif self.way == "sizes":
            key = str(x.shape[-2:])
        else:
            key = str([[x.size(1), "a"], (x.size(-1),), None])
        if key not in self.tables:
            self.tables[key] = torch.arange(h)[:, None] * torch.arange(w)
        return self.tables[key]


@pytest.mark.parametrize("sizes", [(3, 5), (3, 3), (1, 1)])
@pytest.mark.parametrize("calls", [0, 1, 2])
@pytest.mark.parametrize("way", ["f-string", "sum", "sizes", "list"])
def test_a_text_of_two_sizes_is_compared_as_a_whole(way, calls, sizes):
    program = WholeTexts(way, [torch.ones(2, *sizes), torch.ones(1, 4, 4)][:calls])
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},)
    x = torch.randn(2, *sizes)
    found = monograph.export(program, (x,), dynamic_shapes=shapes).module()
    for h, w in ((3, 5), (5, 3), (3, 3), (4, 4), (1, 1), (0, 2), (2, 1), (33, 5)):
        x = torch.randn(3, h, w)
        torch.testing.assert_close(found(x), program(x))


def turned(x, h, w):
    found = {}
    found.setdefault(f"{h}_{w}", []).append(x.sum())
    found.setdefault(f"{w}_{h}", []).append(x.sum() * 2)
    return sum(len(each) * each[0] for each in found.values())


def twice_the_first(x, h, w):
    found = {}
    found[f"{h}_{w}"] = x.sum()
    found.setdefault(f"{h}_{h}", x.sum() * 2)
    found[f"{w}_{h}"] = x.sum() * 3
    return sum(found.values()) * len(found)


def written_otherwise(x, h, w):
    found = {}
    found[f"{h}_{w}"] = x.sum()
    found.setdefault(f"{w + 0 * h}_{h}", x.sum() * 2)
    return sum(found.values())


def not_told_apart(x, h, w):
    found = {"33": x.sum()}
    found.setdefault(f"{h}{w}", x.sum() * 2)
    found.setdefault(f"{w}1{h}", x.sum() * 4)
    return sum(found.values())


def digits_beside(x, h, w):
    found = {"k13": x.sum(), f"{w + 1 - 1}_5": x.sum() * 8}
    found.setdefault(f"k1{h}", x.sum() * 2)
    found.setdefault(f"k1{h + 1 - 1}", x.sum() * 4)
    found.setdefault(f"{w}_{h}", x.sum() * 16)
    return sum(found.values())


def not_looked_up(x, h, w):
    key = f"{h}_{w}" + str([h, (w,)])  # noqa: F841
    return x.sum() * 2


@pytest.mark.parametrize("sizes", [(3, 5), (3, 3)])
@pytest.mark.parametrize(
    "program",
    [turned, twice_the_first, written_otherwise, not_told_apart, digits_beside, not_looked_up],
)
def test_which_of_several_keys_a_text_is(program, sizes):
    def called(x):
        return program(x, x.shape[1], x.shape[2])

    x = torch.randn(2, *sizes)
    shapes = ({0: Dim.DYNAMIC, 1: Dim.AUTO, 2: Dim.AUTO},)
    found = monograph.export(called, (x,), dynamic_shapes=shapes).module()
    taken = 0
    for h, w in ((3, 5), (5, 3), (3, 3), (4, 4), (1, 1), (0, 2), (2, 1), (31, 3), (3, 13)):
        x = torch.randn(3, h, w)
        try:
            got = found(x)
        except monograph.InputError:
            continue
        taken += 1
        torch.testing.assert_close(got, called(x))
    least = {not_looked_up: 9, turned: 2}
    assert taken >= least.get(program, 1)


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
