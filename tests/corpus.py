"""Programs with inputs for tests that go through all of them: ExportDB's cases, strict programs."""

import copy

import torch
from strict_programs import PROGRAMS
from torch.utils._pytree import tree_leaves

from monograph.exportdb.case import Support
from monograph.exportdb.registry import case_names, load_case


def corpus():
    """Name -> (make, example, more calls, options of ``export``)."""
    found = {}
    for name in case_names():
        case = load_case(name)
        options = {"strict": True} if case.CASE.support is Support.UNSUPPORTED else {}
        if options and case.CASE.strict is not Support.SUPPORTED:
            continue
        example = _plain(case.inputs())
        more = [_plain(c) for c in case.more_inputs()] if hasattr(case, "more_inputs") else []
        found[name] = (case.model, example, more, options)
        if hasattr(case, "dynamic_shapes"):
            sizes = [_plain(c) for c in case.more_sizes()] if hasattr(case, "more_sizes") else []
            options = {**options, "dynamic_shapes": case.dynamic_shapes()}
            found[name + "@sizes"] = (case.model, example, sizes, options)
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
