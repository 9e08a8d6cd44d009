"""Which functions of the package run while something is tried: what a search never gets to."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

__all__ = ["Reach", "functions", "reaching"]

_PACKAGE = Path(__file__).parent.parent
# Of no matter to what a program is: commands, pages, and this folder.
_OTHERS = ("cli", "exportdb", "pictures", "sweep", "testing", "web", "workbench")

Place = tuple[str, int, str]


class Reach:
    """The functions that have run."""

    def __init__(self) -> None:
        self._codes: set[CodeType] = set()

    def __call__(self, frame: FrameType, event: str, arg: object) -> None:
        """What Python tells a profiler."""
        if event == "call":
            self._codes.add(frame.f_code)

    def places(self) -> set[Place]:
        """Where they are."""
        return {_place(code) for code in self._codes}

    def by_folder(self) -> dict[str, tuple[int, int]]:
        """For each folder of the package: how many functions have run, and how many there are."""
        ran = self.places()
        every = functions()
        reached = Counter(_folder(place) for place in every if place in ran)
        return {
            name: (reached[name], count)
            for name, count in sorted(Counter(map(_folder, every)).items())
        }

    def __str__(self) -> str:
        return "\n".join(
            f"{ran:5} of {count:5}  {100 * ran // count:3}%  {name}"
            for name, (ran, count) in self.by_folder().items()
        )


@contextmanager
def reaching() -> Iterator[Reach]:
    """Take note of the functions that run inside; it takes twice the time."""
    reach, before = Reach(), sys.getprofile()
    sys.setprofile(reach)
    try:
        yield reach
    finally:
        sys.setprofile(before)


def functions() -> set[Place]:
    """All functions with a name that the package's files have."""
    found: set[Place] = set()
    for path in sorted(_PACKAGE.rglob("*.py")):
        if path.relative_to(_PACKAGE).parts[0] not in _OTHERS:
            left = [compile(path.read_text(encoding="utf-8"), str(path), "exec")]
            while left:
                inner = [item for item in left.pop().co_consts if isinstance(item, CodeType)]
                left += inner
                found |= {_place(code) for code in inner if code.co_flags & 2}  # no class's body
    return {place for place in found if not place[2].startswith("<")}


def _place(code: CodeType) -> Place:
    return code.co_filename, code.co_firstlineno, code.co_name


def _folder(place: Place) -> str:
    parts = Path(place[0]).relative_to(_PACKAGE).parts
    if len(parts) == 1:
        return "the package itself"
    return "/".join(parts[:-1] if parts[0] == "capture" else parts[:1])
