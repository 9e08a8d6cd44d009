"""What an exported program keeps alive of the model: its tensors, and nothing else."""

import contextlib
import gc
import io
import weakref

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim
from monograph.shapes.env import ShapeEnv


class Held:
    """Something that a model has beside its tensors: a trainer, a cache, a tokenizer."""


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("seen", torch.zeros(()))
        self.plain = torch.ones(4)
        self.trainer = Held()
        self.trainer.model = self
        self.cache = {"last": Held()}

    def forward(self, x, scale=2):
        self.seen.add_(1)
        if self.cache and self.trainer is not None:
            x = x * scale
        return self.norm(self.lin(x)) + self.plain + self.seen


class Branching(Net):
    def forward(self, x, scale=2):
        if x.sum() > 0:
            return super().forward(x, scale)
        return x - 1


X = torch.randn(3, 4)


def exported(kind):
    model = Branching() if kind == "strict" else Net()
    shapes = {"x": {0: Dim.DYNAMIC}} if kind == "dynamic" else None
    ep = monograph.export(model, (X,), dynamic_shapes=shapes, strict=kind == "strict")
    watched = {
        "model": model, "child": model.lin, "trainer": model.trainer, "cached": model.cache["last"],
    }  # fmt: skip
    return ep, {name: weakref.ref(item) for name, item in watched.items()}


def still_alive(references):
    gc.collect()
    return [name for name, reference in references.items() if reference() is not None]


FORMS = {
    "program": lambda ep: ep,
    "looked at": lambda ep: (str(ep), ep.graph, ep.statistics, ep.explain(), ep),
    "module": lambda ep: ep.module(),
    "called": lambda ep: (ep.module()(X), ep),
    "decomposed": lambda ep: ep.run_decompositions(),
    "opened": lambda ep: ep.run_decompositions({}),
    "torch": lambda ep: ep.to_torch(),
    "and back": lambda ep: monograph.from_torch(ep.to_torch()),
    "unflattened": lambda ep: ep.unflatten(),
    "on another device": lambda ep: ep.to_device("cpu"),
    "saved": lambda ep: (monograph.save(ep, io.BytesIO()), ep),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["static", "dynamic", "strict"])
def test_the_model_is_let_go_of(kind, form):
    ep, references = exported(kind)
    kept = FORMS[form](ep)
    del ep
    assert still_alive(references) == []
    assert kept is not None


@pytest.mark.parametrize("kind", ["static", "dynamic", "strict"])
def test_a_refusal_keeps_nothing(kind):
    class Refused(Net):
        def forward(self, x, scale=2):
            super().forward(x, scale)
            return open if x.sum().item() > 3 else x

    model = Refused()
    reference = weakref.ref(model)
    with pytest.raises(monograph.ExportError):
        monograph.export(model, (X,), strict=kind == "strict")
    del model
    assert still_alive({"model": reference}) == []


def test_a_check_keeps_nothing():
    class Refused(Net):
        def forward(self, x, scale=2):
            super().forward(x, scale)
            return x if x.sum() > 3 else x - 1

    model = Refused()
    reference = weakref.ref(model)
    report = monograph.check(model, (X,))
    del model
    assert report.problems
    assert still_alive({"model": reference}) == []


def test_replaced_weights_are_let_go_of():
    ep, _ = exported("static")
    old = [weakref.ref(tensor) for tensor in ep.state_dict.values()]
    new = {name: tensor.detach().clone() for name, tensor in ep.state_dict.items()}
    ep.load_state_dict(new, assign=True)
    gc.collect()
    assert [reference() for reference in old] == [None] * len(old)
    seen = new["seen"].item()
    ep.module()(X)
    assert new["seen"].item() == seen + 1  # the program writes the tensor that it was given


def test_memory_falls_when_a_large_attribute_goes():
    class Large(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(2, 2)
            self.table = torch.zeros(25_000_000)  # 100 MB that the program does not read

        def forward(self, x):
            return self.lin(x)

    model = Large()
    reference = weakref.ref(model.table)
    ep = monograph.export(model, (torch.ones(1, 2),))
    del model
    gc.collect()
    assert reference() is None
    assert ep.module()(torch.ones(1, 2)).shape == (1, 2)


# Nothing of a capture stays ------------------------------------------------------------------


class Shaped(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 8)

    def forward(self, x):
        return self.linear(x).reshape(x.shape[0] * 2, -1)


class Padded(Shaped):
    def forward(self, x):
        y = self.linear(x)
        return y if x.shape[0] % 2 else y[1:]


def asks_for_values(x):
    return x if x.sum() > 0 else -x


def each_row(x):
    return torch.stack([row * 2 for row in x])


ROWS = {"dynamic_shapes": ({0: Dim.DYNAMIC},)}


def refused(program):
    with contextlib.suppress(monograph.MonographError):
        monograph.export(program, (torch.randn(3, 4),), **ROWS)


EXPORTS = {
    "export": lambda: monograph.export(Shaped(), (torch.randn(3, 4),), **ROWS),
    "strict": lambda: monograph.export(Shaped(), (torch.randn(3, 4),), strict=True, **ROWS),
    "branch": lambda: monograph.export(Padded(), (torch.randn(3, 4),), **ROWS),
    "loop": lambda: monograph.export(each_row, (torch.randn(3, 4),), **ROWS),
    "refusal": lambda: refused(asks_for_values),
    "check": lambda: monograph.check(Shaped(), (torch.randn(3, 4),), **ROWS),
}


@pytest.mark.parametrize("kind", EXPORTS)
def test_what_was_known_of_sizes_goes_with_the_program(kind):
    def alive():
        for _ in range(3):  # what torch holds goes in turns: the tensor, then what is in it
            gc.collect()
        return sum(type(item) is ShapeEnv for item in gc.get_objects())

    for _ in range(2):  # what is made once, for the process
        EXPORTS[kind]()
    before = alive()
    for _ in range(6):
        EXPORTS[kind]()
    assert alive() <= before
