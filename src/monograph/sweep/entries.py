"""A model of a catalogue: how it is built, and the sizes of its arguments that may vary."""

from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Arguments", "Entry", "Inputs", "Model"]

Model = Callable[..., Any]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
Inputs = Callable[..., Arguments]
Sizes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class Entry:
    """A model, and the sizes of its arguments that may vary.

    ``build()`` gives the model and a function from sizes (by their names) to arguments; it is
    called with a seed. ``sizes``: for each name the example's size, then others to try; the size
    ``batch`` has 1 among them. Which of them eager mode can vary is found out by running it. A
    function where it takes an import to know them. ``needs``: modules that are imported before the
    model gets a process of its own. ``digest``: of how the model is built, where the source of
    ``build`` does not tell.
    """

    name: str
    build: Callable[[], tuple[Model, Inputs]]
    sizes: Sizes | Callable[[], Sizes]
    needs: tuple[str, ...] = ()
    digest: str = ""

    @functools.cached_property
    def all_sizes(self) -> dict[str, tuple[int, ...]]:
        """The example's size of each name, then others."""
        return dict(self.sizes() if callable(self.sizes) else self.sizes)

    def content(self) -> str:
        """A digest of how the model is built: the source of functions, and their arguments."""
        if self.digest:
            return self.digest
        sizes = self.sizes if callable(self.sizes) else tuple(sorted(self.sizes.items()))
        text = f"{_source(self.build)} {_source(sizes)}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def _source(function: object) -> str:
    if isinstance(function, functools.partial):
        parts = [function.func, *function.args, *sorted(function.keywords.items())]
        return " ".join(_source(part) for part in parts)
    if isinstance(function, tuple):
        return " ".join(_source(part) for part in function)
    if inspect.isfunction(function):
        text = textwrap.dedent(inspect.getsource(function))
        try:
            return ast.unparse(ast.parse(text))  # however it is laid out
        except SyntaxError:  # a lambda's lines
            return "".join(text.split())
    return getattr(function, "__qualname__", None) or repr(function)
