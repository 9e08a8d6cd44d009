"""A file as it would be after a change: live functions run so, and its lines are read so."""

from __future__ import annotations

import ast
import contextlib
import functools
import linecache
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import torch

from monograph import control
from monograph.capture.python.live_functions import live_functions
from monograph.capture.python.sites import codes_in
from monograph.source import convert
from monograph.source.strict import forget_file

__all__ = ["applied"]


@contextlib.contextmanager
def applied(file: str, before: str, after: str) -> Iterator[None]:
    """The functions of ``file``, whose text is ``before``, run as if it were ``after``.

    Function bodies, ``@monograph.convert`` and fake implementations of operators are applied; what
    else stands at module level is not run.
    """
    new = _Text.of(after, file)
    new_codes = _replacements(_Text.of(before, file), new)
    lines = linecache.getlines(file)
    entry = linecache.cache.get(file)
    changed: list[tuple[FunctionType, CodeType]] = []
    namespaces: list[dict[str, object]] = []
    marks = convert.marks_of(file, new.marked)
    library = _fakes(new, _Text.of(before, file), file)
    try:
        linecache.cache[file] = (len(after), None, after.splitlines(keepends=True), file)
        forget_file(file)
        for function in set(live_functions(file)):
            code = function.__code__
            other = new_codes.get((code.co_qualname, code.co_firstlineno))
            if other is not None and other.co_freevars == code.co_freevars:
                changed.append((function, code))
                function.__code__ = other
                if "monograph" not in function.__globals__:
                    function.__globals__["monograph"] = control
                    namespaces.append(function.__globals__)
        yield
    finally:
        for function, code in changed:
            function.__code__ = code
        for namespace in namespaces:
            namespace.pop("monograph", None)
        linecache.cache[file] = entry or (len(before), None, lines, file)
        convert.marks_of(file, marks)
        forget_file(file)
        if library is not None:
            library._destroy()


class _Text:
    """A text of a file, compiled: its functions by their qualified names, marks, and fakes."""

    def __init__(self, text: str, file: str) -> None:
        tree = ast.parse(text, file)
        self.marked = convert.marked_in(tree)
        self.fakes = {
            ast.unparse(node): node
            for node in tree.body
            if isinstance(node, ast.FunctionDef)
            and any("register_fake" in ast.unparse(d) for d in node.decorator_list)
        }
        self.codes: dict[str, list[CodeType]] = {}
        for code in codes_in(compile(tree, file, "exec", dont_inherit=True)):
            self.codes.setdefault(code.co_qualname, []).append(code)

    @staticmethod
    @functools.lru_cache(maxsize=8)
    def of(text: str, file: str) -> _Text:
        """The same one for the same text."""
        return _Text(text, file)


def _replacements(old: _Text, new: _Text) -> dict[tuple[str, int], CodeType]:
    """New code, by the qualified name and first line of what it replaces."""
    return {
        (name, code.co_firstlineno): other
        for name, codes in old.codes.items()
        if len(codes) == len(new.codes.get(name, ()))
        for code, other in zip(codes, new.codes[name], strict=True)
    }


def _fakes(new: _Text, old: _Text, file: str) -> torch.library.Library | None:
    """Register the fake implementations that are new in the file, until they are taken back."""
    library = None
    for text, node in new.fakes.items():
        if text in old.fakes:
            continue
        (decorator,) = node.decorator_list
        assert isinstance(decorator, ast.Call)
        name = ast.literal_eval(decorator.args[0])
        if library is None:
            library = torch.library.Library(name.partition("::")[0], "FRAGMENT")
        namespace: dict[str, Any] = {"torch": torch}
        plain = ast.FunctionDef(**{**vars(node), "decorator_list": []})
        exec(compile(ast.Module([plain], []), file, "exec"), namespace)
        torch.library.register_fake(name, namespace[node.name], lib=library)
    return library
