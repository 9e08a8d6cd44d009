"""What Python reads of a layout is a fact of the contract: equal to eager mode, or refused."""

import collections
import io
import itertools

import pytest
import torch
from torch.export import Dim

import monograph

SHAPE = (2, 3, 4, 5)


def values(shape, dtype=torch.float32):
    count = max(torch.Size(shape).numel(), 1)
    found = torch.arange(count, dtype=torch.float64).add(0.5)[: torch.Size(shape).numel()]
    if dtype.is_complex:
        found = torch.complex(found, found.flip(0) + 1)
    return found.reshape(shape).to(dtype)


def laid(shape, order):
    """The dimensions of ``shape`` in memory, outermost first in ``order``."""
    back = sorted(range(len(shape)), key=order.__getitem__)
    return values([shape[i] for i in order]).permute(back)


def expanded(shape):
    return values((1, *shape[1:])).expand(shape)


def sliced(shape, dim):
    wide = list(shape)
    wide[dim] *= 2
    index = [slice(None)] * len(shape)
    index[dim] = slice(None, None, 2)
    return values(wide)[tuple(index)]


def offset(shape):
    return values((shape[0] + 1, *shape[1:]))[1:]


def odd_singles(shape):
    """Strides of single elements as a transposed tensor has them."""
    strides = [7 if n == 1 else s for n, s in zip(shape, values(shape).stride(), strict=True)]
    return values(shape).as_strided(shape, strides)


def conjugated(shape):
    return values(shape, torch.complex64).conj()


def negated(shape):
    return values(shape, torch.complex64).conj().imag


LAYOUTS = {
    "contiguous": values,
    "transposed": lambda shape: laid(shape, list(range(len(shape)))[::-1]),
    "channels last": lambda shape: laid(shape, [0, 2, 3, 1]),
    "sliced outside": lambda shape: sliced(shape, 0),
    "sliced inside": lambda shape: sliced(shape, 3),
    "expanded": expanded,
    "offset": offset,
    "odd singles": odd_singles,
    "negated": negated,
}
SHAPES = {"full": SHAPE, "single": (1, 3, 1, 5), "all single": (1, 1, 1, 1), "empty": (0, 3, 4, 5),
          "empty inside": (2, 3, 0, 5)}  # fmt: skip


def inputs_of(shapes):
    return {
        f"{size}, {name}": make(shape)
        for size, shape in shapes.items()
        for name, make in LAYOUTS.items()
    }


WEIGHT = torch.linspace(-1, 1, 25).reshape(5, 5)
last = torch.channels_last

# What is asked of an argument itself.
DIRECT = {
    "is_contiguous": lambda x: x.is_contiguous(),
    "is_contiguous, channels last": lambda x: x.is_contiguous(memory_format=last),
    "is_contiguous of the class": lambda x: torch.Tensor.is_contiguous(x),
    "is_contiguous of the operator": lambda x: torch.ops.aten.is_contiguous.default(x),
    "is_contiguous, detached": lambda x: x.detach().is_contiguous(),
    "stride": lambda x: x.stride(),
    "stride 0": lambda x: x.stride(0),
    "stride -1": lambda x: x.stride(-1),
    "stride 2 of the class": lambda x: torch.Tensor.stride(x, 2),
    "stride 1 of the operator": lambda x: torch.ops.aten.stride.int(x, 1),
    "storage_offset": lambda x: x.storage_offset(),
    "storage_offset of the class": lambda x: torch.Tensor.storage_offset(x),
    "dim_order": lambda x: x.dim_order(),
    "dim_order of the class": lambda x: torch.Tensor.dim_order(x),
    "dim_order, checked": lambda x: _refuses(
        lambda: x.dim_order(ambiguity_check=[torch.contiguous_format, last])
    ),
    "is_neg": lambda x: x.is_neg(),
    "is_neg of torch": lambda x: torch.is_neg(x),
    "is_conj": lambda x: torch.complex(x, x).is_conj(),
}
# Of what is made of it.
DERIVED = {
    "strides of a product": lambda x: (x * 2).stride(),
    "is_contiguous of a sum": lambda x: (x + 1).is_contiguous(),
    "is_contiguous of a sum of two": lambda x: (
        torch.zeros(SHAPE[1:])[:, :1, :1] + x.exp()
    ).is_contiguous(memory_format=last),
    "is_contiguous of a transpose": lambda x: x.transpose(1, 3).is_contiguous(),
    "strides of a transpose": lambda x: x.transpose(1, 3).stride(),
    "stride of a row": lambda x: x[:, 1:].stride(0) if x.shape[1] > 1 else 0,
    "offset of a slice": lambda x: x[:, 1:].storage_offset(),
    "offset of a contiguous one": lambda x: x.contiguous().storage_offset(),
    "offset of a copy": lambda x: x.clone().storage_offset(),
    "strides of empty_like": lambda x: torch.empty_like(x).stride(),
    "strides of a clone": lambda x: x.clone(memory_format=torch.preserve_format).stride(),
    "order of a clone": lambda x: x.clone().dim_order(),
    "strides of a contiguous one": lambda x: x.contiguous().stride(),
    "is_contiguous of a conversion": lambda x: x.double().is_contiguous(),
    "strides of a conversion": lambda x: x.to(memory_format=last).stride(),
    "strides of a matrix product": lambda x: (x @ WEIGHT).stride(),
    "is_contiguous of a view": lambda x: x.unsqueeze(0).is_contiguous(),
    "strides of a write": lambda x: _written(x).stride(),
    "strides of a copied write": lambda x: _copied(x).stride(),
    "strides of a sum": lambda x: x.sum(3).stride(),
    "stride of a mean": lambda x: x.mean((1, 2)).stride(0),
    "strides of a sum that keeps dimensions": lambda x: x.sum(0, keepdim=True).stride(),
    "strides of a stack": lambda x: torch.stack([x, x]).stride(),
    "is_neg of a view": lambda x: x[0:1].is_neg(),
}


def _refuses(ask):
    try:
        return ask()
    except RuntimeError:
        return "refused"


def _written(x):
    y = x.clone()
    y.add_(1)
    return y


def _copied(x):
    y = torch.empty(x.shape)
    y.copy_(x)
    return y


def viewed(x):
    try:
        return x.view(x.shape[0] * x.shape[1], -1) * 2
    except RuntimeError:
        return x.reshape(x.shape[0] * x.shape[1], -1) * 3


def test_a_view_that_is_tried():
    """Whether it can be had is so for tensors that lie like the example: eager mode, or refused."""
    inputs = {n: x for n, x in inputs_of({"plain": SHAPE}).items() if not x.is_neg()}
    counts = collections.Counter()
    for x in inputs.values():
        module = monograph.export(viewed, (x,)).module()
        for other in inputs.values():
            try:
                found = module(other)
            except (monograph.InputError, RuntimeError):
                assert other is not x
                counts["refused"] += 1
                continue
            torch.testing.assert_close(found, viewed(other))
            counts["right"] += 1
    assert min(counts["refused"], counts["right"]) > len(inputs)


def branch(fact, x, example):
    return x + 1 if fact(x) == example else x - 1


def number(fact, x, example):
    found = fact(x)
    total = sum(found) if isinstance(found, tuple) else found
    return x * (total if not isinstance(total, str) else len(total))


def text(fact, x, example):
    return x * 2, f"{fact(x)}"


STEERS = {False: (branch, text), True: (branch, number)}  # by whether sizes vary


def exported(program, x, dynamic):
    """The program; None where it is refused, because single elements lie anywhere."""
    shapes = (dict.fromkeys(range(x.dim()), Dim.AUTO),) if dynamic else None
    try:
        return monograph.export(program, (x,), dynamic_shapes=shapes).module()
    except monograph.PythonFeatureError as error:
        if error.code != "MG-P106":
            raise
        return None


def outcome(module, program, x):
    """Whether a call is right, or how it is refused."""
    before = x.clone()
    try:
        expected = program(x)
    except RuntimeError:
        with pytest.raises(RuntimeError):
            module(x)
        return "an error in eager mode"
    try:
        found = module(x)
    except monograph.InputError as error:
        code = error.code
    else:
        code = None
    if code is not None:
        assert torch.equal(x, before), "written before it was refused"
        assert code in ("MG-I107", "MG-I106"), code
        return "layout" if code == "MG-I107" else "size"
    same(found, expected)
    return "right"


def same(found, expected):
    """Equal values, of tensors and texts."""
    if isinstance(expected, tuple):
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, torch.Tensor):
        torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)
    else:
        assert found == expected


def sweep(facts, examples, calls, dynamic):
    counts = collections.Counter()
    for name, fact in facts.items():
        for steer, (given, x) in itertools.product(STEERS[dynamic], examples.items()):
            try:
                told = fact(x)
            except RuntimeError:  # no program of these sizes
                continue

            def program(x, steer=steer, fact=fact, told=told):
                return steer(fact, x, told)

            module = exported(program, x, dynamic)
            if module is None:
                assert facts is DERIVED, (name, given)
                assert min(x.shape) < 2 or name == "strides of a stack", (name, given)
                counts["not exported"] += 1
                continue
            for called, other in calls.items():
                if other.shape != x.shape and not dynamic:
                    continue
                try:
                    found = outcome(module, program, other)
                except AssertionError as error:
                    where = f"{name}, {steer.__name__}, {given} -> {called}"
                    raise AssertionError(f"{where}: {error}") from error
                counts[found] += 1
                if not dynamic:
                    is_refused = found != "right"
                    if facts is DIRECT:
                        assert is_refused is (fact(other) != told), (name, given, called)
                    assert not (is_refused and called == given), (name, given)
    return counts


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize("facts", [DIRECT, DERIVED], ids=["direct", "derived"])
def test_each_fact_for_each_layout(facts, size):
    inputs = inputs_of({size: SHAPES[size]})
    counts = sweep(facts, inputs, inputs, dynamic=False)
    print(size, dict(counts))
    assert counts["right"]
    assert not counts["size"]


@pytest.mark.parametrize("example", LAYOUTS)
@pytest.mark.parametrize("facts", [DIRECT, DERIVED], ids=["direct", "derived"])
def test_each_fact_for_each_layout_of_sizes_that_vary(facts, example):
    key = f"full, {example}"
    counts = sweep(facts, {key: inputs_of({"full": SHAPE})[key]}, inputs_of(SHAPES), dynamic=True)
    print(example, dict(counts))
    assert counts["right"]


# Programs that read no layout hold for each ------------------------------------------------------


class Norm(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.linear = torch.nn.LayerNorm(5), torch.nn.Linear(5, 5)

    def forward(self, x):
        return self.linear(self.norm(x) + x).relu()


class Convolution(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm = torch.nn.Conv2d(3, 2, 2), torch.nn.BatchNorm2d(2)
        self.eval()

    def forward(self, x):
        return self.norm(self.conv(x)).flatten(1)


def after_a_copy(x):
    y = torch.empty(x.shape)
    y.copy_(x)
    return y.view(-1)


PLAIN = {
    "arithmetic": lambda x: x * 2 + 1,
    "contiguous, then a view": lambda x: x.contiguous().view(-1) * 1,
    "contiguous of the class": lambda x: torch.Tensor.contiguous(x).view(-1) * 1,
    "channels last, then a view": lambda x: x.contiguous(memory_format=last)
    .permute(0, 2, 3, 1).view(-1) + 1,
    "to channels last, then a view": lambda x: x.to(memory_format=last)
    .permute(0, 2, 3, 1).view(-1) + 1,
    "reshape": lambda x: x.reshape(-1) + 1,
    "reshape of some dimensions": lambda x: x.reshape(x.shape[0], -1).sin(),
    "flatten": lambda x: x.flatten(1).cos(),
    "ravel": lambda x: x.ravel() + 1,
    "reshape of a sum": lambda x: (x + x.mean(1, keepdim=True)).reshape(-1, x.shape[3]),
    "a clone, then a reshape": lambda x: x.clone(memory_format=torch.preserve_format).reshape(-1),
    "empty_like, filled": lambda x: torch.empty_like(x).fill_(2).reshape(-1) + x.reshape(-1),
    "a transpose, reshaped": lambda x: x.transpose(1, 2).reshape(x.shape[0], -1) * 2,
    "a transpose, made contiguous": lambda x: x.transpose(1, 3).contiguous().view(-1) * 2,
    "a product": lambda x: x @ WEIGHT,
    "a batched product": lambda x: x @ x.mT,
    "softmax": lambda x: x.softmax(-1).reshape(-1),
    "attention": lambda x: torch.nn.functional.scaled_dot_product_attention(x, x, x),
    "unfolded": lambda x: torch.nn.functional.unfold(x, 2),
    "channels shuffled": lambda x: torch.nn.functional.channel_shuffle(x, 3),
    "group norm": lambda x: torch.nn.functional.group_norm(x, 3),
    "upsampled": lambda x: torch.nn.functional.interpolate(x, scale_factor=2.0),
    "einsum": lambda x: torch.einsum("bchw,bcvw->bhv", x, x),
    "joined": lambda x: torch.cat([x, x * 2], 1).reshape(-1),
    "a write": lambda x: _written(x).view(x.shape) * 1,
    "norm and linear": Norm(),
    "convolution": Convolution(),
    "a copy, then a view": after_a_copy,
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN)
def test_a_program_that_reads_no_layout_holds_for_each(name):
    program = PLAIN[name]
    counts = collections.Counter()
    inputs = {key: make(SHAPE) for key, make in LAYOUTS.items()}
    examples = ("contiguous", "channels last", "sliced inside", "expanded")
    for given, dynamic in itertools.product(examples, (False, True)):
        x = inputs[given]
        shapes = (dict.fromkeys(range(4), Dim.AUTO),) if dynamic else None
        forward = program if isinstance(program, torch.nn.Module) else None
        made = monograph.export(forward or program, (x,), dynamic_shapes=shapes)
        assert not [a for a in made.assumptions if a.kind == "layout"], given
        for form in (made, made.run_decompositions({}), made.run_decompositions()):
            module = form.module()
            for called, other in inputs.items():
                found = module(other)
                torch.testing.assert_close(found, program(other), msg=f"{given} -> {called}")
                counts["right"] += 1
    print(name, dict(counts))


# Copies that are views for other strides ---------------------------------------------------------


def written_through_contiguous(x):
    x.contiguous().add_(1)
    return x * 1


def written_through_reshape(x):
    x.reshape(-1).mul_(2)
    return x * 1


def seen_through_flatten(x):
    y = x.flatten()
    x.add_(1)
    return y * 1


def written_to_a_copy(x):
    y = x.transpose(1, 3).contiguous()
    y.add_(1)
    return x * 1, y * 1


def written_in_another_format(x):
    y = x.to(memory_format=last)
    y.add_(1)
    return x * 1, y * 1


def split_and_written(x):
    x.reshape(x.shape[0], x.shape[1], 2, -1, x.shape[3]).add_(1)
    return x * 1


SHARING = (written_through_contiguous, written_through_reshape, seen_through_flatten,
           written_to_a_copy, written_in_another_format, split_and_written)  # fmt: skip


@pytest.mark.parametrize("program", SHARING, ids=lambda f: f.__name__)
def test_a_write_through_what_may_be_a_copy(program):
    counts = collections.Counter()
    fixed = {key: make for key, make in LAYOUTS.items() if key != "expanded"}
    for given, called in itertools.product(fixed, fixed):
        module = monograph.export(program, (fixed[given](SHAPE),)).module()
        ours, theirs = fixed[called](SHAPE), fixed[called](SHAPE)
        try:
            found = module(ours)
        except monograph.InputError as error:
            code = error.code
        else:
            code = None
        if code is None:
            same(found, program(theirs))
            same(ours, theirs)
        else:
            assert (code, program) != ("MG-I107", split_and_written)
            assert given != called
            same(ours, fixed[called](SHAPE))
        counts[code or "right"] += 1
    print(program.__name__, dict(counts))
    assert counts["right"] >= len(fixed)


# What travels -----------------------------------------------------------------------------------


def test_files_and_torchs_programs_carry_what_was_read():
    asked = {name: DIRECT[name] for name in ("is_contiguous", "stride", "stride 0", "dim_order",
             "storage_offset", "is_neg", "is_contiguous, channels last")}  # fmt: skip
    facts = asked | {"strides of a product": DERIVED["strides of a product"]}
    inputs = inputs_of({"full": SHAPE})
    for (name, fact), dynamic in itertools.product(facts.items(), (False, True)):
        example = inputs["full, channels last"]
        shapes = (dict.fromkeys(range(4), Dim.AUTO),) if dynamic else None
        ask = fact
        program = monograph.export(
            lambda x, ask=ask: x + int(ask(x) == 1), (example,), dynamic_shapes=shapes
        )
        assert [a.kind for a in program.assumptions if a.kind == "layout"] == ["layout"]
        file = io.BytesIO()
        monograph.save(program, file)
        file.seek(0)
        loaded = monograph.load(file)
        theirs = program.to_torch()
        back = monograph.from_torch(theirs)
        listed = [a.kind for a in (*loaded.assumptions, *back.assumptions)]
        assert listed.count("layout") >= 2, name
        ours = [program, loaded, back, program.run_decompositions()]
        for x in inputs.values():
            try:
                program.module()(x)
            except monograph.MonographError:
                for other in ours:
                    with pytest.raises(monograph.InputError):
                        other.module()(x)
                with pytest.raises(AssertionError, match="Guard failed"):
                    theirs.module()(x)
            else:
                for other in (*ours, theirs):
                    same(other.module()(x), program.module()(x))


# What is copied for some layouts, and what it was made of --------------------------------------


def both_results(y):
    doubled = y * 2
    return doubled, doubled.contiguous()


def computed_from_both(y):
    doubled = y * 2
    return doubled.contiguous() + 1, doubled + 1


def argument_and_copy(y):
    return y, y.contiguous()


def copy_is_written(y):
    doubled = y * 2
    copied = doubled.contiguous()
    copied.add_(1)
    return doubled, copied


def what_was_copied_is_written(y):
    doubled = y * 2
    copied = doubled.contiguous()
    doubled.add_(1)
    return doubled, copied


def asked_after_the_copy(y):
    doubled = y * 2
    copied = doubled.contiguous()
    return doubled.view(-1) if doubled.is_contiguous() else doubled, copied


@pytest.mark.parametrize("program", [
    both_results, computed_from_both, argument_and_copy, copy_is_written,
    what_was_copied_is_written, asked_after_the_copy,
])  # fmt: skip
@pytest.mark.parametrize("sizes", [None, ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)])
def test_a_copy_for_some_layouts_leaves_what_was_copied(program, sizes):
    """``y.contiguous()`` is ``y`` for some calls, and a copy for others."""
    made = monograph.export(program, (torch.randn(3, 4),), dynamic_shapes=sizes)
    found = made.verify(program, samples=40)
    assert found.compared > 20
