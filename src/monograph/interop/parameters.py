"""The parameters of the program that was exported, in files: names, kinds, and plain defaults."""

from __future__ import annotations

import inspect

from monograph.diagnostics import FileError
from monograph.interop.graphs import checked
from monograph.ir.structure import Structure

__all__ = ["read_parameters", "written_parameters"]

_PLAIN = (bool, int, float, str, type(None))
_OTHER = ...  # in place of a default that a file has no word for: no call passes it

Written = list[
    list[object]
]  # a name, a kind, and what default there is: [], [value], ["", "other"]


def written_parameters(signature: inspect.Signature | None) -> Written | None:
    """A signature as a list that JSON has words for."""
    if signature is None:
        return None
    return [[p.name, p.kind.name, _written(p.default)] for p in signature.parameters.values()]


def _written(default: object) -> list[object]:
    if default is inspect.Parameter.empty:
        return []
    return [default] if type(default) in _PLAIN else ["", "other"]


def read_parameters(
    written: object, args: Structure, kwargs: Structure
) -> inspect.Signature | None:
    """The signature again; None where a file has none, or it does not fit the arguments.

    Raises:
        FileError: the list is damaged.
    """
    if written is None:
        return None
    found = []
    for entry in checked(written, list):
        name, kind, default = checked(entry, list) if len(entry) == 3 else (None, None, None)
        try:
            found.append(
                inspect.Parameter(
                    checked(name, str), _KINDS[checked(kind, str)], default=_read(default)
                )
            )
        except (KeyError, ValueError):
            raise FileError(f"the notes of the program are damaged: {name} {kind}") from None
    try:
        signature = inspect.Signature(found)
        signature.bind(*args.keys, **{name: name for _, name in kwargs.keys})
    except (TypeError, ValueError):
        return None
    return signature


_KINDS = {
    kind.name: kind
    for kind in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
        inspect.Parameter.KEYWORD_ONLY,
        inspect.Parameter.VAR_KEYWORD,
    )
}


def _read(default: object) -> object:
    items = checked(default, list)
    if len(items) == 1:
        if type(items[0]) not in _PLAIN:
            raise FileError("the notes of the program are damaged: a default is no plain value")
        return items[0]
    return inspect.Parameter.empty if not items else _OTHER
