"""Python entry points that are replaced while a program is captured, and put back afterwards.

Operators need none of this: they are seen below. Replaced is what never becomes an operator, such
as ``id(x)``, ``random.random()``, or a module's ``__call__`` (for the module path of a node).
"""

from __future__ import annotations

import builtins
import contextlib
import ctypes
import functools
import gc
import inspect
import operator
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import CellType, FrameType, FunctionType, MethodDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from monograph.capture.abstract import ASKED_OF_THE_CLASS, AbstractTensor, put
from monograph.capture.operators import mapping
from monograph.capture.operators.registry import REPLACED
from monograph.capture.python import builtin_functions
from monograph.capture.python.arrays import replace_array_makers
from monograph.capture.python.builtin_functions import instead_of
from monograph.capture.python.frames import is_of_user, is_ours
from monograph.capture.python.importing import executed_outside
from monograph.capture.python.made_tensors import MAKERS
from monograph.capture.python.number_methods import METHODS
from monograph.capture.python.outside import Asked
from monograph.capture.python.process_state import not_exporting
from monograph.capture.python.redirect import (
    InPlaceOf,
    MethodInPlaceOf,
    copied,
    is_redirectable,
    redirected,
)
from monograph.capture.restarts import NeedsAutograd
from monograph.diagnostics import ExportError, PythonFeatureError, errors_made
from monograph.ir.module_scope import Scope
from monograph.torch_internals import (
    BACKWARD_ENTRY,
    MAPPING_BEGINS,
    MAPPING_ENDS,
    MAPPING_ENTERS,
    compiled_original,
    functorch_is_active,
    is_compiled_module,
    is_of_transform,
    mapping_module,
    tables_of_functions,
    transform_levels,
)

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder

__all__ = ["patched"]

_id = builtins.id
_get_ident = threading.get_ident
_MISSING = object()
# What `isinstance` reads of an instance. As an attribute it would be the metaclass of the class,
# so it is written into the dictionary of the class, and removed from there.
_CLASS = "__class__"
_HEAP = 1 << 9  # of the flags of a class: its attributes can be set


@contextlib.contextmanager
def patched(
    recorder: Recorder, names: dict[int, tuple[str, str]], *, notices: bool = True
) -> Iterator[None]:
    """Replace the entry points for the current thread; ``names`` maps modules to their path.

    ``notices``: those too that the user is only told of, such as ``random.random()``.
    """
    thread: int | None = _get_ident()

    def mine() -> bool:
        return _get_ident() == thread  # what the program keeps of them is torch's own afterwards

    replacements: list[Replacement] = [
        (torch.autograd, BACKWARD_ENTRY, _backward(recorder, mine)),
        *((torch, maker.__name__, instead_of(maker)) for maker in MAKERS),
        (torch.Tensor, "tolist", _read_real(recorder, torch.Tensor.tolist, ".tolist()", mine)),
        (torch.Tensor, "numpy", _read_real(recorder, torch.Tensor.numpy, ".numpy()", mine)),
        (torch.Tensor, "__setitem__", _put_in_real(recorder, torch.Tensor.__setitem__, mine)),
        (torch, "set_autocast_enabled", _set_autocast(recorder, mine)),
        (builtins, "id", _identity(recorder, mine)),
    ]
    replacements += builtin_functions.replacements(recorder, mine)
    if "numpy" in sys.modules:
        replace_array_makers()
    replacements += _transforms(recorder, mine)
    replacements = [*_questions_to_the_class(), *map(_in_place, replacements)]
    seed, set_state = map(inspect.unwrap, (torch.manual_seed, torch.set_rng_state))
    targets: dict[Any, Callable[..., Any]] = {
        seed: _seed(recorder, copied(seed), mine),
        set_state: _set_state(recorder, copied(set_state), mine),
    }
    if (paths := sys.modules.get("opt_einsum.contract")) is not None:
        targets[paths.contract_path] = _by_example(recorder, copied(paths.contract_path), mine)
    method = vars(torch.autograd.Function)["apply"]
    function = getattr(method, "__func__", None)  # None from torch 2.15 on, where it is C
    if is_redirectable(function):  # who has called a name `MyFunction.apply` calls it, too
        targets[function] = _function_apply(recorder, copied(function))
    else:
        applied = _as_method(recorder, method.__get__, mine)
        replacements.append((torch.autograd.Function, "apply", applied))
    call: Callable[..., object] = nn.Module.__call__
    if is_redirectable(call):
        # As an attribute it would be set in thousands of subclasses, each time a millisecond.
        called_instead = {call: _module_call(recorder, names, copied(call))}
    else:
        called_instead = {}
        ours = _module_call(recorder, names, call)

        def called(self: nn.Module, *args: object, **kwargs: object) -> object:
            return (ours if mine() else call)(self, *args, **kwargs)

        replacements.append((nn.Module, "__call__", called))
    patches, methods = _Patches(replacements), _Patches(METHODS)
    recorder.context.unpatched = patches.suspended
    with (
        _running(mine),
        tables_of_functions(),
        redirected(REPLACED, mine),
        redirected(targets, mine),
        redirected(called_instead, lambda: bool(patches.before) and _get_ident() == thread),
        _noticed(recorder, mine, replacements)
        if notices
        else contextlib.nullcontext((None, _nothing)) as (
            suspended,
            loaded,
        ),
        executed_outside(_both(patches.suspended, suspended), mine, loaded),
    ):
        try:
            methods.apply()  # torch's own code may have them: other numbers get torch's answers
            patches.apply()
            yield
        finally:
            try:
                patches.remove()
                methods.remove()
            finally:  # once more: an interrupt may have come before one of them began
                patches.remove()
                methods.remove()
                thread = None


@contextlib.contextmanager
def _noticed(
    recorder: Recorder, mine: Mine, replacements: Sequence[tuple[object, str, object]]
) -> Iterator[tuple[Callable[[], Suspended], Callable[[], None]]]:
    """What the program asks outside is noted, but for a while when what is given is entered.

    The other that is given is called after an import: there may be more that can be asked. Where
    the program holds a function that is replaced, it has the other one, too: both are one.
    """
    asked = Asked(recorder, lambda: bool(patches.before) and mine())
    with asked.running():
        patches = _Patches(asked.replacements(replacements))
        try:
            patches.apply()
            with redirected(asked.sent(), asked.mine):
                yield patches.suspended, lambda: patches.add(asked.loaded())
        finally:
            try:
                patches.remove()
            finally:  # once more, as above
                patches.remove()


def _in_place(replacement: Replacement) -> Replacement:
    """The same with what holds the place of a function of a module, or of a method of tensors."""
    owner, name, called = replacement
    if name[0] == "_":
        return replacement
    if type(owner) is ModuleType:
        return owner, name, InPlaceOf(getattr(owner, name), called)
    if owner is torch.Tensor and type(getattr(owner, name)) is MethodDescriptorType:
        return owner, name, MethodInPlaceOf(getattr(owner, name), called)
    return replacement


def _nothing() -> None:
    """After an import, where nothing is noted."""


def _both(
    first: Callable[[], Suspended], second: Callable[[], Suspended] | None
) -> Callable[[], Suspended]:
    @contextlib.contextmanager
    def suspended() -> Iterator[None]:
        with first(), contextlib.nullcontext() if second is None else second():
            yield

    return suspended


class _Patches:
    """Replacements that can be taken back for a while.

    ``before``: what was in the places that are replaced now; nothing, while they are not.
    """

    def __init__(self, replacements: Sequence[tuple[Any, Any, Any]]) -> None:
        self._replacements = replacements
        self.before: list[tuple[Any, Any, Any]] = []

    def apply(self) -> None:
        """Put them in place."""
        self._put(self._replacements)

    def add(self, more: Sequence[tuple[Any, Any, Any]]) -> None:
        """Put others in place beside those that are."""
        if more:
            self._replacements = [*self._replacements, *more]
            self._put(more)

    def _put(self, replacements: Sequence[tuple[Any, Any, Any]]) -> None:
        self.before += [
            (owner, name, owner.__dict__.get(name, _MISSING))
            if type(owner) in _HOLDING_BY_NAME
            else (owner, name, _held_at((owner, name)))
            for owner, name, _ in replacements
        ]
        self._hold(list(reversed(replacements)))  # of two for one place, the later stays

    def remove(self) -> None:
        """All is as before."""
        self._hold(self.before)

    def _hold(self, held: list[tuple[Any, Any, Any]]) -> None:
        """Let owners hold other objects, or none, from the last on. Each leaves the list when it

        is in place: after an interrupt, what is left is done once more.
        """
        while held:
            owner, name, value = held[-1]
            kind = type(owner)
            is_class = kind is type or isinstance(owner, type)
            if is_class and (name == _CLASS or not owner.__flags__ & _HEAP):
                _hold_in(gc.get_referents(owner.__dict__)[0], name, value)
                # What is remembered of the class is forgotten.
                ctypes.pythonapi.PyType_Modified(ctypes.py_object(owner))
            elif is_class:
                if value is not _MISSING:
                    setattr(owner, name, value)
                elif name in owner.__dict__:
                    delattr(owner, name)
            elif kind is ModuleType:  # where `setattr` would write it
                _hold_in(owner.__dict__, name, value)
            elif isinstance(owner, dict):
                _hold_in(owner, name, value)
            elif isinstance(owner, list):
                owner[name] = value
            elif isinstance(owner, CellType):
                owner.cell_contents = value
            elif isinstance(owner, functools.partial):
                owner.__setstate__((*value, owner.__dict__))  # type: ignore[attr-defined]
            elif value is _MISSING:
                if name in vars(owner):
                    delattr(owner, name)
            else:
                setattr(owner, name, value)
            del held[-1]

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """The original entry points, while torch runs code of its own."""
        is_outermost = bool(self.before)
        self.remove()
        try:
            yield
        finally:
            if is_outermost:
                self.apply()


def _hold_in(attributes: dict[Any, Any], name: object, value: object) -> None:
    if value is not _MISSING:
        attributes[name] = value
    elif name in attributes:  # perhaps it was never put in place, before an interrupt
        del attributes[name]


_HOLDING_BY_NAME = frozenset({type, ModuleType})


def _held_at(place: tuple[Any, Any]) -> object:
    """What is in a place now, as ``_hold`` puts it back."""
    owner, name = place
    if isinstance(owner, type):
        return owner.__dict__.get(name, _MISSING)
    if isinstance(owner, dict):
        return owner.get(name, _MISSING)
    if isinstance(owner, list):
        return owner[name]
    if isinstance(owner, CellType):
        return owner.cell_contents
    if isinstance(owner, functools.partial):
        return owner.func, owner.args, owner.keywords
    if isinstance(owner, FunctionType):
        return getattr(owner, name)
    return vars(owner).get(name, _MISSING)


Mine = Callable[[], bool]
Replacement = tuple[Any, str, Any]  # an owner, an attribute, and what is there meanwhile
Suspended = contextlib.AbstractContextManager[None]


def _module_call(
    recorder: Recorder, names: dict[int, tuple[str, str]], original: Callable[..., object]
) -> Callable[..., Any]:
    unknown = ("", "")
    counts: dict[str, int] = {}
    plain: set[type] = set()  # classes of which no module is compiled or scripted

    def call(self: nn.Module, *args: object, **kwargs: object) -> object:
        is_scripted = False
        if type(self) not in plain:
            if is_compiled_module(self):
                self = compiled_original(self)
            is_scripted = isinstance(self, torch.jit.ScriptModule)
            if not is_scripted and not is_compiled_module(self):
                plain.add(type(self))
        outer = recorder.emission.scope
        path, class_name = names.get(_id(self), unknown)
        count = counts[path] = counts[path] + 1 if path in counts else 0
        recorder.emission.scope = Scope(path, class_name or type(self).__qualname__, outer, count)
        try:
            if is_scripted:
                return _scripted(original, self, args, kwargs)
            result = original(self, *args, **kwargs)
            if path in recorder.context.watched:
                recorder.note_module_call(path, args, kwargs, result)
            return result
        except ExportError as error:
            if error.module is None:  # the innermost module
                error.module = path
            raise
        finally:
            recorder.emission.scope = outer

    return call


def _scripted(
    original: Callable[..., object],
    module: nn.Module,
    args: tuple[object, ...],
    kwargs: dict[str, object],
) -> object:
    """A call of a scripted module, whose interpreter makes errors of its own of our refusals."""
    with not_exporting(), errors_made() as made:
        try:
            return original(module, *args, **kwargs)
        except RuntimeError as error:
            if not made or isinstance(error, ExportError):
                raise
    raise PythonFeatureError(
        f"a torch.jit.ScriptModule asks for what is not known while capturing: {made[0].what}",
        hint="call the Python module that it was made of.",
    ) from made[0]


def _as_method(
    recorder: Recorder, bound: Callable[[None, type], Callable[..., object]], mine: Mine
) -> object:
    def original(cls: type, /, *args: object, **kwargs: object) -> object:
        return bound(None, cls)(*args, **kwargs)

    captured = _function_apply(recorder, original)

    def apply(cls: type, /, *args: object, **kwargs: object) -> object:
        return (captured if mine() else original)(cls, *args, **kwargs)

    return classmethod(apply)


def _function_apply(recorder: Recorder, original: Callable[..., object]) -> Callable[..., object]:
    def apply(cls: type, /, *args: object, **kwargs: object) -> object:
        given = [a for a in args if isinstance(a, torch.Tensor) and not is_of_transform(a)]
        tracks = any(recorder.value_of(tensor).tracks for tensor in given)
        if tracks and not cls.__module__.startswith("torch."):
            recorder.assume(
                "gradient",
                f"{cls.__qualname__} is captured as its forward: the exported program is "
                "differentiated through it, not by its backward",
                recorder.here(),
            )
        recorder.context.custom_functions += 1
        try:
            return original(cls, *args, **kwargs)
        finally:
            recorder.context.custom_functions -= 1

    return apply


def _backward(recorder: Recorder, mine: Mine) -> Callable[..., Any]:
    original = getattr(torch.autograd, BACKWARD_ENTRY)

    def run(*args: object, **kwargs: object) -> object:
        if mine() and not recorder.context.above_autograd and not functorch_is_active():
            raise NeedsAutograd
        if mine() and kwargs.get("accumulate_grad"):
            raise PythonFeatureError(
                "backward() inside the program writes to .grad of tensors outside it",
                code="MG-P106",
                where=recorder.here(),
                hint="use torch.autograd.grad(outputs, inputs), which returns the gradients.",
            )
        return original(*args, **kwargs)

    return run


def _transforms(recorder: Recorder, mine: Mine) -> list[Replacement]:
    """Where transforms of functions begin and end: inside, operators arrive from kernels."""

    def counting(original: Callable[..., int], by: int) -> Callable[..., int]:
        def change(*args: object, **kwargs: object) -> int:
            found = original(*args, **kwargs)
            if mine():
                recorder.context.transforms += by
            return found

        return change

    found = _mapping(recorder, mine)
    replaced = {(module, name): new for module, name, new in found}
    for module, begins, ends in transform_levels():
        for name, by in ((begins, 1), (ends, -1)):
            original = replaced.get((module, name)) or getattr(module, name)
            replaced[module, name] = counting(original, by)
    return [(module, name, new) for (module, name), new in replaced.items()]


def _mapping(recorder: Recorder, mine: Mine) -> list[Replacement]:
    """Where ``vmap`` begins and ends: while it runs, our rules hold if sizes vary."""
    begun: list[bool] = []

    def beginning(original: Callable[..., int]) -> Callable[..., int]:
        def begin(*args: object, **kwargs: object) -> int:
            level = original(*args, **kwargs)
            if mine():
                begun.append(bool(recorder.sizes.env.symbols))
                if begun[-1]:
                    mapping.begin_mapping()
            return level

        return begin

    def ending(original: Callable[..., int]) -> Callable[..., int]:
        def end(*args: object, **kwargs: object) -> int:
            if mine() and begun and begun.pop():
                mapping.end_mapping()
            return original(*args, **kwargs)

        return end

    module = mapping_module()
    add_dimension = getattr(module, MAPPING_ENTERS)

    def enter(tensor: torch.Tensor, dim: int, level: int) -> torch.Tensor:
        if mine() and recorder.context.rows_in_order:
            return add_dimension(tensor.movedim(dim, 0).contiguous(), 0, level)
        return add_dimension(tensor, dim, level)

    return [
        (module, MAPPING_BEGINS, beginning(getattr(module, MAPPING_BEGINS))),
        (module, MAPPING_ENDS, ending(getattr(module, MAPPING_ENDS))),
        (module, MAPPING_ENTERS, enter),
    ]


def _set_autocast(recorder: Recorder, mine: Mine) -> Callable[..., Any]:
    """``torch.autocast`` goes through here; the recorder follows."""
    original = torch.set_autocast_enabled

    @functools.wraps(original)
    def set_enabled(*args: Any) -> Any:
        result = original(*args)
        if mine():
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    recorder.context.autocast.add(device)
                else:
                    recorder.context.autocast.discard(device)
        return result

    return set_enabled


def _seed(recorder: Recorder, original: Callable[..., object], mine: Mine) -> Callable[..., object]:
    @functools.wraps(original)
    def torchs(seed: object) -> object:
        if not mine():
            return original(seed)
        if type(seed) is not int or recorder.emission.graph is not recorder.emission.program_graph:
            raise PythonFeatureError(
                "torch.manual_seed is called inside the program, with a seed that varies"
                if type(seed) is not int
                else "torch.manual_seed is called inside a branch or a loop of the program",
                code="MG-P103",
                where=recorder.here(),
                hint="seed before the exported program is called.",
            )
        _note_seed(recorder, seed)
        return torch.default_generator

    return torchs


def _by_example(
    recorder: Recorder, original: Callable[..., object], mine: Mine
) -> Callable[..., object]:
    """The order in which ``einsum`` contracts: one of several that give the same, for any sizes."""

    @functools.wraps(original)
    def path(*operands: object, **kwargs: object) -> object:
        return original(*(map(_of_example, operands) if mine() else operands), **kwargs)

    return path


class _OfExample:
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


def _of_example(operand: object) -> object:
    if isinstance(operand, AbstractTensor):
        return _OfExample(tuple(map(_number, operand.shape)))
    return operand


def _number(size: int | torch.SymInt) -> int:
    return size if isinstance(size, int) else size.node.require_hint(2)


def _note_seed(recorder: Recorder, seed: int | None) -> None:
    from monograph.capture.seeding import Seed

    last = next(iter(reversed(recorder.emission.program_graph.nodes)), None)
    recorder.context.seeds.append(Seed(seed, last, recorder.here()))


# Between who sets a state and the function: ``fork_rng``, what the compiler wraps it in, and ours.
_FORKING = (contextlib.__file__, torch.random.__file__, copied.__code__.co_filename)
_WRAPPING = os.path.join("torch", "_dynamo", "")


def _is_between(file: str) -> bool:
    return file in _FORKING or _WRAPPING in file


def _set_state(
    recorder: Recorder, original: Callable[..., object], mine: Mine
) -> Callable[..., object]:
    """Also where ``fork_rng`` ends: what is drawn there would be other numbers at the next call."""

    @functools.wraps(original)
    def set_state(*args: object, **kwargs: object) -> object:
        caller: FrameType | None = sys._getframe(1)
        while caller is not None and _is_between(caller.f_code.co_filename):
            caller = caller.f_back
        is_asked = caller is not None and is_of_user(caller.f_code)
        if mine() and is_asked and recorder.context.reseeded is None:
            recorder.context.reseeded = PythonFeatureError(
                "the state of the random generator is set inside the program",
                code="MG-P103",
                where=recorder.here(),
                hint="draw the numbers outside of the program, and pass them to it.",
            )
        if mine() and is_asked and recorder.context.seeds:
            _note_seed(recorder, None)
        return original(*args, **kwargs)

    return set_state


def _read_real(
    recorder: Recorder, original: Callable[..., object], asked: str, mine: Mine
) -> Callable[..., object]:
    """Reading a real tensor's data needs no operator: see that it stays what it was."""

    @functools.wraps(original)
    def read(self: torch.Tensor, *args: object, **kwargs: object) -> object:
        if mine() and recorder.context.is_running:
            return recorder.knowledge.read(self, asked, lambda t: original(t, *args, **kwargs))
        return original(self, *args, **kwargs)

    return read


def _put_in_real(
    recorder: Recorder, original: Callable[..., None], mine: Mine
) -> Callable[..., None]:
    """``buffer[:n] = x``: a real tensor asks nothing about the sizes of ``x`` that it need not."""

    @functools.wraps(original)
    def put_in(self: torch.Tensor, index: object, value: object) -> None:
        is_meant = type(self) is not AbstractTensor and mine() and recorder.context.is_running
        if not (is_meant and isinstance(value, AbstractTensor) and put(self, index, value)):
            original(self, index, value)

    return put_in


def _asked_of_the_class(name: str) -> Callable[..., Any]:
    """``torch.Tensor.stride(x)`` is the method of ``x`` itself, in any capture of this thread."""
    original = getattr(torch.Tensor, name)

    @functools.wraps(original)
    def ask(self: torch.Tensor, *args: object, **kwargs: object) -> object:
        if type(self) is AbstractTensor and any(mine() for mine in _captures):
            return getattr(self, name)(*args, **kwargs)
        return original(self, *args, **kwargs)

    return ask


_captures: list[Mine] = []  # those that run, in any thread
_asking: list[Replacement] = []
_asked_at_first: list[object] = []


_ASKED_OF_TORCH = ((torch, "detach"), (torch, "is_conj"), (torch, "is_neg"))


def _questions_to_the_class() -> list[Replacement]:
    """Made once: made again where a method of ``torch.Tensor`` is another by now."""
    now = [getattr(torch.Tensor, name) for name in ASKED_OF_THE_CLASS]
    if len(now) != len(_asked_at_first) or not all(map(operator.is_, now, _asked_at_first)):
        _asked_at_first[:] = now
        names = *((torch.Tensor, name) for name in ASKED_OF_THE_CLASS), *_ASKED_OF_TORCH
        asking = ((owner, name, _asked_of_the_class(name)) for owner, name in names)
        _asking[:] = map(_in_place, asking)
    return _asking


@contextlib.contextmanager
def _running(mine: Mine) -> Iterator[None]:
    _captures.append(mine)
    try:
        yield
    finally:
        _captures.remove(mine)


def _identity(recorder: Recorder, mine: Mine) -> Callable[[object], int]:
    def identity(obj: object, /) -> int:
        found = _id(obj)
        if type(obj) is AbstractTensor and mine() and not is_ours(sys._getframe(1).f_code):
            strict = recorder.context.strict
            if strict is not None and strict.audits:
                found = strict.by_chance("id", "id() of a tensor", found, recorder.here())
            recorder.assume(
                "id",
                f"id() of a tensor was {found} while capturing; used in the program, it is fixed",
                recorder.here(),
            )
        return found

    return identity
