"""Every touch of torch's private parts beyond the door, in one place.

``tests/test_torch_internals.py`` names each fact relied on here.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.export import exported_program
from torch.fx._lazy_graph_module import _LazyGraphModule
from torch.utils import _pytree as pytree
from torch.utils._sympy import functions as sympy_functions
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

__all__ = [
    "ConstantSource",
    "FakeTensor",
    "FakeTensorMode",
    "ValueRanges",
    "int_oo",
    "lazy_modules",
    "pytree",
    "sympy_functions",
]

_lock = threading.Lock()


@contextlib.contextmanager
def lazy_modules() -> Iterator[None]:
    """Graph modules that print their code when it is first asked for: half of the time."""
    with _lock:
        before = exported_program._create_graph_module_for_export
        exported_program._create_graph_module_for_export = _LazyGraphModule
        try:
            yield
        finally:
            exported_program._create_graph_module_for_export = before
