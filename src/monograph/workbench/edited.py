"""Files as they are being edited: imported, and their lines read, as texts that are not on disk."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["EditedFile", "import_edited"]


class EditedFile(SourceLoader):
    """Loads a module whose file has another text."""

    def __init__(self, file: str, text: str) -> None:
        self.file, self.text = file, text

    def get_filename(self, fullname: str) -> str:
        """The file, whatever the module is called."""
        return self.file

    def get_data(self, path: str) -> bytes:
        """The text; there is no compiled file."""
        if path != self.file:
            raise OSError(path)
        return self.text.encode()


class _Finder(MetaPathFinder):
    def __init__(self, texts: Mapping[str, str]) -> None:
        self.texts = texts

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """The module that there is, with the text of its file that there is here."""
        spec = PathFinder.find_spec(fullname, path, target)
        file = None if spec is None else spec.origin
        if spec is None or file is None or file not in self.texts:
            return None
        spec.loader = EditedFile(file, self.texts[file])
        return spec


def import_edited(texts: Mapping[str, str]) -> None:
    """From now on files have these texts, for Python and for whoever reads their lines."""
    sys.meta_path.insert(0, _Finder(texts))
    for file, text in texts.items():
        linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
