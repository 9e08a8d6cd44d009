"""``dynamic_shapes`` in all its spellings, and what is said of one that does not fit."""

import dataclasses
import logging
import subprocess
import sys
from typing import NamedTuple

import pytest
import torch
from torch import nn

from monograph import (
    AdditionalInputs,
    Dim,
    InputError,
    ShapeError,
    ShapesCollection,
    dims,
    export,
)
from monograph.testing import assert_exports

R = torch.randn
D = Dim.DYNAMIC
B, S = dims("batch seq")


def two(x, y):
    return x.sum(1) + y


SPELLINGS = {
    "by_name": {"x": {0: B, 1: S}, "y": {0: B}},
    "tuple": ({0: B, 1: S}, {0: B}),
    "list": [{0: B, 1: S}, {0: B}],
    "lists_of_sizes": {"x": [B, S], "y": [B]},
    "text": {"x": "batch, seq", "y": "batch"},
    "text_tuple": ("batch, seq", ("batch",)),
    "names": {"x": {0: "batch", 1: "seq"}, "y": {0: "batch"}},
    "negative": {"x": {-2: B, -1: S}, "y": {-1: B}},
    "auto": {"x": {0: Dim.AUTO, 1: Dim.AUTO}, "y": {0: Dim.AUTO}},
    "auto_tensor": {"x": Dim.AUTO, "y": Dim.AUTO},
    "patterns": {"x": {0: B, 1: S}, "y.*": {0: B}},
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_spellings(name):
    program = assert_exports(
        two, (R(2, 3), R(2)), dynamic_shapes=SPELLINGS[name],
        more_inputs=[(R(5, 7), R(5)), (R(1, 1), R(1))], tolerance=1e-6,
    )  # fmt: skip
    if name != "auto" and name != "auto_tensor":
        assert "f32[batch, seq]" in str(program)


def test_what_is_not_mentioned_is_static():
    module = export(two, (R(2, 3), R(2)), dynamic_shapes={"x": {1: S}}).module()
    assert module(R(2, 9), R(2)).shape == (2,)
    with pytest.raises(InputError, match="to be equal to 2, but got 5"):
        module(R(5, 3), R(5))


def test_static_entries():
    shapes = {"x": {0: 2, 1: S}, "y": {0: Dim.STATIC}}
    assert export(two, (R(2, 3), R(2)), dynamic_shapes=shapes).module()(R(2, 4), R(2)).shape == (2,)
    with pytest.raises(ShapeError, match="is 2 in the example, and 3 was declared"):
        export(two, (R(2, 3), R(2)), dynamic_shapes={"x": {0: 3}})


@dataclasses.dataclass
class Pair:
    left: torch.Tensor
    right: torch.Tensor


class Named(NamedTuple):
    keys: torch.Tensor
    values: torch.Tensor


def nested(state, pair, *, extra):
    return state["past"][0].keys.sum(1) + pair.left + extra["y"][0]


def nested_inputs(n, m):
    return (
        {"past": [Named(R(n, m), R(n, m))], "unused": R(3)}, Pair(R(n), R(2)),
    ), {"extra": {"y": (R(n),)}}  # fmt: skip


NESTED = {
    "mirrored": {
        "state": {"past": [({0: B, 1: S}, {0: B, 1: S})], "unused": None},
        "pair": Pair({0: B}, None), "extra": {"y": ({0: B},)},
    },
    "partial": {
        "state": {"past": [{"keys": {0: B, 1: S}, "values": {0: B, 1: S}}]},
        "pair": {"left": {0: B}}, "extra": {"y": [{0: B}]},
    },
    "paths": {
        "state.past.*": {0: B, 1: S}, "pair.left": {0: B}, "extra.y.0": {0: B},
    },
    "each": {"state.past": "batch, seq", "pair.left": "batch", "extra": {0: B}},
}  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
def test_containers(name):
    args, kwargs = nested_inputs(2, 3)
    module = export(nested, args, kwargs, dynamic_shapes=NESTED[name]).module()
    for n, m in ((2, 3), (1, 1), (5, 9)):
        args, kwargs = nested_inputs(n, m)
        torch.testing.assert_close(module(*args, **kwargs), nested(*args, **kwargs))
    args, kwargs = nested_inputs(2, 3)
    args[1].left = R(3)
    with pytest.raises(InputError, match="to be equal to 2, but got 3"):
        module(*args, **kwargs)


def test_by_tensor():
    args, kwargs = nested_inputs(2, 3)
    shapes = ShapesCollection()
    for tensor in args[0]["past"][0]:
        shapes[tensor] = {0: B, 1: S}
    shapes[args[1].left] = (B,)
    shapes[kwargs["extra"]["y"][0]] = {0: B}
    module = export(nested, args, kwargs, dynamic_shapes=shapes).module()
    args, kwargs = nested_inputs(4, 5)
    torch.testing.assert_close(module(*args, **kwargs), nested(*args, **kwargs))


def test_what_differs_between_examples_varies():
    examples = AdditionalInputs()
    examples.add((R(4, 3), R(4)))
    examples.add((R(4, 9), R(4)))
    program = export(two, (R(2, 3), R(2)), dynamic_shapes=examples)
    examples.verify(program)
    assert program.module()(R(7, 1), R(7)).shape == (7,)
    fixed = AdditionalInputs()
    fixed.add((R(2, 9), R(2)))
    with pytest.raises(InputError, match="to be equal to 2"):
        export(two, (R(2, 3), R(2)), dynamic_shapes=fixed).module()(R(3, 3), R(3))


def test_keyword_and_star_arguments():
    def f(x, *rest, **options):
        return x + rest[0] + options["scale"]

    for shapes in (
        {"x": {0: B}, "rest": ({0: B},), "options": {"scale": {0: B}}},
        {"x": {0: B}, "rest_0": {0: B}, "scale": {0: B}},
    ):
        module = export(f, (R(2), R(2)), {"scale": R(2)}, dynamic_shapes=shapes).module()
        assert module(R(5), R(5), scale=R(5)).shape == (5,)


def test_caches():
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        vocab_size=99, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=64, num_key_value_heads=2,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()

    def inputs(batch, past):
        cache = transformers.DynamicCache(config=config)
        for layer in range(2):
            cache.update(R(batch, 2, past, 8), R(batch, 2, past, 8), layer)
        ids = torch.randint(2, 98, (batch, 1))
        mask = torch.ones(batch, past + 1, dtype=torch.int64)
        return (), {"input_ids": ids, "attention_mask": mask, "past_key_values": cache}

    past = Dim("past", min=1)
    shapes = {
        "input_ids": {0: B}, "attention_mask": {0: B, 1: past + 1},
        "past_key_values.*": {0: B, 2: past},
    }  # fmt: skip
    args, kwargs = inputs(1, 4)
    module = export(model, args, kwargs, dynamic_shapes=shapes).module()
    for batch, length in ((1, 4), (2, 9), (3, 1)):
        args, kwargs = inputs(batch, length)
        with torch.no_grad():
            actual = module(*args, **kwargs).logits
            args, kwargs = args, {**kwargs}
            expected = model(*args, **kwargs).logits
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


WRONG = {
    "unknown_name": ({"z": {0: B}}, "names 'z', which is no argument"),
    "too_many": (({}, {}, {}), "3 entries for 2 arguments"),
    "rank": ({"x": (B,)}, "1 sizes for a tensor of 2 dimensions"),
    "dimension": ({"x": {5: B}}, "dimension 5 of a tensor of 2 dimensions"),
    "entry": ({"x": {0: 1.5}}, "1.5 is not a dimension"),
    "text": ({"x": "batch, seq*seq"}, "is not a dimension"),
    "kind": (3, "dynamic_shapes is a int"),
    "ranges": (
        {"x": {0: Dim("n", max=4), 1: Dim("n", max=5)}}, "two dimensions are called n",
    ),
    "example": ({"x": {0: Dim("n", min=3)}}, r"2 not in range \[3, int_oo\]"),
    "different": ({"x": {0: B, 1: B}}, "batch has different values in the example"),
    "form": ({"x": {1: 2 * S}}, "not of the form 2*seq"),
    "values": ({"x": {0: Dim("n", values=(3, 4))}}, "2 not in"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_specification_that_does_not_fit(name):
    shapes, message = WRONG[name]
    with pytest.raises(ShapeError) as caught:
        export(two, (R(2, 3), R(2)), dynamic_shapes=shapes)
    assert message.replace("\\", "") in str(caught.value)
    assert caught.value.code in ("MG-S102", "MG-S103")
    if name in ("unknown_name", "too_many"):
        assert "the arguments are: x, y" in str(caught.value)


def test_dims_are_checked_when_made():
    for make in (
        lambda: Dim("1x"), lambda: Dim("x", min=4, max=3), lambda: Dim("x", values=()),
        lambda: Dim("x") * 0,
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"identifier|empty range|no values|positive"):
            make()
    with pytest.raises(TypeError, match=r"A\*dim \+ B"):
        Dim("x") * Dim("y")
    assert repr(2 * Dim("d") - 1) == "2*d - 1"
    assert repr(Dim("d", min=1, max=3)) == "Dim('d', min=1, max=3)"


def test_numbers_that_vary():
    def f(x, k, t):
        return x[:k] / t, k + 1, t * 2

    shapes = {"k": Dim("k", min=0, max=6), "t": Dim.DYNAMIC}
    program = export(f, (R(6, 2), 3, 0.5), dynamic_shapes=shapes)
    module = program.module()
    x = R(6, 2)
    for k, t in ((0, 1.0), (6, 0.25), (1, 3)):
        actual, expected = module(x, k, t), f(x, k, t)
        assert torch.equal(actual[0], expected[0])
        assert actual[1:] == expected[1:]
    with pytest.raises(InputError, match="to be <= 6, but got 7"):
        module(x, 7, 1.0)
    with pytest.raises(InputError, match="to be of the type int"):
        module(x, "3", 1.0)
    with pytest.raises(ShapeError, match="a str cannot vary"):
        export(lambda x, s: x, (R(2), "a"), dynamic_shapes={"s": Dim.AUTO})


def test_logs(caplog):
    with caplog.at_level(logging.DEBUG, logger="monograph.shapes"):
        export(lambda x: x if x.shape[0] > 3 else -x, (R(8),), dynamic_shapes={"x": {0: Dim.AUTO}})
    text = caplog.text
    assert "symbols: s0 in [0, None], from x.shape[0], 8 in the example" in text
    assert "guards: s0 >= 4 is True (branch) test_specifications.py" in text
    assert "facts: s0 >= 4" in text
    assert "summary: s0 in VR[4, int_oo]" in text


def test_logs_by_environment_variable():
    code = (
        "import torch, monograph\n"
        "monograph.export(lambda x: x if x.shape[0] > 3 else -x, (torch.ones(8),),"
        " dynamic_shapes={'x': {0: monograph.Dim.AUTO}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"MONOGRAPH_LOGS": "symbols,guards", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert "symbols: s0" in done.stderr
    assert "guards: s0 >= 4 is True" in done.stderr
    assert "facts:" not in done.stderr


def test_modules_with_state():
    program = assert_exports(
        nn.Sequential(nn.Conv1d(2, 3, 3), nn.BatchNorm1d(3), nn.ReLU()), (R(2, 2, 8),),
        dynamic_shapes={"input": {0: Dim("n", min=2), 2: Dim("length", min=3)}},
        more_inputs=[(R(4, 2, 3),)], tolerance=1e-5,
    )  # fmt: skip
    assert program.range_constraints["length"].lower == 3


class Variadic(nn.Module):
    def forward(self, x, *rest, scale=1.0, **more):
        return x * scale, [each + 1 for each in rest], {name: more[name] * 2 for name in more}


@pytest.mark.parametrize(
    ("count", "spec"),
    [
        (2, ({0: D}, ({0: D}, {1: D}), {"a": {0: D}})),
        (2, ({0: D}, ({0: D}, (None, D)), {"a": (D,)})),
        (2, [{0: D}, [{0: D}, {1: D}], {"a": {0: D}}]),
        (2, ({0: D}, {0: D}, {1: D}, {0: D})),
        (2, {"x": {0: D}, "rest": ({0: D}, {1: D}), "more": {"a": {0: D}}}),
        (1, ({0: D}, ({0: D},), {"a": {0: D}})),
        (1, ({0: D}, {0: D}, {0: D})),
    ],
)
def test_entries_of_variadic_parameters(count, spec):
    args, kwargs = (R(3, 4), *(R(5 + i, 6 + i) for i in range(count))), {"a": R(8)}
    program = export(Variadic(), args, kwargs, dynamic_shapes=spec)
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder"]
    varying = [tuple(not isinstance(size, int) for size in shape) for shape in shapes]
    rest = [(True, False), (False, True)][:count]
    assert varying == [(True, False), *rest, (True,)]


def test_entries_follow_the_signature_where_names_are_given_in_another_order():
    def f(x, y, z):
        return x + 1, y + 2, z + 3

    kwargs = {"z": R(5), "y": R(7)}
    program = export(f, (R(3),), kwargs, dynamic_shapes=(None, {0: D}, None))
    module = program.module()
    assert module(R(3), z=R(5), y=R(9))[1].shape == (9,)
    with pytest.raises(InputError):
        module(R(3), z=R(9), y=R(7))
