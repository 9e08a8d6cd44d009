"""``to_torch``: a real ``torch.export.ExportedProgram``, and what reads it."""

import io
import math

import pytest
import torch
from corpus import CORPUS, UNCONVERTED, assert_same, calls_of, exported_times, run, sample
from torch import nn

import monograph
from monograph import Dim
from monograph.diagnostics import InteropError
from monograph.interop.graphs import literal_of
from monograph.interop.reflected import Given
from monograph.shapes.floats import MATHEMATICAL
from monograph.testing import assert_equal

# torch's own decompositions refuse loops with a state that grows; ours do not.
UNDECOMPOSED = {
    "loop_over_nonzero": "aliasing|same metadata",
    "comprehension_of_unknown_length": "aliasing|same metadata",
    "list_in_a_while_loop": "aliasing|same metadata",
    "list_in_unknown_loop": "aliasing|same metadata",
    "speculative_accept": "type is null",
    "control/while_loop_growing": "same metadata",
}
# Torch's own decomposition of an LSTM takes the steps of the example, without a word.
UNROLLED = {"shapes/lstm_over_time@sizes"}
# Its files have no word for a named tuple that is not registered.
UNSAVED = {"python/named_tuple_as_output"}


@pytest.mark.parametrize("name", CORPUS)
def test_a_real_program_with_the_same_numbers(name):
    program, other = exported_times(2, name)
    if name in UNCONVERTED:
        with pytest.raises(InteropError, match="MG-F104"):
            program.to_torch()
        return
    theirs = program.to_torch()
    assert isinstance(theirs, torch.export.ExportedProgram)
    names = [n.name for n in theirs.graph.nodes if literal_of(n.target, n.args) is None]
    assert names == [n.name for n in program.graph.nodes] or any(
        n.name.startswith(("_assert_scalar", "isqrt", "obj_", "batch_norm"))
        for n in theirs.graph.nodes
    )
    module, again = theirs.module(), other.module()
    for call in calls_of(name):
        assert_same(run(module, call), run(again, call))


# Torch takes minutes for these (twenty branches, one in the other; loops in loops).
SLOW = {"newton_sqrt", "models/spatial_shapes_in_a_tensor"}


@pytest.mark.parametrize("name", sorted({*sample(8)} - SLOW - UNCONVERTED - UNSAVED))
def test_saved_loaded_and_decomposed_by_torch(name):
    saved, decomposed, decomposed_by_torch, whole = exported_times(4, name)
    file = io.BytesIO()
    torch.export.save(saved.to_torch(), file)
    file.seek(0)
    programs = [torch.export.load(file), decomposed.run_decompositions().to_torch()]
    if name in UNDECOMPOSED:
        with pytest.raises((RuntimeError, ValueError), match=UNDECOMPOSED[name]):
            decomposed_by_torch.to_torch().run_decompositions()
    elif name not in UNROLLED:
        programs.append(decomposed_by_torch.to_torch().run_decompositions())
    modules = [whole.module(), *(_wrapping(program.module()) for program in programs)]
    for call in calls_of(name):
        expected, *others = (run(module, call) for module in modules)
        for actual in others:
            assert_same(actual, expected)


def _wrapping(module):
    """What torch has written itself takes objects of any class as they are wrapped."""
    return lambda *args, **kwargs: module(*Given.of(args), **Given.of(kwargs))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(4, 4)
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))

    def forward(self, x, scale=1.0):
        self.seen.add_(x.shape[0])
        return {"y": self.lin(x).relu() * scale, "n": x.shape[0]}


def test_sizes_ranges_and_refusals():
    batch = Dim("batch", min=2, max=8)
    shapes = ({0: batch}, None)
    program = monograph.export(Block(), (torch.randn(4, 4), 2.0), dynamic_shapes=shapes)
    theirs = program.to_torch()
    (bounds,) = theirs.range_constraints.values()
    assert (bounds.lower, bounds.upper) == (2, 8)
    module = theirs.module()
    assert module(torch.randn(7, 4), 2.0)["n"] == 7
    assert module.state_dict()["seen"] == 7
    with pytest.raises((AssertionError, RuntimeError)):
        module(torch.randn(9, 4), 2.0)


def test_what_a_program_demands_of_sizes_is_asserted():
    def f(x, y):
        return x.reshape(y.shape[0], -1) + y

    shapes = ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    examples = torch.randn(12, 2), torch.randn(4, 6)
    program = monograph.export(f, examples, dynamic_shapes=shapes)
    module = program.to_torch().module()
    y = torch.randn(5, 6)
    x = torch.randn(15, 2)
    torch.testing.assert_close(module(x, y), f(x, y))
    with pytest.raises((AssertionError, RuntimeError)):
        module(torch.randn(14, 2), y)


FORMS = {
    "to_torch": lambda program: program.to_torch(),
    "decomposed by torch": lambda program: program.to_torch().run_decompositions(),
    "back": lambda program: _back(program),
    "back twice": lambda program: _back(_back(program)),
    "file": lambda program: _through_a_file(program, monograph.load),
    "file read by torch": lambda program: _through_a_file(program, torch.export.load),
}


UNSPOKEN = ("acosh", "atanh", "erf", "erfc", "lgamma", "gamma")
OWN_FORMS = ("back", "back twice", "file")


def _back(program):
    return monograph.from_torch(program.to_torch())


def _through_a_file(program, load):
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    return load(file)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", [n for n in (*MATHEMATICAL, "isqrt") if n not in UNSPOKEN])
def test_functions_of_sizes_leave(name, form):
    """Torch has a word for the root alone; the others are computed of tensors."""
    function, scale = getattr(math, name), 1 if name == "isqrt" else 0.125

    def f(x):
        return x * function(x.shape[0] * scale), function(x.shape[0] * scale)

    program = monograph.export(f, (torch.randn(4, 3),), dynamic_shapes=({0: Dim.DYNAMIC},))
    module = FORMS[form](program).module()
    for n in (7, 1):
        x = torch.randn(n, 3)
        torch.testing.assert_close(module(x), f(x))


@pytest.mark.parametrize("name", UNSPOKEN)
def test_functions_that_torch_has_no_word_for_are_refused(name):
    def f(x):
        return x * getattr(math, name)(x.shape[0] / (8 if name == "atanh" else 1))

    program = monograph.export(f, (torch.randn(4, 3),), dynamic_shapes=({0: Dim.DYNAMIC},))
    x = torch.randn(7, 3)
    torch.testing.assert_close(program.module()(x), f(x))
    with pytest.raises(InteropError, match="MG-F104"):
        program.to_torch()


def _root_of_a_size(x, y):
    return x + 1 if math.sqrt(x.shape[0]) > 1.5 else x


def _number_times_size(x, s):
    return x + 1 if not x.shape[0] * s < 2.5 else x


def _even_beside_a_tie(x, y):
    """The size of ``x`` is twice a symbol that no argument has, which the last guard names."""
    n, h = x.shape
    halves = x.view(n, h // 2, 2).view(y.shape[0], -1)
    if h % 2 == 0 and halves.numel() <= 1000:
        halves = halves.relu()
    return halves + x, y


def _derived(x, y):
    """``2*n + 1`` is a size of an argument; ``n`` is none."""
    torch._check(x.shape[0] // 2 * y.shape[0] < 50)
    return x[: x.shape[0] // 2] + 1


def _more_than_one(x, y):
    """Torch's module itself refuses no size below a minimum of two."""
    return x.mean(0) if x.shape[0] > 1 else x


def _of_one_symbol(x, y):
    return x + 1, y * 2


def _at_least(x, y):
    """The least size of ``x`` is a fact of the symbol that its half is."""
    torch._check(x.shape[0] >= 6)
    return x.view(x.shape[0] // 2, 2, 3), y


A, D, N = Dim.AUTO, Dim.DYNAMIC, Dim("n")
TIED, SOLVED = ({0: N}, {0: 2 * N}), ({0: 2 * N}, {0: 3 * N + 1})
DEMANDS = {
    _more_than_one: ((4, 3), (2,), ({0: D}, None), [(3, 2), (2, 2), (1, 2)]),
    _of_one_symbol: ((3,), (6,), TIED, [(4, 8), (4, 9), (4, 7)]),
    lambda x, y: _of_one_symbol(x, y): ((4,), (7,), SOLVED, [(6, 10), (6, 11), (5, 7)]),
    _at_least: ((8, 3), (2,), ({0: D}, None), [(10, 2), (6, 2), (4, 2), (7, 2)]),
    _root_of_a_size: ((9, 3), (2,), ({0: A}, None), [(2, 2), (1, 2), (3, 2)]),
    _number_times_size: ((9, 3), 0.5, ({0: A}, A), [(5, 0.5), (4, 0.5), (3, 2.0)]),
    _even_beside_a_tie: ((2, 8), (2, 3), ({0: A, 1: A}, {0: A}), [(3, 3), (3, 2), (80, 80)]),
    _derived: ((7, 3), (4,), ({0: 2 * N + 1}, {0: D}), [(5, 4), (6, 4), (51, 9)]),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("f", DEMANDS, ids=lambda f: f.__name__.strip("_<>"))
def test_demands_of_any_kind_leave(f, form):
    """Each form of a program takes those sizes that the program itself takes."""
    first, second, shapes, calls = DEMANDS[f]

    def given(n, m):
        y = m if isinstance(m, float) else torch.randn(m, *second[1:])
        return torch.randn(n, *first[1:]), y

    example = given(first[0], second if isinstance(second, float) else second[0])
    program = monograph.export(f, example, dynamic_shapes=shapes)
    if f is _number_times_size and form == "file read by torch":
        with pytest.raises(RuntimeError, match="deserializing"):  # it has no floats that vary
            FORMS[form](program)
        return
    own, module = program.module(), FORMS[form](program).module()
    refused = 0
    for call in calls:
        args = given(*call)
        try:
            expected = own(*args)
        except monograph.InputError:
            refused += 1
            if form == "decomposed by torch":  # which drops assertions about symbols' own forms
                continue
            with pytest.raises((AssertionError, RuntimeError)):
                module(*args)
        else:
            torch.testing.assert_close(expected, f(*args))
            torch.testing.assert_close(module(*args), expected)
    assert 0 < refused < len(calls)


@pytest.mark.parametrize("f", DEMANDS, ids=lambda f: f.__name__.strip("_<>"))
def test_there_and_back_again_says_no_more(f):
    first, second, shapes, _ = DEMANDS[f]
    y = second if isinstance(second, float) else torch.randn(second)
    once = _back(monograph.export(f, (torch.randn(first), y), dynamic_shapes=shapes))
    again = _back(once)
    assert [n.target for n in again.graph.nodes] == [n.target for n in once.graph.nodes]


@pytest.mark.parametrize("form", FORMS)
def test_both_sides_of_a_question_leave(form):
    """A question about a size that was declared to vary: each form has both its sides."""
    x, y = torch.randn(9, 3), torch.randn(2)
    program = monograph.export(_root_of_a_size, (x, y), dynamic_shapes=({0: D}, None))
    module = FORMS[form](program).module()
    for size in (1, 2, 3, 4, 12):
        x = torch.randn(size, 3)
        torch.testing.assert_close(module(x, y), _root_of_a_size(x, y))


class TwiceNormed(nn.Module):
    """One norm runs twice: the second reads the statistics that the first has written."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.plain = nn.BatchNorm1d(4, affine=False)

    def forward(self, x):
        return self.plain(self.norm(self.norm(self.lin(x)).relu()))


class ReadNorm(TwiceNormed):
    """What somebody else reads is not written by the norm."""

    def forward(self, x):
        y = self.norm(self.lin(x))
        return y + self.norm.running_mean


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("model", [TwiceNormed, ReadNorm])
def test_batch_norms_train_in_every_form(model, form):
    torch.manual_seed(0)
    eager = model().train()
    x = torch.randn(5, 3)
    program = monograph.export(model().train(), (x,), dynamic_shapes=({0: Dim("n", min=2)},))
    program.load_state_dict(eager.state_dict())
    made = FORMS[form](program)
    targets = [str(n.target) for n in made.graph.nodes]
    if model is TwiceNormed and form not in OWN_FORMS:
        is_written = targets.count("aten.batch_norm.default") == 3
        assert is_written is (form != "decomposed by torch")
    if form in OWN_FORMS:  # as it was
        assert made.graph_signature.output_specs[:6] == [
            type(spec)(spec.kind, type(spec.arg)(new.arg.name), spec.target)
            for spec, new in zip(
                program.graph_signature.output_specs[:6],
                made.graph_signature.output_specs[:6],
                strict=True,
            )
        ]
    module = made.module()
    # Torch writes the statistics of what it has decomposed, and of what is read, after the norm.
    is_of_torch = form not in OWN_FORMS
    trains = not is_of_torch or (model is TwiceNormed and form != "decomposed by torch")
    for size in (5, 4):
        x = torch.randn(size, 3)
        with torch.set_grad_enabled(trains):
            results = [each(x) for each in (eager, module)]
        torch.testing.assert_close(*results)
        for result in results if trains else ():
            result.pow(2).mean().backward()
    gradients = {name: p.grad for name, p in module.named_parameters()}
    for name, parameter in eager.named_parameters():
        torch.testing.assert_close(gradients[name], parameter.grad)
    state = module.state_dict()
    for name, tensor in eager.state_dict().items():
        if name in state:
            torch.testing.assert_close(state[name], tensor)


class Pair:
    def __init__(self, a, b):
        self.a, self.b = a, b


def test_an_argument_that_torch_does_not_take_apart():
    def f(pair):
        return pair.a + pair.b

    program = monograph.export(f, (Pair(torch.ones(2), torch.ones(2)),))
    theirs = program.to_torch().module()
    x = torch.arange(2.0)
    torch.testing.assert_close(theirs(Pair(x, x * 2)), x * 3)
    with pytest.raises(ValueError, match="input tree spec"):
        theirs((x, x))


def _of_a_pair(pair):
    return pair.a @ pair.b.T


def _to_a_pair(x):
    return Pair(torch.nn.functional.layer_norm(x, (4,)), x * 2)


@pytest.mark.parametrize(("f", "given"), [
    (_of_a_pair, Pair(torch.randn(3, 4), torch.randn(2, 4))),
    (_to_a_pair, torch.randn(3, 4)),
    (lambda pair: Pair(_of_a_pair(pair), pair.a), Pair(torch.randn(3, 4), torch.randn(2, 4))),
], ids=["taken", "returned", "both"])  # fmt: skip
def test_objects_of_any_class_are_decomposed(f, given):
    program = monograph.export(f, (given,)).to_torch().run_decompositions()
    assert isinstance(program, torch.export.ExportedProgram)
    called = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert not {"aten.layer_norm.default", "aten.matmul.default"} & set(called)
    assert_equal(program.module()(given), f(given), tolerance=1e-6)


def test_unflattened_by_torch():
    model = nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.ReLU(), nn.Linear(4, 2)))
    x = torch.randn(3, 4)
    theirs = torch.export.unflatten(monograph.export(model, (x,)).to_torch())
    torch.testing.assert_close(theirs(x), model(x))
    assert {name for name, _ in theirs.named_children()} == {"0", "1"}


def test_sizes_of_a_branch_that_the_example_does_not_take(tmp_path):
    """There they may be less than none."""

    def filled(x):
        length = x.shape[1]
        if length < 20:
            return torch.cat([x, torch.zeros(x.shape[0], 20 - length)], 1) * 2
        return x[:, :20] * 2

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    program = monograph.export(filled, (torch.randn(2, 24),), dynamic_shapes=shapes)
    monograph.save(program, tmp_path / "filled.pt2")
    loaded = monograph.load(tmp_path / "filled.pt2")
    for module in (program.to_torch().module(), loaded.module()):
        for shape in ((2, 24), (1, 7), (3, 20)):
            x = torch.randn(shape)
            torch.testing.assert_close(module(x), filled(x))
