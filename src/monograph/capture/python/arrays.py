"""Arrays that numpy makes of sizes: ``torch.from_numpy(np.arange(n))``.

Numpy computes with plain numbers. What a program makes of sizes that vary is a tensor of the graph
here, in what looks like an array; numpy hands its own functions of such on to it. Each is computed
twice: on the tensors, by torch's counterparts of numpy's functions, and by numpy on the arrays of
the example. Where the two have not the same type and shape, or there is no counterpart, the sizes
become those of the example, and all is left to numpy.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.builtin_functions import called_instead
from monograph.capture.python.frames import stands_in
from monograph.capture.python.number_methods import number_of
from monograph.capture.python.operator_calls import through_schema
from monograph.shapes.symnode import expression_of
from monograph.torch_internals import numpy_in_torch, without_modes

__all__ = ["replace_array_makers", "tensor_of"]

_VARYING = (torch.SymInt, torch.SymFloat)
_MAKERS = ("arange", "linspace", "zeros", "ones", "full", "eye", "identity", "tri")
_MOST_ELEMENTS = 1 << 20  # of the example, which is computed as well

Function = Callable[..., Any]
Item = Any  # whatever a program computes with


class UnlikeError(Exception):
    """Torch's counterpart gives something else."""


_REFUSALS = (
    UnlikeError, AttributeError, KeyError, TypeError, ValueError, NotImplementedError, IndexError,
)  # fmt: skip


def _linspace(start: Item, stop: Item, num: Item = 50) -> object:
    return through_schema(torch.linspace)(start, stop, num, dtype=torch.float64)


@functools.cache
def replace_array_makers() -> None:
    """Functions of numpy that make arrays are called as ours, where sizes vary; it is loaded."""
    for name in _MAKERS:
        original = getattr(_numpy(), name)
        called_instead(original, _making(original))


def tensor_of(item: object) -> torch.Tensor | None:
    """The tensor that stands for an array of sizes that vary."""
    return item.held if isinstance(item, _Array) else None


def _making(original: Function) -> Function:
    def call(*args: object, **kwargs: object) -> object:
        sizes = _sizes_in((args, kwargs))
        if not sizes or running_recorder() is None:
            return original(*args, **kwargs)
        return _computed(original, original.__name__, args, kwargs)

    stands_in(call.__code__)
    return call


def _computed(original: Function, name: str, args: Item, kwargs: Item) -> object:
    """What a function of numpy gives, as arrays of tensors; or numpy's own, for the example."""
    sizes = _sizes_in((args, kwargs))
    example = _each(_example, (args, kwargs))
    found = None if "out" in kwargs else original(*example[0], **example[1])
    for given_as in () if found is None else (_given, _given_as_floats):
        try:
            with without_modes():
                _require_same(_in_torch(name, given_as, *example), found)
            return _joined(_in_torch(name, given_as, args, kwargs), found, sizes)
        except _REFUSALS:
            continue
    return _by_numpy(original, args, kwargs)


def _by_numpy(original: Function, args: Item, kwargs: Item) -> object:
    """What numpy gives for the example, of which all sizes are from here on; it may write."""
    arrays = _arrays_in((args, kwargs))
    before = [array.example.copy() for array in arrays]
    fixed = _each(_fixed, (args, kwargs))
    found = original(*fixed[0], **fixed[1])
    for array, old in zip(arrays, before, strict=True):
        if not _is_alike(array.example, old):
            array.write(torch.from_numpy(array.example.copy()))
    return found


def _is_alike(left: Item, right: Item) -> bool:
    numpy = _numpy()
    return bool(numpy.allclose(left, right, equal_nan=left.dtype.kind in "fc"))


def _require_same(found: Item, example: Item) -> None:
    """Torch's counterpart gives for the example what numpy gives.

    Raises:
        UnlikeError: it does not.
    """
    if isinstance(example, (tuple, list)):
        if not isinstance(found, (tuple, list)) or len(found) != len(example):
            raise UnlikeError
        for pair in zip(found, example, strict=True):
            _require_same(*pair)
        return
    tensor = getattr(found, "tensor", found)
    if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != getattr(example, "shape", 0):
        raise UnlikeError
    if not _is_alike(tensor.numpy(), _numpy().asarray(example)):
        raise UnlikeError


def _in_torch(name: str, given_as: Function, args: Item, kwargs: Item) -> Item:
    """What torch's counterpart gives; of what is on numpy's own there is nothing to say."""
    function: Function = _linspace
    if name != "linspace":
        owner: Item = numpy_in_torch()
        function = functools.reduce(getattr, name.split("."), owner)
    said = {name: each for name, each in kwargs.items() if each is not None}
    args, said = _each(given_as, (args, said))
    return function(*args, **said)


def _joined(found: Item, example: Item, sizes: tuple[Any, ...]) -> object:
    """Each array of the one with that of the other, where they are alike."""
    if isinstance(example, (tuple, list)):
        if not isinstance(found, (tuple, list)) or len(found) != len(example):
            raise UnlikeError
        return type(example)(_joined(*pair, sizes) for pair in zip(found, example, strict=True))
    numpy = _numpy()
    if not isinstance(example, (numpy.ndarray, numpy.generic)):
        raise UnlikeError
    tensor = getattr(found, "tensor", found)
    if not isinstance(tensor, torch.Tensor):
        raise UnlikeError
    array = numpy.asarray(example)
    like = torch.from_numpy(array.copy())
    if tensor.dtype != like.dtype or tensor.dim() != like.dim():
        raise UnlikeError
    if tuple(map(_example, tensor.shape)) != array.shape or array.size > _MOST_ELEMENTS:
        raise UnlikeError
    return _made_array(_Array)(tensor, example, sizes)


# What numbers and arrays are -------------------------------------------------------------------


def _each(function: Function, item: Item) -> Item:
    """``item`` with ``function`` of all that it is made of."""
    if type(item) in (tuple, list, torch.Size):
        return (list if type(item) is list else tuple)(_each(function, each) for each in item)
    if type(item) is dict:
        return {name: _each(function, each) for name, each in item.items()}
    if type(item) is slice:
        return slice(*(_each(function, each) for each in (item.start, item.stop, item.step)))
    return function(item)


def _sizes_in(item: Item) -> tuple[Any, ...]:
    found: list[Any] = []

    def note(each: object) -> None:
        if isinstance(each, _VARYING):
            found.append(each)
        elif isinstance(each, _Array):
            found.extend(each.sizes)

    _each(note, item)
    return tuple({id(each): each for each in found}.values())


def _arrays_in(item: Item) -> list[Item]:
    found: list[Item] = []
    _each(lambda each: found.append(each) if isinstance(each, _Array) else None, item)
    return found


def _example(item: Item) -> Item:
    """What it is for the example's sizes."""
    if isinstance(item, _VARYING):
        found = item.node.env.hint(expression_of(item))
        if found is None:
            raise UnlikeError
        return found
    return item.example.copy() if isinstance(item, _Array) else item


def _given(item: Item) -> Item:
    """What torch's counterpart of a function is given."""
    numpy = _numpy()
    if isinstance(item, _Array):
        return numpy_in_torch().ndarray(item.held)
    if isinstance(item, (numpy.ndarray, numpy.generic)):
        return numpy_in_torch().ndarray(torch.from_numpy(numpy.array(item)))
    if isinstance(item, torch.Tensor):
        raise UnlikeError
    is_type = isinstance(item, numpy.dtype) or (
        isinstance(item, type) and issubclass(item, numpy.generic)
    )
    return numpy.dtype(item).name if is_type else item


def _given_as_floats(item: Item) -> Item:
    """The same, with numpy's floats in the place of integers and of Python's floats."""
    found = _given(item)
    if type(found) is float:
        return numpy_in_torch().asarray(found, dtype="float64")
    tensor = getattr(found, "tensor", None)
    if not isinstance(tensor, torch.Tensor) or tensor.dtype.is_floating_point:
        return found
    return numpy_in_torch().ndarray(tensor.to(torch.float64))


def _fixed(item: Item) -> Item:
    """What numpy is given: the example's, from here on."""
    if isinstance(item, _VARYING):
        return number_of(item)
    if isinstance(item, _Array):
        found = item.fixed()
        return found if isinstance(item, _OfTensor) else item.example
    return item


# The array -------------------------------------------------------------------------------------


class _Array:
    """``held``: the tensor; ``example``: what numpy has; ``sizes``: what it was made of."""

    def __init__(self, held: torch.Tensor, example: Item, sizes: tuple[Any, ...]) -> None:
        self.held, self.example, self.sizes = held, example, sizes

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return type(self.example)

    def __repr__(self) -> str:
        return repr(self.fixed())

    def __copy__(self) -> object:
        return _method(self, "copy")

    def __deepcopy__(self, memo: object) -> object:
        return _method(self, "copy")

    def as_index(self) -> torch.Tensor:
        """What it is where a tensor is indexed by it."""
        return self.held

    def fixed(self) -> Item:
        """The array of the example, which it is from here on; to be read."""
        for size in self.sizes:
            number_of(size)
        found = _numpy().asarray(self.example).view()
        found.flags.writeable = False
        return found

    def write(self, content: torch.Tensor) -> None:
        """Other content, for all that share the memory."""
        self.held.copy_(content)

    def __array_function__(self, function: Item, types: Item, args: Item, kwargs: Item) -> object:
        path = f"{function.__module__}.{function.__name__}".split("numpy.", 1)[-1]
        return _computed(function, path, args, kwargs)

    def __array_ufunc__(self, ufunc: Item, method: str, *inputs: Item, **kwargs: Item) -> object:
        if any(isinstance(each, torch.Tensor) for each in inputs):
            found = getattr(ufunc, method)(*map(_as_array, inputs), **kwargs)
            return found.held if isinstance(found, _Array) else found
        if method != "__call__":
            return _by_numpy(getattr(ufunc, method), inputs, kwargs)
        if kwargs.get("out") != (self,) or len(kwargs) > 1:
            return _computed(ufunc, ufunc.__name__, inputs, kwargs)
        found = _computed(ufunc, ufunc.__name__, inputs, {})
        self[...] = found
        return self

    def __array__(self, *args: Item, **kwargs: Item) -> Item:
        return _numpy().asarray(self.fixed(), *args, **kwargs)

    def __getitem__(self, index: Item) -> object:
        return _computed(_item, "ndarray.__getitem__", (self, index), {})

    def __setitem__(self, index: Item, content: Item) -> None:
        numbers = _each(_example, (index, content))
        self.example[numbers[0]] = numbers[1]
        try:
            given = _each(_given, (index, content))
            numpy_in_torch().ndarray(self.held)[given[0]] = given[1]
        except _REFUSALS:
            self.fixed()
            self.write(torch.from_numpy(self.example.copy()))

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fixed())

    def __len__(self) -> int:
        return len(self.fixed())

    def __bool__(self) -> bool:
        return bool(self.fixed())

    def __int__(self) -> int:
        return int(self.fixed())

    def __index__(self) -> int:
        return int(self.fixed())

    def __float__(self) -> float:
        return float(self.fixed())

    def __getattr__(self, name: str) -> Item:
        if name in ("shape", "size", "ndim", "dtype"):
            shape = tuple(self.held.shape)
            found = {"shape": shape, "ndim": len(shape), "dtype": self.example.dtype}
            return self.held.numel() if name == "size" else found[name]
        if name == "T":
            return self.transpose()
        if name in _METHODS:
            return functools.partial(_method, self, name)
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.fixed(), name)
        return functools.partial(_method, self, name) if callable(found) else found


class _OfTensor(_Array):
    """A tensor that numpy is asked to compute with: of any values."""

    def fixed(self) -> Item:
        """Its values, if they are known."""
        return self.held.numpy()


def _as_array(item: Item) -> Item:
    """``item``, a tensor as an array; torch makes a tensor of the result again."""
    if not isinstance(item, torch.Tensor):
        return item
    like = torch.ones(tuple(map(_example, item.shape)), dtype=item.dtype)
    kind = _made_array(_OfTensor)
    return kind(item, like.numpy(), _sizes_in(item.shape))


for _each_method in vars(_Array).values():
    if hasattr(_each_method, "__code__"):
        stands_in(_each_method.__code__)


@functools.cache
def _made_array(base: type) -> Function:
    """The class with numpy's operators; numpy is loaded."""
    operators = _numpy().lib.mixins.NDArrayOperatorsMixin
    return type("ArrayOfSizes", (base, operators), {})


def _numpy() -> Item:
    return sys.modules["numpy"]


_METHODS = frozenset({
    "astype", "reshape", "transpose", "ravel", "flatten", "copy", "sum", "mean", "max", "min",
    "repeat", "squeeze", "cumsum", "prod", "clip", "round", "all", "any", "argmax", "argmin",
    "swapaxes",
})  # fmt: skip


def _item(array: Item, index: Item) -> Item:
    return array[index]


def _method(array: Item, name: str, *args: Item, **kwargs: Item) -> object:
    def call(array: Item, *args: Item, **kwargs: Item) -> Item:
        return getattr(array, name)(*args, **kwargs)

    return _computed(call, f"ndarray.{name}", (array, *args), kwargs)


def _shared(array: Item) -> torch.Tensor:
    """``torch.from_numpy``."""
    found = tensor_of(array)
    return _from_numpy(array) if found is None else found


_from_numpy = torch.from_numpy
called_instead(torch.from_numpy, _shared)


def _asarray(array: Item, **options: Item) -> torch.Tensor:
    """``torch.asarray``."""
    found = tensor_of(array)
    return _as_torch_has_it(array, **options) if found is None else found.to(**options)


_as_torch_has_it = torch.asarray
called_instead(torch.asarray, _asarray)
