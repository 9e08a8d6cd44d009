"""Tensors without data: the interned ``TensorSpec`` and the ``AbstractTensor`` that wears it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import torch
from torch.utils.hooks import RemovableHandle

from monograph.capture.python import builtin_functions
from monograph.capture.python.frames import frames_of_user
from monograph.capture.restarts import is_asked_by_program, is_printed
from monograph.diagnostics import InternalError, PythonFeatureError
from monograph.ir.spec import TensorSpec, spec_of
from monograph.ir.spec_tensor import wrapper_of_any_size
from monograph.shapes.layout import question_of_order
from monograph.shapes.symnode import symbolic
from monograph.torch_internals import (
    Operator,
    disabled_torch_function,
    install_metadata,
    is_mapped,
    make_alias,
    make_wrapper,
    mark_bits,
)

if TYPE_CHECKING:
    from monograph.capture.aliasing import Value

__all__ = ["ASKED_OF_THE_CLASS", "AbstractTensor", "become", "make_abstract", "put", "selected"]

# As they are before a capture replaces them.
_real_tolist, _real_numpy = torch.Tensor.tolist, torch.Tensor.numpy
_real_stride, _real_is_contiguous = torch.Tensor.stride, torch.Tensor.is_contiguous
_real_is_view = torch.Tensor._is_view
_of_gradients: Any = torch.Tensor
_flag, _leaf = _of_gradients.requires_grad, _of_gradients.is_leaf
_function, _data = _of_gradients.grad_fn, _of_gradients.data
_real_detach, _real_detach_in_place = torch.Tensor.detach, torch.Tensor.detach_
_real_dim_order = torch.Tensor.dim_order

# Dimensions, innermost first, by rank.
_ORDERS = {
    torch.channels_last: (4, (1, 3, 2, 0)),
    torch.channels_last_3d: (5, (1, 4, 3, 2, 0)),
}


class AbstractTensor(torch.Tensor):
    """A tensor with sizes, strides, a dtype and a device, and no data.

    It lives while a program is captured; afterwards it is the ``meta["val"]`` of graph nodes.
    """

    value: Value
    # What ``isinstance`` reads beside the type, and what ``x.__class__`` is: as in eager mode. A
    # property would cost a call of Python at each ``isinstance`` that is false.
    __class__ = torch.Tensor  # type: ignore[assignment]
    __torch_function__ = disabled_torch_function

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, op: Operator, types: object, args: object = (), kwargs: object = None
    ) -> NoReturn:
        raise InternalError(
            f"{op} was called on a tensor that stands for a value inside an exported program",
            hint="such a tensor has no data; it may have been kept by the program's code (in a "
            "global, a cache) while it was exported.",
        )

    def __repr__(self, *, tensor_contents: object = None) -> str:  # type: ignore[override]
        recorder = self.value.recorder
        if recorder.context.is_running and is_asked_by_program() and not is_printed():
            return recorder.knowledge.read(self, "repr(tensor)", repr)
        return f"AbstractTensor({spec_of(self)!r})"

    def __format__(self, format_spec: str) -> str:
        if format_spec and self.dim() == 0:
            return self.item().__format__(format_spec)  # a number is asked for: MG-D102
        return repr(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> torch.Tensor:
        recorder = self.value.recorder
        copied = (
            self.clone()
            if recorder.context.is_running
            else make_abstract(spec_of(self), self.value)
        )
        memo[id(self)] = copied
        return copied

    def detach(self) -> torch.Tensor:
        """Cut gradients off; told apart from the autograd engine's own detaching."""
        with self._detaching():
            return _real_detach(self)

    def detach_(self) -> torch.Tensor:
        """Cut its own gradients off: above autograd, no operator arrives that says it."""
        recorder = self.value.recorder
        found = _real_detach_in_place(self)
        if recorder.context.above_autograd and self.value.tracks:
            recorder.aliases.touch_tensor(self)
            self.value = recorder.record(torch.ops.aten.detach.default, (self,)).value
        return found

    @property
    def data(self) -> torch.Tensor:
        """The same without gradients: it detaches, too."""
        with self._detaching():
            found: torch.Tensor = _data.__get__(self)
        if isinstance(found, AbstractTensor):
            found.value.is_data = True
        return found

    @data.setter
    def data(self, value: torch.Tensor) -> None:
        _data.__set__(self, value)

    @contextlib.contextmanager
    def _detaching(self) -> Iterator[None]:
        context = self.value.recorder.context
        before, context.user_detach = context.user_detach, True
        try:
            yield
        finally:
            context.user_detach = before

    # Of gradients: below autograd no tensor says what it says in eager mode. Torch's own code is
    # told what is so here.

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows through it."""
        if not self._is_asked():
            return bool(_flag.__get__(self))
        is_so = bool(_flag.__get__(self)) if self._tells() else self._has_gradient()
        return self._listed("requires_grad", "requires grad", is_so)

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        _flag.__set__(self, value)

    @property
    def is_leaf(self) -> bool:  # type: ignore[override]
        """Whether no operator has made it, or no gradient flows through it."""
        if not self._is_asked():
            return bool(_leaf.__get__(self))
        is_so = bool(_leaf.__get__(self)) if self._tells() else self._is_leaf()
        return self._listed("is_leaf", "leaf", is_so)

    @property
    def grad_fn(self) -> object:  # type: ignore[override]
        """What a backward pass would run: here only whether there is something."""
        if not self._is_asked():
            return _function.__get__(self)
        if self._tells():
            function = _function.__get__(self)
            self._listed("grad_fn is None", "leaf", function is None)
            return function
        is_leaf = self._listed("grad_fn is None", "leaf", self._is_leaf())
        return None if is_leaf else _OfBackward(self)

    def _is_asked(self) -> bool:
        is_running, frames = self.value.recorder.context.is_running, frames_of_user(2)
        return is_running and bool(frames) and frames[0] is sys._getframe(2)

    def _tells(self) -> bool:
        """Whether it says what it says in eager mode, as what is computed above autograd does."""
        return self.value.recorder.context.above_autograd and self.value.origin is None

    def _listed(self, question: str, kind: str, answer: bool) -> bool:
        """An answer that arguments decide is an assumption, and of these a fact."""
        value = self.value.viewed()
        if value.tracks and not (kind == "leaf" and self.value.is_view_of_cut()):
            recorder = value.recorder
            text = f"{question} is {answer} with these arguments"
            recorder.assume("gradient", text, recorder.here())
            if kind == "leaf" and value is not self.value:  # a view is one where none is needed
                recorder.layouts.gradient(value, "requires grad", not answer)
            elif not value.detached or recorder.layouts.is_hidden(value):
                recorder.layouts.gradient(value, kind, answer)
        return answer

    def _has_gradient(self) -> bool:
        value, context = self.value.viewed(), self.value.recorder.context
        if not value.tracks and value.parent is None and _follows_a_cut(value):
            raise PythonFeatureError(
                "Python asks of gradients of what is computed of a view that is made under no_grad",
                code="MG-P107",
                where=value.recorder.here(),
                hint="make the view outside of torch.no_grad(): eager mode says of these that "
                "they require a gradient, and none flows.",
            )
        # What is made under ``no_grad`` has none, but for views; so where all of the program is.
        is_hidden = value.detached or (not context.base_grad and value.origin is None)
        return bool(_flag.__get__(self)) or (value.tracks == 2 and not is_hidden)

    def _is_leaf(self) -> bool:
        value = self.value
        is_given = value.origin is not None and value.origin.tensor.is_leaf
        is_made = not is_given or value.recorder.layouts.is_written(value)
        return value.is_view_of_cut() or not (is_made and self._has_gradient())

    def _is_view(self) -> bool:
        """Whether it shares the memory of what it was made of, in the eyes of autograd."""
        if not self.value.recorder.context.is_running:
            return bool(_real_is_view(self))
        return self.value.recorder.layouts.is_view(self.value)

    @property
    def _base(self) -> torch.Tensor | None:  # type: ignore[override]
        return self._no_memory() if self._is_view() else None

    def stride(self, dim: Any = None) -> Any:
        """How many elements further each dimension (or one) leads: a fact of the contract."""
        value = self.value
        at = None
        if dim is not None:
            _real_stride(self, dim)  # raises what eager mode raises
            at = dim % len(value.spec.shape)
        strides = value.recorder.layouts.strides(value, at)
        env = value.recorder.sizes.env
        if at is not None:
            return symbolic(env, strides[at])
        return tuple(symbolic(env, stride) for stride in strides)

    def storage_offset(self) -> int | torch.SymInt:
        """Where it starts in its memory, in elements: a fact of the contract."""
        recorder = self.value.recorder
        return symbolic(recorder.sizes.env, recorder.layouts.offset(self.value))

    def is_contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> bool:
        """Whether it lies in the order of ``memory_format``: a fact of the contract.

        Of an argument, the example tells. Of what is made of it, a question about sizes, where
        these vary.
        """
        value = self.value
        spec, layouts = value.spec, value.recorder.layouts
        example = layouts.example_of(value)
        if spec.scope is None:
            found = _real_is_contiguous(self, memory_format=memory_format)
        elif example is not None:
            found = _real_is_contiguous(example, memory_format=memory_format)
        else:
            rank, order = _ORDERS.get(memory_format, (0, tuple(range(self.dim()))[::-1]))
            if (
                rank and not value.recorder.context.is_running
            ) or memory_format is torch.preserve_format:
                return _real_is_contiguous(self, memory_format=memory_format)
            test = question_of_order(spec.shape, spec.strides, order, rank)
            found = spec.scope.owner.decide(test)
        return layouts.is_contiguous(value, memory_format, found)

    def dim_order(
        self, *, ambiguity_check: bool | list[torch.memory_format] = False
    ) -> tuple[int, ...]:
        """The dimensions, outermost first: a fact of the contract."""
        value = self.value
        layouts = value.recorder.layouts
        example = layouts.example_of(value)
        if example is None:  # follows from its strides, which are asked for
            if value.recorder.context.is_running:
                layouts.require_order(value)
            return _real_dim_order(self, ambiguity_check=ambiguity_check)
        try:
            found = _real_dim_order(example, ambiguity_check=ambiguity_check)
        except RuntimeError:
            layouts.truth(value, "dim order", ambiguity_check, None)
            raise
        layouts.truth(value, "dim order", ambiguity_check, found)
        return found

    def is_conj(self) -> bool:
        """Whether it is read conjugated: a fact of the contract."""
        return self.value.recorder.layouts.bit(self.value, "conjugate")

    def is_neg(self) -> bool:
        """Whether it is read negated: a fact of the contract."""
        return self.value.recorder.layouts.bit(self.value, "negative")

    def contiguous(
        self, memory_format: torch.memory_format = torch.contiguous_format
    ) -> torch.Tensor:
        """Itself where it is contiguous, else a copy."""
        recorder = self.value.recorder
        if recorder.context.above_autograd:
            recorder.layouts.rely_on_strides(self.value)
        return torch.ops.aten.contiguous.default(self, memory_format=memory_format)

    def __copy__(self) -> torch.Tensor:
        return torch.ops.aten.alias.default(self)

    def tolist(self) -> Any:
        """All values as numbers, of which those that are not known vary."""
        recorder = self.value.recorder
        size = self.value.spec.numel
        if size.__class__ is not int or size > 64 or recorder.knowledge.is_known(self.value):
            return recorder.knowledge.read(self, ".tolist()", _real_tolist)
        if self.dim() == 0:
            return self.item()
        return [row.tolist() for row in self.unbind(0)]

    def __len__(self) -> int:
        found: int = builtin_functions.length_of(self)
        return found

    def __int__(self) -> int:
        return builtin_functions.converted(self, "int")

    def __float__(self) -> float:
        return builtin_functions.converted(self, "float")

    def __getitem__(self, index: object) -> torch.Tensor:
        if (places := _rows_left_out(self, index)) is not None:
            found: AbstractTensor = torch.ops.aten.index.Tensor(self, places)
            self.value.recorder.aliases.ambiguous.append((self.value, found.value))
            return found
        view, rest = _taken(self, index)
        return super(AbstractTensor, view).__getitem__(rest)

    def __setitem__(self, index: object, value: torch.Tensor | float) -> None:
        if (places := _rows_left_out(self, index)) is not None:
            is_tensor = isinstance(value, torch.Tensor)
            torch.ops.aten.index_put_(
                self, places, value if is_tensor else torch.tensor(value, dtype=self.dtype)
            )
            return
        view, rest = _taken(self, index)
        if not isinstance(value, AbstractTensor) or not put(view, rest, value):
            super(AbstractTensor, view).__setitem__(rest, value)

    def new_tensor(self, data: object, **kwargs: Any) -> torch.Tensor:  # type: ignore[override]
        """As ``torch.tensor``, with the dtype and the device of ``self``."""
        return torch.tensor(data, **{"dtype": self.dtype, "device": self.device, **kwargs})

    def numpy(self, *, force: bool = False) -> Any:
        """A NumPy array: only where the values are known while capturing."""
        recorder = self.value.recorder
        return recorder.knowledge.read(self, ".numpy()", lambda t: _real_numpy(t, force=force))

    def __array__(self, dtype: Any = None) -> Any:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def backward(self, *args: object, **kwargs: object) -> None:
        """Not a graph: gradients are accumulated into ``.grad``, outside the program."""
        raise PythonFeatureError(
            ".backward() inside the program writes to .grad of tensors outside it",
            code="MG-P106",
            where=self.value.recorder.here(),
            hint="use torch.autograd.grad(outputs, inputs), which returns the gradients.",
        )

    def as_subclass(self, cls: type) -> Any:
        """A plain tensor stays what it is."""
        if cls is torch.Tensor:
            return torch.ops.aten.alias.default(self)
        raise PythonFeatureError(
            f"a tensor becomes a {cls.__name__}",
            code="MG-P104",
            where=self.value.recorder.here(),
            hint="keep the tensor beside the object that has the methods.",
        )

    def register_hook(self, hook: Callable[[torch.Tensor], object]) -> RemovableHandle:
        """Not a graph: the hook would run in a backward pass of the capture's own."""
        if not self.value.tracks:
            return super().register_hook(hook)  # type: ignore[no-untyped-call]
        raise PythonFeatureError(
            "a hook on a tensor changes gradients behind the graph",
            code="MG-P107",
            where=self.value.recorder.here(),
            hint="write a torch.autograd.Function whose backward does what the hook does.",
        )

    def _no_memory(self, *args: object, **kwargs: object) -> NoReturn:
        raise PythonFeatureError(
            "Python asks for the memory behind a tensor",
            code="MG-P106",
            where=self.value.recorder.here(),
            hint="memory addresses and storages exist only when the program runs.",
        )

    data_ptr = untyped_storage = storage = share_memory_ = __dlpack__ = _no_memory
    __reduce_ex__ = _no_memory


def _follows_a_cut(value: Value) -> bool:
    """Whether it is computed of a view that is made under ``no_grad``."""
    cuts, nodes = value.recorder.cuts, [value.node]
    seen = set(nodes) if cuts else set()
    while cuts and nodes:
        node = nodes.pop()
        if node in cuts:
            return True
        nodes += [source for source in node.all_input_nodes if source not in seen]
        seen.update(nodes)
    return False


class _OfBackward:
    """Stands for the node of a backward pass, which there is not while a program is captured."""

    def __init__(self, tensor: AbstractTensor) -> None:
        self._tensor = tensor

    def __getattr__(self, name: str) -> NoReturn:
        raise PythonFeatureError(
            f"Python asks for {name} of a tensor's grad_fn",
            code="MG-P106",
            where=self._tensor.value.recorder.here(),
            hint="ask requires_grad; the graph of a backward pass exists when the program runs.",
        )


# What is asked of the class (``torch.Tensor.stride(x)``) goes to the methods here, too.
ASKED_OF_THE_CLASS = (
    "stride", "storage_offset", "is_contiguous", "dim_order", "is_conj", "is_neg", "contiguous",
    "data_ptr", "untyped_storage", "storage", "share_memory_", "__dlpack__", "_is_view", "detach",
    "detach_",
)  # fmt: skip


def _taken(tensor: torch.Tensor, index: object) -> tuple[Any, Any]:
    """``selected``, for what the program gives."""
    if _is_settled(index):
        return tensor, index
    return selected(tensor, _with_tensors(index))


def _is_settled(index: object) -> bool:
    """Whether an index is of plain numbers, slices between such, None and ``...``, as most are."""
    for part in index if type(index) is tuple else (index,):
        if type(part) is slice:
            ends = {type(part.start), type(part.stop), type(part.step)}
            if not ends <= _ENDS:
                return False
        elif type(part) not in _PARTS:
            return False
    return True


_ENDS = frozenset({int, type(None)})
_PARTS = _ENDS | {bool, type(Ellipsis)}


def _with_tensors(index: object) -> object:
    """``index`` with the tensor of what is an array to the program: see ``python/arrays.py``."""
    if type(index) is tuple:
        return tuple(map(_with_tensors, index))
    as_index = getattr(type(index), "as_index", None)
    return index if as_index is None else as_index(index)


def selected(tensor: Any, index: object) -> tuple[Any, Any]:
    """``tensor[index]`` with the numbers that vary taken first: torch refuses them."""
    if type(index) is list and _is_one_index(index):
        index = tuple(index)
    parts = index if isinstance(index, tuple) else (index,)
    if any(type(part) in (list, tuple) for part in parts):
        parts = index = tuple(map(_as_places, parts))
    if any(_is_number(part) for part in parts):
        parts = index = tuple(_as_number(part) for part in parts)
    if not any(isinstance(part, torch.SymInt) for part in parts):
        return tensor, index
    dots = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    rest: list[Any] = []
    dim = 0
    for part in parts[:dots]:
        if isinstance(part, torch.SymInt):
            tensor = tensor.select(dim, part)
        else:
            rest.append(part)
            dim += _consumed(part)
    back: list[Any] = []
    dim = -1
    for part in reversed(parts[dots + 1 :]):
        if isinstance(part, torch.SymInt):
            tensor = tensor.select(dim, part)
        else:
            back.insert(0, part)
            dim -= _consumed(part)
    return tensor, (*rest, Ellipsis, *back)


def _rows_left_out(tensor: AbstractTensor, index: object) -> list[object] | None:
    """``index`` as the operator's, where the program is captured with a number of rows as 1.

    ``squeeze`` has left that dimension out, so that Python would select: ``index`` computes the
    same, and is what is called for other numbers.
    """
    if not tensor.value.recorder.sizes.env.singles:
        return None
    parts = index if isinstance(index, tuple) else (index,)
    others = [part for part in parts if isinstance(part, slice) or not _is_number(part)]
    are_all = all(type(part) is slice and part == slice(None) for part in others)
    if len(others) == len(parts) or not are_all:
        return None
    return [part if _is_number(part) else None for part in parts]


def _is_one_index(parts: list[object]) -> bool:
    """Whether torch takes a list for the tuple of its items, as it does where one is no number."""
    kinds = (torch.Tensor, list, tuple, slice, type(None), type(Ellipsis))
    return len(parts) < 32 and any(isinstance(part, kinds) for part in parts)


def _as_places(part: object) -> object:
    """Places in a list, some of which only a run knows, as one tensor."""
    is_list = type(part) in (list, tuple)
    return torch.tensor(part) if is_list and _holds_number(part) else part


def _holds_number(part: object) -> bool:
    if isinstance(part, (list, tuple)):
        return any(map(_holds_number, part))
    return isinstance(part, (AbstractTensor, torch.SymInt))


def put(tensor: Any, index: object, value: AbstractTensor) -> bool:
    """``tensor[index] = value``, where torch would ask whether the first size of ``value`` is 1.

    It leaves such dimensions away, which matters only where ``value`` has too many of them.
    Returns whether it is done.
    """
    parts = index if isinstance(index, tuple) else (index,)
    first = value.value.spec.shape[:1]
    if not first or first[0].__class__ is int or not all(map(_is_plain, parts)):
        return False
    plain = [_rows_of(part) if isinstance(part, torch.Tensor) else (part,) for part in parts]
    target = tensor.__getitem__(tuple(each for part in plain for each in part))
    places: list[torch.Tensor | None] = []
    for part in parts:
        if isinstance(part, torch.Tensor):
            places.append(part)
        elif part is Ellipsis:
            named = sum(_consumed(each) for each in parts if each is not Ellipsis)
            places += [None] * (tensor.dim() - named)
        elif not isinstance(part, int):
            places.append(None)
    given = [place for place in places if place is not None]
    if not given:
        if value.dim() > target.dim():
            return False
        target.copy_(value)
        return True
    masks = [g.dim() - 1 for g in given if g.dtype in (torch.bool, torch.uint8)]
    ranks = [1 if g.dtype in (torch.bool, torch.uint8) else g.dim() for g in given]
    if value.dim() > target.dim() - len(given) - sum(masks) + max(ranks):
        return False
    torch.ops.aten.index_put_.default(target, places, value)
    return True


def _is_plain(part: object) -> bool:
    """Whether one part of an index is what torch's own code for indexing takes as it is."""
    if isinstance(part, torch.Tensor):
        return part.dim() > 0
    return part is None or part is Ellipsis or type(part) is int or isinstance(part, slice)


def _rows_of(part: torch.Tensor) -> tuple[slice, ...]:
    return (slice(None),) * _consumed(part)


def _is_number(part: object) -> bool:
    """Whether one part of an index is (or a slice has) a tensor that stands for an integer.

    One that ``vmap`` maps over stands for many: a mode may take it, such as torch's own that turns
    ``x[i]`` into an operator.
    """
    if isinstance(part, slice):
        return any(_is_number(bound) for bound in (part.start, part.stop, part.step))
    if isinstance(part, torch.Tensor):
        is_integer = not part.is_floating_point() and part.dtype != torch.bool
        return part.dim() == 0 and is_integer and not is_mapped(part)
    return hasattr(part, "rows_as_tensor")


def _as_number(part: Any) -> Any:
    if hasattr(part, "rows_as_tensor"):
        return part.rows_as_tensor
    if isinstance(part, slice):
        return slice(*(_as_number(bound) for bound in (part.start, part.stop, part.step)))
    return part.item() if _is_number(part) else part


def _consumed(part: object) -> int:
    """How many dimensions one part of an index stands for."""
    if part is None:
        return 0
    if isinstance(part, torch.Tensor) and part.dtype in (torch.bool, torch.uint8):
        return part.dim()
    return 1


def become(tensor: AbstractTensor, value: Value) -> None:
    """Let ``tensor``, the very object, stand for ``value`` from now on."""
    tensor.value = value
    install_metadata(tensor, make_abstract(value.spec, value))


def make_abstract(spec: TensorSpec, value: Value) -> AbstractTensor:
    """A tensor that looks like ``spec`` and stands for ``value``."""
    if spec.scope is None:
        tensor: AbstractTensor = make_wrapper(
            AbstractTensor, spec.shape, spec.strides, dtype=spec.dtype, device=spec.device
        )
    elif spec.wrapped is None or value.recorder.context.above_autograd:
        tensor = wrapper_of_any_size(AbstractTensor, spec)
        if spec.wrapped is None:  # torch asks a dozen questions of the sizes: once is enough
            spec.wrapped = make_alias(AbstractTensor, tensor)
            value.recorder.context.wrapped.append(spec)
    else:
        tensor = make_alias(AbstractTensor, spec.wrapped)
    if spec.bits:
        mark_bits(tensor, spec.bits)
    tensor.value = value
    return tensor
