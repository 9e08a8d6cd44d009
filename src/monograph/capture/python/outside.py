"""What a program asks of the world outside of it: the clock, chance, files, settings of torch.

The answers are those of the capture, for good: each is listed, or refused by strict mode. A
function of Python is given other code, which finds it under any name; one of C is replaced where
its module or class names it, and where something that the program holds does.
"""

from __future__ import annotations

import builtins
import contextlib
import datetime
import functools
import importlib
import inspect
import io
import linecache
import logging
import operator
import os
import random
import sys
import tokenize
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from monograph.capture.python.frames import is_of_python, is_of_user
from monograph.capture.python.redirect import InPlaceOf, copied, is_in_place, is_redirectable

if TYPE_CHECKING:
    from types import CodeType, FrameType

    from monograph.capture.recorder import Recorder

__all__ = ["Asked", "asked"]

Mine = Callable[[], bool]
Function = Callable[..., Any]


class Source(NamedTuple):
    """Functions of a module, or of a class in it, that tell of the world.

    ``takes``: only what is called with at most so many arguments asks for anything.
    ``is_refused``: by strict mode.
    """

    module: str
    names: tuple[str, ...]
    kind: str
    owner: str = ""
    takes: int | None = None
    is_refused: bool = False


_RANDOM = (
    "random", "randint", "randrange", "uniform", "choice", "choices", "sample", "shuffle", "gauss",
    "normalvariate", "getrandbits", "betavariate", "expovariate", "gammavariate", "lognormvariate",
    "paretovariate", "randbytes", "triangular", "vonmisesvariate", "weibullvariate",
    "binomialvariate",
)  # fmt: skip
_TIME = (
    "time", "time_ns", "perf_counter", "perf_counter_ns", "monotonic", "monotonic_ns",
    "process_time", "process_time_ns", "thread_time", "thread_time_ns", "clock_gettime",
    "clock_gettime_ns",
)  # fmt: skip
_OF_CUDA = (
    "is_available", "device_count", "current_device", "get_device_capability", "get_device_name",
    "get_device_properties", "is_bf16_supported", "is_tf32_supported", "is_initialized",
    "mem_get_info", "memory_allocated", "memory_reserved", "max_memory_allocated",
)  # fmt: skip
_OF_ATTENTION = (
    "cudnn_sdp_enabled", "flash_sdp_enabled", "math_sdp_enabled", "mem_efficient_sdp_enabled",
    "fp16_bf16_reduction_math_sdp_allowed", "is_flash_attention_available", "is_built",
)  # fmt: skip
_OF_FILES = (
    "stat", "lstat", "listdir", "scandir", "access", "getcwd", "readlink", "open",
)  # fmt: skip
_OF_PROCESS = (
    "uname", "cpu_count", "getloadavg", "getlogin", "getuid", "getppid", "sched_getaffinity",
    "process_cpu_count", "times",
)  # fmt: skip
_OF_PLATFORM = (
    "architecture", "machine", "node", "platform", "processor", "python_version",
    "python_version_tuple", "python_implementation", "release", "system", "uname", "version",
    "libc_ver", "mac_ver",
)  # fmt: skip
_OF_TORCH = (
    "get_num_threads", "get_num_interop_threads", "get_default_dtype", "get_default_device",
    "are_deterministic_algorithms_enabled", "is_deterministic_algorithms_warn_only_enabled",
    "get_deterministic_debug_mode", "get_float32_matmul_precision", "is_warn_always_enabled",
    "is_anomaly_enabled", "is_grad_enabled", "is_inference_mode_enabled", "is_autocast_enabled",
    "get_autocast_dtype", "get_autocast_gpu_dtype", "get_autocast_cpu_dtype",
    "is_autocast_cpu_enabled",
)  # fmt: skip
_SOURCES = (
    Source("random", _RANDOM, "random", is_refused=True),
    Source("random", _RANDOM, "random", "Random", is_refused=True),
    Source("random", ("random", "getrandbits", "randbytes"), "random", "SystemRandom",
           is_refused=True),
    Source("secrets", ("token_bytes", "token_hex", "token_urlsafe", "randbelow", "randbits",
                       "choice"), "random", is_refused=True),
    Source("uuid", ("uuid1", "uuid4"), "random", is_refused=True),
    Source("os", ("urandom", "getrandom"), "random", is_refused=True),
    Source("torch", ("initial_seed", "get_rng_state"), "random"),
    Source("time", _TIME, "time", is_refused=True),
    Source("time", ("localtime", "gmtime", "ctime", "asctime"), "time", takes=0, is_refused=True),
    Source("time", ("strftime",), "time", takes=1, is_refused=True),
    Source("datetime", ("now", "utcnow", "today"), "time", "datetime", is_refused=True),
    Source("datetime", ("today",), "time", "date", is_refused=True),
    Source("os", ("getpid",), "environment", is_refused=True),
    Source("os", _OF_FILES, "file"),
    Source("os", _OF_PROCESS, "environment"),
    Source("platform", _OF_PLATFORM, "environment"),
    Source("socket", ("gethostname", "getfqdn"), "environment"),
    Source("locale", ("getlocale", "getencoding", "getpreferredencoding"), "environment"),
    Source("torch", _OF_TORCH, "setting"),
    Source("torch.cuda", _OF_CUDA, "setting"),
    Source("torch.accelerator", ("is_available", "device_count", "current_accelerator",
                                 "current_device_index"), "setting"),
    Source("torch.distributed", ("is_available", "is_initialized", "get_rank", "get_world_size",
                                 "get_backend"), "setting"),
    Source("torch.backends.cuda", _OF_ATTENTION, "setting"),
    Source("torch.backends.mps", ("is_available", "is_built"), "setting"),
    Source("torch.backends.mkldnn", ("is_available",), "setting"),
    Source("torch.backends.mkl", ("is_available",), "setting"),
    Source("torch.backends.openmp", ("is_available",), "setting"),
    Source("torch.backends.cudnn", ("version", "is_available"), "setting"),
    Source("torch.backends.cpu", ("get_cpu_capability",), "setting"),
)  # fmt: skip
# Answers that blocks of the program decide (``with torch.no_grad():``), where they differ from
# those at its beginning.
_OF_BLOCKS = frozenset({
    "is_grad_enabled", "is_inference_mode_enabled", "is_autocast_enabled", "get_autocast_dtype",
    "get_autocast_gpu_dtype", "get_autocast_cpu_dtype", "is_autocast_cpu_enabled",
})  # fmt: skip
# What Python does for itself: it reads source to show it, it notes when a line is logged.
_BY_ITSELF = {
    inspect.getsourcefile(module)
    for module in (importlib, inspect, linecache, logging, tokenize, traceback, warnings)
}


class Asked:
    """One capture, and what its program may ask outside."""

    def __init__(self, recorder: Recorder, mine: Mine) -> None:
        self.recorder = recorder
        self.mine = mine
        self.table = _table()
        self.seeded: list[random.Random] = []
        self.is_answering = False  # what is asked to answer another question is not listed
        self.open: Function = builtins.open
        with warnings.catch_warnings(action="ignore"):  # some have a newer name
            self.at_first = {name: _answers(getattr(torch, name)) for name in _OF_BLOCKS}

    def is_asked(self, *, at_once: bool = False) -> bool:
        """Whether it is the program that asks, or a library of Python's that it calls for it.

        ``at_once``: the program itself, because Python's libraries ask for the time for themselves.
        """
        if self.is_answering or not (self.mine() and self.recorder.context.is_running):
            return False
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and (
            frame.f_code.co_filename in _STEPS or (not at_once and _asks_for(frame.f_code))
        ):
            frame = frame.f_back
        return frame is not None and is_of_user(frame.f_code)

    def note(self, name: str, source: Source, found: object) -> object:
        """List what was answered, or refuse it; what the program gets."""
        strict, where = self.recorder.context.strict, self.recorder.here()
        if source.is_refused and strict is not None and strict.audits:
            found = strict.by_chance(source.kind, f"{name}()", found, where)
        if source.kind == "setting":
            text = f"{name}() was {found} while capturing: what depends on it is fixed"
        elif source.kind == "file":
            text = f"{name}() was asked while capturing: what it said of files is fixed"
        else:
            text = f"{name}() was called once, while capturing: its result is fixed"
        self.recorder.assume(source.kind, text, where)
        return found

    def list(self, kind: str, text: str) -> None:
        """List it where the program is what asks."""
        if self.is_asked():
            self.recorder.assume(kind, text, self.recorder.here())

    def is_by_chance(self, name: str, args: tuple[object, ...], found: object) -> bool:
        """Whether another run may answer otherwise: not a generator that the program has seeded,

        nor a setting of a block around the question.
        """
        if args and any(args[0] is each for each in self.seeded):
            return False
        answers = self.at_first.get(name.removeprefix("torch."))
        return answers is None or answers.get(args, _UNKNOWN) == found

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """It is this capture that the functions of the table tell."""
        _captures.append(self)
        try:
            yield
        finally:
            _captures.remove(self)

    def replacements(
        self, others: Sequence[tuple[object, str, object]]
    ) -> Sequence[tuple[Any, Any, Any]]:
        """What is replaced: under its name, and where the program holds it itself.

        ``others``: what else is replaced under its name, and is where the program holds it.
        """
        table = self.table
        found = list(table.replacements)
        given = getattr(sys, "argv", None)  # none where Python is part of another program
        watched = _Arguments(given or ())
        if given is not None:
            found.append((sys, "argv", watched))
        snapshot = self.recorder.context.snapshot
        if snapshot is not None:
            instead: dict[object, object] = {_key(new.function): new for new in _standing()}
            instead |= {**table.instead, id(given): watched}
            instead |= {_key(new.function): new for _, _, new in others if is_in_place(new)}
            found += snapshot.places_of(functools.partial(_other, instead))
            # As a builtin it would cost, because torch asks for thousands of hashes.
            called = table.instead[_key(builtins.hash)]
            found += [(names, "hash", called) for names in snapshot.namespaces()]
        return found

    def loaded(self) -> Sequence[tuple[Any, str, object]]:
        """What is to be replaced besides, after the program has imported something."""
        return self.table.add_numpy()

    def sent(self) -> dict[FunctionType, Function]:
        """The functions of Python that are sent elsewhere."""
        return self.table.targets


_captures: list[Asked] = []


def asked() -> Asked | None:
    """The capture whose program may be what asks now."""
    found = _captures[-1] if _captures else None
    return found if found is not None and found.mine() else None


class Table:
    """The functions that tell of the world, each with what is called instead: made once."""

    def __init__(self) -> None:
        self.replacements: list[tuple[Any, str, object]] = []
        self.targets: dict[FunctionType, Function] = {}
        self.instead: dict[object, Function] = {}  # by identity, or by what a method of C is of
        self._known: list[tuple[dict[str, object], str, object]] = []
        self._count = _modules()
        for source in _SOURCES:
            self._add_source(source)
        self._has_numpy = False
        self.add_numpy()
        self._replace(builtins, "open", builtins.open, _open)
        self._replace(io, "open", io.open, _open)
        self.instead[_key(builtins.hash)] = InPlaceOf(builtins.hash, _hash)
        told = (_seed, _flag, _flag_of_products, _variable)
        self.targets |= dict(zip(_FUNCTIONS, told, strict=True))

    @property
    def is_right(self) -> bool:
        """Whether there is no other function under one of the names, nor a module more."""
        others = [name for names, name, original in self._known if names.get(name) is not original]
        return self._count == _modules() and not others

    def _add_source(self, source: Source) -> None:
        module = sys.modules.get(source.module)
        owner = getattr(module, source.owner, None) if source.owner else module
        for name in source.names:
            original = None if owner is None else inspect.getattr_static(owner, name, None)
            if original is None or isinstance(original, MethodType):  # its class has it
                continue
            told = ".".join(filter(None, (source.module, source.owner, name)))
            if isinstance(owner, type) and source.module == "datetime":
                self._add_class_method(owner, name, told, source)
            else:
                self._add(owner, name, original, functools.partial(_telling, told, source))

    def add_numpy(self) -> list[tuple[Any, str, object]]:
        """What numpy draws of its own generator: the methods of an object that is not named.

        Gives what is replaced, where it has been loaded since.
        """
        module, before = sys.modules.get("numpy.random"), len(self.replacements)
        if module is None or self._has_numpy:
            return []
        self._has_numpy, self._count = True, _modules()
        state = getattr(module.rand, "__self__", None)
        source = Source("numpy.random", (), "random", is_refused=True)
        for name, value in list(vars(module).items()):
            is_method = getattr(value, "__self__", None) is state and callable(value)
            if is_method and name not in ("seed", "get_state", "set_state"):
                told = functools.partial(_telling, f"numpy.random.{name}", source)
                self._add(module, name, value, told)
        return self.replacements[before:]

    def _add(
        self, owner: object, name: str, original: Function, told: Callable[..., Function]
    ) -> None:
        if is_redirectable(original):
            self.targets[original] = told(copied(original))
        else:
            self._replace(owner, name, original, told(original))
            if name in vars(owner):  # not where it inherits it
                self._known.append((vars(owner), name, original))

    def _replace(self, owner: object, name: str, original: object, instead: Function) -> None:
        if not isinstance(owner, type):
            found = self.instead.get(_key(original))  # one function may have two names
            instead = found or InPlaceOf(original, instead)
        self.instead[_key(original)] = instead
        self.replacements.append((owner, name, instead))

    def _add_class_method(self, owner: type, name: str, told: str, source: Source) -> None:
        """One of a class of C makes objects of that class, or of one that inherits."""
        method = inspect.getattr_static(owner, name)
        ask = _telling(
            told, source, lambda cls, *args, **kwargs: method.__get__(None, cls)(*args, **kwargs)
        )
        self.replacements.append((owner, name, classmethod(ask)))
        self.instead[_key(getattr(owner, name))] = functools.partial(ask, owner)


_tables: list[Table] = []


def _table() -> Table:
    if not _tables or not (_captures or _tables[0].is_right):  # it is in use, or may be another
        _tables[:] = [Table()]
    return _tables[0]


def _modules() -> int:
    return sum([source.module in sys.modules for source in _SOURCES]) + (
        "numpy.random" in sys.modules
    )


def _telling(name: str, source: Source, original: Function) -> Function:
    """A function that notes that it was asked."""

    @functools.wraps(original)
    def call(*args: object, **kwargs: object) -> object:
        capture = asked()
        if capture is None or capture.is_answering:
            return original(*args, **kwargs)
        capture.is_answering = True
        try:
            found = original(*args, **kwargs)
        finally:
            capture.is_answering = False
        if source.takes is not None and len(args) > source.takes:
            return found
        if capture.is_by_chance(name, args, found) and capture.is_asked(at_once=source.is_refused):
            is_of_python = bool(args) and args[0] is _OF_PYTHON
            told = name.replace(".Random.", ".") if is_of_python else name
            found = capture.note(told, source, found)
        return found

    return call


@functools.wraps(builtins.open)
def _open(file: object, mode: str = "r", *args: object, **kwargs: object) -> object:
    """Also what many call for the program: ``Path.read_text``, ``numpy.load``."""
    capture = asked()
    if capture is None:
        return _open_at_first(file, mode, *args, **kwargs)
    opened = capture.open(file, mode, *args, **kwargs)
    if not isinstance(file, int):
        capture.list(
            "file",
            f"the file {file} is written while capturing: the program does not write it"
            if set(mode) & set("wax+")
            else f"the file {file} is read: what was in it is part of the program",
        )
    return opened


@functools.wraps(builtins.hash)
def _hash(value: object, /) -> int:
    found = _hash_at_first(value)
    capture = asked() if _has_text(value) else None
    # A class of the program's defines its hash: a dict asks for it.
    if capture is not None and sys._getframe(1).f_code.co_name != "__hash__":
        capture.list("id", "hash() of a text is another number in each process: it is fixed")
    return found


def _seed(generator: random.Random, a: object = None, *args: object, **kwargs: object) -> None:
    """A generator that the program makes, or sets, of a number draws nothing by chance."""
    _seed_at_first(generator, a, *args, **kwargs)
    capture = asked()
    if capture is not None and a is not None and generator is not _OF_PYTHON:
        capture.seeded.append(generator)


def _flag(prop: object, module: object, kind: object) -> object:
    """``torch.backends.cudnn.enabled``, and what else is read like an attribute."""
    found = _flag_at_first(prop, module, kind)
    names = [name for name, value in vars(type(module)).items() if value is prop]
    return _flag_told(f"{getattr(module, '__name__', 'a backend')}.{names[0]}", found)


def _flag_of_products(module: object, name: str) -> object:
    return _flag_told(f"torch.backends.cuda.matmul.{name}", _products_at_first(module, name))


def _flag_told(name: str, found: object) -> object:
    capture = asked()
    if capture is not None:
        text = f"{name} was {found} while capturing: what depends on it is fixed"
        capture.list("setting", text)
    return found


def _variable(variables: object, key: str) -> object:
    """``os.environ``, by whatever method."""
    capture = asked()
    if capture is not None:
        text = f"the environment variable {key} was read while capturing: it is fixed"
        capture.list("environment", text)
    return _variable_at_first(variables, key)


def _note_arguments() -> None:
    capture = asked()
    if capture is not None:
        capture.list("environment", "sys.argv was read while capturing: it is fixed")


def _reading(name: str) -> Function:
    method = getattr(list, name)

    @functools.wraps(method)
    def read(*args: object) -> object:
        _note_arguments()
        return method(*args)

    return read


class _Arguments(list[str]):
    """``sys.argv``, which tells when it is read."""

    for _name in ("__getitem__", "__iter__", "__len__", "__contains__", "__eq__", "copy", "index"):
        vars()[_name] = _reading(_name)


def _standing() -> Iterator[InPlaceOf]:
    """What strict mode has replaced before."""
    for module in (builtins, torch, torch.nn.functional):
        yield from [each for each in vars(module).values() if type(each) is InPlaceOf]


def _other(instead: dict[object, object], value: object) -> object:
    """What is held in place of it; None for what stays."""
    if type(value) is tuple:
        made = tuple(instead.get(_key(item), item) for item in value)
        return None if all(map(operator.is_, made, value)) else made
    return instead.get(_key(value))


def _key(value: object) -> object:
    """The same for the same function of C, of which a method is made anew for each who asks."""
    if isinstance(value, BuiltinFunctionType) and value.__self__ is not None:
        return id(value.__self__), value.__name__
    return id(value)


def _answers(question: Function) -> dict[tuple[object, ...], object]:
    """What the world says, before blocks of the program say otherwise."""
    found: dict[tuple[object, ...], object] = {}
    for given in ((), ("cpu",), ("cuda",)):
        try:
            found[given] = question(*given)
        except (TypeError, RuntimeError):  # it is asked in another way
            continue
    return found


def _asks_for(code: CodeType) -> bool:
    """Whether it asks for the program that has called it: not where Python does so for itself."""
    name = code.co_filename
    if name == torch.serialization.__file__:
        return True
    return is_of_python(code) and name not in _BY_ITSELF and "importlib" not in name


def _has_text(value: object) -> bool:
    if isinstance(value, (tuple, frozenset)):
        return any(map(_has_text, value))
    return isinstance(value, (str, bytes, datetime.date, datetime.time))


_UNKNOWN = object()
_OF_PYTHON: object = random.random.__self__  # type: ignore[attr-defined]
_STEPS = (__file__, inspect.getsourcefile(copied))
_open_at_first: Function = builtins.open
_hash_at_first = builtins.hash
_FUNCTIONS: tuple[FunctionType, ...] = (
    vars(random.Random)["seed"],
    vars(torch.backends.ContextProp)["__get__"],
    vars(torch.backends.cuda.cuBLASModule)["__getattr__"],
    vars(type(os.environ))["__getitem__"],
)
_seed_at_first, _flag_at_first, _products_at_first, _variable_at_first = map(copied, _FUNCTIONS)
