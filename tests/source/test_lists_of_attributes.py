"""``self.kept = []`` in each call, filled by a loop over a size: a state that is replaced.

What a call leaves behind is no state, where the next one replaces it before it reads it.
"""

import copy

import pytest
import torch
from torch import nn

from monograph import Dim, MonographError, export


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.kept = []
        self.prepare()

    def prepare(self):
        pass

    def fill(self, x):
        for t in range(x.size(1)):
            self.kept.append(self.linear(x[:, t]))


class Anew(Base):
    def forward(self, x):
        self.kept = []
        self.fill(x)
        return torch.stack(self.kept, 1)


class GoneAfterwards(Base):
    def forward(self, x):
        self.kept = []
        self.fill(x)
        made, self.kept = torch.stack(self.kept, 1), []
        return made


class Beside(Base):
    def forward(self, x):
        self.kept, outs = [], []
        for t in range(x.size(1)):
            self.kept.append(torch.softmax(self.linear(x[:, t]), -1))
            outs.append(x[:, t] * self.kept[-1])
        return torch.stack(outs, 1), torch.stack(self.kept, 1)


class ReadMeanwhile(Base):
    def forward(self, x):
        self.kept = [x.sum(1)]
        for t in range(x.size(1)):
            self.kept.append(torch.tanh(self.linear(x[:, t]) + self.kept[t]))
        return torch.stack(self.kept, 1)


class ByMethods(Base):
    def reset(self):
        self.kept, self.hidden = [], None

    def step(self, row):
        before = torch.zeros_like(row) if self.hidden is None else self.hidden
        self.hidden = torch.tanh(self.linear(row) + before)
        self.kept.append(self.hidden)

    def forward(self, x):
        self.reset()
        for t in range(x.size(1)):
            self.step(x[:, t])
        return torch.stack(self.kept, 1)


class OfAPart(Base):
    def prepare(self):
        self.part = nn.Module()

    def forward(self, x):
        self.part.kept = []
        for t in range(x.size(1)):
            self.part.kept.append(self.linear(x[:, t]))
        return torch.stack(self.part.kept, 1)


class Twice(Base):
    def forward(self, x):
        for _ in range(2):
            self.kept = []
            self.fill(x)
            x = torch.stack(self.kept, 1)
        return x


class WithTwoNames(Base):
    def forward(self, x):
        rows = self.kept = self.same = []
        for t in range(x.size(1)):
            self.kept.append(x[:, t])
            rows.append(x[:, t] * 2)
        return torch.stack(self.same, 1)


class Record:
    def __init__(self, items):
        self.items, self.hidden = items, None


class InAnObject(Base):
    def forward(self, x):
        self.record = Record([])
        self.record.hidden = x.sum(1)
        for t in range(x.size(1)):
            self.record.hidden = torch.tanh(self.record.hidden + x[:, t])
            self.record.items.append(self.record.hidden)
        return torch.stack(self.record.items, 1), self.record.hidden


class OfAnObjectThatWasThere(Base):
    def prepare(self):
        self.record = Record(None)

    def forward(self, x):
        self.kept = self.record.items = []
        self.fill(x)
        return torch.stack(self.record.items, 1)


HOLDS = [Anew, GoneAfterwards, Beside, ReadMeanwhile, ByMethods, OfAPart, Twice, WithTwoNames,
         InAnObject, OfAnObjectThatWasThere]  # fmt: skip


class FromTheLastCall(Base):
    def forward(self, x):
        before = self.kept[-1].sum() if self.kept else x.sum() * 0
        self.kept = []
        self.fill(x)
        return torch.stack(self.kept, 1) + before


class CountsTheLastCall(Base):
    def forward(self, x):
        count, self.kept = len(self.kept), []
        self.fill(x)
        return torch.stack(self.kept, 1) + count


class OverCalls(Base):
    def forward(self, x):
        self.fill(x[:1])
        return torch.cat(self.kept)


class HeldByAFunction(Base):
    def forward(self, x):
        self.kept = []

        def read(kept=self.kept):
            return torch.stack(kept, 1)

        self.fill(x)
        return read()


class HeldDeepInside(Base):
    def forward(self, x):
        self.kept = []
        deep = [[[[[self.kept]]]]]
        self.fill(x)
        return torch.stack(deep[0][0][0][0][0], 1)


class HeldByAGenerator(Base):
    def forward(self, x):
        self.kept = []

        def gives():
            kept = [self.kept]
            yield None
            yield torch.stack(kept[0], 1)

        items = gives()
        next(items)
        self.fill(x)
        return next(items)


NEVER_WRONG = [FromTheLastCall, CountsTheLastCall, OverCalls, HeldByAFunction, HeldDeepInside,
               HeldByAGenerator]  # fmt: skip
SIZES = [(2, 3), (2, 3), (1, 1), (3, 5), (0, 2), (2, 1)]


def _pair(kind, given, strict):
    torch.manual_seed(0)
    module = kind()
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(*given, 4),)
    eager = copy.deepcopy(module)
    return eager, export(module, example, dynamic_shapes=shapes, strict=strict).module()


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 3), True)])
@pytest.mark.parametrize("kind", HOLDS)
def test_it_is_as_a_list_in_a_variable(kind, given, strict):
    eager, call = _pair(kind, given, strict)
    for size in SIZES:
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), eager(x))


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 1), True)])
@pytest.mark.parametrize("kind", NEVER_WRONG)
def test_one_that_is_read_by_others_is_refused(kind, given, strict):
    try:
        eager, call = _pair(kind, given, strict)
    except MonographError:
        return
    for size in SIZES:
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), eager(x))
