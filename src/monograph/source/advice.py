"""What to write instead of a branch on data: a patch that was exported before it is shown."""

from __future__ import annotations

import contextlib
import gc
import linecache
from collections.abc import Callable, Iterator
from types import CodeType, FunctionType
from typing import Any

from monograph import control
from monograph.diagnostics import DataDependentError
from monograph.source.rewrite import Patch, rewritten
from monograph.source.sites import codes_in, source_file

__all__ = ["find_patch"]

_MOST_STEPS = 8


def find_patch(error: DataDependentError, attempt: Callable[[], Any]) -> Patch | None:
    """Rewrite one statement after the other until ``attempt`` succeeds; None where it does not."""
    where = error.where
    if where is None or where.span is None or source_file(where.file) is None:
        return None
    file = where.file
    before = text = "".join(linecache.getlines(file))
    functions: set[str] = set()
    for _ in range(_MOST_STEPS):
        found = rewritten(file, text, where.span) if where.span is not None else None
        if found is None:
            return None
        text, name = found
        functions.add(name)
        patch = Patch(file, before, text, frozenset(functions))
        try:
            with _applied(patch):
                attempt()
        except DataDependentError as next_error:
            if next_error.where is None or next_error.where.file != file:
                return None
            where = next_error.where
            continue
        except Exception:
            return None
        return patch.with_import()
    return None


@contextlib.contextmanager
def _applied(patch: Patch) -> Iterator[None]:
    """The functions of the file run as they would be after the patch."""
    compiled = compile(patch.after, patch.file, "exec", dont_inherit=True)
    codes: dict[str, CodeType] = {c.co_qualname: c for c in codes_in(compiled)}
    before: list[tuple[FunctionType, CodeType]] = []
    namespaces: list[dict[str, Any]] = []
    try:
        for item in gc.get_objects():
            if type(item) is FunctionType and item.__code__.co_filename == patch.file:
                code = item.__code__
                new = codes.get(code.co_qualname)
                is_concerned = not patch.functions.isdisjoint(code.co_qualname.split("."))
                if new is not None and is_concerned and new.co_freevars == code.co_freevars:
                    before.append((item, code))
                    item.__code__ = new
                    if "monograph" not in item.__globals__:
                        item.__globals__["monograph"] = control
                        namespaces.append(item.__globals__)
        yield
    finally:
        for function, code in before:
            function.__code__ = code
        for namespace in namespaces:
            namespace.pop("monograph", None)
