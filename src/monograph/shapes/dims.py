"""Dimensions that vary, as users declare them.

``Dim("batch", min=1, max=64)`` names a size; ``2*batch + 1`` is derived from it; ``Dim.AUTO`` and
``Dim.DYNAMIC`` leave the name to the export; ``Dim("res", values=(224, 256))`` is a set. The
dimensions of ``torch.export`` mean the same here.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, ClassVar, Protocol, SupportsInt

__all__ = [
    "AdditionalInputs",
    "AnyDim",
    "DerivedDim",
    "Dim",
    "DimHint",
    "ShapesCollection",
    "derived",
    "dims",
    "parse_shape",
    "read_dim",
]


class _Linear:
    """Arithmetic: ``slope * root + offset``."""

    def line(self) -> tuple[Dim, int, int]:
        """The root, the slope and the offset."""
        raise NotImplementedError

    def __add__(self, other: int) -> Dim | DerivedDim:
        root, slope, offset = self.line()
        return derived(root, slope, offset + _constant(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> Dim | DerivedDim:
        return self + -_constant(other)

    def __mul__(self, other: int) -> Dim | DerivedDim:
        root, slope, offset = self.line()
        factor = _constant(other)
        if factor <= 0:
            raise ValueError(f"a dimension is multiplied by a positive integer, not by {factor}")
        return derived(root, slope * factor, offset * factor)

    __rmul__ = __mul__


def _constant(value: object) -> int:
    if type(value) is not int:
        raise TypeError(
            f"dimensions are derived as A*dim + B with integers A and B, not with {value!r}"
        )
    return value


def derived(root: Dim, slope: int, offset: int) -> Dim | DerivedDim:
    """``slope * root + offset``, which may be ``root`` itself."""
    return root if (slope, offset) == (1, 0) else DerivedDim(root, slope, offset)


class Dim(_Linear):
    """A size with a name and a range, ``min <= size <= max``, or one of ``values``.

    Dimensions of one name are equal. Without ``min`` a size may be 0; without ``max`` it has no
    bound.

    Raises:
        ValueError: a name that is no identifier, or an empty range.
    """

    AUTO: ClassVar[DimHint]
    DYNAMIC: ClassVar[DimHint]
    STATIC: ClassVar[DimHint]

    def __init__(
        self,
        name: str,
        *,
        min: int | None = None,  # noqa: A002
        max: int | None = None,  # noqa: A002
        values: Iterable[int] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"the name of a dimension is an identifier, not {name!r}")
        self.values = None if values is None else tuple(sorted(set(values)))
        if self.values is not None:
            if not self.values:
                raise ValueError(f"{name} has no values")
            min, max = self.values[0], self.values[-1]  # noqa: A001
        self.__name__ = name
        self.has_min = min is not None
        self.min = 0 if min is None else min
        self.max = max
        if max is not None and max < self.min:
            raise ValueError(f"{name} has an empty range: min={self.min}, max={max}")

    def line(self) -> tuple[Dim, int, int]:
        """Itself, once, and nothing more."""
        return self, 1, 0

    def __repr__(self) -> str:
        if self.values is not None:
            return f"Dim('{self.__name__}', values={self.values})"
        bounds = f", min={self.min}" if self.has_min else ""
        if self.max is not None:
            bounds += f", max={self.max}"
        return f"Dim('{self.__name__}'{bounds})"


class DerivedDim(_Linear):
    """``slope * root + offset``."""

    def __init__(self, root: Dim, slope: int, offset: int) -> None:
        self.root = root
        self.slope = slope
        self.offset = offset

    def line(self) -> tuple[Dim, int, int]:
        """The root, the slope and the offset."""
        return self.root, self.slope, self.offset

    @property
    def __name__(self) -> str:
        name = self.root.__name__
        text = name if self.slope == 1 else f"{self.slope}*{name}"
        if self.offset:
            text += f" {'+' if self.offset > 0 else '-'} {abs(self.offset)}"
        return text

    def __repr__(self) -> str:
        return self.__name__


@dataclass(frozen=True)
class DimHint:
    """A size without a name. ``kind``: "AUTO" may end up with any range, or fixed; "DYNAMIC" must
    vary; "STATIC" is that of the example.
    """

    kind: str
    min: int | None = None
    max: int | None = None

    def __call__(self, min: int | None = None, max: int | None = None) -> DimHint:  # noqa: A002
        """The same with a range: ``Dim.AUTO(max=64)``."""
        return DimHint(self.kind, min, max)

    def __repr__(self) -> str:
        return f"Dim.{self.kind}"


Dim.AUTO, Dim.DYNAMIC, Dim.STATIC = DimHint("AUTO"), DimHint("DYNAMIC"), DimHint("STATIC")

AnyDim = Dim | DerivedDim | DimHint


def dims(
    *names: str,
    min: int | None = None,  # noqa: A002
    max: int | None = None,  # noqa: A002
) -> tuple[Dim, ...]:
    """Several at once: ``batch, seq = dims("batch seq")``, or ``dims("batch", "seq")``."""
    return tuple(
        Dim(name, min=min, max=max) for text in names for name in text.replace(",", " ").split()
    )


def parse_shape(text: str) -> list[AnyDim | int | EllipsisType | None]:
    """``"batch, 2*seq, _"`` as a list of dimensions; ``_`` is static, ``...`` any number of those.

    Raises:
        ValueError: not such a list.
    """
    found: list[AnyDim | int | EllipsisType | None] = []
    for part in text.split(","):
        word = part.strip()
        if word in ("_", "..."):
            found.append(None if word == "_" else ...)
        elif word.lstrip("-").isdigit():
            found.append(int(word))
        else:
            found.append(_parse_dim(word))
    return found


_ARITHMETIC: dict[type[ast.operator], Callable[..., Dim | DerivedDim | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def _parse_dim(text: str) -> Dim | DerivedDim:
    def walk(node: ast.expr) -> Dim | DerivedDim | int:
        if isinstance(node, ast.Name):
            return Dim(node.id)
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
            return _ARITHMETIC[type(node.op)](walk(node.left), walk(node.right))
        raise ValueError(text)

    try:
        found = walk(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError, ValueError):
        found = None
    if not isinstance(found, (Dim, DerivedDim)):
        raise ValueError(f"{text!r} is not a dimension: write a name, or A*name + B")
    return found


def read_dim(item: Any) -> AnyDim | int | None:
    """One entry of a specification: None and STATIC (static), an int, a name, a dimension.

    ``torch.export``'s dimensions are recognised by their attributes.

    Raises:
        ValueError: none of these.
    """
    if item is None or isinstance(item, (Dim, DerivedDim)) or type(item) is int:
        return item
    if isinstance(item, str):
        parsed = parse_shape(item)
        if len(parsed) == 1 and parsed[0] is not ...:
            return parsed[0]
    if isinstance(item, DimHint):
        return None if item.kind == "STATIC" else item
    kind = type(item).__name__
    if kind == "_DimHint":
        name = item.type.name
        return None if name == "STATIC" else DimHint(name, _bound(item.min), _bound(item.max))
    if kind == "_StaticDim":
        return int(item.value)
    if kind == "_DerivedDim":
        root = read_dim(item.root)
        assert isinstance(root, Dim)
        offset = int(item.fn(0))
        return derived(root, int(item.fn(1)) - offset, offset)
    if hasattr(item, "__name__") and hasattr(item, "min") and hasattr(item, "max"):
        return Dim(item.__name__, min=_bound(item.min) or None, max=_bound(item.max))
    if isinstance(item, type):
        raise ValueError(f"the class {item.__name__} is not a dimension")
    raise ValueError(f"{item!r} is not a dimension")


def _bound(value: SupportsInt | None) -> int | None:
    """A bound of torch's: its infinities are none at all."""
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError, AttributeError):
        return None
    return number if type(value) is int or number == value else None


class ShapesCollection:
    """Specifications by tensor: ``shapes[x] = {0: batch}``, for inputs that are deeply nested.

    ``shapes``: by the tensors' identities.
    """

    def __init__(self) -> None:
        self.shapes: dict[int, Any] = {}
        self._kept: list[object] = []  # so that no identity is used twice

    def __setitem__(self, tensor: object, shape: object) -> None:
        self._kept.append(tensor)
        self.shapes[id(tensor)] = shape

    def __getitem__(self, tensor: object) -> Any:
        return self.shapes.setdefault(id(tensor), {})

    def __len__(self) -> int:
        return len(self.shapes)

    def items(self) -> Iterator[tuple[object, object]]:
        """Tensors with their specifications."""
        for tensor in self._kept:
            yield tensor, self.shapes[id(tensor)]

    def mapped(self, change: Callable[[object], object]) -> ShapesCollection:
        """The same tensors, with what ``change`` makes of each specification."""
        made = type(self)()
        made._kept = list(self._kept)
        made.shapes = {key: change(shape) for key, shape in self.shapes.items()}
        return made


class Exported(Protocol):
    """An exported program, as far as examples are run with it."""

    def module(self) -> Callable[..., object]:
        """What runs it."""


class AdditionalInputs:
    """More examples: what differs between them, and from the first, varies."""

    def __init__(self) -> None:
        self.examples: list[tuple[tuple[object, ...], dict[str, object]]] = []

    def add(self, args: tuple[object, ...], kwargs: Mapping[str, object] | None = None) -> None:
        """Another valid call."""
        if not isinstance(args, tuple):
            raise TypeError(f"args must be a tuple, but got {type(args).__name__}")
        self.examples.append((args, dict(kwargs or {})))

    def verify(self, ep: Exported) -> None:
        """Call ``ep`` (an ``ExportedProgram``) with every example.

        Raises:
            InputError: the program refuses one of them.
        """
        module = ep.module()
        for args, kwargs in self.examples:
            module(*args, **kwargs)
