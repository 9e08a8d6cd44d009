"""Views and writes: everything in place becomes functional, and results equal eager."""

import pytest
import torch
from torch import nn

import monograph
from monograph import MutationError, OperatorError
from monograph.testing import assert_equal, assert_exports

X = torch.arange(24.0).reshape(4, 6) - 11


def write(view):
    """A function that writes through a view of a copy of x, and reads view, copy and sibling."""

    def f(x):
        y = x * 1
        sibling = y[1:]
        v = view(y)
        v.mul_(3).add_(1)
        return y, v, sibling, y.sum()

    return f


VIEWS = {
    "itself": lambda y: y,
    "row": lambda y: y[1],
    "last_row": lambda y: y[-1],
    "element": lambda y: y[2, 3],
    "slice": lambda y: y[1:3],
    "step": lambda y: y[::2, 1::3],
    "column": lambda y: y[:, 2],
    "view": lambda y: y.view(6, 4),
    "reshape": lambda y: y.reshape(2, 12),
    "flatten": lambda y: y.flatten(),
    "transpose": lambda y: y.transpose(0, 1),
    "t": lambda y: y.t(),
    "mT": lambda y: y.mT,
    "permute": lambda y: y.view(2, 2, 6).permute(2, 0, 1),
    "movedim": lambda y: y.view(2, 2, 6).movedim(0, 2),
    "swapaxes": lambda y: y.swapaxes(0, 1),
    "unsqueeze": lambda y: y.unsqueeze(1),
    "squeeze": lambda y: y[:1].squeeze(0),
    "squeeze_all": lambda y: y[:1, :1].squeeze(),
    "unflatten": lambda y: y.unflatten(1, (2, 3)),
    "narrow": lambda y: y.narrow(1, 2, 3),
    "narrow_negative": lambda y: y.narrow(1, -2, 2),
    "diagonal": lambda y: y.diagonal(),
    "diagonal_of_two": lambda y: y.view(2, 2, 6).diagonal(offset=1, dim1=1, dim2=2),
    "chunk": lambda y: y.chunk(2)[1],
    "split": lambda y: y.split([1, 2, 1])[1],
    "split_size": lambda y: y.split(3, 1)[0],
    "tensor_split": lambda y: torch.tensor_split(y, 3, dim=1)[2],
    "unbind": lambda y: y.unbind(1)[4],
    "hsplit": lambda y: y.hsplit(2)[1],
    "as_strided": lambda y: y.as_strided((2, 3), (12, 2), 1),
    "unfold_apart": lambda y: y.unfold(1, 2, 3),
    "view_of_view": lambda y: y[1:].transpose(0, 1)[2:4],
    "deep": lambda y: y.view(2, 2, 6)[1].t()[::2].unsqueeze(0),
    "transposed_row": lambda y: y.t()[3],
    "detach": lambda y: y.detach()[1],
    "data": lambda y: y.data[:, 1],
    "contiguous_is_itself": lambda y: y.contiguous()[0],
    "to_is_itself": lambda y: y.to(torch.float32)[0],
    "dropout_is_itself": lambda y: nn.functional.dropout(y, 0.5, False)[0],
    "expand_to_itself": lambda y: y.expand(4, 6)[0],
    "view_as": lambda y: y.view_as(torch.empty(8, 3)),
    "select_chain": lambda y: y.view(2, 2, 2, 3)[1][0],
    "alias": lambda y: torch.ops.aten.alias(y)[1:],
    "view_dtype_back": lambda y: y.view(torch.int32).view(torch.float32),
}


@pytest.mark.parametrize("name", VIEWS)
def test_write_through(name):
    assert_exports(write(VIEWS[name]), (X,))


def test_write_through_complex_parts():
    z = torch.complex(X, X + 1)

    def f(z):
        w = z * 1
        w.real.add_(3)
        w.imag[0].mul_(2)
        torch.view_as_real(w)[..., 0].sub_(1)
        w.conj().mul_(2)
        return w, w.real

    assert_exports(f, (z,))


INPLACE = {
    "add": lambda x: x.add_(1, alpha=2),
    "iadd": lambda x: x.__iadd__(x),
    "scalar_promotes": lambda x: x.mul_(2.5),
    "broadcast": lambda x: x.sub_(x[0] * 1),
    "relu": lambda x: torch.relu_(x),
    "functional_relu": lambda x: nn.functional.relu(x, inplace=True),
    "hardtanh": lambda x: nn.functional.hardtanh_(x),
    "leaky": lambda x: nn.functional.leaky_relu_(x),
    "fill": lambda x: x.fill_(3),
    "fill_tensor": lambda x: x.fill_(x.sum()),
    "zero": lambda x: x[1:].zero_(),
    "copy": lambda x: x.copy_(x + 1),
    "copy_broadcast": lambda x: x.copy_(x[0] + 1),
    "copy_dtype": lambda x: x.copy_(x > 0),
    "copy_alias": lambda x: x[0].copy_(x[1]),
    "clamp": lambda x: x.clamp_(-1, 1),
    "masked_fill": lambda x: x.masked_fill_(x > 0, -1),
    "masked_scatter": lambda x: x.masked_scatter_(x > 0, torch.zeros(24)),
    "index_put": lambda x: x.index_put_((torch.tensor([0, 2]),), torch.tensor(1.0)),
    "index_put_accumulate": lambda x: x.index_put_(
        (torch.tensor([0, 0]),), torch.ones(2, 6), accumulate=True
    ),
    "setitem_tensor_index": lambda x: x.__setitem__(torch.tensor([1, 3]), 0.0),
    "setitem_mask": lambda x: x.__setitem__(x > 5, 0.0),
    "setitem_slice": lambda x: x.__setitem__((slice(None), slice(1, 3)), x[:, 3:5]),
    "setitem_ellipsis": lambda x: x.__setitem__((..., -1), 7),
    "setitem_none": lambda x: x.__setitem__((None, 0), 7),
    "index_add": lambda x: x.index_add_(0, torch.tensor([1, 1]), torch.ones(2, 6)),
    "index_copy": lambda x: x.index_copy_(0, torch.tensor([1]), torch.ones(1, 6)),
    "index_fill": lambda x: x.index_fill_(1, torch.tensor([0, 5]), -1),
    "scatter": lambda x: x.scatter_(1, torch.zeros(4, 1, dtype=torch.long), 9.0),
    "scatter_add": lambda x: x.scatter_add_(
        0, torch.zeros(1, 6, dtype=torch.long), torch.ones(1, 6)
    ),
    # Operands of their own: what eager mode reads while it writes them depends on the processor.
    "addmm": lambda x: x.addmm_(x[:, :4].clone(), x.clone()),
    "addcmul": lambda x: x.addcmul_(x, x, value=0.5),
    "lerp": lambda x: x.lerp_(x * 2, 0.5),
    "pow": lambda x: x.pow_(2),
    "floor_divide": lambda x: x.floor_divide_(2),
    "out": lambda x: torch.add(x, 1, out=x),
    "out_resized": lambda x: torch.mul(x, 2, out=torch.empty(0)),
    "out_slice": lambda x: torch.sum(x * 1, 0, out=x[1]),
    "out_two": lambda x: torch.max(x, 1, out=(torch.empty(4), torch.empty(4, dtype=torch.long))),
    "out_dtype": lambda x: torch.add(x, 1, out=torch.empty(4, 6, dtype=torch.float64)),
    "t_in_place": lambda x: (x * 1).t_().add_(1),
    "squeeze_in_place": lambda x: (x[:1] * 1).squeeze_(0).add_(1),
    "unsqueeze_in_place": lambda x: (x * 1).unsqueeze_(0),
    "triu": lambda x: x.triu_(),
    "cumsum": lambda x: x.cumsum_(0),
    "random_walk": lambda x: x.uniform_(),
    "normal": lambda x: x.normal_(),
    "bernoulli": lambda x: x.bernoulli_(0.5),
    "exponential": lambda x: x.exponential_(),
    "dropout": lambda x: nn.functional.dropout(x, 0.5, True, inplace=True),
    "foreach": lambda x: torch._foreach_add_([x[0], x[1]], 1.0),
    "set_data": lambda x: setattr(x * 1, "data", x + 1),
}


@pytest.mark.parametrize("name", INPLACE)
@pytest.mark.parametrize("on_input", [False, True])
def test_in_place(name, on_input):
    def f(x):
        y = x if on_input else x.clone()
        view = y[1:]
        result = INPLACE[name](y)
        return y, view, result, y + 1

    assert_exports(f, (X.clone(),), tolerance=1e-6)


def test_data_of_an_input():
    def f(x):
        x.data[0, 0] = 3
        return x

    assert_exports(f, (torch.randn(3, 3),))


def test_mutated_input_is_returned_itself():
    def f(x):
        x.add_(1)
        return x, x[0]

    module = monograph.export(f, (X.clone(),)).module()
    x = X.clone()
    result, _ = module(x)
    assert result is x


def test_order_of_reads_and_writes():
    def f(x):
        y = x.clone()
        a = y[0]
        before = a + 0
        y.add_(1)
        between = a + 0
        a.mul_(2)
        return before, between, a, y

    assert_exports(f, (X,))


def test_siblings_see_each_other():
    def f(x):
        y = x.clone()
        rows = list(y)
        columns = y.unbind(1)
        rows[1].add_(100)
        columns[2].mul_(0)
        return torch.stack(rows), torch.stack(columns), y

    assert_exports(f, (X,))


def test_copy_then_write_the_source():
    def f(x):
        a, b = x + 1, torch.empty(4, 6)
        b.copy_(a)
        a.zero_()
        b[0] += 1
        return a, b

    assert_exports(f, (X,))


def test_layout_survives_a_write():
    def f(x):
        y = x.to(memory_format=torch.channels_last)
        y[:, 0] = 1
        z = x.transpose(1, 3)
        z = z.clone()
        z[0].copy_(x[1].transpose(0, 2))
        return y, z

    assert_exports(f, (torch.randn(2, 3, 4, 5),))


def test_channels_last_model_stays_channels_last():
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(2)
    )
    model = model.eval().to(memory_format=torch.channels_last)
    x = torch.randn(2, 3, 12, 12).to(memory_format=torch.channels_last)
    result = assert_exports(model, (x,), tolerance=1e-5).module()(x)
    assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "bad",
    [
        lambda x: x.expand(3, 4, 6).add_(1),
        lambda x: x.long().add_(1.5),
        lambda x: x[0].add_(x),
        lambda x: torch.add(x, 1, out=torch.empty(4, 6, dtype=torch.long)),
        lambda x: x.view(5, 5).add_(1),
        lambda x: x.sub_(x[0]),
        lambda x: x.copy_(x[0]),
        lambda x: x[1:].mul_(x[:3]),
    ],
)
def test_what_eager_refuses_is_refused(bad):
    with pytest.raises(RuntimeError):
        bad(X.clone())
    with pytest.raises(OperatorError) as caught:
        monograph.export(bad, (X.clone(),))
    assert caught.value.where is not None
    assert caught.value.where.file == __file__


def test_overlapping_view_is_refused():
    # Eager adds several times to one element, in no defined order.
    with pytest.raises(MutationError, match="lie over each other"):
        monograph.export(lambda x: x.unfold(1, 3, 1).add_(1), (X.clone(),))


def test_one_tensor_passed_twice():
    def f(a, b):
        c = b[0]
        a.add_(1)
        return a + b, c

    x = X.clone()
    program = monograph.export(f, (x, x))
    mine, theirs = X.clone(), X.clone()
    for one, other in zip(program.module()(mine, mine), f(theirs, theirs), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(mine, theirs)
    with pytest.raises(monograph.InputError, match="same tensor"):
        program.module()(X.clone(), X.clone())


def test_twice_without_a_write_are_two_inputs():
    program = monograph.export(lambda a, b: a - b, (X, X))
    assert torch.equal(program.module()(X, X + 1), torch.full((4, 6), -1.0))


def test_inputs_that_share_memory():
    program = monograph.export(lambda a, b: a.add_(1) + b, (X.clone(), X.clone()))
    x = X.clone()
    with pytest.raises(monograph.InputError) as caught:
        program.module()(x, x)
    assert caught.value.code == "MG-I104"
    with pytest.raises(MutationError) as refused:
        monograph.export(lambda a, b: a.add_(1)[0] + b, (x, x[0]))
    assert refused.value.code == "MG-M102"


def test_leaf_that_requires_grad():
    model = nn.Linear(3, 3)

    def f(x):
        model.weight.add_(1)
        return model(x)

    with pytest.raises(OperatorError, match="leaf"):
        monograph.export(f, (torch.randn(2, 3),))


def test_parameter_written_under_no_grad():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.ones(3))

        def forward(self, x):
            with torch.no_grad():
                self.w.mul_(2)
            return x * self.w

    program = assert_exports(Model(), (torch.randn(3),))
    kinds = [spec.kind.name for spec in program.graph_signature.output_specs]
    assert kinds == ["PARAMETER_MUTATION", "USER_OUTPUT"]


def test_a_view_of_sizes_that_vary_is_written_through_an_expansion():
    def writes(x):
        both = x.expand(2, *x.shape)
        both[0] = 0.5
        return both

    example = (torch.ones(3, 4),)
    any_size = ({0: monograph.Dim.DYNAMIC, 1: monograph.Dim.DYNAMIC},)
    monograph.export(writes, example, dynamic_shapes=any_size).verify(writes)


PARTLY = {
    "a diagonal": lambda x: x.diagonal().mul_(2),
    "a row": lambda x: x[1].add_(1),
    "an element": lambda x: x[0, 0].fill_(5),
    "a column": lambda x: x[:, 1].copy_(x[:, 0]),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTLY)
@pytest.mark.parametrize("rows", [None, monograph.Dim.DYNAMIC])
def test_an_argument_that_is_written_has_no_two_elements_in_one_place(part, rows):
    def writes(x):
        PARTLY[part](x)
        return x + 1

    shapes = None if rows is None else ({0: rows, 1: rows},)
    program = monograph.export(writes, (torch.ones(3, 4),), dynamic_shapes=shapes)
    given = torch.arange(4.0).expand(3, 4)
    with pytest.raises(monograph.InputError) as caught:
        program.module()(given)
    assert caught.value.code == "MG-I104"
    assert torch.equal(given, torch.arange(4.0).expand(3, 4))
    assert program.verify(writes).compared


def test_windows_that_lie_over_each_other_for_other_sizes_are_not_written():
    def writes(x):
        return x.unfold(0, 2, 1).mul_(3) * 1

    fixed = ({0: monograph.Dim.AUTO},)
    program = monograph.export(writes, (torch.ones(2, 4),), dynamic_shapes=fixed)
    assert program.verify(writes).compared
    assert "2" in str(program.assumptions[0])
    with pytest.raises(monograph.ConstraintViolationError, match="inferred to be a constant"):
        monograph.export(writes, (torch.ones(2, 4),), dynamic_shapes=({0: monograph.Dim("n")},))

    def fills_one(x):
        x.unfold(0, 2, 1)[0] = 0.5
        return x + 1

    any_size = ({0: monograph.Dim.DYNAMIC},)
    program = monograph.export(fills_one, (torch.ones(5, 4),), dynamic_shapes=any_size)
    assert program.verify(fills_one).compared

    def apart(x):
        return x.unfold(0, 2, 2).mul_(3) * 1

    assert monograph.export(apart, (torch.ones(2, 4),), dynamic_shapes=any_size).verify(apart)


@pytest.mark.parametrize("dim", [0, 1, -1, -2])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_windows_of_any_dimension_are_written_where_none_lies_over_another(dim, step):
    def writes(x):
        y = x.clone()
        y.unfold(dim, 2, step).add_(1)
        return y

    sizes = ({0: monograph.Dim.DYNAMIC, 1: monograph.Dim.DYNAMIC},)
    if step == 1:
        with pytest.raises(MutationError, match="lie over each other"):
            monograph.export(writes, (torch.ones(5, 4),), dynamic_shapes=sizes)
    else:
        program = monograph.export(writes, (torch.ones(5, 4),), dynamic_shapes=sizes)
        assert program.verify(writes).compared


def test_parts_of_complex_tensors_are_written_where_gradients_are_required():
    def writes(x):
        y = x + 1
        y[0] = -1
        y[..., 1] = x[..., 0]
        y[1:].mul_(2)
        y.mT[1].zero_()
        y.H[0].add_(1)
        return y

    example = (torch.randn(3, 3, dtype=torch.complex64, requires_grad=True),)
    program = monograph.export(writes, example)
    assert program.verify(writes).compared
    (x,) = example
    found, expected = (
        torch.autograd.grad(f(x).abs().sum(), x)[0] for f in (program.module(), writes)
    )
    torch.testing.assert_close(found, expected)


def test_a_complex_tensor_is_overwritten_where_gradients_are_required():
    def writes(x):
        y = x.mT + 3
        y.copy_(x.mT * 2)
        return y

    x = torch.randn(3, 4, dtype=torch.complex64, requires_grad=True)
    program = monograph.export(writes, (x,)).module()
    assert_equal(program(x), writes(x))
    found, expected = (torch.autograd.grad(f(x).abs().sum(), x)[0] for f in (program, writes))
    torch.testing.assert_close(found, expected)


def test_a_tensor_that_is_overwritten_keeps_its_layout_and_its_history():
    def copies(x, y):
        made = y.clone()
        made.copy_(x)
        return made

    program = monograph.export(copies, (torch.ones(3, 4), torch.ones(3, 4)))
    assert program.verify(copies).compared
    given = torch.ones(3, 4), torch.ones(4, 3, requires_grad=True).t()
    found = program.module()(*given)
    assert found.stride() == (1, 3)
    assert found.requires_grad


def test_two_arguments_get_one_content():
    def writes(x, y):
        x[0] = 2
        y[:].copy_(x)
        return x + y

    program = monograph.export(writes, (torch.ones(3, 3), torch.zeros(3, 3)))
    program.verify(writes)
    monograph.from_torch(program.to_torch()).verify(writes)


SHAPES_WITH_DIAGONALS = {
    "wide": (3, 4), "tall": (7, 3), "square": (3, 3), "cube": (3, 3, 3),
}  # fmt: skip


@pytest.mark.parametrize("wrap", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bool, torch.complex64])
@pytest.mark.parametrize("name", SHAPES_WITH_DIAGONALS)
def test_a_diagonal_is_filled_in_any_matrix(name, dtype, wrap):
    shape = SHAPES_WITH_DIAGONALS[name]

    def fill(x):
        y = x.clone()
        y.fill_diagonal_(1, wrap=wrap)
        return y, y.mT.fill_diagonal_(0)

    example = torch.randn(shape).to(dtype)
    dims = dict.fromkeys(range(len(shape)), monograph.Dim.DYNAMIC)
    program = monograph.export(fill, (example,), dynamic_shapes=(dims,))
    others = (
        [(1, 1), (0, 3), (7, 2), (2, 7), (9, 1), shape] if len(shape) == 2 else [(4,) * 3, shape]
    )
    for each in (program, program.run_decompositions()):
        for sizes in (shape, *others):
            x = torch.randn(sizes).to(dtype)
            assert_equal(each.module()(x), fill(x))


def test_what_has_no_diagonal_is_refused():
    for shape in ((3,), (3, 4, 3)):
        with pytest.raises(OperatorError, match="fails in eager mode too"):
            monograph.export(lambda x: x.clone().fill_diagonal_(1), (torch.zeros(shape),))
