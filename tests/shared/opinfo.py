"""Run torch's operator database through an exporter, one sample at a time."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.testing._internal import common_methods_invocations, common_utils
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.opinfo import core
from torch.utils._pytree import tree_leaves, tree_map_only

from monograph.ir.spec import spec_of
from monograph.ir.structure import flatten
from monograph.testing import assert_equal

DTYPES = (torch.float32, torch.int64)
Exporter = Callable[[Callable[..., Any], tuple[Any, ...], dict[str, Any]], Callable[..., Any]]


def entries() -> Iterator[tuple[str, Any, torch.dtype]]:
    """``(name, OpInfo, dtype)`` for everything that the database runs on the CPU."""
    for info in op_db:
        for dtype in DTYPES:
            if dtype in info.supported_dtypes("cpu"):
                variant = f".{info.variant_test_name}" if info.variant_test_name else ""
                yield f"{info.name}{variant}:{str(dtype).removeprefix('torch.')}", info, dtype


# Random operators of the database seed themselves; ``run`` seeds, outside the program.
common_methods_invocations.wrapper_set_seed = lambda op, *args, **kwargs: op(*args, **kwargs)
# Each list of samples looks for the `unittest` method around it, in the source of every frame.
common_utils.extract_test_fn = core.extract_test_fn = lambda: None


def samples(info: Any, dtype: torch.dtype, most: int) -> list[Any]:
    torch.default_generator.manual_seed(0)
    return list(itertools.islice(info.sample_inputs("cpu", dtype, requires_grad=False), most))


def is_valid(info: Any, sample: Any) -> bool:
    """Whether eager takes a copy of the sample (some are views of a larger memory)."""
    try:
        info.op(*_copied((sample.input, *sample.args)), **_copied(sample.kwargs))
    except RuntimeError:
        return False
    return True


def run(info: Any, dtype: torch.dtype, export: Exporter) -> None:
    """Export the operator on its first sample and compare with eager; raises where it differs."""
    for sample in samples(info, dtype, 1):
        run_sample(info, sample, export)


def run_sample(info: Any, sample: Any, export: Exporter) -> None:
    args, kwargs = (sample.input, *sample.args), sample.kwargs
    exported = export(info.op, _copied(args), _copied(kwargs))
    torch.default_generator.manual_seed(0)
    expected = info.op(*_copied(args), **_copied(kwargs))
    torch.default_generator.manual_seed(0)
    actual = exported(*_copied(args), **_copied(kwargs))
    if "empty" in info.name:  # memory as it comes
        expected, actual = blank(expected), blank(actual)
    assert_equal(actual, expected, tolerance=1e-6)


def _copied(value: Any) -> Any:
    return tree_map_only(torch.Tensor, torch.Tensor.clone, value)


def blank(value: Any) -> Any:
    return torch.zeros_like(value) if isinstance(value, torch.Tensor) else value


def by_monograph(
    f: Callable[..., Any], args: Any, kwargs: Any, *, specs: bool = True
) -> Callable[..., Any]:
    import monograph
    from monograph.testing import assert_specs_hold

    program = monograph.export(f, args, kwargs)
    if specs and not any(torch.Tag.nondeterministic_seeded in getattr(n.target, "tags", ())
               for n in program.graph.nodes):  # fmt: skip
        assert_specs_hold(program, args, kwargs)
    return program.module()


def by_torch(f: Callable[..., Any], args: Any, kwargs: Any) -> Callable[..., Any]:
    class Wrapper(torch.nn.Module):
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return f(*args, **kwargs)

    return torch.export.export(Wrapper(), args, kwargs, strict=False).module()


# Sizes that vary ------------------------------------------------------------------------------


def export_with_sizes_that_vary(info: Any, sample: Any) -> Any:
    """The operator on a sample of which every dimension is ``Dim.AUTO``."""
    import monograph

    args, kwargs = _copied((sample.input, *sample.args)), _copied(sample.kwargs)
    shapes = monograph.ShapesCollection()
    for leaf in tree_leaves((args, kwargs)):
        if isinstance(leaf, torch.Tensor) and leaf.dim():
            shapes[leaf] = dict.fromkeys(range(leaf.dim()), monograph.Dim.AUTO)
    return monograph.export(info.op, args, kwargs, dynamic_shapes=shapes)


def calls_of_other_sizes(program: Any, seed: int = 0, count: int = 4) -> Iterator[Any]:
    """Random inputs of sizes that the program says it holds for."""
    parts, plan = program.parts, program.parts.plan
    env = parts.env
    rng = random.Random(seed)
    roots = [n for n in program.range_constraints if env.symbols[n].hint is not None]
    for _ in range(count):
        values = {}
        for name in roots:
            bounds = program.range_constraints[name]
            choices = [n for n in (0, 1, 2, 3, 5, env.symbols[name].hint) if n in bounds]
            values[name] = rng.choice(choices or [env.symbols[name].hint])
        leaves = []
        arguments = [n for n in program.graph.nodes if n.op == "placeholder"][len(plan.state) :]
        examples = flatten(program.example_inputs)[0]
        for example, node in zip(examples, arguments, strict=True):
            if not isinstance(example, torch.Tensor):
                leaves.append(example)
                continue
            spec = spec_of(node.meta["val"]).normal()
            shape = [n if isinstance(n, int) else n.evaluate(values) for n in spec.shape]
            leaves.append(_random_like(example, shape, rng))
        split = plan.args.num_leaves
        yield plan.args.unflatten(leaves[:split]), plan.kwargs.unflatten(leaves[split:])


def _random_like(example: torch.Tensor, shape: list[int], rng: random.Random) -> torch.Tensor:
    """Values of the example, as many as are needed, in another order."""
    count = torch.Size(shape).numel()
    flat = example.detach().reshape(-1)
    if not flat.numel():
        return torch.ones(shape, dtype=example.dtype)
    index = torch.tensor([rng.randrange(flat.numel()) for _ in range(count)], dtype=torch.int64)
    return flat[index].reshape(shape)


def check_other_sizes(info: Any, program: Any) -> list[str]:
    """What is wrong with the program at other sizes."""
    from monograph import InputError
    from monograph.testing import assert_specs_hold

    wrong = []
    module = program.module()
    for args, kwargs in calls_of_other_sizes(program):
        shapes = [
            tuple(t.shape) for t in tree_leaves((args, kwargs)) if isinstance(t, torch.Tensor)
        ]
        try:
            expected = info.op(*_copied(args), **_copied(kwargs))
        except Exception:  # not a valid call
            continue
        try:
            actual = module(*_copied(args), **_copied(kwargs))
        except InputError:
            continue
        except Exception as error:
            wrong.append(f"{shapes}: raises {type(error).__name__}: {str(error)[:150]}")
            continue
        try:
            assert_equal(actual, expected, tolerance=1e-5)
            assert_specs_hold(program, _copied(args), _copied(kwargs))
        except AssertionError as error:
            wrong.append(f"{shapes}: {str(error)[:300]}")
    return wrong
