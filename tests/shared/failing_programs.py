"""Programs that the default mode refuses, as users write them: data for ``test_check``.

``PROGRAMS``: name to ``Failing``. The refused line bears ``# refused: CODE``; a program with
``fix=None`` has no fix that a tool could write, and says why.
"""

import copy
import functools
import math
from dataclasses import dataclass
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
    at: str = ""


PROGRAMS: dict[str, Failing] = {}


def failing(*calls, shapes=None, unfixable="", at=""):
    """The function is the program; ``at``: the function that is refused, where it is another."""

    def register(f):
        make = f if isinstance(f, type) else (lambda: globals()[f.__name__])
        found = [call if isinstance(call, tuple) else (call,) for call in calls or (X, Y)]
        PROGRAMS[f.__name__] = Failing(make, found, shapes, unfixable, at or f.__name__)
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
    elif total > 0:  # refused: MG-D101
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
def flag_first(x):
    is_large = bool(x.abs().max() > 2)
    if is_large:  # refused: MG-D105
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


@failing(
    (X, torch.tensor(1)),
    (X, torch.tensor(0)),
    unfixable="a dictionary has no item for a number that is not known",
)
def dictionary_by_value(x, kind):
    scales = {0: 0.5, 1: 2.0}
    return x * scales[kind.item()]  # refused: MG-D102


@failing(unfixable="text cannot be part of a graph")
def formats_a_number(x):
    label = f"{x.max().item():.2f}"  # refused: MG-D102
    return x * len(label)


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


@failing((X, torch.tensor(2)), (X, torch.tensor(4)))
def compare_a_number(x, n):
    k = n.item()
    if k > 3:  # refused: MG-D105
        return x * k
    return x


@failing(unfixable="a list has no order that is not known")
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
    return x * float(np.float32(x.numpy().max()))  # refused: MG-D103


@failing()
def numpy_function(x):
    return torch.from_numpy(np.clip(x.numpy(), -0.5, 0.5)) * 2  # refused: MG-D103


@failing()
def math_function(x):
    return x * math.sqrt(abs(x.sum()))  # refused: MG-D102


@failing()
def math_floor(x):
    return x * math.floor(x.max())  # refused: MG-D102


# Python ------------------------------------------------------------------------------------------


@failing()
def seeds_itself(x):
    torch.manual_seed(7)  # refused: MG-P103
    return x * 2


@failing()
def sparse_inside(x):
    s = x.to_sparse()  # refused: MG-P104
    return torch.sparse.mm(s, x.t())


@failing(unfixable="a graph has no addresses")
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
        self.weight = nn.Parameter(self.weight.detach().clamp(max=1))  # refused: MG-M106
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


@failing(unfixable="the state has another size after each call")
class GrowsABuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("cache", torch.zeros(1, 3))

    def forward(self, x):
        self.cache = torch.cat([self.cache, x])  # refused: MG-M103
        return self.cache.sum()


@failing(unfixable="the state is longer after each call")
class ResizesABuffer(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(3))

    def forward(self, x):
        self.last = torch.cat([self.last, self.last])  # refused: MG-M103
        return x + self.last[:3]


_SHARED = X.clone()


@failing((_SHARED, _SHARED[0]), unfixable="the caller passes one memory twice")
def arguments_that_overlap(a, b):
    return a.add_(1)[0] + b  # refused: MG-M102


# Control flow ------------------------------------------------------------------------------------


@failing()
def list_or_tuple(x):
    a, b = monograph.cond(  # refused: MG-C102
        x.sum() > 0, lambda: (x, x + 1), lambda: [x, x - 1]
    )
    return a + b


@failing(unfixable="the sides are not one tensor")
def rank_of_a_branch(x):
    return monograph.cond(  # refused: MG-C104
        x.sum() > 3, lambda: x.sum(), lambda: x.mean(0, keepdim=True).sum(1)
    )


@failing(unfixable="the caller's tensor is written on one side alone")
def writes_what_a_branch_returns(x):
    y = monograph.cond(x.sum() > 0, lambda: x, lambda: x * 2)
    y.add_(1)  # refused: MG-C110
    return y


@failing(unfixable="the list would have to be carried")
def appends_in_a_loop(x):
    found = []

    def body(i, x):
        found.append(x)
        return i + 1, x * 2

    return monograph.while_loop(lambda i, x: i < 3, body, (0, x))[1]  # refused: MG-C113


@failing(unfixable="a dictionary that has an item on one side alone")
def keeps_from_a_branch(x):
    kept = {}

    def double():
        kept["y"] = x * 2
        return x

    y = monograph.cond(x.sum() > 0, double, lambda: x - 1)  # refused: MG-C112
    return y + kept.get("y", x)


@failing(unfixable="rows of different sizes are not one tensor")
def map_of_unequal_rows(x):
    return monograph.map(lambda row: row[row > 0], x.abs())  # refused: MG-C111


# Where users have them ---------------------------------------------------------------------------


def clipped(y, limit):
    if y.abs().max() > limit:  # refused: MG-D101
        y = y / y.abs().max() * limit
    return y


@failing(at="clipped")
def in_a_helper(x):
    return clipped(x * 2, 1.5) + 1


def timed(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)

    return call


@failing()
@timed
def behind_a_decorator(x):
    if x.mean() > 1:  # refused: MG-D101
        return x - x.mean()
    return x


@failing()
def in_a_comprehension(x):
    rows = [row if row.sum() > 0 else -row for row in x]  # refused: MG-D101
    return torch.stack(rows)


@failing()
def in_a_nested_function(x):
    def scaled(y):
        if y.max() > 2:  # refused: MG-D101
            return y / 2
        return y * 2

    return scaled(x) + scaled(x + 1)


@failing()
class InASubmodule(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Gate() for _ in range(2)])

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x


class Gate(nn.Module):
    def forward(self, x):
        if x.norm() > 5:  # refused: MG-D101 in InASubmodule
            x = x / x.norm()
        return torch.tanh(x)


@failing()
class InAHook(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Tanh()
        self.inner.register_forward_hook(self.watch)

    def watch(self, module, args, result):
        if result.max() > 0.9:  # refused: MG-D101
            return result * 0.5
        return result

    def forward(self, x):
        return self.inner(x)


@failing()
class InAProperty(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor(2.0))

    def factor(self, x):
        if x.sum() > self.scale:  # refused: MG-D101
            return self.scale
        return self.scale * 0.5

    def forward(self, x):
        return x * self.factor(x)


@failing()
class UpdatesInABranch(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("peak", torch.zeros(()))

    def forward(self, x):
        m = x.max()
        if m > self.peak:  # refused: MG-D101
            self.peak.copy_(m)
        return x / (self.peak + 1)


@failing()
class RunningStatistics(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.tensor(0))
        self.register_buffer("mean", torch.zeros(3))

    def forward(self, x):
        if self.seen == 0:  # refused: MG-D101
            self.mean.copy_(x.mean(0))
        else:
            self.mean.lerp_(x.mean(0), 0.1)
        self.seen.add_(1)
        return x - self.mean


@failing()
class LossOrNot(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        with torch.no_grad():
            self.lin.weight.copy_(torch.eye(3))
            self.lin.bias.zero_()

    def forward(self, x):
        y = self.lin(x)
        loss = (y - 1).pow(2).mean()
        if torch.isfinite(loss):  # refused: MG-D101
            return loss
        return torch.zeros_like(loss)


@failing((X, torch.tensor([True, True, False, False])), (Y, torch.tensor([True] * 4)))
def mask_when_needed(x, mask):
    if not mask.all():  # refused: MG-D101
        x = x.masked_fill(~mask[:, None], 0.0)
    return x.softmax(0)


@failing((X, torch.tensor([2, 0, 1, 1])), (Y, torch.tensor([0, 0, 0, 0])))
def experts(x, chosen):
    out = torch.zeros_like(x)
    for expert in range(3):
        rows = chosen == expert
        if rows.any():  # refused: MG-D101
            out = out + torch.where(rows[:, None], x * (expert + 1), 0.0)
    return out


@failing()
def newton(x):
    y = x.abs().sum()
    guess = y
    for _ in range(20):
        better = (guess + y / guess) / 2
        if (better - guess).abs() < 1e-5:  # refused: MG-D101
            break
        guess = better
    return guess


@failing()
def early_exit(x):
    for scale in (1.0, 2.0, 4.0):
        y = x * scale
        if y.max() > 5:  # refused: MG-D101
            return y
    return x


@failing((X, torch.tensor(3)), (X, torch.tensor(1)))
def list_of_unknown_length(x, n):
    rows = [x[0] * i for i in range(n.item())]  # refused: MG-D102
    return torch.stack(rows).sum(0)


@failing()
def logarithm_of_a_norm(x):
    return x / (1 + math.log(x.norm()))  # refused: MG-D102


@failing()
def exponential_of_an_item(x):
    return x * math.exp(x.mean())  # refused: MG-D102


@failing()
def numpy_of_a_reduction(x):
    return x + torch.from_numpy(np.exp(x.numpy())).sum()  # refused: MG-D103


@failing()
def numpy_of_two(x):
    return torch.from_numpy(np.maximum(x.numpy(), x.numpy() * 2))  # refused: MG-D103


@failing()
def not_in_a_list(x):
    if x.sum() not in [x[0, 0], x[0, 1]]:  # refused: MG-D101
        return x * 3
    return x


@failing()
def bool_in_an_expression(x):
    return x * (2.0 if bool(x.sum() > 3) else 0.5)  # refused: MG-D101


@failing()
def assigned_truth(x):
    big = bool(torch.any(x > 2))
    small = bool(torch.any(x < -0.5))
    return x / 2 if big and small else x  # refused: MG-D105


@failing()
def sparse_csr(x):
    return x.to_sparse_csr().to_dense() * 2  # refused: MG-P104


@failing()
def seeds_twice(x):
    torch.manual_seed(1)  # refused: MG-P103
    y = x * 2
    torch.manual_seed(2)  # refused: MG-P103
    return y + 1


@torch.library.custom_op("failing_programs::upsampled", mutates_args=())
def upsampled(x: torch.Tensor, factor: int) -> torch.Tensor:
    return x.repeat_interleave(factor, 0)


@failing((X,), (X[:2],), shapes=({0: Dim("rows")},))
def operator_that_grows(x):
    return upsampled(x, 3) + 1  # refused: MG-P102


@failing((X, X), (Y[:3], Y[:3]), shapes=({0: Dim("first")}, {0: Dim("second")}))
def rows_of_two(x, y):
    return torch.stack([x, y])  # refused: MG-S101


@failing((torch.randn(5, 3),), (torch.randn(2, 3),), shapes=({0: Dim("long", max=4)},))
def longer_than_declared(x):
    return x.cumsum(0)


@failing((X,), (torch.randn(9, 3),), shapes={"x_": {0: Dim("typed")}})
def mistyped(x):
    return x + 1


# Sizes -------------------------------------------------------------------------------------------

ROWS = Dim("rows")
COLUMNS = Dim("columns")


@failing((X,), (torch.randn(6, 3),), shapes=({0: Dim("n")},))
def narrowed_by_a_branch(x):
    if x.shape[0] > 3:  # refused: MG-S101
        return x[0]
    return x


@failing((X, Y), shapes=({0: Dim("a")}, {0: Dim("b")}))
def sizes_that_must_agree(x, y):
    return x + y  # refused: MG-S101


@failing((X,), shapes=({0: Dim("n", min=5)},))
def example_outside(x):
    return x * 2


@failing((X,), shapes={"inputs": {0: Dim("n")}})
def another_name(x):
    return x * 2


@failing((X,), shapes=({2: Dim("n")},), unfixable="which dimension was meant is not known")
def no_such_dimension(x):
    return x * 2


@failing((X,), shapes=({0: Dim("n")},))
def fixed_by_a_weight(x):
    return torch.ones(2, 4) @ x  # refused: MG-S101


def fresh(name):
    """The program, and its calls, each with tensors of its own."""
    entry = PROGRAMS[name]
    return entry.make(), copy.deepcopy(entry.calls)
