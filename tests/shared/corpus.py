"""Programs with inputs for tests that go through all of them: ExportDB's cases, strict programs."""

import copy
import zlib

import torch
from strict_programs import PROGRAMS
from torch.utils._pytree import tree_leaves

from monograph import export
from monograph.exportdb.case import Support
from monograph.exportdb.registry import cases

# The cases of the reference pages.
REFERENCE = [
    "assume_constant_result",
    "autograd_function",
    "class_method",
    "cond_branch_class_method",
    "cond_branch_nested_function",
    "cond_branch_nonlocal_variables",
    "cond_closed_over_variable",
    "cond_operands",
    "cond_predicate",
    "constrain_as_size_example",
    "constrain_as_value_example",
    "decorator",
    "dictionary",
    "dynamic_shape_assert",
    "dynamic_shape_constructor",
    "dynamic_shape_if_guard",
    "dynamic_shape_map",
    "dynamic_shape_round",
    "dynamic_shape_slicing",
    "dynamic_shape_view",
    "fn_with_kwargs",
    "list_contains",
    "list_unpack",
    "model_attr_mutation",
    "nested_function",
    "null_context_manager",
    "optional_input",
    "pytree_flatten",
    "scalar_output",
    "specialized_attribute",
    "static_for_loop",
    "static_if",
    "tensor_setattr",
    "torch_sym_min",
    "type_reflection_method",
    "user_input_mutation",
]


def corpus():
    """Name -> (make, example, more calls, options of ``export``)."""
    found = {}
    for entry in cases():
        options = {"strict": True} if entry.case.support is Support.UNSUPPORTED else {}
        if options and entry.case.strict is not Support.SUPPORTED:
            continue
        example, name = _plain(entry.inputs()), f"{entry.area}/{entry.name}"
        more = [_plain(c) for c in entry.more_inputs()]
        found[name] = (entry.model, example, more, options)
        if entry.dynamic_shapes is not None:
            sizes = [_plain(c) for c in entry.more_sizes()]
            options = {**options, "dynamic_shapes": entry.dynamic_shapes()}
            found[name + "@sizes"] = (entry.model, example, sizes, options)
    for name, (f, inputs) in PROGRAMS.items():
        calls = [(given, {}) for given in inputs]
        found[name] = (lambda f=f: f, calls[0], calls[1:], {"strict": True})
    return found


def _plain(call):
    return call.args, call.kwargs


CORPUS = corpus()


# What torch.export's form has no word for: generators.
UNCONVERTED = {"autograd/random_with_a_generator", "tools/program_for_another_tool"}


def sample(one_of):
    """Some of the names, the same ones when others are added."""
    return [name for name in CORPUS if zlib.crc32(name.encode()) % one_of == 0]


def exported(name):
    """The program of a new model: programs of one model share its state."""
    make, example, _, options = CORPUS[name]
    torch.manual_seed(0)
    return export(make(), *copy.deepcopy(example), **options)


def exported_times(count, name):
    """The same program several times, each with a state of its own."""
    if name in UNCONVERTED:  # a generator is not copied
        return [exported(name) for _ in range(count)]
    program = exported(name)
    return [program, *(copy.deepcopy(program) for _ in range(count - 1))]


def calls_of(name):
    """The example and the other calls."""
    return [CORPUS[name][1], *CORPUS[name][2]]


def run(module, call):
    """Every tensor and number of a call's results, and of the arguments after it."""
    args, kwargs = copy.deepcopy(call)
    torch.manual_seed(0)
    with torch.no_grad():
        result = module(*args, **kwargs)
    return [
        x for x in tree_leaves((result, args, kwargs)) if isinstance(x, (torch.Tensor, int, float))
    ]


def assert_same(actual, expected):
    """The same numbers; NaN is equal to NaN."""
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5, equal_nan=True)
