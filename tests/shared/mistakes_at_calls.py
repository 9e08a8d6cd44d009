"""Mistakes in calls of an exported program, and what each is answered with; see ``mistakes``."""

import enum

import numpy as np
import torch
from mistakes import LINEAR, ROWS, X, added, mistake
from torch import nn

import monograph
from monograph import Dim, export

PAIR = {"a": X, "b": X}
TWO = torch.ones(2, 4)


class Kind(enum.Enum):
    FIRST = 1
    SECOND = 2


def of_call(code, *says, instead=None):
    """The place of a call is in the traceback, as of any exception."""
    return mistake(code, *says, has_line=False, instead=instead)


# Another number of arguments, or another structure ------------------------------------------------


@of_call(
    "MG-I101",
    "missing a required argument: 'y'",
    "call it as module(x, y)",
    instead=lambda: export(added, (X, X)).module()(X, X),
)
def a_call_with_too_few():
    export(added, (X, X)).module()(X)


@of_call("MG-I101", "too many positional arguments", "call it as module(input)")
def a_call_with_too_many():
    export(LINEAR, (X,)).module()(X, X)


@of_call("MG-I101", "call it as module(input)")
def a_call_by_another_name():
    export(LINEAR, (X,)).module()(x=X)


@of_call(
    "MG-I101",
    "call it as module(x, scale=scale)",
    instead=lambda: export(lambda x, *, scale: x * scale, (X,), {"scale": X}).module()(X, scale=X),
)
def a_keyword_by_position():
    export(lambda x, *, scale: x * scale, (X,), {"scale": X}).module()(X, X)


@of_call(
    "MG-I101",
    "to be a tuple, but got a list",
    "pass it as tuple(...)",
    instead=lambda rows=[X, X]: export(lambda t: t[0] + t[1], ((X, X),)).module()(tuple(rows)),
)
def a_list_for_a_tuple():
    export(lambda t: t[0] + t[1], ((X, X),)).module()([X, X])


@of_call("MG-I101", "unexpected *args[0][2]", "export_variants")
def a_longer_list():
    export(lambda rows: rows[0] + rows[-1], ([X, X],)).module()([X, X, X])


@of_call("MG-I101", "missing *args[0]['b']", "export_variants")
def a_dictionary_without_a_key():
    export(lambda d: d["a"] + d["b"], (PAIR,)).module()({"a": X})


@of_call("MG-I101", "unexpected *args[0]['b']")
def a_dictionary_with_another_key():
    export(lambda d: d["a"], ({"a": X},)).module()(PAIR)


@of_call(
    "MG-I101",
    "unexpected *kwargs['mask']",
    "export_variants",
    instead=lambda: monograph.export_variants(masked, [((X,), {}), ((X,), {"mask": X})]).module()(
        X, mask=X
    ),
)
def an_argument_that_was_left_out():
    export(masked, (X,)).module()(X, mask=X)


def masked(x, mask=None):
    return x if mask is None else x * mask


@of_call(
    "MG-I101",
    "to be a tensor or a constant, but got a ndarray",
    "torch.as_tensor(...)",
    instead=lambda: export(LINEAR, (X,)).module()(torch.as_tensor(X.numpy())),
)
def an_array_at_a_call():
    export(LINEAR, (X,)).module()(np.ones((3, 4), dtype=np.float32))


# Other tensors ------------------------------------------------------------------------------------


@of_call("MG-I102", "to be a tensor, but got None", "export_variants")
def none_for_a_tensor():
    export(added, (X, X)).module()(X, None)


@of_call(
    "MG-I102",
    "to be a tensor, but got 3",
    "torch.tensor(3, dtype=torch.float32)",
    instead=lambda: export(added, (X, torch.tensor(2.0))).module()(
        X, torch.tensor(3, dtype=torch.float32)
    ),
)
def a_number_for_a_tensor():
    export(added, (X, torch.tensor(2.0))).module()(X, 3)


@of_call(
    "MG-I102",
    "to have 2 dimensions (3, 4), but got 1 (4,)",
    ".unsqueeze(0)",
    instead=lambda: export(LINEAR, (X,), dynamic_shapes=ROWS).module()(X[0].unsqueeze(0)),
)
def a_row_for_a_batch():
    export(LINEAR, (X,), dynamic_shapes=ROWS).module()(X[0])


@of_call("MG-I102", "to have 2 dimensions", "one number of dimensions")
def a_tensor_with_two_more_dimensions():
    export(LINEAR, (X,)).module()(X[None, None])


@of_call("MG-I102", "to be on cpu, but got meta", '.to("cpu")')
def a_tensor_on_another_device():
    export(LINEAR, (X,)).module()(X.to("meta"))


@of_call(
    "MG-I102",
    "torch.float32, but got torch.float16",
    ".to(torch.float32)",
    instead=lambda: export(LINEAR, (X,)).module()(X.half().to(torch.float32)),
)
def a_tensor_of_half_precision():
    export(LINEAR, (X,)).module()(X.half())


# Other sizes --------------------------------------------------------------------------------------


@of_call("MG-I106", "to be <= 8, but got 9", "pad or cut the input")
def a_batch_above_its_range():
    shapes = {"input": {0: Dim("rows", max=8)}}
    export(LINEAR, (X,), dynamic_shapes=shapes).module()(torch.ones(9, 4))


@of_call("MG-I106", "to be >= 3, but got 2", "a wider range")
def a_batch_below_its_range():
    export(LINEAR, (X,), dynamic_shapes={"input": {0: Dim("rows", min=3)}}).module()(TWO)


@of_call(
    "MG-I106",
    "*args[1].shape[0] to be equal to 2, but got 3",
    "at *args[0].shape[0]",
    instead=lambda: export(added, (X, X), dynamic_shapes=ROWS * 2).module()(TWO, TWO),
)
def two_sizes_that_do_not_agree():
    export(added, (X, X), dynamic_shapes=ROWS * 2).module()(TWO, X)


@of_call("MG-I106", "of the form 2*half, where half is an integer, but got 3", "to such a size")
def an_odd_size():
    shapes = ({0: 2 * Dim("half")},)
    export(lambda x: x.view(2, -1), (TWO,), dynamic_shapes=shapes).module()(X)


# Other constants ----------------------------------------------------------------------------------


@of_call("MG-I103", "to be equal to True, but got False", "export_variants")
def another_truth():
    export(lambda x, flag: x if flag else -x, (X, True)).module()(X, False)


@of_call("MG-I103", "to be equal to 'sum', but got 'mean'", "export_variants")
def another_text():
    export(lambda x, how: getattr(x, how)(), (X, "sum")).module()(X, "mean")


@of_call("MG-I103", "to be equal to <Kind.FIRST: 1>")
def another_member_of_an_enumeration():
    export(lambda x, kind: x * kind.value, (X, Kind.FIRST)).module()(X, Kind.SECOND)


@of_call(
    "MG-I102",
    "of the type int, but got 3.5",
    "pass int(...)",
    instead=lambda: export(lambda x, n: x * n, (X, 3), dynamic_shapes=(None, Dim.DYNAMIC)).module()(
        X, int(3.5)
    ),
)
def a_float_for_a_whole_number():
    shapes = (None, Dim.DYNAMIC)
    export(lambda x, n: x * n, (X, 3), dynamic_shapes=shapes).module()(X, 3.5)


# Other uses ---------------------------------------------------------------------------------------


@of_call(
    "MG-I105",
    "captured in eval mode",
    "call model.train() and export it again",
    instead=lambda: export(nn.Dropout().train(), (X,)).module().train(),
)
def a_program_that_is_to_train():
    export(nn.Dropout().eval(), (X,)).module().train()


@of_call(
    "MG-I105",
    "cannot be converted to torch.float16",
    "convert the model and export it again",
    instead=lambda: export(nn.Linear(4, 2).half(), (X.half(),)),
)
def a_program_of_another_precision():
    export(LINEAR, (X,)).module().half()


@of_call(
    "MG-I104", "not to share memory", ".clone()", instead=lambda: adding(X.clone(), X.clone()[0])
)
def one_memory_for_two_arguments():
    base = X.clone()
    adding(base, base[0])


def adding(x, y):
    return export(lambda x, y: x.add_(1) + y, (X.clone(), X[0].clone())).module()(x, y)


@of_call("MG-I108", "no variant takes this call", "a variant of their own: export_variants")
def a_call_that_no_variant_takes():
    monograph.export_variants(masked, [((X,), {}), ((X,), {"mask": X})]).module()(
        X, mask=X, other=X
    )
