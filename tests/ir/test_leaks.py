"""Many exports in one process: nothing of them is left, and memory is flat."""

import contextlib
import gc
import io
import resource

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.capture.abstract import AbstractTensor
from monograph.shapes.env import ShapeEnv
from monograph.testing.trust import trying

X = torch.randn(3, 4)
ROWS = ({0: Dim.DYNAMIC},)


class Layers(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.calls = 0

    def forward(self, x):
        self.norm(x)
        return self.inner(x).relu()


class Counting(Layers):
    def forward(self, x):
        self.calls += 1
        return super().forward(x) * self.calls


def by_size(x):
    return x * 2 if x.shape[0] > 5 else x + int(x.shape[0])


def by_value(x):
    if x.sum() > 0:
        return x.sin()
    return x.cos()


def until_small(x):
    while x.abs().sum() > 1:
        x = x * 0.5
    return x


def writes(x):
    x[0].add_(1)
    return x.t() * len(x)


def refused(program, **options):
    def run():
        with contextlib.suppress(monograph.MonographError):
            monograph.export(program, (X.clone(),), **options)

    return run


def exported(program, **options):
    return monograph.export(program, (X.clone(),), **options)


def there_and_back():
    file = io.BytesIO()
    monograph.save(exported(Layers()), file)
    file.seek(0)
    return monograph.load(file)


def fails_inside(x):
    x = x + 1
    raise KeyError("of the program")


def caught():
    with contextlib.suppress(KeyError):
        exported(fails_inside)


KINDS = {
    "a function": lambda: exported(lambda x: x * 2 + 1),
    "layers": lambda: exported(Layers()),
    "layers, any rows": lambda: exported(Layers().eval(), dynamic_shapes=ROWS),
    "a counter": lambda: exported(Counting()),
    "a branch on a size": lambda: exported(by_size, dynamic_shapes=ROWS),
    "a branch on a value": lambda: exported(by_value, strict=True),
    "a loop": lambda: exported(until_small, strict=True),
    "writes": lambda: exported(writes, dynamic_shapes=ROWS),
    "a closure over a tensor": lambda: exported(lambda x, y=torch.ones(4): x * y),  # noqa: B008
    "called": lambda: exported(Layers()).module()(X),
    "decomposed": lambda: exported(Layers().eval()).run_decompositions(),
    "torch's program": lambda: exported(Layers().eval()).to_torch(),
    "file": there_and_back,
    "unflattened": lambda: exported(Layers()).unflatten(),
    "verified": lambda: exported(by_size).verify(by_size, samples=2),
    "checked": lambda: monograph.check(by_value, (X,)),
    "refused: a value": refused(by_value),
    "refused: a size": refused(lambda x: x.view(3, 4), dynamic_shapes=ROWS),
    "refused: a change": refused(lambda x: x.resize_(2)),
    "fails": caught,
}  # fmt: skip


def alive():
    """What there is of captures, and how many objects in all."""
    gc.collect()
    objects = gc.get_objects()
    kinds = [type(item) for item in objects]
    return kinds.count(AbstractTensor), kinds.count(ShapeEnv), len(objects)


def require_flat(rounds, objects_each):
    for make in KINDS.values():  # what is kept for the process, as what is known of a file
        make()
        make()
    tensors, environments, objects = alive()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(rounds):
        for make in KINDS.values():
            make()
    now = alive()
    assert now[0] <= tensors, f"{now[0]} abstract tensors, and {tensors} before"
    assert now[1] <= environments
    exports = rounds * len(KINDS)
    assert now[2] - objects <= objects_each * exports + 2000, f"{now[2] - objects} objects more"
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    assert more < 40_000, f"{more} KiB more after {exports} exports"


def test_some_exports_leave_nothing():
    require_flat(rounds=2, objects_each=20)


@pytest.mark.slow
def test_two_thousand_exports_leave_nothing():
    with trying("leaks", "python -m pytest -m slow tests/ir/test_leaks.py") as counts:
        counts["tried"] = 100 * len(KINDS)
        require_flat(rounds=100, objects_each=8)  # torch keeps the source of each graph
