"""``pytest --exportdb-models=zoo.toml``: the models of a catalogue, each in each way as a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from _pytest._code.code import TerminalRepr, TracebackStyle

    from monograph.sweep import Outcome, Task
    from monograph.sweep.servers import Server
    from monograph.sweep.tasks import Key

__all__ = ["pytest_addoption", "pytest_collect_file", "pytest_configure"]

_FORMS = ("static", "dynamic")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption(
        "--exportdb-models",
        metavar="TOML",
        default=None,
        help="collect the models of this catalogue, and export each as it says",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The catalogue is collected, wherever it lies."""
    path = _catalogue(config)
    if path is not None:
        given = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
        if not any(each == path or each in path.parents for each in given):
            config.args.append(str(path))


def _catalogue(config: pytest.Config) -> Path | None:
    told = config.getoption("--exportdb-models")
    return None if told is None else Path(told).resolve()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """The catalogue."""
    if file_path != _catalogue(parent.config):
        return None
    made: pytest.Collector = ModelsFile.from_parent(parent, path=file_path)
    return made


class WrongVerdictError(Exception):
    """A verdict that is not the one that the catalogue expects."""


class ModelsFile(pytest.File):
    """A catalogue: its models in a process for each test, forked of one that has imported all."""

    def collect(self) -> Iterator[pytest.Item]:
        """Each model with each exporter, in each form, and what is made of it at each stage."""
        from monograph.sweep.declared import Declared

        declared = Declared.read(self.path)
        settings = declared.settings
        for entry in declared.entries():
            forms = settings.forms or _FORMS
            for exporter in settings.exporters or ("monograph",):
                for form in forms if entry.all_sizes else ("static",):
                    for stage in ("", *settings.stages):
                        way = "-".join(filter(None, (exporter, form, stage)))
                        yield ModelItem.from_parent(
                            self, name=f"{entry.name}[{way}]", model=entry.name,
                            way=(exporter, form, stage),
                            expected=declared.expectation(entry.name, exporter, form, stage),
                        )  # fmt: skip

    def setup(self) -> None:
        """Start the process."""
        from monograph.sweep import Ask
        from monograph.sweep.servers import Server

        self.server: Server = Server(Ask(str(self.path), self.path.stem))
        self._known: dict[Key, Outcome] = {}

    def teardown(self) -> None:
        """End it."""
        self.server.close()

    def verdict(self, model: str, way: tuple[str, str, str]) -> Outcome:
        """Of a model in a way; skips where the way is none for the model."""
        from monograph.sweep import EAGER, Limits, Task
        from monograph.sweep.declared import Declared
        from monograph.sweep.tasks import exports_of, stages_of

        settings = Declared.read(self.path).settings
        limits = Limits(settings.seconds or Limits.seconds, settings.gigabytes or Limits.gigabytes)
        exporter, form, stage = way
        eager = Task(str(self.path), self.path.stem, model, limits=limits)
        found = self._done(eager)
        if found.kind != "right":
            return found
        exports = list(exports_of(eager, found.details, [exporter], [form]))
        if not exports:
            pytest.skip("eager mode can vary no size of it")
        outcome = self._done(exports[0])
        if not stage:
            return outcome
        if outcome.kind != "right":
            pytest.skip(f"there is nothing to go on with: {outcome.kind}")
        listing = self.server.listing
        if listing is None or stage not in listing.stages:
            pytest.skip(f"what {stage} needs is not installed")
        assert exports[0].exporter != EAGER
        [task] = stages_of(exports[0], [stage])
        return self._done(task)

    def _done(self, task: Task) -> Outcome:
        from monograph.sweep import Lost, Outcome

        key = task.key
        if key not in self._known:
            outcome = self.server.do(task)
            if isinstance(outcome, Lost):
                outcome = Outcome("crashes", message=str(outcome))
            self._known[key] = outcome
        return self._known[key]


class ModelItem(pytest.Item):
    """A model in a way: what the catalogue expects must be what happens."""

    parent: ModelsFile

    def __init__(
        self, name: str, parent: ModelsFile, model: str, way: tuple[str, str, str], expected: str
    ) -> None:
        super().__init__(name, parent)
        self.model, self.way, self.expected = model, way, expected

    def runtest(self) -> None:
        """Export it, and compare with eager mode."""
        outcome = self.parent.verdict(self.model, self.way)
        told = f"{outcome.kind} {outcome.code}".strip()
        if self.expected not in (outcome.kind, told):
            lines = [f"{told}, and the catalogue expects: {self.expected}", outcome.message]
            if outcome.where:
                lines.append(f"  {outcome.where}  {outcome.text}")
            raise WrongVerdictError("\n".join(filter(None, lines)))

    def repr_failure(
        self, excinfo: pytest.ExceptionInfo[BaseException], style: TracebackStyle | None = None
    ) -> str | TerminalRepr:
        """The verdict, without our frames."""
        if isinstance(excinfo.value, WrongVerdictError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is."""
        return self.path, 0, f"model: {self.name}"
