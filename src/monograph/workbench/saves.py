"""Files that change on disk: noticed by asking for their times, twenty times a second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

__all__ = ["Files"]

_SECONDS = 0.05

Stamp = tuple[int, int] | None


class Files:
    """The files that the page shows: it may read and write these, and no others."""

    def __init__(self, files: Iterable[str]) -> None:
        self._stamps: dict[str, Stamp] = {}
        self.add(files)

    def add(self, files: Iterable[str]) -> None:
        """More of them."""
        for file in files:
            self._stamps.setdefault(file, _stamp(file))

    def __contains__(self, file: object) -> bool:
        return file in self._stamps

    def write(self, file: str, before: str, after: str) -> bool:
        """Write a file, if it is still as the page knows it."""
        path = Path(file)
        if not path.is_file() or path.read_text() != before:
            return False
        with path.open("w", newline="") as written:
            written.write(after)
        self._stamps[file] = _stamp(file)
        return True

    async def changes(self) -> AsyncIterator[dict[str, str]]:
        """Whenever files have changed: their texts (empty for what is no text)."""
        seen = dict(self._stamps)
        while True:
            await asyncio.sleep(_SECONDS)
            now = {file: _stamp(file) for file in self._stamps}
            changed = [f for f, stamp in now.items() if stamp and seen.get(f, stamp) != stamp]
            self._stamps.update(now)
            seen = now
            if changed:
                yield {file: text_of(file) for file in changed}


def text_of(file: str) -> str:
    """The text of a file; empty where it has none."""
    try:
        with Path(file).open(newline="") as read:
            return read.read()
    except (OSError, UnicodeDecodeError):
        return ""


def _stamp(file: str) -> Stamp:
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
