"""Whether a call has left everything as it was: found without asking those who put things back.

Objects are walked generically, by what Python's collector says that they refer to. Where the
capture remembers by kinds, this compares by identities; neither shares the other's blind spots.
"""

from __future__ import annotations

import builtins
import collections.abc
import contextlib
import functools
import gc
import logging
import queue
import random
import sys
import threading
import time
import types
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from monograph.capture.python.redirect import redirected
from monograph.capture.python.saved import REGISTRY
from monograph.ir.spec import kind_without_spec
from monograph.torch_internals import (
    STANCE,
    dispatcher_keys,
    function_modes,
    is_compiler_loaded,
    writes_to,
)

__all__ = [
    "differences",
    "exports_leave_all_as_it_was",
    "lasting_state",
    "process_state",
    "thread_state",
    "unchanged",
]

_LEAVES = (
    int, float, complex, str, bytes, bool, type(None), types.CodeType, types.ModuleType,
    types.FrameType, types.TracebackType, types.GeneratorType, types.BuiltinFunctionType,
    types.GetSetDescriptorType, types.MemberDescriptorType, types.WrapperDescriptorType,
    types.MethodDescriptorType, weakref.ref, torch.dtype, torch.device, torch.Size,
    logging.Logger, logging.Handler, threading.Thread, queue.SimpleQueue,
    type(functools.lru_cache(lambda: None)),  # a cache may be emptied
    type(vars(collections.abc.Sized)["_abc_impl"]),  # and what classes have been asked for grows
)  # fmt: skip
_MOST_BYTES = 1 << 16  # of one tensor's values
_NOT_OURS = ("torch", "monograph", "numpy", "pytest", "_pytest", "pluggy", "hypothesis")


class Reachable:
    """All objects that hang on some others, with what each of them consists of."""

    def __init__(self, roots: dict[str, Any], most: int = 1_000_000) -> None:
        self.objects: dict[int, tuple[Any, str, Any]] = {}
        namespaces = _namespaces(tuple(map(id, list(sys.modules.values()))))
        waiting = deque((value, path) for path, value in roots.items())
        while waiting and len(self.objects) < most:
            item, path = waiting.popleft()
            if id(item) in self.objects or isinstance(item, _LEAVES) or _is_foreign(item):
                continue
            if id(item) in namespaces and path not in roots:
                continue
            self.objects[id(item)] = (item, path, _content(item))
            waiting.extend(_parts(item, path))

    def differences(self) -> Iterator[str]:
        """What consists of something else now."""
        for item, path, before in self.objects.values():
            now = _content(item)
            if now != before:
                yield f"{path} ({type(item).__name__}): {_told(before, now)}"


@functools.lru_cache(maxsize=1)
def _namespaces(_modules: tuple[int, ...]) -> set[int]:
    return {id(vars(m)) for m in list(sys.modules.values()) if hasattr(m, "__dict__")}


def _is_foreign(item: object) -> bool:
    """Classes, and objects of classes, that no program of a user's is made of."""
    kind = item if isinstance(item, type) else type(item)
    package = kind.__module__.partition(".")[0] if isinstance(kind.__module__, str) else ""
    if isinstance(item, (type, types.MethodType)):
        return package in _NOT_OURS or package in sys.stdlib_module_names
    if isinstance(item, types.FunctionType):
        return str(item.__module__).partition(".")[0] in _NOT_OURS
    if _is_numpy_generator(item):
        return False
    if isinstance(item, (nn.Module, torch.Tensor)) or kind.__module__.startswith("torch.nn"):
        return False
    return package in _NOT_OURS


def _is_numpy_generator(item: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(item, numpy.random.Generator)


def _content(item: Any) -> Any:
    """What ``item`` consists of: comparable, and different where anything was exchanged."""
    if isinstance(item, torch.Tensor):
        return _content_of_tensor(item)
    if isinstance(item, OrderedDict):
        return tuple((id(key), id(value)) for key, value in OrderedDict.items(item))
    if isinstance(item, dict):
        return tuple((id(key), id(value)) for key, value in dict.items(item))
    if isinstance(item, (set, frozenset)):
        return frozenset(map(id, item))
    if isinstance(item, (list, tuple, deque)):
        return tuple(map(id, item))
    if isinstance(item, type):
        own = type.__getattribute__(item, "__dict__")
        return {name: id(value) for name, value in own.items() if name[:2] != "__"}
    if isinstance(item, random.Random) and not isinstance(item, random.SystemRandom):
        return item.getstate()
    if _is_numpy_generator(item):
        return repr(item.bit_generator.state)
    if isinstance(item, types.FunctionType):
        dicts = (item.__defaults__, item.__kwdefaults__, item.__closure__)
        return (id(item.__code__), *map(id, dicts), tuple(item.__dict__.items()))
    getattr(item, "__dict__", None)  # made when it is first asked for
    return frozenset(map(id, gc.get_referents(item)))


def _content_of_tensor(tensor: torch.Tensor) -> Any:
    grad = tensor.grad if tensor.is_leaf else None
    facts = (tensor.requires_grad, id(grad), tuple(tensor.__dict__.items()))
    if type(tensor) not in (torch.Tensor, nn.Parameter) or kind_without_spec(tensor):
        return facts
    size = tensor.numel() * tensor.element_size()
    is_read = tensor.device.type == "cpu" and 0 < size <= _MOST_BYTES
    plain = tensor.detach().resolve_conj().resolve_neg()
    values = plain.contiguous().flatten().view(torch.uint8) if is_read else None
    return (
        *facts, tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype,
        0 if tensor.is_inference() else writes_to(tensor),
        None if values is None else bytes(values.tolist()) if size < 256 else values.sum().item(),
    )  # fmt: skip


def _parts(item: Any, path: str) -> Iterator[tuple[Any, str]]:
    if isinstance(item, dict):
        for key, value in list(dict.items(item)):
            if type(key) is not str or key != REGISTRY:
                yield value, f"{path}.{key}"
    elif isinstance(item, type):
        for name, value in list(vars(item).items()):
            if name[:2] != "__":
                yield value, f"{path}.{name}"
        for base in item.__mro__[1:]:
            yield base, base.__qualname__
    elif isinstance(item, types.FunctionType):
        for value in (item.__defaults__, item.__kwdefaults__, item.__closure__, item.__dict__):
            yield value, path
    elif isinstance(item, torch.Tensor):
        yield from ((value, f"{path}.{name}") for name, value in item.__dict__.items())
    else:
        getattr(item, "__dict__", None)
        for value in gc.get_referents(item):
            yield value, path
        yield type(item), type(item).__qualname__


def _told(before: object, now: object) -> str:
    if isinstance(before, tuple) and isinstance(now, tuple) and len(before) != len(now):
        return f"{len(before)} entries before, {len(now)} after"
    return f"{str(before)[:200]} before, {str(now)[:200]} after"


def thread_state() -> dict[str, Any]:
    """What torch and Python know of this thread, and the settings that calls steer by."""
    state: dict[str, Any] = {
        "dispatcher": dispatcher_keys(),
        "function modes": [id(mode) for mode in function_modes()],
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "default dtype": torch.get_default_dtype(),
        "default device": torch.get_default_device(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "attention": (
            torch.backends.cuda.flash_sdp_enabled(),
            torch.backends.cuda.math_sdp_enabled(),
        ),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "anomaly mode": torch.is_anomaly_enabled(),
        "exporting": (torch.compiler.is_exporting(), torch.compiler.is_compiling()),
        "fast path": torch.backends.mha.get_fastpath_enabled(),
        "threads": torch.get_num_threads(),
        "global hooks": [
            [id(hook) for hook in held.values()]
            for name, held in sorted(vars(nn.modules.module).items())
            if name.startswith("_global_") and isinstance(held, dict)
        ],
        "tracing": sys.gettrace(),
        "collection": (gc.isenabled(), gc.get_threshold()),
        "recursion limit": sys.getrecursionlimit(),
        # A package may add one when it is first imported.
        f"filters of warnings, {len(sys.modules)} modules": (
            list(warnings.filters),
            warnings.showwarning,
        ),
        f"importing, {len(sys.modules)} modules": [id(finder) for finder in sys.meta_path],
        "stance of the compiler": STANCE.get(),
        "torch's generator": bytes(torch.get_rng_state().tolist()),
        "Python's generator": random.getstate(),
    }
    if "numpy" in sys.modules:
        kind, keys, *rest = sys.modules["numpy"].random.get_state()
        state["numpy's generator"] = (kind, keys.tobytes(), *rest)
    return state


def lasting_state() -> dict[str, Any]:
    """``thread_state`` without what a test may well change: random numbers, filters of warnings."""
    passing = ("generator", "filters of warnings", "recursion limit")
    return {k: v for k, v in thread_state().items() if not any(word in k for word in passing)}


def process_state() -> dict[str, Any]:
    """The entry points that a capture replaces: by identity, functions with their code."""
    # The compiler replaces some when it is first imported: what is before is another process.
    kind = "compiled" if is_compiler_loaded() else "uncompiled"
    seen: list[int] = []
    for values in (list(vars(owner).values()) for owner in _owners()):
        seen += map(id, values)
        seen += (id(each.__code__) for each in values if type(each) is types.FunctionType)
    return {**_entry_points(kind, tuple(seen)), **_loggers()}


def _owners() -> list[Any]:
    owners: list[Any] = [
        builtins, random, time, torch, torch.Tensor, torch.autograd, torch.autograd.Function,
        torch.nn.functional, torch.random, torch.compiler, torch.backends.mha,
        nn.modules.module, torch.cond, logging.Logger,
    ]  # fmt: skip
    return owners + [sys.modules[name] for name in ("numpy.random", "os") if name in sys.modules]


@functools.lru_cache(maxsize=2)  # those before and after a call: mostly they are the same
def _entry_points(kind: str, _seen: tuple[int, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for owner in _owners():
        name = getattr(owner, "__name__", str(owner))
        for key, value in list(vars(owner).items()):
            code = getattr(value, "__code__", None)
            if callable(value):
                found[f"{kind}: {name}.{key}"] = (id(value), id(code))
    found["Module.__call__"] = (id(nn.Module.__call__), None)
    return found


def _loggers() -> dict[str, Any]:
    fakes = logging.getLogger("torch._subclasses.fake_tensor")
    return {"logger of fake tensors": (fakes.disabled, len(fakes.filters))}


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Entries of two states that are not the same; what is new (imported since) is none."""
    return [
        f"{name}: {_told(value, after[name])}"
        for name, value in before.items()
        if name in after and after[name] != value
    ]


@contextlib.contextmanager
def unchanged(*programs: object, most: int = 1_000_000) -> Iterator[None]:
    """The block leaves ``programs``, this thread and torch's settings as they are.

    Programs are modules, functions, or anything else; their classes and the globals of the Python
    modules that define them are part of them.

    Raises:
        AssertionError: what is different, also where the block raises.
    """
    reachable = Reachable(_roots(programs), most)
    before = thread_state()
    try:
        yield
    finally:
        found = [*differences(before, thread_state()), *reachable.differences()]
        assert not found, "left behind:\n" + "\n".join(found)


def _roots(programs: tuple[Any, ...]) -> dict[str, Any]:
    roots: dict[str, Any] = {}
    for i, program in enumerate(programs):
        roots[f"program{i or ''}"] = program
        kinds = {type(m) for m in program.modules()} if isinstance(program, nn.Module) else set()
        names = {kind.__module__ for kind in kinds} | {getattr(program, "__module__", None)}
        for name in names:
            package = str(name).partition(".")[0]
            if name in sys.modules and package not in (*_NOT_OURS, *sys.stdlib_module_names):
                roots[f"globals of {name}"] = vars(sys.modules[name])
    return roots


@contextlib.contextmanager
def exports_leave_all_as_it_was(
    *functions: Callable[..., Any], most: int = 2_000, found: list[str]
) -> Iterator[None]:
    """Calls of ``functions``, each with a program first, are compared; ``found`` gets differences.

    Those of the main thread, that is: other threads see what is changed for the whole process.

    ``most``: how many objects of a program are looked at, the nearest first.
    """
    main, is_inside = threading.main_thread(), False

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        original = types.FunctionType(
            function.__code__, function.__globals__, function.__name__, function.__defaults__,
            function.__closure__,
        )  # fmt: skip
        original.__kwdefaults__ = function.__kwdefaults__

        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal is_inside
            if is_inside or not args or threading.current_thread() is not main:
                return original(*args, **kwargs)
            is_inside = True
            try:
                reachable, before = Reachable(_roots(args[:1]), most), thread_state()
                try:
                    return original(*args, **kwargs)
                finally:
                    found.extend(differences(before, thread_state()))
                    found.extend(reachable.differences())
            finally:
                is_inside = False

        return call

    with redirected({each: watched(each) for each in functions}, lambda: True):
        yield
