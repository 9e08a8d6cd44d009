"""Buffers that no state dict holds: where Python asks for their values, they are constants."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import Dim


class Base(nn.Module):
    persistent = False

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.tensor(3), persistent=self.persistent)
        self.register_buffer("table", torch.tensor([2, 5]), persistent=self.persistent)


class Padded(Base):
    def forward(self, x):
        right = self.total // 2
        left = self.total - right
        longest = max(left, right)
        if x.shape[-1] <= longest:
            x = F.pad(x, (0, int(longest) + 1))
        return F.pad(x, (int(left), int(right)), "reflect")


class AsksForASize(Base):
    def forward(self, x):
        x = F.pad(x, (int(self.total), 0))
        return x.sum() if x.shape[-1] > 10 else x.prod()


class Indexes(Base):
    def forward(self, x):
        names = {2: x * 2, 5: x * 5}
        return names[self.table[1].item()] if self.table.max() > 4 else x


class Flag(Base):
    def forward(self, x):
        return x * 2 if bool(self.total == 3) and (self.table > 1).all() else x - 1


class Counts(Flag):
    def forward(self, x):
        y = super().forward(x)
        self.total += 1
        return y


class Held(Flag):
    persistent = True


class OnlyComputes(Base):
    def forward(self, x):
        return F.pad(x, (int(self.total), 0)) * self.table[0]


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [Padded, AsksForASize, Indexes, Flag])
@pytest.mark.parametrize("varies", [False, True])
def test_known(program, strict, varies):
    shapes = ({0: Dim.DYNAMIC},) if varies else None
    made = monograph.export(
        program(), (torch.randn(2, 1, 9),), dynamic_shapes=shapes, strict=strict
    )
    for batch in (2, 5, 1, 3) if varies else (2,):
        x = torch.randn(batch, 1, 9)
        torch.testing.assert_close(made.module()(x), program()(x))
        torch.testing.assert_close(made.run_decompositions().module()(x), program()(x))


def test_is_an_assumption():
    made = monograph.export(Flag(), (torch.randn(2),))
    told = [str(a) for a in made.assumptions if a.kind == "constant-buffer"]
    assert ["total" in told[0], "table" in told[1], len(told)] == [True, True, 2]


def test_none_where_the_program_can_compute_with_it():
    made = monograph.export(OnlyComputes(), (torch.randn(2),))
    assert not [a for a in made.assumptions if a.kind == "constant-buffer"]
    model, x = OnlyComputes(), torch.randn(2)
    module = made.module()
    model.total.fill_(7), module.get_buffer("total").fill_(7)
    torch.testing.assert_close(module(x), model(x))


@pytest.mark.parametrize(("program", "code"), [(Counts, "MG-M104"), (Held, "MG-D101")])
def test_refused(program, code):
    with pytest.raises(monograph.ExportError) as caught:
        monograph.export(program(), (torch.randn(2),))
    assert caught.value.code == code
