"""Views that read memory otherwise than it lies: conjugates, negatives, addresses, repetitions."""

import io

import pytest
import torch
from torch import nn

import monograph
from monograph import InputError, MutationError
from monograph.inference.rules import VIEWS
from monograph.testing import assert_equal

Z = torch.tensor([[1 + 2j, 3 - 1j, 5j], [0 + 1j, 2 + 0j, 1 - 1j]])
X = torch.arange(24.0).reshape(4, 6)


def plain(value):
    """Values without their marks, which ``torch.equal`` cannot look behind."""
    if isinstance(value, torch.Tensor):
        return value.detach().resolve_conj().resolve_neg()
    if isinstance(value, (list, tuple)):
        return type(value)(map(plain, value))
    return value


def contents(value):
    """Values in row-major memory."""
    return [t.contiguous() for t in plain(value)]


def marks(value):
    if isinstance(value, torch.Tensor):
        return value.is_conj(), value.is_neg()
    return [marks(each) for each in value] if isinstance(value, (list, tuple)) else None


FORMS = {
    "exported": lambda ep: ep,
    "opened": lambda ep: ep.run_decompositions({}),
    "decomposed": lambda ep: ep.run_decompositions(),
    "saved": lambda ep: saved(ep),
    "saved, decomposed": lambda ep: saved(ep).run_decompositions(),
    "to_torch": lambda ep: ep.to_torch(),
    "to_torch, decomposed": lambda ep: ep.to_torch().run_decompositions(),
}


def saved(program, read=monograph.load):
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    return read(file)


def agrees(f, *inputs, forms=("exported",)):
    """Exported with the first input, and called with copies of all, ``f`` does what eager does."""
    program = monograph.export(f, tuple(t.clone() if _is_plain(t) else t for t in inputs[:1]))
    for form in forms:
        module = FORMS[form](program).module()
        for given in inputs:
            mine, theirs = copied(given), copied(given)
            actual, expected = module(mine), f(theirs)
            assert_equal(plain(actual), plain(expected))
            assert_equal(plain(mine), plain(theirs))
            if form == "exported":
                assert marks(actual) == marks(expected)
    return program


def _is_plain(tensor):
    return tensor.is_contiguous() and not tensor.is_conj() and not tensor.is_neg()


def copied(tensor):
    """A copy that lies and is marked as ``tensor`` is, with the memory around it."""
    storage = tensor.untyped_storage().clone()
    made = torch.empty(0, dtype=tensor.dtype)
    made.set_(storage, tensor.storage_offset(), tensor.shape, tensor.stride())
    if tensor.is_conj():
        made = made.conj()
    return torch._neg_view(made) if tensor.is_neg() else made


# Conjugates and negatives ----------------------------------------------------------------------


READS = {
    "conj": lambda z: z.conj(),
    "twice": lambda z: z.conj().conj(),
    "H": lambda z: z.H,
    "mH": lambda z: z.mH[0],
    "adjoint": lambda z: z.adjoint() * 2,
    "imag_of_conj": lambda z: z.conj().imag,
    "imag_and_real": lambda z: (z * 2).conj().real + z.mH.imag.mT,
    "imag_of_exp": lambda z: torch.exp(1j * z).conj().imag,
    "neg_view": lambda z: torch._neg_view(z),
    "resolved": lambda z: (z.conj().resolve_conj(), z.conj().imag.resolve_neg()),
    "product": lambda z: z.mH @ z,
    "einsum": lambda z: torch.einsum("ij,kj->ik", z, z.conj()),
    "added": lambda z: z.conj() + z.mH.mT.real,
    "joined": lambda z: torch.cat([z, z.conj()]),
    "sum": lambda z: z.H.sum(0),
    "transposed": lambda z: z.H.t().exp(),
    "copied": lambda z: z.H.clone(),
    "contiguous": lambda z: z.H.contiguous(),
    "reshaped": lambda z: z.H.reshape(-1),
    "another_dtype": lambda z: z.conj().to(torch.complex128),
    "asked": lambda z: z + 1 if z.conj().is_conj() and z.conj().imag.is_neg() else z - 1,
    "physical": lambda z: torch.conj_physical(z.conj()),
    "where": lambda z: torch.where(z.real > 0, z.conj(), z),
}


@pytest.mark.parametrize("name", READS)
def test_reads(name):
    agrees(READS[name], Z, Z * 1j, forms=FORMS)


@pytest.mark.parametrize("name", READS)
def test_reads_of_a_marked_argument(name):
    forms = [form for form in FORMS if "torch" not in form]
    agrees(READS[name], Z.conj(), (Z * 1j).conj(), forms=forms)
    agrees(READS[name], torch._neg_view(Z), forms=forms)


def test_sizes_that_vary():
    def f(z):
        return z.H @ z, z.conj().imag, z.mH + 1

    program = monograph.export(f, (Z,), dynamic_shapes=({0: monograph.Dim("n")},))
    for form in ("exported", "decomposed"):
        module = FORMS[form](program).module()
        for given in (Z, Z[:1], torch.cat([Z, Z])):
            assert_equal(plain(module(given)), plain(f(given)), tolerance=1e-6)


@pytest.mark.parametrize("as_asked", [True, False])
def test_an_argument_is_marked_as_the_example_was(as_asked):
    """A call with another tensor of the same values gives the same values."""

    def f(z):
        return z.imag, torch.view_as_real(z.resolve_conj()), z * 2

    example = Z.conj() if as_asked else Z
    program = monograph.export(f, (example,))
    for form in ("exported", "decomposed"):
        module = FORMS[form](program).module()
        for given in (Z, Z.conj(), torch._neg_view(Z)):
            values = given.resolve_conj().resolve_neg()
            assert_equal(contents(module(given)), contents(f(values)))


class Marked(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("conjugate", Z.conj())
        self.negative = torch._neg_view(torch.arange(3.0))
        self.weight = nn.Parameter(Z.clone().conj())

    def forward(self, x):
        return self.conjugate + x, self.negative * 2, self.conjugate.imag, self.weight * x


@pytest.mark.parametrize("form", FORMS)
def test_marked_state(form):
    program = monograph.export(Marked(), (Z,))
    assert_equal(plain(FORMS[form](program).module()(Z * 2)), plain(Marked()(Z * 2)))


def test_marked_state_in_a_file_that_torch_reads():
    program = saved(monograph.export(Marked(), (Z,)), torch.export.load)
    assert_equal(contents(program.module()(Z * 2)), contents(Marked()(Z * 2)))


# Writes through them ---------------------------------------------------------------------------


WRITES = {
    "H": lambda y: y.H.mul_(2j),
    "row_of_mH": lambda y: y.mH[0].add_(1j),
    "fill_adjoint": lambda y: y.adjoint().fill_(1j),
    "resolved_is_a_copy": lambda y: y.conj().resolve_conj().zero_(),
    "resolved_is_itself": lambda y: y.resolve_conj().resolve_neg().zero_(),
    "imag_of_H": lambda y: y.H.imag.add_(1),
    "real_of_conj": lambda y: y.conj().real.mul_(3),
    "neg_view": lambda y: torch._neg_view(y).add_(1j),
    "neg_view_of_imag": lambda y: torch._neg_view(y.imag)[1].sub_(4),
    "conj_physical": lambda y: y.conj_physical_(),
    "conj_physical_of_H": lambda y: y.H.conj_physical_(),
    "conj_physical_of_a_row": lambda y: y[:, ::2].conj_physical_(),
    "index_put_of_H": lambda y: y.H.index_put_((torch.tensor([2, 0]),), torch.tensor(7 + 1j)),
    "index_put_of_imag": lambda y: y.conj().imag.index_put_(
        (torch.tensor([1]),), torch.tensor([1.0, 2.0, 3.0]), accumulate=True
    ),
    "index_put_of_columns": lambda y: y[:, ::2].index_put_((torch.tensor([1]),), y[0, :2]),
    "index_put_of_a_negative": lambda y: (
        torch._neg_view(y).t().index_put_((torch.tensor([1]),), torch.tensor(1j))
    ),
    "mask": lambda y: y.H.masked_fill_(y.H.real > 1, 2j),
    "copy_of_a_conjugate": lambda y: y.copy_(y.conj() * 1),
    "copy_conjugate_itself": lambda y: y[0].copy_(y[1].conj()),
    "as_real": lambda y: torch.view_as_real(y)[..., 1].mul_(2),
    "windows": lambda y: y.unfold(1, 2, 1)[:, 0].mul_(2),
    "windows_of_a_conjugate": lambda y: y.conj().unfold(1, 2, 1)[0, 1].mul_(2j),
    "one_row_of_many": lambda y: y[:1].expand(4, 3)[2].add_(1j),
    "pieces": lambda y: y.H.split(2)[1].mul_(2j),
    "conjugate_by_address": lambda y: y.conj().as_strided((2,), (2,)).add_(1j),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    def to_a_copy(z):
        y = z * 1
        sibling, conjugate = y[:, 1:], y.conj()
        WRITES[name](y)
        return y, sibling, conjugate, y.is_conj()

    def to_the_argument(z):
        sibling = z.t()
        WRITES[name](z)
        return z * 1, sibling + 0

    agrees(to_a_copy, Z, Z * 1j, forms=("exported", "decomposed"))
    layouts = [Z, torch.cat([Z, Z])[::2], Z.t().contiguous().t()]
    if name != "as_real":
        layouts += [Z.conj(), torch._neg_view(Z)]
    for argument in layouts:
        agrees(to_the_argument, argument)


# By address ------------------------------------------------------------------------------------


def strided(x):
    x.add_(1)
    return torch.as_strided(x, (3,), (2,)).clone()


def strided_copy(x):
    x.add_(1)
    return torch.as_strided_copy(x, (3,), (2,))


def strided_before(x):
    view = torch.as_strided(x, (3,), (2,), 1)
    x.mul_(2)
    return view + 0


def scattered(x):
    x.add_(1)
    return torch.as_strided_scatter(x, torch.zeros(2), (2,), (2,)) + 0


def written(x):
    torch.as_strided(x, (2,), (6,)).mul_(10)
    x.add_(1)
    return x[1:] * 1


def written_twice(x):
    view = x[1:4]
    view.add_(5)
    view.as_strided((2,), (2,), 4).zero_()
    return view * 1, x * 1


@pytest.mark.parametrize("f", [strided, strided_copy, strided_before, scattered, written])
@pytest.mark.parametrize(
    "x", [torch.arange(10.0), torch.arange(20.0)[::2], torch.arange(30.0).view(10, 3)[:, 1]]
)
def test_addresses_after_a_write(f, x):
    agrees(f, x)


def test_addresses_after_a_write_to_a_view():
    agrees(written_twice, torch.arange(10.0))


def test_addresses_of_a_transposed_argument():
    def flat(x):
        x.mul_(2)
        return torch.as_strided(x, (3,), (3,)).clone()

    agrees(flat, torch.arange(10.0).view(2, 5).t()[:3])


def test_a_write_beside_the_argument_is_refused():
    def f(x):
        torch.as_strided(x, (5,), (1,)).zero_()
        return x * 1

    with pytest.raises(MutationError, match="not the tensor's own") as refused:
        monograph.export(f, (torch.arange(10.0)[::2],))
    assert refused.value.code == "MG-M101"


def test_addresses_belong_to_the_contract():
    def f(x):
        torch.as_strided(x, (2,), (2,), 1).zero_()
        return x * 1

    module = monograph.export(f, (torch.arange(8.0),)).module()
    for other in (torch.arange(16.0)[::2], torch.arange(9.0)[1:]):
        with pytest.raises(InputError, match=r"stride\(\)|storage_offset\(\)"):
            module(other)


# Copies or views -------------------------------------------------------------------------------


COPIES_OR_VIEWS = {
    "contiguous": lambda x: x.contiguous(),
    "reshape": lambda x: x.reshape(-1),
    "flatten": lambda x: x.flatten(),
    "ravel": lambda x: x.ravel(),
}


@pytest.mark.parametrize("name", COPIES_OR_VIEWS)
@pytest.mark.parametrize("is_view", [True, False])
@pytest.mark.parametrize("writes", ["result", "argument"])
def test_whether_a_copy_is_written_is_part_of_the_contract(name, is_view, writes):
    def f(x):
        y = COPIES_OR_VIEWS[name](x)
        (y if writes == "result" else x).add_(1)
        return y * 1, x * 1

    straight, transposed = X.clone(), X.reshape(6, 4).t()
    example, other = (straight, transposed) if is_view else (transposed, straight)
    program = agrees(f, example)
    with pytest.raises(InputError, match=r"stride\(\)|storage_offset\(\)"):
        program.module()(other.clone() if other is straight else copied(other))


def test_the_contract_of_sizes_that_vary():
    def f(x):
        y = x.reshape(-1)
        y.add_(1)
        return y * 1

    sizes = ({0: monograph.Dim.AUTO, 1: monograph.Dim.AUTO},)
    module = monograph.export(f, (X.clone(),), dynamic_shapes=sizes).module()
    for given in (X, X[:2, :3].contiguous()):
        mine, theirs = given.clone(), given.clone()
        assert_equal(module(mine), f(theirs))
        assert torch.equal(mine, theirs)
    with pytest.raises(InputError, match=r"stride\(\)"):
        module(X.clone().t())


def test_the_stride_of_one_row_is_anything():
    def f(x):
        y = x.contiguous()
        y.add_(1)
        return y * 1

    module = monograph.export(f, (torch.ones(1, 6),)).module()
    assert_equal(module(torch.ones(1, 6).as_strided((1, 6), (40, 1))), f(torch.ones(1, 6)))


def test_nothing_is_asked_of_programs_that_do_not_write():
    agrees(lambda x: x.contiguous() + x.reshape(4, 6), X, X.reshape(6, 4).t())


ITSELF = {
    "contiguous": lambda x: x.contiguous(),
    "to": lambda x: x.to(torch.float32),
    "float": lambda x: x.float(),
    "cpu": lambda x: x.cpu(),
    "resolve_conj": lambda x: x.resolve_conj(),
    "resolve_neg": lambda x: x.resolve_neg(),
    "conj": lambda x: x.conj(),
    "real": lambda x: x.real,
    "positive": lambda x: x.positive(),
}
OTHERS = {
    "transposed": lambda x: x.t().contiguous(),
    "double": lambda x: x.double(),
    "reshape": lambda x: x.reshape(4, 6),
    "alias": lambda x: x.view_as(x),
}


@pytest.mark.parametrize("name", [*ITSELF, *OTHERS])
@pytest.mark.parametrize("grad", [True, False])
def test_the_very_tensor(name, grad):
    def f(x):
        y = x * 2
        with torch.set_grad_enabled(grad):
            z = (ITSELF | OTHERS)[name](y)
        z.mul_(3)
        # Whether a tensor is its own contiguous form is a matter of how the arguments lie.
        return y, z, z is y or name == "contiguous"

    agrees(f, X)
    assert f(X)[2] == (name in ITSELF)


def test_what_is_itself_for_the_example_copies_for_others():
    agrees(lambda x: x.contiguous().view(-1) * 1, X, X.reshape(6, 4).t())


def test_the_very_argument_is_rebound():
    def f(x):
        y = x * 1
        y.float().t_()
        return y

    agrees(f, X)


def test_a_copy_to_itself_writes_nothing():
    """A copy of its content would lie in another way, and kernels round by how a tensor lies."""
    made = monograph.export(lambda x: torch.nn.functional.gelu(x.copy_(x)), (X.clone(),))
    assert "clone" not in str(made.graph)
    assert not made.graph_signature.user_inputs_to_mutate


def test_a_tensor_that_may_be_a_copy_is_not_rebound():
    with pytest.raises(MutationError) as error:
        monograph.export(lambda x: (x * 1).contiguous().t_(), (X,))
    assert error.value.code == "MG-M105"


# Repetitions -----------------------------------------------------------------------------------


def test_a_write_to_one_row_of_an_expanded_argument():
    def f(x):
        sibling = x.t()
        x[1].add_(2)
        x[:, 1:].select(0, 0).mul_(3)
        return x * 1, sibling * 1

    x = torch.arange(4.0).expand(3, 4)
    program = agrees(f, x)
    with pytest.raises(InputError, match=r"stride\(\)|storage_offset\(\)"):
        program.module()(x.contiguous())


def test_an_expanded_argument_is_filled():
    agrees(lambda x: x.zero_() + 1, torch.arange(4.0).expand(3, 4))


# Constants that share memory -------------------------------------------------------------------


class Shared(nn.Module):
    def __init__(self, part, other):
        super().__init__()
        whole = torch.arange(6.0)
        self.whole, self.part = whole[other], whole[part]

    def forward(self, x):
        self.whole.add_(1)
        return x + self.part.sum() + self.whole.sum()


def test_a_constant_and_a_view_of_it():
    with pytest.raises(MutationError) as refused:
        monograph.export(Shared(slice(0, 2), slice(0, 6)), (torch.zeros(3),))
    assert refused.value.code == "MG-M102"


def test_two_constants_one_after_the_other():
    program = monograph.export(Shared(slice(0, 2), slice(2, 6)), (torch.zeros(3),))
    eager, module = Shared(slice(0, 2), slice(2, 6)), program.module()
    for _ in range(2):
        assert_equal(module(torch.ones(3)), eager(torch.ones(3)))


def test_two_arguments_one_after_the_other():
    def f(a, b):
        return a.add_(1), b * 1

    module = monograph.export(f, tuple(torch.arange(6.0).chunk(2))).module()
    mine, theirs = torch.arange(6.0), torch.arange(6.0)
    assert_equal(module(*mine.chunk(2)), f(*theirs.chunk(2)))
    assert torch.equal(mine, theirs)


# Rows ------------------------------------------------------------------------------------------


def test_rows_say_one_thing():
    """How a write passes through a view is told once; what is not told, is found by positions."""
    for op, row in VIEWS.items():
        told = [row.undo is not None, row.order is not None, row.in_order, row.addresses]
        assert sum(told) <= 1, op
        assert not row.itself or row.in_order or row.undo is not None, op


@pytest.mark.parametrize(
    ("dtype", "other"),
    [
        (torch.float32, torch.uint8), (torch.float32, torch.float16), (torch.int16, torch.int32),
        (torch.float32, torch.float64), (torch.complex64, torch.float64),
    ],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4), (3, 0)])
def test_bytes_of_any_number_of_elements_are_written(dtype, other, shape):
    def model(x):
        whole = x * 1
        part = whole.view(other)
        part.fill_(1)
        return whole, part

    if not shape[-1] and other.itemsize > dtype.itemsize:  # eager mode refuses it
        return
    varies = (dict.fromkeys(range(len(shape)), monograph.Dim.DYNAMIC),)
    for shapes in (None, varies):
        program = monograph.export(model, (torch.ones(shape, dtype=dtype),), dynamic_shapes=shapes)
        program.verify(model, samples=6)
