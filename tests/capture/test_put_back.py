"""After an export, a refusal, a check or an interrupt, everything is as it was before."""

import collections
import contextlib
import contextvars
import copy
import gc
import importlib
import queue
import random
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import monograph
from monograph.capture.inputs import root_of
from monograph.capture.python import process_state, snapshot, walk
from monograph.capture.python.process_state import kept
from monograph.collection import rarer_collection
from monograph.stages import exported
from monograph.testing import untouched
from monograph.testing.trust import trying
from monograph.testing.untouched import Reachable, unchanged

X = torch.ones(2, 3)
SETTING = contextvars.ContextVar("setting", default=0)
CALLS = {"deep": [[0]]}


class Slots:
    __slots__ = ("count",)

    def __init__(self):
        self.count = 0


class Base(nn.Module):
    total = 0
    seen = []


class Model(Base):
    """Something of every kind that a module may hold; ``change`` is what its forward does."""

    def __init__(self, change=lambda self: None):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.norm = nn.BatchNorm1d(3)
        self.register_buffer("passing", torch.zeros(3), persistent=False)
        self.lin.register_forward_pre_hook(lambda module, args: None)
        self.handle = self.lin.register_forward_hook(lambda module, args, result: result)
        self.lin.register_forward_hook(lambda module, args, result: None)
        self.hidden = [nn.Linear(3, 3)]
        self.queue = collections.deque([1, 2], maxlen=2)
        self.table = collections.OrderedDict(a=1, b=2)
        self.counts = collections.defaultdict(list, a=[1])
        self.nested = {"a": ({1, 2}, [Slots()])}
        self.generator = random.Random(0)
        self.numpy = np.random.default_rng(0)
        self.change = change

    def keep(self, item, into=[]):  # noqa: B006
        into.append(item)
        return len(into)

    def forward(self, x):
        self.change(self)
        return self.lin(x)


def _closure():
    count = [0]

    def add():
        nonlocal count
        count = [count[0] + 1]

    return add


COUNTER = _closure()


def _attribute_of_function():
    _attribute_of_function.calls += 1


_attribute_of_function.calls = 0


def _enter(context):
    context.__enter__()


class Mode(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


CHANGES = {
    "forward hook": lambda m: m.lin.register_forward_hook(lambda *a: None),
    "forward hook with kwargs": lambda m: m.lin.register_forward_hook(
        lambda *a, **k: None, with_kwargs=True, always_call=True, prepend=True
    ),
    "forward pre-hook": lambda m: m.norm.register_forward_pre_hook(
        lambda *a, **k: None, with_kwargs=True
    ),
    "backward hook": lambda m: m.norm.register_full_backward_hook(lambda *a: None),
    "backward pre-hook": lambda m: m.norm.register_full_backward_pre_hook(lambda *a: None),
    "state dict hook": lambda m: m.register_state_dict_post_hook(lambda *a: None),
    "state dict pre-hook": lambda m: m.register_state_dict_pre_hook(lambda *a: None),
    "load state dict hook": lambda m: m.register_load_state_dict_pre_hook(lambda *a: None),
    "load state dict post-hook": lambda m: m.register_load_state_dict_post_hook(lambda *a: None),
    "hook removed": lambda m: m.handle.remove(),
    "hook of a hidden module": lambda m: m.hidden[0].register_forward_hook(lambda *a: None),
    "attribute of a hidden module": lambda m: m.hidden[0].train(False),
    "order of hooks": lambda m: m.lin._forward_hooks.move_to_end(next(iter(m.lin._forward_hooks))),
    "training": lambda m: m.norm.eval(),
    "non-persistent buffers": lambda m: m._non_persistent_buffers_set.clear(),
    "new module": lambda m: m.add_module("other", nn.Linear(1, 1)),
    "module removed": lambda m: delattr(m, "norm"),
    "requires_grad": lambda m: m.norm.weight.requires_grad_(False),
    "attribute of a parameter": lambda m: setattr(m.lin.weight, "tag", 1),
    "grad": lambda m: setattr(m.norm.weight, "grad", m.passing),
    "deque": lambda m: m.queue.append(3),
    "order of a table": lambda m: m.table.move_to_end("a"),
    "default of a table": lambda m: m.counts["b"].append(1),
    "nested set": lambda m: m.nested["a"][0].add(3),
    "slots": lambda m: setattr(m.nested["a"][1][0], "count", 1),
    "slot deleted": lambda m: delattr(m.nested["a"][1][0], "count"),
    "generator of the model": lambda m: m.generator.random(),
    "numpy generator of the model": lambda m: m.numpy.random(),
    "default argument": lambda m: m.keep(1),
    "attribute of an inherited class": lambda m: setattr(Base, "total", Base.total + 1),
    "container of an inherited class": lambda m: m.seen.append(1),
    "new attribute of a class": lambda m: setattr(Model, "new", 1),
    "global, deep": lambda m: CALLS["deep"][0].append(1),
    "global, rebound": lambda m: globals().update(CALLS={}),
    "closed-over variable of a global function": lambda m: COUNTER(),
    "attribute of a function": lambda m: _attribute_of_function(),
    "context variable": lambda m: SETTING.set(1),
    "default dtype": lambda m: torch.set_default_dtype(torch.float64),
    "default device": lambda m: torch.set_default_device("cpu"),
    "grad mode": lambda m: torch.set_grad_enabled(False),
    "no_grad entered": lambda m: _enter(torch.no_grad()),
    "autocast entered": lambda m: _enter(torch.autocast("cpu")),
    "function mode entered": lambda m: _enter(Mode()),
    "deterministic": lambda m: torch.use_deterministic_algorithms(True),
    "precision": lambda m: torch.set_float32_matmul_precision("medium"),
    "anomaly": lambda m: torch.autograd.set_detect_anomaly(True),
    "printing": lambda m: torch.set_printoptions(precision=2),
    "attention": lambda m: torch.backends.cuda.enable_flash_sdp(False),
    "global forward hook": lambda m: nn.modules.module.register_module_forward_hook(
        lambda *a: None
    ),
    "global backward hook": lambda m: nn.modules.module.register_module_full_backward_hook(
        lambda *a: None
    ),
    "filters of warnings": lambda m: warnings.simplefilter("error"),
    "random numbers": lambda m: (random.random(), np.random.rand(), torch.rand(1)),
}


def _settings():
    options = vars(torch._tensor_str.PRINT_OPTS).copy()
    return SETTING.get(), options, torch.get_float32_matmul_precision()


WAYS = {
    "export": lambda m: monograph.export(m, (X,)),
    "strict": lambda m: monograph.export(m, (X,), strict=True),
    "check": lambda m: monograph.check(m, (X,)),
}
ENDS = {
    "returns": lambda m: None,
    "refused": lambda m: bool(m.lin.weight.sum() > 0),
    "raises": lambda m: [].pop(),
    "interrupted": lambda m: (_ for _ in ()).throw(KeyboardInterrupt),
    "too deep": lambda m: _recurse(),
}


def _recurse():
    return _recurse()


def _run(way, model):
    try:
        WAYS[way](model)
    except (monograph.MonographError, IndexError, KeyboardInterrupt, RecursionError):
        pass


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_program_changes_is_put_back(change):
    model = Model(CHANGES[change])
    before = _settings()
    with unchanged(model):
        _run("export", model)
    assert _settings() == before


_ENDINGS = [(way, end) for way in ("export", "strict") for end in ENDS]
_ENDINGS += [("check", end) for end in ("returns", "raises", "interrupted")]


@pytest.mark.parametrize(("way", "end"), _ENDINGS)
def test_however_it_ends(way, end):
    def everything(model):
        for name, change in CHANGES.items():
            if name not in ("module removed", "global, rebound"):
                change(model)
        ENDS[end](model)

    model = Model(everything)
    before = _settings()
    with unchanged(model):
        _run(way, model)
    assert _settings() == before


@pytest.mark.parametrize("change", sorted(set(CHANGES) - {"context variable"}))
def test_the_checker_sees_each_change(change):
    """In eager mode they stay: a checker that found none could not fail."""
    model = Model(CHANGES[change])
    before = _settings()
    state = snapshot.Snapshot(list(model.named_modules()), model)
    with kept(), state_restored(state):
        seen = False
        try:
            with unchanged(model):
                model(X)
        except AssertionError:
            seen = True
        seen |= _settings() != before
    assert seen


class state_restored:
    def __init__(self, state):
        self.state = state

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.state.restore()


class InstallsItsHook(nn.Module):
    """Registers a hook at its first call, and remembers that it did."""

    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(3, 3)
        self.ready = False

    def forward(self, x):
        if not self.ready:
            self.lin.register_forward_hook(lambda module, arguments, result: result + 1)
            self.ready = True
        return self.lin(x)


@pytest.mark.parametrize("order", ["xexexe", "eexxxe", "xxxeee", "cxece"])
def test_exports_and_eager_calls_in_any_order_agree(order):
    model = InstallsItsHook()
    expected = copy.deepcopy(model)(X)
    for step in order:
        if step == "c":
            monograph.check(model, (X,))
        else:
            f = model if step == "e" else monograph.export(model, (X,)).module()
            torch.testing.assert_close(f(X), expected)


def test_a_hook_that_one_branch_registers():
    """Eager mode calls it from then on, on that way only: that is no graph."""

    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.lin = nn.Linear(3, 3)

        def forward(self, x):
            if x.sum() > 0:
                self.lin.register_forward_hook(lambda module, arguments, result: result + 1)
            return self.lin(x)

    model = Branches()
    with unchanged(model), pytest.raises(monograph.MonographError):
        monograph.export(model, (X,), strict=True)


def test_more_objects_than_are_watched(monkeypatch):
    """It is said, and what is near is put back nevertheless."""
    monkeypatch.setattr(walk, "_MOST_OBJECTS", 100)
    model = Model(CHANGES["deque"])
    model.table["rows"] = [[i] for i in range(200)]
    with unchanged(model.queue, model.lin):
        program = monograph.export(model, (X,))
    assert "unwatched" in {assumption.kind for assumption in program.assumptions}


# Faults, one after the other ------------------------------------------------------------------


class Fault(Exception):
    pass


def _program(x, s):
    a = torch.tensor([1.0, 2.0, 3.0])
    y = x * a + x.size(0)
    y.add_(1)
    step = s.item()
    torch._check(step > 0)
    z = x * step
    n = int(x.shape[0]) + round(1.5) + len(x)
    with torch.autocast("cpu"):
        w = x @ x.T
    return torch.cond(y.sum() > 0, lambda t: t.sin(), lambda t: t.cos(), (y,)), z.sum(), w, n


def _calls_of_ours(function, is_watched):
    """How often code of the package, or of torch, is called while ``function`` runs."""
    count = [0]

    def note(frame, event, argument):
        count[0] += event == "call" and is_watched(frame)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count[0]


def _is_watched(frame):
    name = frame.f_code.co_filename
    if "torch/" in name and frame.f_code.co_name in ("__exit__", "_pop_mode"):
        return False  # torch's modes end the process where an interrupt comes as they are left
    return ("/monograph/" in name and "/testing/" not in name) or "/torch/" in name


def _patches(frame):
    return frame.f_code.co_filename.endswith("/capture/python/patches.py")


def _fail_at(number, function, is_watched):
    """``function``, which raises ``Fault`` at a call of ours or torch's."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        if event == "call" and is_watched(frame):
            count += 1
            if count == number:
                raise Fault

    sys.setprofile(note)
    try:
        function()
    except BaseException:  # the fault itself, or what was made of it
        pass
    finally:
        sys.setprofile(None)


def _faults(numbers, dynamic_shapes, is_watched=_is_watched):
    args = (torch.ones(3, 3), torch.tensor(0.25))

    def export():
        return monograph.export(_program, args, dynamic_shapes=dynamic_shapes)

    importlib.import_module("torch._dynamo")  # it replaces some of torch's functions, once
    expected = str(export().graph)
    total = _calls_of_ours(export, is_watched)
    gc.collect()
    before = untouched.process_state()
    for number in numbers(total):
        with unchanged(_program):
            _fail_at(number, export, is_watched)
            gc.collect(1)
        assert not untouched.differences(before, untouched.process_state()), number
        with unchanged(_program):
            assert str(export().graph) == expected, number
    return total


def test_a_fault_at_any_call_leaves_all_as_it_was():
    _faults(lambda total: random.Random(0).sample(range(1, total), 60), None)


def test_a_fault_between_what_is_replaced_leaves_all_as_it_was():
    _faults(lambda total: range(1, total, max(1, total // 60)), None, _patches)


@pytest.mark.slow
def test_a_fault_at_every_call_leaves_all_as_it_was():
    command = "python -m pytest -m slow tests/capture/test_put_back.py -k every_call"
    with trying("faults", command) as counts:
        total = _faults(lambda total: range(1, total, 3), {"x": {0: monograph.Dim("n", min=2)}})
        counts["tried"] = len(range(1, total, 3))


def test_a_fault_while_the_stance_of_the_compiler_is_set(monkeypatch):
    """It is set when the context manager is made, before ``with`` has it."""
    importlib.import_module("torch._dynamo")  # else nothing can have been compiled
    set_stance = torch.compiler.set_stance

    def interrupted(*args):
        set_stance(*args)
        raise Fault

    monkeypatch.setattr(torch.compiler, "set_stance", interrupted)
    with unchanged(_program), pytest.raises(Fault):
        monograph.export(_program, (torch.ones(3, 3), torch.tensor(0.25)))


def test_going_on_after_a_question_of_a_fake_kernel():
    """The example's value is computed with a plain dispatcher, whoever asks."""

    def grid(s):
        return torch.arange(0.0, 1.0, s.item())

    collected = []
    with unchanged(grid):
        with contextlib.suppress(monograph.ExportError):
            exported(
                root_of(grid), (torch.tensor(0.25),), {}, None, strict=False, collected=collected
            )
        gc.collect()
    monograph.export(lambda x: x + 1, (X,))


# Models of transformers ------------------------------------------------------------------------

_TINY = {
    "vocab_size": 99, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 24, "n_embd": 16, "n_layer": 2, "n_head": 2, "d_model": 16, "d_kv": 8,
    "d_ff": 24, "num_layers": 2, "num_heads": 2, "num_key_value_heads": 2,
    "attn_implementation": "eager",
}  # fmt: skip
_FAMILIES = {
    "LlamaForCausalLM": {"use_cache": False, "output_hidden_states": True},
    "BertModel": {"output_hidden_states": True, "output_attentions": True},
    "GPT2LMHeadModel": {"use_cache": False, "output_hidden_states": True},
}
_MORE_FAMILIES = {
    "MistralForCausalLM": {"use_cache": False, "output_attentions": True},
    "Qwen2ForCausalLM": {"use_cache": False, "output_hidden_states": True},
    "T5EncoderModel": {"output_hidden_states": True, "output_attentions": True},
    "ElectraModel": {"output_hidden_states": True},
    "RobertaModel": {"output_attentions": True},
    "GemmaForCausalLM": {
        "use_cache": False,
        "output_hidden_states": True,
        "output_attentions": True,
    },
}


def _exports_and_calls_agree(name, options, order):
    transformers = pytest.importorskip("transformers")
    kind = getattr(transformers, name)
    config = kind.config_class(**_TINY)
    ids = torch.arange(18).view(2, 9)
    given = {"input_ids": ids, **options}
    torch.manual_seed(0)
    model = kind(config).eval()
    with torch.no_grad():
        expected = copy.deepcopy(model)(**given)
        for step in order:
            if step == "e":
                found = model(**given)
            else:
                with unchanged(model):
                    found = monograph.export(model, (), dict(given)).module()(**given)
            for key, value in expected.items():
                torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5)
        fresh = kind(config).eval()
        fresh.register_forward_hook(lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
        with unchanged(fresh), pytest.raises(KeyboardInterrupt):
            monograph.export(fresh, (), dict(given))
        fresh._forward_hooks.clear()
        assert len(fresh(**given)) == len(expected)


@pytest.mark.parametrize("name", _FAMILIES)
def test_models_that_install_hooks(name):
    _exports_and_calls_agree(name, _FAMILIES[name], "xexxe")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["eeexxx", "xxxeee", "xexexe"])
@pytest.mark.parametrize("name", [*_FAMILIES, *_MORE_FAMILIES])
def test_many_models_that_install_hooks(name, order):
    _exports_and_calls_agree(name, {**_FAMILIES, **_MORE_FAMILIES}[name], order)


# What other threads see ------------------------------------------------------------------------


def _beside(ask):
    """What ``ask`` gives in another thread in the middle of an export."""
    answers = queue.SimpleQueue()  # what is put into a list would be taken out again

    def program(x):
        thread = threading.Thread(target=lambda: answers.put(ask()))
        thread.start()
        thread.join()
        assert torch.compiler.is_exporting()
        return x + 1

    monograph.export(program, (X,))
    return answers.get_nowait()


def test_other_threads_do_not_export():
    asked = (
        torch.compiler.is_exporting, torch.compiler.is_compiling,
        lambda: not torch.backends.mha.get_fastpath_enabled(),
    )  # fmt: skip
    assert not any(_beside(lambda: [ask() for ask in asked]))


def test_the_garbage_of_other_threads_is_collected():
    import weakref

    class Item:
        pass

    def drop():
        first = Item()
        first.itself = first
        dead = weakref.ref(first)
        del first
        kept = [[] for _ in range(200_000)]
        return gc.isenabled() and dead() is None and len(kept) == 200_000

    assert _beside(drop)


def test_the_note_lists_what_others_see():
    note = Path(__file__).parents[2] / "docs" / "notes" / "0016-everything-is-put-back.md"
    listed = process_state.__doc__[process_state.__doc__.index("A capture belongs") :].rstrip()
    assert listed in note.read_text()


def test_collection_is_as_it_was():
    before = gc.get_threshold()
    with rarer_collection():
        assert gc.isenabled()
        with rarer_collection():
            pass
        assert gc.get_threshold() != before
    assert gc.get_threshold() == before
    gc.set_threshold(0)
    try:
        with rarer_collection():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)


def test_the_checker_walks_without_the_snapshot():
    """It finds what hangs on an object by what Python's collector says."""
    item = Slots()
    reachable = Reachable({"item": [item]})
    item.count = object()
    assert len(list(reachable.differences())) == 1


ROWS: list[tuple[str, int | list[int]]] = [(str(i), i) for i in range(5)]


@pytest.mark.parametrize("at", [0, 5])
def test_what_rows_of_a_table_hold_is_watched(at):
    """Rows of texts and numbers are passed over; one that holds a list is not."""
    rows = [*ROWS[:at], ("last", [1]), *ROWS[at:]]

    def count(x):
        rows[at][1].append(2)
        return x * len(rows[at][1])

    with pytest.raises(monograph.MutationError, match=rf"rows\.{at}\.1\.1 is changed"):
        monograph.export(count, (torch.ones(2),))
    assert rows[at] == ("last", [1])


class Instantiating(collections.OrderedDict):
    """Of classes; whoever asks for an item gets an instance."""

    def __getitem__(self, key):
        return super().__getitem__(key)()


class PlainlyInstantiating(dict):
    def __getitem__(self, key):
        return super().__getitem__(key)()


class WithOtherKeys(dict):
    """Its own methods tell of other items than it has."""

    def __iter__(self):
        return iter(["other"])

    def keys(self):
        return ["other"]

    def __getitem__(self, key):
        return nn.Identity()


@pytest.mark.parametrize("kind", [Instantiating, PlainlyInstantiating, WithOtherKeys])
def test_what_a_dictionary_with_methods_of_its_own_holds_stays(kind):
    table = kind(relu=nn.ReLU)

    def program(x):
        return table["relu"](x)

    x = torch.tensor([-1.0, 2.0])
    for strict in (False, True):
        made = monograph.export(program, (x,), strict=strict).module()
        assert torch.equal(made(x), program(x))
        assert list(dict.items(table)) == [("relu", nn.ReLU)]
