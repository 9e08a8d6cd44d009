"""Python entry points that are replaced while a program is captured, and put back afterwards.

Operators need none of this: they are seen below. Replaced is what never becomes an operator, such
as ``id(x)``, ``random.random()``, or a module's ``__call__`` (for the module path of a node).
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import gc
import importlib.abc
import importlib.machinery
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from monograph.capture.abstract import ASKED_OF_THE_CLASS, AbstractTensor
from monograph.capture.operators import mapping
from monograph.capture.operators.data_dependence import tensor_of_truth
from monograph.capture.operators.registry import REPLACED
from monograph.capture.python import builtin_functions
from monograph.capture.python.frames import is_of_user, is_ours
from monograph.capture.python.number_methods import METHODS
from monograph.capture.python.process_state import not_exporting
from monograph.capture.python.redirect import copied, is_redirectable, redirected
from monograph.capture.restarts import NeedsAutograd
from monograph.diagnostics import ExportError, PythonFeatureError, errors_made
from monograph.ir.module_scope import Scope
from monograph.torch_internals import (
    BACKWARD_ENTRY,
    COMPILER,
    MAPPING_BEGINS,
    MAPPING_ENDS,
    MAPPING_ENTERS,
    compiled_original,
    functorch_is_active,
    is_compiled_module,
    mapping_module,
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

_RANDOM = (
    "random", "randint", "randrange", "uniform", "choice", "choices", "sample", "shuffle",
    "gauss", "normalvariate", "getrandbits", "betavariate", "expovariate",
)  # fmt: skip
_TIME = ("time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns")
_NUMPY_RANDOM = (
    "rand", "randn", "randint", "random", "random_sample", "uniform", "normal", "choice",
    "permutation", "shuffle", "standard_normal",
)  # fmt: skip


@contextlib.contextmanager
def patched(
    recorder: Recorder, names: dict[int, tuple[str, str]], *, notices: bool = True
) -> Iterator[None]:
    """Replace the entry points for the current thread; ``names`` maps modules to their path.

    ``notices``: those too that the user is only told of, such as ``random.random()``.
    """
    thread = _get_ident()

    def mine() -> bool:
        return _get_ident() == thread

    replacements: list[tuple[Any, str, Any]] = [
        (torch.autograd.Function, "apply", _function_apply(recorder, mine)),
        (torch.autograd, BACKWARD_ENTRY, _backward(recorder, mine)),
        (torch, "tensor", _tensor(recorder, torch.tensor, mine)),
        (torch, "as_tensor", _tensor(recorder, torch.as_tensor, mine)),
        (torch, "manual_seed", _seed(recorder, torch.manual_seed, mine)),
        (torch.random, "manual_seed", _seed(recorder, torch.random.manual_seed, mine)),
        (torch, "set_rng_state", _set_state(recorder, torch.set_rng_state, mine)),
        (torch.random, "set_rng_state", _set_state(recorder, torch.random.set_rng_state, mine)),
        (torch.Tensor, "tolist", _read_real(recorder, torch.Tensor.tolist, ".tolist()", mine)),
        (torch.Tensor, "numpy", _read_real(recorder, torch.Tensor.numpy, ".numpy()", mine)),
        (torch, "set_autocast_enabled", _set_autocast(recorder, mine)),
        (builtins, "id", _identity(recorder, mine)),
    ]
    replacements += [
        (torch.Tensor, name, _asked_of_the_class(name, mine)) for name in ASKED_OF_THE_CLASS
    ]
    replacements += [
        (torch, name, _asked_of_the_class(name, mine)) for name in ("is_conj", "is_neg")
    ]
    replacements += builtin_functions.replacements(recorder, mine)
    replacements += _mapping(recorder, mine)
    if notices:
        replacements += _all_noticed(recorder, mine)
    targets = {}
    call: Callable[..., object] = nn.Module.__call__
    if is_redirectable(call):
        # As an attribute it would be set in thousands of subclasses, each time a millisecond.
        targets[call] = _module_call(recorder, names, copied(call), lambda: patches.are_on)
    else:
        replacements.append((nn.Module, "__call__", _module_call(recorder, names, call, mine)))
    patches, methods = _Patches(replacements), _Patches(METHODS)
    recorder.context.unpatched = patches.suspended
    finder = _CompilerImport(patches)
    with redirected(REPLACED, mine), redirected(targets, mine):
        try:
            sys.meta_path.insert(0, finder)
            methods.apply()  # torch's own code may have them: other numbers get torch's answers
            patches.apply()
            yield
        finally:
            patches.remove()
            methods.remove()
            sys.meta_path[:] = [each for each in sys.meta_path if each is not finder]


class _Patches:
    """Replacements that can be taken back for a while."""

    def __init__(self, replacements: list[tuple[Any, str, Any]]) -> None:
        self._replacements = replacements
        self._before: list[tuple[Any, str, Any]] = []

    def apply(self) -> None:
        for owner, attribute, replacement in self._replacements:
            self._before.append((owner, attribute, vars(owner).get(attribute, _MISSING)))
            if attribute == _CLASS:
                gc.get_referents(owner.__dict__)[0][_CLASS] = replacement
                owner.__doc__ = owner.__doc__  # what is remembered of its attributes is forgotten
            else:
                setattr(owner, attribute, replacement)

    def remove(self) -> None:
        while self._before:
            owner, attribute, before = self._before.pop()
            if attribute == _CLASS:
                attributes = gc.get_referents(owner.__dict__)[0]
                if before is _MISSING:
                    del attributes[_CLASS]
                else:
                    attributes[_CLASS] = before
                owner.__doc__ = owner.__doc__
            elif before is _MISSING:
                delattr(owner, attribute)
            else:
                setattr(owner, attribute, before)

    @property
    def are_on(self) -> bool:
        """Whether they are in place."""
        return bool(self._before)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """The original entry points, while torch runs code of its own."""
        is_outermost = bool(self._before)
        self.remove()
        try:
            yield
        finally:
            if is_outermost:
                self.apply()


class _CompilerImport(importlib.abc.MetaPathFinder):
    """Takes the replacements back while ``torch._dynamo`` is imported.

    Some parts of torch import it when they are first called, and it makes tables of the functions
    that it finds in ``builtins`` and ``torch``, for the whole process.
    """

    def __init__(self, patches: _Patches) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != COMPILER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            with self._patches.suspended():
                execute(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


Mine = Callable[[], bool]


def _module_call(
    recorder: Recorder,
    names: dict[int, tuple[str, str]],
    original: Callable[..., object],
    is_watched: Mine,
) -> Callable[..., Any]:
    unknown = ("", "")
    counts: dict[str, int] = {}

    def call(self: nn.Module, *args: object, **kwargs: object) -> object:
        if not is_watched():
            return original(self, *args, **kwargs)
        if is_compiled_module(self):
            self = compiled_original(self)
        outer = recorder.emission.scope
        path, class_name = names.get(_id(self), unknown)
        count = counts[path] = counts.get(path, -1) + 1
        recorder.emission.scope = Scope(path, class_name or type(self).__qualname__, outer, count)
        try:
            if isinstance(self, torch.jit.ScriptModule):
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


def _function_apply(recorder: Recorder, mine: Mine) -> object:
    method = vars(torch.autograd.Function)["apply"]  # written in Python up to torch 2.14, then in C

    def original(cls: type, *args: object, **kwargs: object) -> object:
        return method.__get__(None, cls)(*args, **kwargs)

    def apply(cls: type, /, *args: object, **kwargs: object) -> object:
        if not mine():
            return original(cls, *args, **kwargs)
        tracks = any(isinstance(a, torch.Tensor) and recorder.value_of(a).tracks for a in args)
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

    return classmethod(apply)


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


def _mapping(recorder: Recorder, mine: Mine) -> list[tuple[Any, str, Any]]:
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


def _contains_abstract(data: object) -> bool:
    if isinstance(data, (list, tuple)):
        return any(_contains_abstract(item) for item in data)
    return isinstance(data, (AbstractTensor, torch.SymInt, torch.SymFloat, torch.SymBool))


def _tensor(
    recorder: Recorder, original: Callable[..., torch.Tensor], mine: Mine
) -> Callable[..., torch.Tensor]:
    """``torch.tensor([x.sum(), 2.0])`` reads its elements in C++: stack them instead."""

    @functools.wraps(original)
    def make(data: object, *args: object, **kwargs: Any) -> torch.Tensor:
        if mine() and isinstance(data, (torch.SymInt, torch.SymFloat, torch.SymBool)):
            made = _stacked(data)
            return made.to(**{k: v for k, v in kwargs.items() if k in ("dtype", "device") and v})
        if not mine() or not isinstance(data, (list, tuple)) or not _contains_abstract(data):
            if mine() and isinstance(data, AbstractTensor) and original.__name__ == "tensor":
                made = data.detach().clone()
                return made.to(**{k: v for k, v in kwargs.items() if k in ("dtype", "device")})
            return original(data, *args, **kwargs)
        stacked = _stacked(data)
        wanted = {k: v for k, v in kwargs.items() if k in ("dtype", "device") and v is not None}
        return (stacked.to(**wanted) if wanted else stacked).detach()

    def _stacked(data: object) -> torch.Tensor:
        if isinstance(data, (list, tuple)):
            parts = [_stacked(item) for item in data]
            dtype = functools.reduce(torch.promote_types, (part.dtype for part in parts))
            return torch.stack([part.to(dtype) for part in parts])
        if isinstance(data, torch.Tensor):
            return data.reshape(()) if data.numel() == 1 else data
        if isinstance(data, torch.SymBool):
            return tensor_of_truth(recorder, data)
        if isinstance(data, (torch.SymInt, torch.SymFloat)):
            dtype = torch.int64 if isinstance(data, torch.SymInt) else torch.get_default_dtype()
            return torch.full((), data, dtype=dtype)  # type: ignore[call-overload]
        return original(data)

    return make


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
    def seed(*args: object, **kwargs: object) -> object:
        if mine():
            raise PythonFeatureError(
                "torch.manual_seed is called inside the program",
                code="MG-P103",
                where=recorder.here(),
                hint="seed before the exported program is called.",
            )
        return original(*args, **kwargs)

    return seed


_FORKING = (contextlib.__file__, torch.random.__file__)


def _set_state(
    recorder: Recorder, original: Callable[..., object], mine: Mine
) -> Callable[..., object]:
    """Also where ``fork_rng`` ends: what is drawn there would be other numbers at the next call."""

    @functools.wraps(original)
    def set_state(*args: object, **kwargs: object) -> object:
        caller: FrameType | None = sys._getframe(1)
        while caller is not None and caller.f_code.co_filename in _FORKING:
            caller = caller.f_back
        is_asked = caller is not None and is_of_user(caller.f_code)
        if mine() and is_asked and recorder.context.reseeded is None:
            recorder.context.reseeded = PythonFeatureError(
                "the state of the random generator is set inside the program",
                code="MG-P103",
                where=recorder.here(),
                hint="draw the numbers outside of the program, and pass them to it.",
            )
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


def _asked_of_the_class(name: str, mine: Mine) -> Callable[..., Any]:
    """``torch.Tensor.stride(x)`` is the method of ``x`` itself."""
    original = getattr(torch.Tensor, name)

    @functools.wraps(original)
    def ask(self: torch.Tensor, *args: object, **kwargs: object) -> object:
        if type(self) is AbstractTensor and mine():
            return getattr(self, name)(*args, **kwargs)
        return original(self, *args, **kwargs)

    return ask


def _identity(recorder: Recorder, mine: Mine) -> Callable[[object], int]:
    def identity(obj: object, /) -> int:
        found = _id(obj)
        if type(obj) is AbstractTensor and mine() and not is_ours(sys._getframe(1).f_code):
            if recorder.context.strict is not None and recorder.context.strict.audits:
                raise recorder.context.strict.unstable("id() of a tensor", recorder.here())
            recorder.assume(
                "id",
                f"id() of a tensor was {found} while capturing; used in the program, it is fixed",
                recorder.here(),
            )
        return found

    return identity


def _all_noticed(recorder: Recorder, mine: Mine) -> Iterator[tuple[Any, str, Any]]:
    sources: list[tuple[Any, tuple[str, ...], str]] = [
        (random, _RANDOM, "random"),
        (time, _TIME, "time"),
    ]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        sources.append((numpy.random, _NUMPY_RANDOM, "random"))
    for owner, attributes, kind in sources:
        for attribute in attributes:
            original = getattr(owner, attribute)
            name = f"{owner.__name__}.{attribute}"
            yield owner, attribute, _noticed(recorder, original, kind, name, mine)


def _noticed(
    recorder: Recorder, original: Callable[..., object], kind: str, name: str, mine: Mine
) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: object, **kwargs: object) -> object:
        found = original(*args, **kwargs)
        if mine() and recorder.context.is_running:
            where = recorder.context.here_if_user()
            if (
                where is not None
                and recorder.context.strict is not None
                and recorder.context.strict.audits
            ):
                raise recorder.context.strict.unstable(f"{name}()", where)
            if where is not None:
                recorder.assume(
                    kind, f"{name}() was called once, while capturing: its result is fixed", where
                )
        return found

    return call
