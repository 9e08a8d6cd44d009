"""Names of tensors that no module owns: each can be registered, and none is another's."""

import io
import keyword

import pytest
import torch
from torch import nn

import monograph

KEYS = {
    "methods of modules": ("cpu", "forward", "training", "_parameters", "graph", "meta"),
    "keywords": (None, True, "class", *keyword.kwlist[3:6]),
    "texts": ("", "a.b", "a", "a b", "a_b", "0", "a.b.c"),
    "numbers": (0, "0", 1.5, "1.5", (0, "x"), "(0, 'x')"),
    "names of others": ("weight", "sub", "x", "lifted_tensor_0", torch.float32, nn.Linear),
}


class Keeping(nn.Module):
    """Tensors in plain dictionaries and lists, those of a submodule too."""

    def __init__(self, keys):
        super().__init__()
        self.sub = nn.Linear(1, 1)
        self.table = {key: torch.tensor([float(i + 1)]) for i, key in enumerate(keys)}
        self.sub.table = {key: torch.tensor([float(i + 20)]) for i, key in enumerate(keys)}
        self.table["of its own"] = {key: torch.tensor([i + 400.0]) for i, key in enumerate(keys)}

    def forward(self, x):
        tables = (self.table, self.sub.table, self.table["of its own"])
        found = [t for table in tables for t in table.values() if isinstance(t, torch.Tensor)]
        return self.sub(x) + torch.cat(found) * torch.arange(1.0, 1 + len(found))


@pytest.mark.parametrize("kind", KEYS)
def test_tensors_under_keys_of_all_kinds(kind):
    model, x = Keeping(KEYS[kind]), torch.ones(1)
    program = monograph.export(model, (x,))
    theirs = program.to_torch()
    file = io.BytesIO()
    monograph.save(program, file)
    edited = program.module()
    edited.recompile()
    modules = [program.module(), program.unflatten(), edited, theirs.module()]
    for load in (monograph.load, torch.export.load):
        file.seek(0)
        modules.append(load(file).module())
    for module in modules:
        torch.testing.assert_close(module(x), model(x))


def test_names_stay_what_they_were_where_they_can():
    class Plain(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = {"a": [torch.ones(1)], "b": torch.ones(1)}

        def forward(self, x):
            return x + self.table["a"][0] + self.table["b"]

    program = monograph.export(Plain(), (torch.ones(1),))
    assert set(program.constants) == {"table.a.0", "table.b"}
