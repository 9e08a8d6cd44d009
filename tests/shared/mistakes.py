"""Mistakes that users make: what is called wrongly, and what the message must say.

``MISTAKES``: name to ``Mistake``. ``says`` are parts of the message; ``code`` is the error's, or
the name of the exception of Python's that passes through. ``instead`` does what the message
advises, as far as it says it. ``mistakes_at_calls`` and ``mistakes_in_programs`` have more.
"""

import datetime
import math
import os
import random
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

import monograph
from monograph import Dim, export

X = torch.ones(3, 4)
LINEAR = nn.Linear(4, 2)


@dataclass
class Mistake:
    """``has_line``: the message shows a line of the file of ``make``."""

    make: Callable[[], object]
    code: str
    says: tuple[str, ...]
    has_line: bool
    instead: Callable[[], object] | None = None


MISTAKES: dict[str, Mistake] = {}


def mistake(code, *says, has_line=True, instead=None):
    def register(make):
        assert make.__name__ not in MISTAKES
        MISTAKES[make.__name__] = Mistake(make, code, says, has_line, instead)
        return make

    return register


def added(x, y):
    return x + y


# Sizes that are declared --------------------------------------------------------------------------


@mistake("MG-S102", "names 'x', which is no argument", "the arguments are: input")
def a_name_that_is_none():
    export(LINEAR, (X,), dynamic_shapes={"x": {0: Dim("batch")}})


@mistake("MG-S102", "dimension 2 of a tensor of 2 dimensions", "from -1 backwards")
def a_dimension_that_is_none():
    export(LINEAR, (X,), dynamic_shapes={"input": {2: Dim("batch")}})


@mistake("MG-S102", "dimension '0'", "whole numbers")
def a_dimension_as_text():
    export(LINEAR, (X,), dynamic_shapes={"input": {"0": Dim("batch")}})


@mistake("MG-S102", "True is not a dimension")
def a_dimension_that_is_true():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: True}})


@mistake("MG-S102", "it is no tensor", '{"n": Dim.DYNAMIC}')
def a_number_with_dimensions():
    export(lambda x, n: x * n, (X, 3), dynamic_shapes={"x": None, "n": {0: Dim("batch")}})


@mistake("MG-S102", "a str, not a dict")
def text_for_all_arguments():
    export(added, (X, X), dynamic_shapes="batch")


@mistake("MG-S103", "3 in the example, and 5 was declared", "leave it out")
def another_size_than_the_example():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: 5}})


@mistake("MG-S103", "3 not in range [8, int_oo]", "widen the range")
def an_example_outside_its_range():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: Dim("batch", min=8)}})


@mistake("ValueError", "an empty range", has_line=False)
def a_range_without_numbers():
    Dim("batch", min=4, max=2)


ROWS = ({0: Dim("rows")},)


@mistake(
    "MG-S102",
    "a Dim, not a dict or a tuple",
    instead=lambda: export(LINEAR, (X,), dynamic_shapes={"input": {0: Dim("rows")}}),
)
def a_dimension_for_all_arguments():
    export(LINEAR, (X,), dynamic_shapes=Dim("rows"))


@mistake(
    "MG-S102",
    "2 entries for 1 arguments",
    "the arguments are: input",
    instead=lambda: export(LINEAR, (X,), dynamic_shapes=ROWS),
)
def more_entries_than_arguments():
    export(LINEAR, (X,), dynamic_shapes=({0: Dim("rows")}, None))


@mistake("MG-S102", "names d.b, which is not there", "the arguments are: d.a")
def a_key_that_the_argument_lacks():
    export(lambda d: d["a"], ({"a": X},), dynamic_shapes={"d": {"b": {0: Dim("rows")}}})


@mistake("MG-S102", "names 'scal', which is no argument", "x, scale")
def a_keyword_mistyped():
    shapes = {"x": {0: Dim("rows")}, "scal": None}
    export(lambda x, *, scale: x * scale, (X,), {"scale": X}, dynamic_shapes=shapes)


@mistake("MG-S102", "1 sizes for a tensor of 2 dimensions")
def fewer_sizes_than_dimensions():
    export(LINEAR, (X,), dynamic_shapes={"input": (Dim("rows"),)})


@mistake(
    "MG-S102",
    "dimension -3 of a tensor of 2",
    "from -1 backwards",
    instead=lambda: export(lambda x: x * 2, (X,), dynamic_shapes={"x": {-2: Dim("rows")}}),
)
def a_dimension_before_the_first():
    export(LINEAR, (X,), dynamic_shapes={"input": {-3: Dim("rows")}})


@mistake("MG-S102", "the class Dim is not a dimension", '{dimension: Dim("name")}')
def the_class_of_dimensions():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: Dim}})


@mistake(
    "MG-S102",
    "(1, 8) is not a dimension",
    instead=lambda: export(LINEAR, (X,), dynamic_shapes={"input": {0: Dim("rows", min=1, max=8)}}),
)
def a_range_for_a_dimension():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: (1, 8)}})


@mistake("MG-S103", "3 in the example, and -1 was declared", "where it does, write a Dim")
def a_size_of_minus_one():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: -1}})


@mistake("MG-S102", "called b, with different ranges", "Dim('b', max=20)")
def one_name_for_two_ranges():
    shapes = ({0: Dim("b", max=10)}, {0: Dim("b", max=20)})
    export(added, (X, X), dynamic_shapes=shapes)


@mistake("MG-S103", "x.shape[0] = 3, y.shape[0] = 5")
def one_dimension_for_two_sizes():
    rows = Dim("rows")
    export(lambda x, y: (x, y), (X, torch.ones(5)), dynamic_shapes=({0: rows}, {0: rows}))


@mistake("MG-S103", "5 in the example, which is not of the form 2*half")
def an_odd_size_for_an_even_dimension():
    export(lambda x: x * 2, (torch.ones(5),), dynamic_shapes=({0: 2 * Dim("half")},))


@mistake("ValueError", "is an identifier, not 'batch size'", has_line=False)
def a_name_with_a_blank():
    Dim("batch size")


@mistake("MG-S101", "inferred to be a constant (3)", "rows = 3")
def a_size_that_the_program_fixes():
    export(lambda x: x.view(12), (X,), dynamic_shapes=ROWS)


@mistake("MG-S101", "must always be equal", "other = rows")
def two_dimensions_that_are_one():
    export(lambda x, y: torch.cat([x, y], 1), (X, X), dynamic_shapes=(*ROWS, {0: Dim("other")}))


@mistake("MG-S101", "three rows, please", "rows = 3")
def an_assertion_of_a_size():
    def program(x):
        assert x.shape[0] == 3, "three rows, please"
        return x

    export(program, (X,), dynamic_shapes=ROWS)


@mistake("TypeError", "must be the ShapeError of an export", has_line=False)
def suggestions_of_another_error():
    monograph.refine_dynamic_shapes(ROWS, KeyError("x"))


# Arguments ----------------------------------------------------------------------------------------


@mistake("MG-P101", "args must be a tuple", "for one argument write (x,)")
def a_tensor_for_the_arguments():
    export(LINEAR, X)


@mistake("TypeError", "missing 1 required positional argument: 'y'", has_line=False)
def an_argument_too_few():
    export(added, (X,))


@mistake("TypeError", "takes 2 positional arguments but 3 were given", has_line=False)
def an_argument_too_many():
    export(LINEAR, (X, X))


@mistake("TypeError", "unexpected keyword argument 'z'", has_line=False)
def a_keyword_that_is_none():
    export(added, (X,), {"z": X})


@mistake("MG-P101", "a ndarray", "torch.as_tensor(...)")
def an_array():
    export(lambda x: x * 2, (np.ones(3),))


@mistake("MG-P101", "got type (the class Linear itself)", "export(Model(), args)")
def a_class():
    export(nn.Linear, (X,))


@mistake("MG-P101", "got str")
def a_path():
    export("model.pt", (X,))


@mistake("MG-P105", "ep.module()", has_line=False)
def a_program_that_is_called():
    export(LINEAR, (X,))(X)


@mistake("MG-I102", "equal to 3, but got 5", '{"input": {0: Dim("n")}}', has_line=False)
def a_call_of_another_size():
    export(LINEAR, (X,)).module()(torch.ones(5, 4))


@mistake("MG-I102", "torch.float32, but got torch.float64", ".to(torch.float32)", has_line=False)
def a_call_of_another_dtype():
    export(LINEAR, (X,)).module()(X.double())


@mistake("MG-I103", "equal to 3, but got 4", '{"n": Dim.DYNAMIC}', has_line=False)
def a_call_with_another_number():
    export(lambda x, n: x * n, (X, 3)).module()(X, 4)


@mistake("MG-P101", "args must be a tuple", "got dict")
def a_dictionary_for_the_arguments():
    export(LINEAR, {"input": X})


@mistake("MG-P101", "got NoneType")
def none_for_the_arguments():
    export(LINEAR, None)


@mistake(
    "MG-P101",
    "kwargs must be a dict",
    '{"name": value}',
    instead=lambda: export(LINEAR, (), {"input": X}),
)
def a_tuple_for_the_keywords():
    export(LINEAR, (), (X,))


@mistake(
    "MG-P101",
    "is exported already",
    "export(ep.module(), args)",
    instead=lambda: export(export(LINEAR, (X,)).module(), (X,)),
)
def a_program_that_is_exported_again():
    program = export(LINEAR, (X,))
    export(program, (X,))


@mistake("MG-P101", "code of TorchScript", "the module or function that it was made of")
def a_module_of_torchscript():
    export(torch.jit.trace(LINEAR, (X,), check_trace=False), (X,))


@mistake("NotImplementedError", 'missing the required "forward"', has_line=False)
def a_module_without_a_forward():
    export(nn.Module(), (X,))


@mistake(
    "MG-P101",
    "*args[0] is a set",
    "make a list of it",
    instead=lambda: export(lambda rows: sum(rows), ([X],)),
)
def a_set_of_tensors():
    export(lambda rows: sum(rows), ({X},))


@mistake("MG-P101", "*args[1] is a TextIOWrapper", "pass what was read")
def an_open_file():
    with Path(os.devnull).open() as file:
        export(lambda x, file: x, (X, file))


@mistake("MG-P101", "*args[1] is a lock", "register_pytree_node(lock, flatten, unflatten)")
def a_lock():
    export(lambda x, lock: x, (X, threading.Lock()))


@mistake(
    "MG-P101",
    "*args[1] is a date",
    "what the program reads of it",
    instead=lambda: export(lambda x, year: x * year, (X, datetime.date(2026, 1, 1).year)),
)
def a_date():
    export(lambda x, date: x * date.year, (X, datetime.date(2026, 1, 1)))


@mistake(
    "MG-P101",
    "*args[1] is a float32",
    "torch.as_tensor(...)",
    instead=lambda: export(lambda x, n: x * n, (X, torch.as_tensor(np.float32(2)))),
)
def a_number_of_numpy():
    export(lambda x, n: x * n, (X, np.float32(2)))


@mistake(
    "MG-P101",
    "*args[1] is a Linear",
    "an attribute of the module",
    instead=lambda: export(lambda x: LINEAR(x), (X,)),
)
def a_module_as_an_argument():
    export(lambda x, layer: layer(x), (X, LINEAR))


@mistake("MG-P101", "because it contains itself", "it has no end")
def a_list_that_contains_itself():
    endless = [X]
    endless.append(endless)
    export(lambda rows: rows[0], (endless,))


@mistake(
    "MG-P104",
    "weight has no size yet",
    "call the model once before the export",
    instead=lambda: export(called_once(nn.LazyLinear(2)), (X,)),
)
def a_lazy_module():
    export(nn.LazyLinear(2), (X,))


def called_once(model):
    model(X)
    return model


@mistake("TypeError", "unexpected keyword argument 'dynamic_axes'", has_line=False)
def an_option_of_another_exporter():
    export(LINEAR, (X,), dynamic_axes={"input": {0: "batch"}})


@mistake("TypeError", "missing 1 required positional argument: 'args'", has_line=False)
def methods_without_arguments():
    monograph.export_methods({"encode": LINEAR})


@mistake(
    "MG-P101",
    "the call of the variant",
    "((x,), {})",
    has_line=False,
    instead=lambda: monograph.export_variants(LINEAR, [((X,), {})]),
)
def variants_without_keywords():
    monograph.export_variants(LINEAR, [(X,)])


# What Python asks of data -------------------------------------------------------------------------


@mistake("MG-D102", "write the text outside")
def text_of_a_number():
    export(lambda x: print(f"{x.mean():.3f}"), (X,))


@mistake("MG-D102", "keep the table in a tensor")
def a_dictionary_by_a_number():
    table = {1: 2.0}
    export(lambda x: x * table[int(x[0, 0])], (X,))


@mistake("MG-D101", "torch.stack(items).sort()")
def sorted_by_python():
    export(lambda x: sorted([x[0, 0], x[0, 1]])[0], (X,))


@mistake("MG-D103", "keep the values in a tensor")
def values_for_numpy():
    export(lambda x: torch.tensor(x.detach().cpu().numpy() * 2), (X,))


@mistake("MG-D102", "+    export(lambda x: x / torch.sqrt(x.sum()), (X,))")
def a_function_of_math():
    export(lambda x: x / math.sqrt(x.sum()), (X,))


@mistake("MG-O101", "it has 12 elements", "`x is None` asks")
def an_argument_or_another():
    export(lambda x, y: y or x, (X, X))


@mistake("MG-D101", "<string>:2", "no source", has_line=False)
def a_program_without_a_source():
    space = {"__name__": "made"}
    exec("def signed(x):\n    return x if x.sum() > 0 else -x\n", space)
    export(space["signed"], (X,), strict=True)


class Made(nn.Module):
    """Its ``forward`` is made by ``exec``."""


exec("def forward(self, x):\n    return x if x.sum() > 0 else -x\n", made := {"__name__": "made"})
Made.forward = made["forward"]


@mistake("MG-D101", "<string>:2", "no source", has_line=False)
def a_module_without_a_source():
    export(Made(), (X,), strict=True)


# What a call leaves behind ------------------------------------------------------------------------


class Remembers(nn.Module):
    def __init__(self):
        super().__init__()
        self.seen = []
        self.weight = nn.Parameter(torch.ones(4))


class Appends(Remembers):
    def forward(self, x):
        self.seen.append(x)
        return x


class WritesItsWeight(Remembers):
    def forward(self, x):
        self.weight += 1
        return x * self.weight


@mistake("MG-M107", "seen.0 is changed", "return the value instead")
def a_list_that_grows():
    export(Appends(), (X,))


@mistake("MG-O101", "a leaf that requires grad", "torch.no_grad()")
def a_parameter_that_is_written():
    export(WritesItsWeight(), (X,))


@mistake("MG-M102", "shares its memory", ".clone()")
def arguments_that_share_memory():
    row = torch.ones(4)
    export(lambda x, y: x.add_(1) + y, (row, row[:4]))


# Functions of torch's that are not captured -------------------------------------------------------


@mistake("MG-P103", "seed before")
def a_seed():
    export(lambda x: (torch.manual_seed(0), x + 1)[1], (X,))


@mistake("MG-P104", ".to_dense()")
def a_sparse_tensor():
    export(lambda x: x.to_sparse() @ x.T, (X,))


@mistake("MG-P108", "random.random()", "torch.rand")
def a_random_number():
    export(lambda x: x * random.random(), (X,), strict=True)


@mistake("MG-P101", "a generator", "list(...)")
def a_generator():
    export(lambda x: (row for row in x), (X,))


@mistake("MG-C106", "are a tensor", "(x,) for one operand")
def an_operand_that_is_no_tuple():
    export(lambda x: torch.cond(x.sum() > 0, lambda x: x, lambda x: -x, X), (X,))


@mistake("MG-C104", "f32[4]       f32[3, 4]")
def sides_of_two_ranks():
    export(lambda x: monograph.cond(x.sum() > 0, lambda: x[0], lambda: x), (X,))


# What the user's own code raises ------------------------------------------------------------------


@mistake("ValueError", "five rows, please", has_line=False)
def an_exception_of_the_program():
    def refuses(x):
        if x.shape[0] < 5:
            raise ValueError("five rows, please")
        return x

    export(refuses, (X,))


@mistake("KeyError", "'b'", has_line=False)
def a_key_that_is_none():
    export(lambda x: {"a": x}["b"], (X,))


@mistake("MG-O101", "the program fails in eager mode too")
def operands_that_do_not_fit():
    export(lambda x: x @ x, (X,))


# Files --------------------------------------------------------------------------------------------


@mistake("FileNotFoundError", "nothing.pt2", has_line=False)
def a_file_that_is_not_there():
    monograph.load("nothing.pt2")


@mistake("MG-F101", "words.pt2: not a .pt2 file", has_line=False)
def a_file_of_another_kind():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "words.pt2")
        path.write_text("hello")
        monograph.load(path)


@mistake("MG-F101", "weights.pt: not a .pt2 file", "load_state_dict", has_line=False)
def a_file_of_weights():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.pt")
        torch.save(LINEAR.state_dict(), path)
        monograph.load(path)


@mistake("MG-F104", "monograph.export(model, args)", has_line=False)
def a_model_that_is_saved():
    monograph.save(LINEAR, "model.pt2")


@mistake("MG-F101", "not a .pt2 file", has_line=False)
def a_file_that_is_empty():
    with tempfile.NamedTemporaryFile(suffix=".pt2") as file:
        monograph.load(file.name)


@mistake("MG-F101", "Is a directory", has_line=False)
def a_folder():
    with tempfile.TemporaryDirectory() as folder:
        monograph.load(folder)


@mistake("FileNotFoundError", "there is no folder", has_line=False)
def a_folder_that_is_not_there():
    monograph.save(export(LINEAR, (X,)), "nowhere/model.pt2")


@mistake("MG-O102", "a list is no table", "a table maps operators to functions", has_line=False)
def a_list_of_decompositions():
    export(LINEAR, (X,)).run_decompositions([torch.ops.aten.linear.default])


@mistake("MG-O102", "'aten.linear' is a text", "torch.ops.aten.linear.default", has_line=False)
def operators_by_their_names():
    export(LINEAR, (X,)).run_decompositions({"aten.linear": lambda *args: args})


@mistake("MG-F104", "inductor, aoti, onnx", has_line=False)
def a_backend_that_is_none():
    export(LINEAR, (X,)).compile("tensorrt")
