"""``pytest --exportdb-cases=DIR``: the case files of a folder, each as a test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, TracebackStyle

__all__ = ["pytest_addoption", "pytest_collect_file"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption(
        "--exportdb-cases",
        metavar="DIR",
        default=None,
        help="collect the ExportDB cases in this folder, and run each",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A case file below the folder."""
    folder = parent.config.getoption("--exportdb-cases")
    if folder is None or file_path.suffix != ".py":
        return None
    from monograph.exportdb.registry import files_in

    root = Path(folder).resolve()
    if root not in file_path.parents or file_path not in files_in(root):
        return None
    made: pytest.Collector = CaseFile.from_parent(parent, path=file_path)
    return made


class CaseFile(pytest.File):
    """A file with one case."""

    def collect(self) -> list[pytest.Item]:
        """The one."""
        return [CaseItem.from_parent(self, name=self.path.stem)]


class CaseItem(pytest.Item):
    """A case: what it declares must be what happens."""

    def runtest(self) -> None:
        """Run it."""
        from monograph.exportdb.registry import load
        from monograph.exportdb.runner import run_case

        run_case(load(self.path))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str | TerminalRepr:
        """The step that failed, without our frames."""
        from monograph.exportdb.runner import CaseFailedError

        if isinstance(excinfo.value, CaseFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is."""
        return self.path, 0, f"case: {self.name}"
