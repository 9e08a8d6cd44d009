"""Mistakes that users make: what is called wrongly, and what the message must say.

``MISTAKES``: name to ``Mistake``. ``says`` are parts of the message; ``code`` is the error's, or
the name of the exception of Python's that passes through.
"""

import math
import random
import tempfile
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
    """``has_line``: the message shows a line of this file."""

    make: Callable[[], object]
    code: str
    says: tuple[str, ...]
    has_line: bool


MISTAKES: dict[str, Mistake] = {}


def mistake(code, *says, has_line=True):
    def register(make):
        MISTAKES[make.__name__] = Mistake(make, code, says, has_line)
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


@mistake("MG-F104", "inductor, aoti, onnx", has_line=False)
def a_backend_that_is_none():
    export(LINEAR, (X,)).compile("tensorrt")
