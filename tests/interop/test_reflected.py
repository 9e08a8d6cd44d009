"""Results of classes that torch's pytree does not know: the same objects from whatever runs it."""

import dataclasses
import io
import sys
import types

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, FileError, InteropError


@dataclasses.dataclass
class Scores:
    values: torch.Tensor
    best: torch.Tensor
    dtype: torch.dtype
    note: str = "of rows"


class Layer:
    """An object like those of caches: tensors, and what is known of them."""

    def __init__(self, keys):
        self.keys = keys
        self.device, self.dtype = keys.device, keys.dtype
        self.is_filled = True
        self.kind = Scores


class Kept(dict):
    pass


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x):
        self.count += 1
        scores = Scores(x.softmax(-1), x.argmax(-1), x.dtype)
        return {"scores": scores, "layers": [Layer(x * 2), Layer(x + 1)]}, Kept(a=x, n=3)


def forms(program):
    theirs = program.to_torch()
    yield theirs.module()
    yield monograph.from_torch(theirs).module()
    for save, given in ((monograph.save, program), (torch.export.save, theirs)):
        file = io.BytesIO()
        save(given, file)
        for load in (monograph.load, torch.export.load):
            file.seek(0)
            yield load(file).module()


def test_the_same_objects_from_files_and_from_torch():
    program = monograph.export(Model(), (torch.randn(2, 3),), dynamic_shapes=({0: Dim.DYNAMIC},))
    for i, module in enumerate([program.module(), *forms(program)]):
        for rows in (2, 1, 5):
            x = torch.randn(rows, 3)
            found, kept = module(x)
            scores, layers = found["scores"], found["layers"]
            assert (type(scores), scores.dtype, scores.note) == (Scores, torch.float32, "of rows")
            torch.testing.assert_close(scores.values, x.softmax(-1))
            torch.testing.assert_close(scores.best, x.argmax(-1))
            assert [type(layer) for layer in layers] == [Layer, Layer], i
            torch.testing.assert_close(layers[1].keys, x + 1)
            assert (layers[0].device, layers[0].dtype) == (x.device, x.dtype)
            assert layers[0].is_filled is True
            assert layers[0].kind is Scores
            assert (type(kept), kept["n"]) == (Kept, 3)


def test_a_class_that_no_name_leads_to():
    class Inside:
        def __init__(self, x):
            self.x = x

    program = monograph.export(lambda x: Inside(x * 2), (torch.ones(2),))
    found = program.to_torch().module()(torch.ones(2))
    assert type(found) is Inside
    with pytest.raises(InteropError, match="cannot be found by its name") as caught:
        monograph.save(program, io.BytesIO())
    assert "top of a module" in caught.value.hint


def test_a_file_imports_no_module(monkeypatch):
    module = types.ModuleType("of_another_process")
    kind = type("Box", (), {"__module__": module.__name__})
    module.Box = kind
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def boxed(x):
        made = kind()
        made.x = x * 2
        return made

    file = io.BytesIO()
    monograph.save(monograph.export(boxed, (torch.ones(2),)), file)
    monkeypatch.delitem(sys.modules, module.__name__)
    file.seek(0)
    with pytest.raises(FileError, match="import of_another_process"):
        monograph.load(file)


def test_arguments_of_such_classes_stay_refused():
    program = monograph.export(lambda layer: layer.keys + 1, (Layer(torch.ones(2)),))
    for convert in (program.to_torch, lambda: monograph.save(program, io.BytesIO())):
        with pytest.raises(InteropError, match="arguments") as caught:
            convert()
        assert "register" in caught.value.hint
