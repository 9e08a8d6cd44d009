"""One program for several signatures: ``export_variants``, and what is done with it."""

import copy
import enum
import gc
import pickle
import subprocess
import sys
import weakref
import zipfile

import pytest
import torch
from torch import nn

import monograph
from monograph import Dim, ExportedVariants, InputError, export_variants


class Decoder(nn.Module):
    """A decoder with what it remembers, a mask that may be absent, a flag and a number."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(16, 4)
        self.lin = nn.Linear(4, 4)
        self.register_buffer("tokens", torch.tensor(0))

    def forward(self, ids, past=None, *, mask=None, last_only=False, scale=1.0):
        self.tokens += ids.shape[1]
        h = self.lin(self.embedding(ids)) * scale
        if mask is not None:
            h = h.masked_fill(mask.unsqueeze(-1) == 0, 0.0)
        if past is not None:
            h = torch.cat([past, h], 1)
        return (h[:, -1:] if last_only else h), h


BATCH, LENGTH, PAST = Dim("batch"), Dim("length", min=1), Dim("past")
IDS, ONES, MEMORY = torch.arange(6).reshape(2, 3), torch.ones(2, 3), torch.randn(2, 5, 4)
CALLS = {
    "prefill": ((IDS,), {}),
    "masked": ((IDS,), {"mask": ONES}),
    "decode": ((IDS[:, :1], MEMORY), {"last_only": True}),
    "scaled": ((IDS, MEMORY), {"scale": 0.5}),
}
SHAPES = {
    "ids": {0: BATCH, 1: LENGTH}, "mask": {0: BATCH, 1: LENGTH}, "past": {0: BATCH, 1: PAST},
    "scale": Dim.DYNAMIC,
}  # fmt: skip


@pytest.fixture(scope="module")
def decoder():
    torch.manual_seed(0)
    model = Decoder()
    return model, export_variants(model, CALLS, dynamic_shapes=SHAPES)


def ids(batch, length):
    return torch.randint(0, 16, (batch, length))


OTHER_CALLS = {
    "longer": ("prefill", (ids(3, 7),), {}),
    "None for absent": ("prefill", (ids(3, 7), None), {"mask": None}),
    "by name": ("prefill", (), {"ids": ids(1, 2), "last_only": False}),
    "mask": ("masked", (ids(3, 2),), {"mask": torch.zeros(3, 2)}),
    "token": ("decode", (ids(1, 1), torch.randn(1, 9, 4)), {"last_only": True}),
    "past by name": ("decode", (ids(1, 1),), {"past": torch.randn(1, 9, 4), "last_only": True}),
    "no memory": ("decode", (ids(4, 1), torch.randn(4, 0, 4)), {"last_only": True}),
    "another number": ("scaled", (ids(2, 2), torch.randn(2, 3, 4)), {"scale": 3}),
    "its default": ("scaled", (ids(2, 2), torch.randn(2, 3, 4)), {}),
}


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_a_call_runs_the_variant_that_takes_it(decoder, name):
    model, variants = decoder
    wanted, args, kwargs = OTHER_CALLS[name]
    assert variants.choose(*args, **kwargs) == wanted
    before = model.tokens.clone()
    found = variants.module()(*args, **kwargs)
    assert model.tokens - before == (args[0] if args else kwargs["ids"]).shape[1]
    torch.testing.assert_close(found, model(*args, **kwargs))


REFUSED = {
    "what must be": (((IDS, MEMORY), {"last_only": 3}), "decode: Expected input at .*True, but"),
    "what is missing": (((IDS[:, :1],), {"last_only": True}), "decode: missing past"),
    "dtype": (((IDS.float(),), {}), "prefill: Expected input at .*int64, but got torch.float32"),
    "rank": (((IDS[0],), {}), "prefill: Expected input at .* 2 dimensions"),
    "sizes": (((IDS,), {"mask": torch.ones(3, 3)}), r"masked: Expected input at .*equal to 2, but"),
    "unexpected": (((IDS,), {"mask": ONES, "last_only": True}), "masked: unexpected last_only"),
    "no argument": ((("ids",), {"more": 3}), "unexpected keyword argument 'more'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_that_no_variant_takes(decoder, name):
    (args, kwargs), message = REFUSED[name]
    with pytest.raises(InputError, match=f"the nearest is .*{message}") as caught:
        decoder[1].module()(*args, **kwargs)
    assert caught.value.code == "MG-I108"
    assert len(str(caught.value).splitlines()) < 12


def test_it_is_a_mapping_of_programs(decoder):
    model, variants = decoder
    assert list(variants) == list(CALLS)
    assert len(variants) == 4
    torch.testing.assert_close(variants["prefill"].module()(IDS), model(IDS))
    text = str(variants)
    assert "prefill(ids: i64[batch, length]) where 1 <= length" in text
    assert "last_only=True" in text
    assert "scale: float" in text
    with pytest.raises(monograph.ExportError) as caught:
        variants(IDS)
    assert caught.value.code == "MG-P105"


def test_wrong_checks_cost_no_run(decoder):
    """The choice is made by the checks alone: no operator runs."""
    operators = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            operators.append(func)
            return func(*args, **(kwargs or {}))

    with Watch():
        assert decoder[1].choose(IDS, mask=ONES) == "masked"
    assert operators == []


# Kinds of choices ---------------------------------------------------------------------------------


class Mode(enum.Enum):
    MEAN = 1
    SUM = 2


def reduced(x, mode="mean"):
    return x.mean(0) if mode in ("mean", Mode.MEAN) else x.sum(0)


def loss_or_not(x, labels=None):
    return (x.exp(), None) if labels is None else (x.exp(), (x - labels).square().mean())


def flagged(x, *, negate):
    return -x if negate else x + 1


def joined(images):
    return torch.stack([image.mean() * (i + 1) for i, image in enumerate(images)])


def by_rank(x):
    return x.mean() if x.dim() == 3 else x.flatten(1).amax(1)


def by_dtype(x):
    return (x.float() * 3).half() if x.dtype is torch.float16 else x * 2


def summed(*tensors, **more):
    return sum(tensors) + sum(more.values())


def repeated(x, times):
    return torch.cat([x] * times)


X = torch.linspace(-1, 2, 6).reshape(2, 3)
KINDS = {
    "labels": (loss_or_not, [((X,), {}), ((X, X + 1), {})]),
    "flag": (flagged, [((X,), {"negate": True}), ((X,), {"negate": False})]),
    "text": (reduced, [((X,), {}), ((X, "sum"), {})]),
    "enumeration": (reduced, [((X, Mode.MEAN), {}), ((X, Mode.SUM), {})]),
    "list": (joined, [(([X] * n,), {}) for n in (1, 2, 3)]),
    "dictionary": (lambda d: sum(d.values()), [(({"a": X},), {}), (({"a": X, "b": X + 1},), {})]),
    "rank": (by_rank, [((torch.ones(2, 3, 4),), {}), ((torch.ones(2, 3, 4, 4),), {})]),
    "dtype": (by_dtype, [((X,), {}), ((X.half(),), {})]),
    "number": (repeated, [((X, n), {}) for n in (1, 2, 5)]),
    "any number of arguments": (summed, [((X,), {}), ((X, X), {}), ((X,), {"a": X, "b": X})]),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("strict", [False, True])
def test_kinds_of_choices(name, strict):
    f, calls = KINDS[name]
    variants = export_variants(f, calls, strict=strict)
    module = variants.module()
    for i, (args, kwargs) in enumerate(calls):
        assert variants.choose(*args, **kwargs) == f"variant_{i}"
        torch.testing.assert_close(module(*args, **kwargs), f(*args, **kwargs))
    assert variants.assumptions == list(
        dict.fromkeys(a for program in variants.values() for a in program.assumptions)
    )


def test_ranges_of_a_size():
    def f(x):
        return x[:4].sum() if x.shape[0] > 4 else x.prod()

    few, many = Dim("few", max=4), Dim("many", min=5)
    calls = {
        "few": ((torch.ones(2),), {}, ({0: few},)),
        "many": ((torch.ones(9),), {}, ({0: many},)),
    }
    variants = export_variants(f, calls)
    for n in (0, 1, 4, 5, 6, 30):
        x = torch.rand(n)
        assert variants.choose(x) == ("few" if n < 5 else "many")
        torch.testing.assert_close(variants.module()(x), f(x))


def test_what_is_special_comes_first():
    calls = {"general": ((X,), {}, ({0: Dim.DYNAMIC},)), "special": ((X,), {})}
    assert export_variants(torch.sin, calls).choose(X) == "general"
    variants = export_variants(torch.sin, dict(reversed(calls.items())))
    assert variants.choose(X) == "special"
    assert variants.choose(X[:1]) == "general"


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        (3, "int"), ([((X,),)], "variant_0"), ([(X, {})], "variant_0"), ({"a": (X, {})}, "a"),
        ({"a/b": ((X,), {})}, "a/b"), ({}, "no variant"),
    ],
)  # fmt: skip
def test_what_is_no_list_of_calls(variants, message):
    with pytest.raises(monograph.PythonFeatureError, match=message):
        export_variants(torch.sin, variants)


def test_a_refusal_names_the_variant():
    with pytest.raises(monograph.ShapeError) as caught:
        export_variants(reduced, [((X,), {}), ((X, "sum"), {})], dynamic_shapes={"y": {0: LENGTH}})
    assert caught.value.__notes__ == ["in the variant variant_0"]


def test_sizes_by_position():
    calls = [((X,), {}), ((X, None), {}), ((X, X), {})]
    sizes = ({0: BATCH}, {0: BATCH})
    module = export_variants(loss_or_not, calls, dynamic_shapes=sizes).module()
    for n in (1, 5):
        x = torch.rand(n, 3)
        torch.testing.assert_close(module(x), loss_or_not(x))
        torch.testing.assert_close(module(x, 2 * x), loss_or_not(x, 2 * x))


# The other sides of questions about sizes ---------------------------------------------------------


# Results of other structures on other sides: no branch of one graph gives both.


def even_or_odd(x):
    return x.view(-1, 2).sum(1) if x.shape[0] % 2 == 0 else (x.prod(),)


def short_three_or_long(x):
    if x.shape[0] > 8:
        return x[:8].sum(), x
    return x.prod() if x.shape[0] == 3 else {"mean": x.mean()}


def at_most_six(x):
    if x.shape[0] > 6:
        raise ValueError("too long")
    return (x, x.sum()) if x.shape[0] > 2 else x


def one_by_one(x):
    return x.unbind(0)


SPLITS = {
    "even or odd": (even_or_odd, Dim("n"), range(9), 2),
    "a number among others": (short_three_or_long, Dim("n"), (0, 1, 2, 3, 4, 7, 8, 9, 30), 3),
    "what the program refuses": (at_most_six, Dim("n"), range(7), 2),
    "unrolled": (one_by_one, Dim("n", min=1, max=4), range(1, 5), 4),
    "one of a few": (even_or_odd, Dim("n", values=(3, 4, 7, 8)), (3, 4, 7, 8), 2),
}


@pytest.mark.parametrize("name", SPLITS)
def test_the_other_side_of_a_question_is_a_variant(name):
    f, dim, sizes, most = SPLITS[name]
    variants = export_variants(f, {"f": ((torch.rand(4),), {}, ({0: dim},))}, split="auto")
    assert list(variants) == ["f", *(f"f_{i}" for i in range(2, most + 1))][: len(variants)]
    assert len(variants) == most
    for n in sizes:
        x = torch.rand(n)
        torch.testing.assert_close(variants.module()(x), f(x), equal_nan=True)


def test_both_sides_of_two_sizes():
    def f(x, y):
        return (x + y, 1) if x.shape[0] == y.shape[0] else (x.sum() + y.prod(), 2)

    shapes = ({0: Dim("n")}, {0: Dim("m")})
    call = ((torch.rand(4), torch.rand(4)), {})
    module = export_variants(f, [call], dynamic_shapes=shapes, split="auto").module()
    for n in range(4):
        for m in range(4):
            x, y = torch.rand(n), torch.rand(m)
            torch.testing.assert_close(module(x, y), f(x, y))


def test_sizes_in_containers_and_numbers():
    def f(items, n):
        x = items["x"] * n
        return (x.sum(1), n) if x.shape[1] == 3 or n > 5 else x

    call = (({"x": X}, 2), {})
    shapes = {"items": {"x": {1: Dim("w")}}, "n": Dim.DYNAMIC}
    variants = export_variants(f, [call], dynamic_shapes=shapes, split="auto")
    for width in (1, 3, 4):
        for n in (-1, 2, 5, 6, 9):
            items = {"x": torch.rand(2, width)}
            torch.testing.assert_close(variants.module()(items, n), f(items, n))


def test_more_variants_than_are_wanted():
    call = ((torch.rand(4, 3),), {}, ({0: Dim("n", min=1, max=9)},))
    with pytest.raises(
        monograph.ConstraintViolationError, match="3 variants do not cover"
    ) as caught:
        export_variants(one_by_one, [call], split=3)
    assert caught.value.code == "MG-S101"
    assert len(export_variants(one_by_one, [call], split=9)) == 9


# State --------------------------------------------------------------------------------------------


class Normed(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.tied = nn.Linear(3, 3)
        self.other = nn.Linear(3, 3)
        self.other.weight = self.tied.weight
        self.plain = torch.tensor([1.0, 2.0, 3.0])

    def forward(self, x, twice=False):
        y = self.other(self.norm(x)) * torch.tensor(2.0)
        return self.tied(y) + torch.tensor([5.0]) if twice else y + self.plain


def test_one_state_for_all_variants():
    torch.manual_seed(0)
    model = Normed()
    x = torch.randn(4, 3)
    variants = export_variants(model, {"once": ((x,), {}), "twice": ((x, True), {})})
    eager, module = copy.deepcopy(model), copy.deepcopy(variants).module()
    for twice in (False, True, True, False):
        torch.testing.assert_close(module(x, twice), eager(x, twice))
    assert module.state_dict().keys() == eager.state_dict().keys()
    torch.testing.assert_close(module.state_dict(), eager.state_dict())
    for made in (module, eager):
        (made(x, True).sum() + made(x).sum()).backward()
    for name, parameter in eager.named_parameters():
        torch.testing.assert_close(module.get_parameter(name).grad, parameter.grad)
    assert module.tied.weight is module.other.weight


def test_variants_that_were_pickled_share_their_state(decoder):
    again = pickle.loads(pickle.dumps(decoder[1]))
    tokens = {id(program.state_dict["tokens"]) for program in again.values()}
    assert len(tokens) == 1
    assert list(again) == list(decoder[1])


def test_a_copy_of_the_module_has_tensors_of_its_own(decoder):
    model, variants = decoder
    module = variants.module()
    other, before = copy.deepcopy(module), model.tokens.clone()
    other(IDS)
    other(IDS, mask=ONES)
    assert other.tokens - before == 6
    assert torch.equal(model.tokens, before)
    module.to("cpu").eval() if not module.training else module.to("cpu").train()
    with pytest.raises(InputError) as caught:
        module.train(not module.training)
    assert caught.value.code == "MG-I105"
    with pytest.raises(InputError) as caught:
        module.half()
    assert caught.value.code == "MG-I105"


def test_other_values():
    model = Normed().eval()
    x = torch.randn(4, 3)
    variants = export_variants(model, [((x,), {}), ((x, True), {})])
    other = Normed().eval()
    for assign in (False, True):
        variants.load_state_dict(other.state_dict(), assign=assign)
        for args in ((x,), (x, True)):
            torch.testing.assert_close(variants.module()(*args), other(*args))
        first, second = (program.state_dict["norm.weight"] for program in variants.values())
        assert first is second
    assert variants.state_dict.keys() == other.state_dict().keys()
    assert [n for n, _ in variants.named_buffers()] == [n for n, _ in other.named_buffers()]
    assert len(list(variants.parameters())) == len(list(other.parameters()))
    assert len(list(variants.buffers())) == 3
    with pytest.raises(InputError, match="missing"):
        variants.load_state_dict({})


def test_programs_of_two_models_are_no_variants():
    programs = {name: monograph.export(nn.Linear(3, 3), (X,)) for name in ("one", "two")}
    with pytest.raises(monograph.MutationError) as caught:
        ExportedVariants(programs)
    assert caught.value.code == "MG-M103"


def test_nothing_is_kept_of_the_model():
    model = Decoder()
    model.trainer = Mode
    variants = export_variants(model, CALLS, dynamic_shapes=SHAPES, strict=True)
    module = variants.module()
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None
    module(IDS)
    assert len(variants) == 4


def test_without_weights():
    with torch.device("meta"):
        model = Decoder()
    calls = [((IDS.to("meta"),), {}), ((IDS.to("meta"),), {"last_only": True})]
    variants = export_variants(model, calls)
    state = Decoder().state_dict()
    variants.load_state_dict(state)
    first, second = (program.state_dict["lin.weight"] for program in variants.values())
    assert first is second
    assert torch.equal(first, state["lin.weight"])
    assert variants.module()(IDS)[0].shape == (2, 3, 4)


# Other programs, and files ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(decoder, tmp_path_factory):
    path = tmp_path_factory.mktemp("variants") / "decoder.pt2"
    monograph.save(decoder[1], path)
    return path


FRESH = """
import sys, torch, monograph
path, given, out = sys.argv[1:]
variants = monograph.load(path)
module = variants.module()
calls = torch.load(given)
names = [variants.choose(*args, **kwargs) for args, kwargs in calls]
results = [module(*args, **kwargs) for args, kwargs in calls]
torch.save((names, results, module.tokens.clone(), type(variants).__name__), out)
"""


def test_a_file_in_a_fresh_process(decoder, saved, tmp_path):
    model = copy.deepcopy(decoder[0])
    model.load_state_dict(monograph.load(saved).state_dict)
    calls = list(OTHER_CALLS.values())
    torch.save([call[1:] for call in calls], tmp_path / "given.pt")
    paths = [str(saved), str(tmp_path / "given.pt"), str(tmp_path / "out.pt")]
    subprocess.run([sys.executable, "-c", FRESH, *paths], check=True)
    names, results, tokens, kind = torch.load(tmp_path / "out.pt")
    assert names == [call[0] for call in calls]
    assert kind == "ExportedVariants"
    for (_, args, kwargs), found in zip(calls, results, strict=True):
        torch.testing.assert_close(found, model(*args, **kwargs))
    assert torch.equal(tokens, model.tokens)


def test_a_file_has_each_tensor_once(decoder, saved):
    with zipfile.ZipFile(saved) as file:
        names = [n for n in file.namelist() if "/data/weights/weight_" in n]
    assert len(names) == len(decoder[0].state_dict())
    loaded = monograph.load_methods(saved)
    assert list(loaded) == list(CALLS)
    (tensor,) = {id(program.state_dict["lin.weight"]) for program in loaded.values()}
    assert tensor


def test_the_order_of_variants_is_kept(tmp_path):
    calls = {"z": ((X,), {}), "a": ((X,), {}, ({0: Dim.DYNAMIC},))}
    variants = export_variants(torch.sin, calls)
    monograph.save(variants, tmp_path / "sin.pt2", extra_files={"note": "text"})
    found = {}
    loaded = monograph.load(tmp_path / "sin.pt2", extra_files=found)
    assert list(loaded) == ["z", "a"]
    assert loaded.choose(X) == "z"
    assert found == {"note": "text"}


def test_defaults_that_files_have_no_words_for(tmp_path):
    def f(x, mode=Mode.MEAN, *, sizes=(2, 3), n=1):
        return x * n if mode is Mode.MEAN else -x

    variants = export_variants(f, [((X,), {}), ((X,), {"n": 2})])
    monograph.save(variants, tmp_path / "f.pt2")
    loaded = monograph.load(tmp_path / "f.pt2")
    assert loaded.choose(X, n=2) == "variant_1"
    assert loaded.choose(x=X, n=1) == "variant_0"
    with pytest.raises(InputError):
        loaded.choose(X, Mode.SUM)


def test_other_programs(decoder):
    model, variants = decoder
    theirs = variants.to_torch()
    assert list(theirs) == list(CALLS)
    torch.testing.assert_close(theirs["masked"].module()(IDS, mask=ONES), model(IDS, mask=ONES))
    core = variants.run_decompositions()
    assert core["decode"].state_dict["lin.weight"] is variants["prefill"].state_dict["lin.weight"]
    assert core["decode"].dialect == "ATEN"
    torch.testing.assert_close(core.module()(IDS), model(IDS))
    moved = variants.to_device("cpu")
    assert moved["decode"].state_dict["lin.weight"] is moved["prefill"].state_dict["lin.weight"]
    moved.validate()
    assert "decode:\nconstant-input (1):\n  the argument last_only" in variants.explain()


def test_compiled(monkeypatch):
    """What a backend makes of each variant is chosen as the variants are."""
    made = []

    def compile_(module, **options):
        made.append(options)
        return lambda *args, **kwargs: ("compiled", module(*args, **kwargs))

    monkeypatch.setattr(torch, "compile", compile_)
    variants = export_variants(loss_or_not, {"plain": ((X,), {}), "loss": ((X, X), {})})
    compiled = variants.compile(fullgraph=True)
    assert list(compiled) == ["plain", "loss"]
    assert made == [{"fullgraph": True}] * 2
    label, found = compiled(x=X, labels=X)
    assert label == "compiled"
    torch.testing.assert_close(found, loss_or_not(X, X))
    with pytest.raises(InputError):
        compiled(X.double())
