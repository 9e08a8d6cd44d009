"""Mistakes inside of the program that is exported, and what each is answered with.

See ``mistakes``.
"""

import json
import warnings

import numpy as np
import torch
from mistakes import X, mistake

import monograph
from monograph import export

COUNT = torch.tensor(2)


# Values that Python asks for ----------------------------------------------------------------------


@mistake(
    "MG-D103",
    "np.sin(x)",
    "torch.sin computes it",
    instead=lambda: export(lambda x: torch.sin(x), (X,)),
)
def a_function_of_numpy():
    export(lambda x: np.sin(x), (X,))


@mistake("MG-D103", "np.asarray(x)", "keep the values in a tensor")
def an_array_of_a_tensor():
    export(lambda x: torch.from_numpy(np.asarray(x) * 2), (X,))


@mistake("MG-D103", "x.numpy()")
def an_array_as_the_result():
    export(lambda x: x.numpy(), (X,))


@mistake("MG-D103", "x.numpy()", "called by way of")
def a_function_of_autograd_with_numpy():
    export(lambda x: Sine.apply(x), (X,))


class Sine(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.from_numpy(np.sin(x.numpy()))


@mistake("MG-D102", "json.dumps(x.tolist())", "keep the number a tensor")
def a_tensor_as_json():
    export(lambda x: json.dumps(x.tolist()), (X,))


@mistake("MG-D102", "range(int(n))")
def a_sum_over_a_count():
    export(lambda x, n: sum(x * i for i in range(int(n))), (X, COUNT))


# What cannot be captured --------------------------------------------------------------------------


@mistake("MG-P101", "the result is a set", "make a list of it")
def a_set_as_the_result():
    export(lambda x: {x}, (X,))


@mistake(
    "MG-P101",
    "the result is a map",
    "list(...)",
    instead=lambda: export(lambda x: list(map(torch.sin, x)), (X,)),
)
def a_map_as_the_result():
    export(lambda x: map(torch.sin, x), (X,))


@mistake("MG-P101", "the result is a coroutine", "not async")
def an_async_function():
    async def program(x):
        return x * 2

    with warnings.catch_warnings(action="ignore"):  # that nobody has awaited it
        export(program, (X,))


@mistake(
    "MG-P106",
    ".backward()",
    "torch.autograd.grad(outputs, inputs)",
    instead=lambda: export(
        lambda x: torch.autograd.grad((x * x).sum(), x)[0], (X.clone().requires_grad_(),)
    ),
)
def a_backward_pass():
    def program(x):
        (x * x).sum().backward()
        return x.grad

    export(program, (X.clone().requires_grad_(),))


@mistake("MG-P106", "the memory behind a tensor")
def a_file_written_inside():
    export(lambda x: (torch.save(x, "/dev/null"), x)[1], (X,))


@mistake("MG-P102", "aten._nested_tensor_from_tensor_list", "one of torch's own")
def a_nested_tensor():
    export(lambda x: torch.nested.nested_tensor([x, x[:1]]), (X,))


# Writes -------------------------------------------------------------------------------------------


@mistake("MG-M107", "seen.0 is changed")
def a_list_outside():
    seen = []

    def program(x):
        seen.append(x.mean())
        return x

    export(program, (X,))


@mistake("MG-M107", "found.tensor is changed")
def a_dictionary_of_tensors():
    found = {}

    def program(x):
        found[x] = 1
        return x * found[x]

    export(program, (X,))


@mistake("MG-M107", "seen.0 is changed")
def a_hook_that_collects():
    layer, seen = torch.nn.Linear(4, 2), []
    layer.register_forward_hook(lambda module, args, result: seen.append(result.sum()))
    export(layer, (X,))


# Control flow -------------------------------------------------------------------------------------


@mistake(
    "MG-C106",
    "true_fn of cond is a tensor",
    "pass a function",
    instead=lambda: export(lambda x: monograph.cond(x.sum() > 0, lambda: x, lambda: -x), (X,)),
)
def tensors_for_the_sides():
    export(lambda x: torch.cond(x.sum() > 0, x, -x, (x,)), (X,))


# What eager mode refuses, too ---------------------------------------------------------------------


@mistake("MG-O101", "on the same device", "the program fails in eager mode too")
def tensors_on_two_devices():
    export(lambda x: x + torch.ones(3, 4, device="meta"), (X,))


@mistake("MG-O101", "clone() the tensor before writing", "the program fails in eager mode too")
def a_write_to_an_expanded_tensor():
    export(lambda x: x.expand(3, 4).add_(1), (torch.ones(1, 4),))


@mistake("IndexError", "index 5 is out of bounds", has_line=False)
def a_row_that_is_not_there():
    export(lambda x: x[5], (X,))


@mistake("ValueError", "no such mode", has_line=False)
def a_value_that_the_program_refuses():
    def program(x, mode):
        if mode not in ("sum", "mean"):
            raise ValueError("no such mode")
        return getattr(x, mode)()

    export(program, (X, "max"))
