"""Programs with inputs for tests that go through all of them: ExportDB's cases, strict programs."""

import copy

import torch
from strict_programs import PROGRAMS
from torch.utils._pytree import tree_leaves

from monograph.exportdb.case import Support
from monograph.exportdb.registry import cases


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
