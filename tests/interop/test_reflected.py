"""Results of classes that torch's pytree does not know: the same objects from whatever runs it."""

import dataclasses
import enum
import io
import json
import sys
import types
from collections import OrderedDict, defaultdict, namedtuple

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, FileError, InputError, InteropError
from monograph.interop.reflected import Given
from monograph.interop.structures import structure_from_json
from monograph.testing import assert_equal


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


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


Pair = namedtuple("Pair", "x y")


class Named(Pair):
    """A named tuple with a method, and with attributes beside its items."""

    def total(self):
        return self.x + self.y


class Output(OrderedDict):
    """A dictionary whose constructor wants its items by name, and whose attributes they are."""

    def __init__(self, x=None, y=None):
        super().__init__()
        if x is not None:
            self["x"], self["y"] = x, y

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        object.__setattr__(self, key, value)


class Attributes(dict):
    """A dictionary whose items are read as attributes: each other name is a KeyError."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


class Slotted:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: torch.Tensor
    y: torch.Tensor
    color: Color = Color.RED


@dataclasses.dataclass
class Nested:
    inner: Frozen
    more: list


class Rows(list):
    def __init__(self, *rows, note=""):
        super().__init__(rows)
        self.note = note


def named(x, y):
    made = Named(x, y)
    made.note = torch.float32
    return made


CONTAINERS = {
    "enumeration": lambda x, y: {Color.BLUE: x, Color.RED: y},
    "numbers of an enumeration": lambda x, y: {Level.HIGH: x, Level.LOW: y},
    "tuples": lambda x, y: {(1, "a"): x, (0, None): y},
    "devices": lambda x, y: OrderedDict({torch.device("cpu"): x, torch.float32: y}),
    "classes": lambda x, y: {Frozen: x, Color: y},
    "no factory": lambda x, y: defaultdict(None, {"b": x, "a": y}),
    "named tuple": named,
    "dictionary of a class": Output,
    "items as attributes": lambda x, y: Attributes(b=x, a=y),
    "list of a class": lambda x, y: Rows(x, y, note="of two"),
    "slots": Slotted,
    "frozen": lambda x, y: Frozen(x, y, Color.BLUE),
    "nested": lambda x, y: Nested(Frozen(x, y), [Slotted(y, x), {"a": Layer(x)}]),
    "namespace": lambda x, y: types.SimpleNamespace(x=x, y=y, kind=Layer),
}


def total(box):
    tensors = [leaf for leaf in monograph.ir.structure.flatten(box)[0] if torch.is_tensor(leaf)]
    return sum(tensor * (i + 1) for i, tensor in enumerate(tensors))


@pytest.mark.parametrize("kind", CONTAINERS)
def test_arguments_and_results_of_all_classes(kind):
    make = CONTAINERS[kind]
    x, y = torch.arange(3.0), torch.arange(3.0) * 5 + 1

    def program(box, *, boxes):
        return box, [make(total(box), total(boxes))]

    def given(x, y):
        return (make(x, y),), {"boxes": [make(y, x), 3]}

    (args, kwargs), file = given(x, y), io.BytesIO()
    exported = monograph.export(program, args, kwargs)
    monograph.save(exported, file)
    file.seek(0)
    loaded = monograph.load(file)
    assert loaded.call_spec == exported.call_spec
    edited = exported.module()
    edited.recompile()
    modules = [exported.module(), loaded.module(), exported.unflatten(), edited]
    again = io.BytesIO()
    monograph.save(loaded, again)
    again.seek(0)
    modules.append(monograph.load(again).module())
    is_written_by_torch = kind not in ("enumeration", "numbers of an enumeration", "classes")
    if is_written_by_torch:  # its own check of arguments writes keys into code
        theirs = exported.to_torch()
        modules += [theirs.module(), monograph.from_torch(theirs).module()]
    for module in modules:
        for first, second in ((x, y), (y, x)):
            args, kwargs = given(first, second)
            box, (made,) = module(*args, **kwargs)
            args, kwargs = given(first, second)
            assert type(box) is type(made) is type(args[0])
            assert_equal((box, made), (args[0], make(total(args[0]), total(kwargs["boxes"]))))


@pytest.mark.parametrize("kind", ["tuples", "named tuple", "dictionary of a class", "nested"])
def test_what_torch_reads_takes_such_arguments_wrapped(kind):
    make, x = CONTAINERS[kind], torch.arange(3.0)
    program = monograph.export(total, (make(x, x + 1),))
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    module = torch.export.load(file).module()
    given = make(x * 2, x)
    torch.testing.assert_close(module(Given.of(given, is_for_files=True)), total(given))
    with pytest.raises(ValueError, match="Given"):
        module(given)
    file.seek(0)
    (example,), _ = monograph.load(file).example_inputs
    assert_equal(example, make(x, x + 1))


def test_a_module_among_the_attributes():
    def program(box):
        return box.act(box.x)

    def box(x, act):
        return types.SimpleNamespace(x=x, act=act)

    exported = monograph.export(program, (box(torch.ones(2), nn.LeakyReLU(0.5)),))
    x = torch.tensor([-1.0, 1.0])
    given = box(x, nn.LeakyReLU(0.5))
    torch.testing.assert_close(exported.module()(given), program(given))
    for other in (nn.LeakyReLU(0.1), nn.ReLU(), nn.LeakyReLU(0.5).eval()):
        with pytest.raises(InputError, match="MG-I103"):
            exported.module()(box(x, other))
    with pytest.raises(InteropError, match="no form for LeakyReLU"):
        monograph.save(exported, io.BytesIO())


@pytest.mark.parametrize(
    "text",
    [
        '["builtins", "dict"], {"held": [0, {"tuple": ["__class__"]}, {"tuple": []}, null]}, []',
        '["builtins", "print"], null, []',
        '["torch.nn", "Linear"], {"held": [0, {"tuple": ["x"]}, {"tuple": []}, null]}, []',
        '["builtins", "dict"], {"tuple": ["x"]}, [[0, {"torch": "load"}]]',
        '["builtins", "dict"], {"member": ["builtins", "dict", "x"]}, []',
    ],
)
def test_a_damaged_structure(text):
    leaf = {"type": None, "context": None, "children_spec": []}
    tree = {"type": "monograph.Reflected", "context": [*json.loads(f"[{text}]")]}
    tree["children_spec"] = [leaf]
    with pytest.raises(FileError):
        structure_from_json(json.dumps([1, tree]))
