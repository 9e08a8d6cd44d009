"""What the page asks for: a file, as it is being edited, and how it is to be exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Operators", "Request"]


class Operators(StrEnum):
    """Which operators the program is shown in."""

    captured = "captured"
    opened = "opened"  # composite operators as the operators that they are made of
    core = "core"  # Core ATen


@dataclass(frozen=True)
class Request:
    """One export.

    ``path``: a Python file, or a ``.pt2`` file. ``name``: what of it; of a ``.pt2`` file, which
    program. ``texts``: files that are not as on disk, by their absolute paths. ``sizes``: by the
    name of an argument, what was decided of its dimensions in the page: whether they vary.
    ``opened``, ``whole``: see ``pictures.drawing_of``. ``with_fixes``: whether changes are tried.
    """

    path: str
    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    operators: Operators = Operators.captured
    sizes: Mapping[str, Mapping[int, bool]] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    whole: bool = False
    with_fixes: bool = True

    def as_dict(self) -> dict[str, object]:
        """As JSON has it."""
        return {
            "path": self.path,
            "name": self.name,
            "texts": dict(self.texts),
            "strict": self.strict,
            "operators": self.operators.value,
            "sizes": {
                name: {str(dim): varies for dim, varies in dims.items()}
                for name, dims in self.sizes.items()
            },
            "opened": list(self.opened),
            "whole": self.whole,
            "with_fixes": self.with_fixes,
        }

    @staticmethod
    def of(given: Mapping[str, object], path: str) -> Request:
        """From JSON. ``path`` is not the page's to choose.

        Raises:
            ValueError: what is given is no request.
        """
        sizes = _dict(given.get("sizes"))
        return Request(
            path=path,
            name=_text(given.get("name", "")),
            texts={name: _text(text) for name, text in _dict(given.get("texts")).items()},
            strict=bool(given.get("strict")),
            operators=Operators(_text(given.get("operators", "captured"))),
            sizes={
                name: {int(dim): bool(varies) for dim, varies in _dict(dims).items()}
                for name, dims in sizes.items()
            },
            opened=tuple(_text(each) for each in _list(given.get("opened"))),
            whole=bool(given.get("whole")),
            with_fixes=bool(given.get("with_fixes", True)),
        )


def _dict(value: object) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{value!r} is no dictionary")
    return {str(key): item for key, item in value.items()}


def _list(value: object) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ValueError(f"{value!r} is no list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value
