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
        self._files = dict.fromkeys(files)
        self.is_over = False

    def add(self, files: Iterable[str]) -> None:
        """More of them."""
        self._files |= dict.fromkeys(files)

    def __contains__(self, file: object) -> bool:
        return file in self._files

    def write(self, file: str, before: str, after: str) -> bool:
        """Write a file, if it is still as the page knows it."""
        path = Path(file)
        if not path.is_file() or path.read_text() != before:
            return False
        with path.open("w", newline="") as written:
            written.write(after)
        return True

    async def changes(self) -> AsyncIterator[dict[str, str]]:
        """All texts, then those of files that have changed (empty for what is no text).

        Until ``is_over``.
        """
        seen: dict[str, Stamp] = {}
        while not self.is_over:
            now = {file: _stamp(file) for file in self._files}
            changed = [file for file, stamp in now.items() if stamp and seen.get(file) != stamp]
            seen = now
            if changed:
                yield {file: text_of(file) for file in changed}
            await asyncio.sleep(_SECONDS)


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
