"""Random programs of views and writes: the exported program does what eager does."""

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import monograph
from monograph.testing import assert_equal, assert_specs_hold

VIEWS = {
    "first": lambda t, i, j: t[i % max(len(t), 1)] if t.dim() and len(t) else t,
    "slice": lambda t, i, j: t[i % 3 : 3 + j % 3] if t.dim() else t,
    "step": lambda t, i, j: t[:: 1 + i % 2] if t.dim() else t,
    "last_slice": lambda t, i, j: t[..., j % 2 :] if t.dim() else t,
    "transpose": lambda t, i, j: t.transpose(i % t.dim(), j % t.dim()) if t.dim() else t,
    "view": lambda t, i, j: t.view(-1) if t.is_contiguous() else t,
    "reshape": lambda t, i, j: t.reshape(-1, 1),
    "unsqueeze": lambda t, i, j: t.unsqueeze(i % (t.dim() + 1)),
    "squeeze": lambda t, i, j: t.squeeze(),
    "diagonal": lambda t, i, j: t.diagonal() if t.dim() >= 2 else t,
    "chunk": lambda t, i, j: t.chunk(2, i % t.dim())[0] if t.dim() else t,
    "unbind": lambda t, i, j: t.unbind(i % t.dim())[0] if t.dim() and t.shape[i % t.dim()] else t,
    "detach": lambda t, i, j: t.detach(),
    "same": lambda t, i, j: t.contiguous(),
}
WRITES = {
    "add": lambda t, s, k: t.add_(k),
    "mul": lambda t, s, k: t.mul_(k),
    "fill": lambda t, s, k: t.fill_(k),
    "copy_scaled": lambda t, s, k: t.copy_(s.sum() * k),
    "add_sum": lambda t, s, k: t.add_(s.sum()),
    "index": lambda t, s, k: t.__setitem__(..., k),
    "relu": lambda t, s, k: torch.relu_(t),
    "masked": lambda t, s, k: t.masked_fill_(t > k, -k),
}
PURE = {
    "clone": lambda t, s, k: t.clone(),
    "scaled": lambda t, s, k: t * k,
    "plus_sum": lambda t, s, k: t + s.sum(),
}

step = st.one_of(
    st.tuples(st.just("view"), st.sampled_from(sorted(VIEWS))),
    st.tuples(st.just("write"), st.sampled_from(sorted(WRITES))),
    st.tuples(st.just("pure"), st.sampled_from(sorted(PURE))),
)
program = st.lists(
    st.tuples(step, st.integers(0, 9), st.integers(0, 9), st.sampled_from([2, -1, 0.5])),
    min_size=1,
    max_size=9,
)


CHECKS = list(HealthCheck)


def interpret(steps, x, y):
    pool = [x, y, x * 2]
    for (kind, name), i, j, k in steps:
        t, s = pool[i % len(pool)], pool[j % len(pool)]
        if kind == "view":
            pool.append(VIEWS[name](t, i, j))
        elif kind == "write":
            WRITES[name](t, s, k)
        else:
            pool.append(PURE[name](t, s, k))
    return tuple(pool)


@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(program, st.sampled_from([(3, 4), (2, 2, 3), (4,), (1, 3)]))
def test_random_programs(steps, shape):
    example = torch.arange(1.0, torch.Size(shape).numel() + 1).reshape(shape)

    def f(x, y):
        return interpret(steps, x, y)

    program = monograph.export(f, (example.clone(), example + 1))
    module = program.module()
    for scale in (1.0, -0.5):
        mine, theirs = ((example * scale, example * scale + 1) for _ in range(2))
        assert_equal(module(*mine), f(*theirs), tolerance=1e-6)
        assert_equal(mine, theirs, tolerance=1e-6)
    assert_specs_hold(program, (example.clone(), example + 1))


SIZES = st.lists(st.integers(0, 5), min_size=3, max_size=3)


@settings(max_examples=100, deadline=None, suppress_health_check=CHECKS, derandomize=True)
@given(program, st.sampled_from([(3, 4), (2, 2, 3), (4,), (1, 3)]), st.lists(SIZES, max_size=4))
def test_random_programs_with_sizes_that_vary(steps, shape, others):
    """Whatever call the program accepts, it does what eager does."""

    def f(x, y):
        return interpret(steps, x, y)

    def inputs(sizes):
        x = torch.arange(1.0, torch.Size(sizes).numel() + 1).reshape(sizes)
        return x, x + 1

    shapes = {"x": monograph.Dim.AUTO, "y": monograph.Dim.AUTO}
    try:
        exported = monograph.export(f, inputs(shape), dynamic_shapes=shapes)
    except monograph.MutationError as error:  # a view or a copy, depending on the sizes
        if error.code != "MG-M101":
            raise
        return
    module = exported.module()
    for sizes in [shape, *(tuple(other[: len(shape)]) for other in others)]:
        mine, theirs = inputs(sizes), inputs(sizes)
        try:
            actual = module(*mine)
        except (monograph.InputError, RuntimeError, IndexError):
            assert sizes != shape
            continue
        assert_equal(actual, f(*theirs), tolerance=1e-6)
        assert_equal(mine, theirs, tolerance=1e-6)
        assert_specs_hold(exported, inputs(sizes))
