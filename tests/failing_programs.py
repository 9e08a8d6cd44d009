"""Programs that the default mode refuses, as users write them: data for ``test_check``.

``PROGRAMS``: name to ``Failing``. The refused line bears ``# refused: CODE``; a program with
``fix=None`` has no fix that a tool could write, and says why.
"""

import copy
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

import monograph
from monograph import Dim

X = torch.linspace(-1.0, 2.0, 12).reshape(4, 3)
Y = X.flip(0) * 3 - 1
SMALL = X * 0.01


@dataclass
class Failing:
    """A program, calls of it (the first is the example), and the sizes that vary."""

    make: Any
    calls: list[tuple[Any, ...]]
    shapes: Any = None
    unfixable: str = ""
    kwargs: dict[str, Any] = field(default_factory=dict)


PROGRAMS: dict[str, Failing] = {}


def failing(*calls, shapes=None, unfixable=""):
    """The function is the program."""

    def register(f):
        make = f if isinstance(f, type) else (lambda: globals()[f.__name__])
        found = [call if isinstance(call, tuple) else (call,) for call in calls or (X, Y)]
        PROGRAMS[f.__name__] = Failing(make, found, shapes, unfixable)
        return f

    return register


# Values that Python asks for ---------------------------------------------------------------------


@failing()
def early_return(x):
    if x.mean() > 0.4:  # refused: MG-D101
        return x * 2
    return x - 1


@failing()
def three_ways(x):
    total = x.sum()
    if total > 10:  # refused: MG-D101
        y = x / total
    elif total > 0:
        y = x * total
    else:
        y = -x
    return y + 1


@failing()
def clamp_when_large(x):
    if x.abs().max() > 2:  # refused: MG-D101
        x = x.clamp(-2, 2)
    return x.exp()


@failing()
def ternary(x):
    scale = 2.0 if x.max() > 2 else 0.5  # refused: MG-D101
    return x * scale


@failing()
def builtin_max(x):
    return x * max(x.sum(), x.mean() * 3)  # refused: MG-D101


@failing()
def builtin_min_of_three(x):
    return x + min(x[0, 0], x[1, 1], x[2, 2])  # refused: MG-D101


@failing()
def flag_first(x):
    is_large = bool(x.abs().max() > 2)  # refused: MG-D101
    if is_large:
        return x / 2
    return x


@failing()
def float_first(x):
    peak = float(x.max())
    if peak > 2.5:  # refused: MG-D105
        return x / peak
    return x


@failing()
def all_close(x):
    if torch.allclose(x, x.round(), atol=0.3):  # refused: MG-D101
        return x.round()
    return x


@failing()
def torch_equal(x):
    if torch.equal(x, x.abs()):  # refused: MG-D101
        return x.sqrt()
    return x


@failing()
def any_nan(x):
    if torch.isnan(x).any():  # refused: MG-D101
        x = torch.nan_to_num(x)
    return x + 1


@failing()
def not_and_or(x):
    if not (x.sum() > 3 and x.max() > 1) or x.min() > 0:  # refused: MG-D101
        return x.sin()
    return x.cos()


@failing()
def normalise_until_small(x):
    while x.norm() > 1:  # refused: MG-D101
        x = x / 2
    return x


@failing((X, torch.tensor(3)), (X, torch.tensor(5)))
def repeated_count(x, n):
    for _ in range(n.item()):  # refused: MG-D102
        x = x * 1.1
    return x


@failing((X, torch.tensor(2)), (X, torch.tensor(0)))
def table_of_functions(x, kind):
    functions = [torch.sin, torch.cos, torch.tanh]
    return functions[kind](x)  # refused: MG-D102


@failing((X, torch.tensor(1)), (X, torch.tensor(0)))
def dictionary_by_value(x, kind):
    scales = {0: 0.5, 1: 2.0}
    return x * scales[kind.item()]  # refused: MG-D102


@failing()
def rounds_a_number(x):
    return x * round(x.max().item(), 1)  # refused: MG-D102


@failing()
def formats_a_number(x):
    label = f"{x.max().item():.2f}"  # refused: MG-D102
    return x * len(label)


@failing()
def prints_a_number(x):
    print("peak", x.max().item())  # refused: MG-D102
    return x * 2


@failing()
def logs_when_large(x):
    if x.max() > 2.5:  # refused: MG-D101
        print("large")
    return x + 1


@failing()
def first_positive(x):
    for row in x:
        if row.sum() > 0:  # refused: MG-D101
            return row
    return x[0]


@failing()
def keep_rows(x):
    kept = []
    for row in x:
        if row.mean() > 0:  # refused: MG-D101
            kept.append(row)
    return torch.stack(kept)


@failing((X, torch.tensor([1, 2, 1])), (X, torch.tensor([2, 1, 1])))
def split_by_lengths(x, lengths):
    parts = torch.split(x, lengths.tolist())
    return torch.stack([p.sum(0) for p in parts])


@failing((X, torch.tensor([0, 2])), (X, torch.tensor([1, 3])))
def start_and_end(x, bounds):
    start, end = bounds.tolist()
    return x[start:end].sum(0)


@failing((X, torch.tensor(2)), (X, torch.tensor(3)))
def narrow_by_value(x, n):
    k = n.item()
    return x.narrow(0, 0, k).sum(0)


@failing((X, torch.tensor(2)), (X, torch.tensor(4)))
def compare_a_number(x, n):
    k = n.item()
    if k > 3:  # refused: MG-D105
        return x * k
    return x


@failing((X, torch.tensor(4)), (Y, torch.tensor(4)))
def reshape_by_value(x, n):
    k = n.item()
    return x.reshape(k, 3) + x  # refused: MG-D105


@failing((X, torch.tensor(2)), (Y, torch.tensor(2)))
def view_by_value(x, n):
    return x.view(n.item(), -1)  # refused: MG-D105


@failing((torch.ones(3, dtype=torch.bool), X[:3]), (torch.ones(3, dtype=torch.bool), Y[:3]))
def mask_of_known_count(mask, x):
    return x[mask] + x  # refused: MG-D105


@failing()
def sort_of_tensors(x):
    rows = sorted(x.unbind(0), key=lambda row: row.sum())  # refused: MG-D101
    return rows[0] - rows[-1]


@failing()
def in_a_list(x):
    values = [x[0, 0], x[1, 1]]
    if x.max() in values:  # refused: MG-D101
        return x
    return -x


@failing()
def to_numpy(x):
    return x * float(np.float32(x.numpy().max()))


@failing()
def numpy_function(x):
    return torch.from_numpy(np.clip(x.numpy(), -0.5, 0.5)) * 2


@failing()
def math_function(x):
    return x * math.sqrt(abs(x.sum()))


@failing()
def math_floor(x):
    return x * math.floor(x.max())


@failing()
def string_of_a_tensor(x):
    name = str(x.sum())
    return x * len(name)


# Python ------------------------------------------------------------------------------------------


@failing()
def seeds_itself(x):
    torch.manual_seed(7)  # refused: MG-P103
    return x * 2


@failing()
def sparse_inside(x):
    s = x.to_sparse()
    return torch.sparse.mm(s, x.t())


@failing()
def memory_address(x):
    is_aligned = x.data_ptr() % 16 == 0  # refused: MG-P106
    return x * 2 if is_aligned else x


@failing()
def storage_size(x):
    return x * x.untyped_storage().nbytes()  # refused: MG-P106


@torch.library.custom_op("failing_programs::halved", mutates_args=())
def halved(x: torch.Tensor) -> torch.Tensor:
    return x / 2


@failing()
def operator_without_fake(x):
    return halved(x) + 1  # refused: MG-P102


@torch.library.custom_op("failing_programs::row_sums", mutates_args=())
def row_sums(x: torch.Tensor, keep: bool) -> tuple[torch.Tensor, torch.Tensor]:
    return x.sum(1, keepdim=keep), x.argmax(1)


@failing((X,), (Y,), (torch.randn(7, 3),), shapes=({0: Dim("rows")},))
def operator_with_two_results(x):
    total, index = row_sums(x, True)  # refused: MG-P102
    return total + index[:, None]


@torch.library.custom_op("failing_programs::matched", mutates_args=())
def matched(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return (x @ y.t()).to(torch.float64)


@failing((X, Y), (Y[:2], X), shapes=({0: Dim("n")}, None))
def operator_that_multiplies(x, y):
    return matched(x, y).relu()  # refused: MG-P102


# Writes ------------------------------------------------------------------------------------------


@failing()
class ReplacesAParameter(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x):
        self.weight = nn.Parameter(self.weight.detach().clamp(max=1))
        return x * self.weight


@failing()
class ReadsThenWrites(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = torch.tensor(3)

    def forward(self, x):
        n = self.steps.item()
        self.steps.add_(1)  # refused: MG-M104
        return x * n


@failing()
class GrowsABuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(1, 3))

    def forward(self, x):
        self.cache = torch.cat([self.cache, x])
        return self.cache.sum()


@failing()
class ResizesABuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(3))

    def forward(self, x):
        self.last = self.last.double()
        return x + self.last


_SHARED = X.clone()


@failing((_SHARED, _SHARED[0]))
def arguments_that_overlap(a, b):
    return a.add_(1)[0] + b  # refused: MG-M102


@failing()
def writes_an_expanded(x):
    y = x[:, :1].expand(4, 3)
    y.add_(1)
    return y


@failing()
def sets_data(x):
    y = x.clone()
    y.data = x * 2
    return y + 1


@failing()
def resizes(x):
    y = x.clone()
    y.resize_(3, 4)
    return y


# Control flow ------------------------------------------------------------------------------------


@failing()
def operands_without_a_tuple(x):
    return monograph.cond(x.sum() > 0, lambda x: x, lambda x: -x, x)  # refused: MG-C106


@failing()
def list_or_tuple(x):
    a, b = monograph.cond(  # refused: MG-C102
        x.sum() > 0, lambda: (x, x + 1), lambda: [x, x - 1]
    )
    return a + b


@failing()
def predicate_of_many(x):
    return torch.cond(x[:1, :1] > 0, lambda: x, lambda: -x)


@failing()
def rank_of_a_branch(x):
    return monograph.cond(x.sum() > 3, lambda: x.sum(), lambda: x.mean(0, keepdim=True).sum(1))


@failing()
def writes_what_a_branch_returns(x):
    y = monograph.cond(x.sum() > 0, lambda: x, lambda: x * 2)
    y.add_(1)  # refused: MG-C110
    return y


@failing()
def appends_in_a_loop(x):
    found = []

    def body(i, x):
        found.append(x)
        return i + 1, x * 2

    return monograph.while_loop(lambda i, x: i < 3, body, (0, x))[1]


@failing()
def keeps_from_a_branch(x):
    kept = {}

    def double():
        kept["y"] = x * 2
        return x

    y = monograph.cond(x.sum() > 0, double, lambda: x - 1)
    return y + kept.get("y", x)


@failing()
def map_of_unequal_rows(x):
    return monograph.map(lambda row: row[row > 0].sum()[None].expand(int((row > 0).sum())), x.abs())


# Sizes -------------------------------------------------------------------------------------------

ROWS = Dim("rows")
COLUMNS = Dim("columns")


@failing((X,), shapes=({0: ROWS},))
def reshape_in_pairs(x):
    return x.reshape(-1, 2, 3).sum(1)


@failing((X,), (torch.randn(6, 3),), shapes=({0: Dim("n")},))
def narrowed_by_a_branch(x):
    if x.shape[0] > 3:
        return x[:3]
    return x


@failing((X, Y), shapes=({0: Dim("a")}, {0: Dim("b")}))
def sizes_that_must_agree(x, y):
    return x + y


@failing((X,), shapes=({0: Dim("n", min=5)},))
def example_outside(x):
    return x * 2


@failing((X,), shapes={"inputs": {0: Dim("n")}})
def another_name(x):
    return x * 2


@failing((X,), shapes=({2: Dim("n")},))
def no_such_dimension(x):
    return x * 2


@failing((X,), shapes=({0: Dim("n")},))
def fixed_by_a_weight(x):
    return torch.ones(2, 4) @ x


@failing((X,), shapes=({0: Dim("n", max=100)},))
def needs_at_least(x):
    return x.unfold(0, 3, 1).sum(-1)


def fresh(name):
    """The program, and its calls, each with tensors of its own."""
    entry = PROGRAMS[name]
    return entry.make(), copy.deepcopy(entry.calls)
