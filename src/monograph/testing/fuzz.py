"""Random programs, exported and compared with eager mode: ``python -m monograph.testing.fuzz``.

A program is lines of Python over tensors (``programs.py``): views and writes through them,
operators of many kinds, sizes used in Python, containers, regions without gradients; some are
methods of a module that has submodules, state and attributes. A line that eager mode refuses is
dropped while it is made. Each program goes through a few stages (another mode, a decomposition, a
file, ``torch.export`` and back); a stage is right, or refuses in Monograph's own words. What is
neither is made smaller by dropping lines, and printed as a test.

``--kind sizes`` draws programs whose Python goes by sizes (``size_programs.py``), every size of
which varies. They are called at many other sizes, also at those that the program refuses: that is
counted, and with ``--refused`` it is a find, as is a refused export.

The command runs the programs in another process, with a limit for its memory. Where that process
dies, or says nothing for two minutes, the program is a find, and another process takes up the next.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib.util
import io
import multiprocessing
import random
import re
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

import torch

from monograph.diagnostics import InternalError, MonographError
from monograph.edges import from_torch, load, save
from monograph.exporting import export
from monograph.ir.structure import flatten
from monograph.program import ExportedProgram
from monograph.shapes.dims import Dim, ShapesCollection
from monograph.testing.programs import LAST_DRAW, Source, drawn_source, runs
from monograph.testing.reach import reaching
from monograph.testing.size_calls import CallError, compared
from monograph.testing.size_programs import SizeSource, drawn_size_source
from monograph.testing.trust import Tried, note
from monograph.verification import DiffersError, drawn_tensor
from monograph.verification.verifying import OTHER_DRAWS

__all__ = [
    "Find",
    "Fuzzing",
    "SizeSource",
    "Source",
    "compared",
    "drawn_tensor",
    "fuzz",
    "main",
    "watched",
]

Program = Callable[..., object]
Args: TypeAlias = tuple[Any, ...]
Kwargs: TypeAlias = dict[str, Any]
Stage = Callable[[Program, Args, Kwargs], ExportedProgram]

_MOST_FINDS = 40  # that are told apart in one run
_SAMPLES = 5  # calls for each stage
_MOST_SECONDS = 120  # without a word
_MOST_MEMORY = 8 << 30

# Stages ----------------------------------------------------------------------------------------


def _any_size(args: Args, kwargs: Kwargs) -> ShapesCollection:
    """Every size of every tensor varies."""
    found = ShapesCollection()
    for tensor in _tensors(args, kwargs):
        found[tensor] = dict.fromkeys(range(tensor.dim()), Dim.DYNAMIC)
    return found


def _first_sizes(args: Args, kwargs: Kwargs) -> ShapesCollection:
    """The first size of every tensor has a name: one for those that are equal."""
    found, names = ShapesCollection(), dict[int, Dim]()
    for tensor in _tensors(args, kwargs):
        if tensor.dim() and tensor.shape[0] > 1:
            size = tensor.shape[0]
            found[tensor] = {0: names.setdefault(size, Dim(f"first{len(names)}", min=2, max=50))}
    return found


def _tensors(args: Args, kwargs: Kwargs) -> list[torch.Tensor]:
    return [leaf for leaf in flatten((args, kwargs))[0] if isinstance(leaf, torch.Tensor)]


def _loaded(program: ExportedProgram) -> ExportedProgram:
    file = io.BytesIO()
    save(program, file)
    file.seek(0)
    found = load(file)
    if not isinstance(found, ExportedProgram):
        raise TypeError(f"a {type(found).__name__} was saved as one program")
    return found


def _varying(f: Program, a: Args, k: Kwargs, *, strict: bool = False) -> ExportedProgram:
    return export(f, a, k, strict=strict, dynamic_shapes=_any_size(a, k))


def _of(
    called: Callable[[ExportedProgram], Program], f: Program, a: Args, k: Kwargs
) -> ExportedProgram:
    """What is called of a program, exported: it has no assumptions that the program tells of."""
    made = export(f, a, k)
    return made if _tells(made) else export(called(made), a, k)


def _through_torch(made: ExportedProgram) -> ExportedProgram:
    return made if _tells(made) else from_torch(made.to_torch())


def _tells(made: ExportedProgram) -> bool:
    """Whether it tells of something that another form of it would not tell of."""
    return any(
        assumption.kind in ("gradient", "backward", "seed") for assumption in made.assumptions
    )


STAGES: dict[str, Stage] = {
    "static": lambda f, a, k: export(f, a, k),
    "any size": _varying,
    "first sizes": lambda f, a, k: export(f, a, k, dynamic_shapes=_first_sizes(a, k)),
    "strict": lambda f, a, k: export(f, a, k, strict=True),
    "strict, any size": lambda f, a, k: _varying(f, a, k, strict=True),
    "decomposed": lambda f, a, k: _varying(f, a, k).run_decompositions(),
    "file": lambda f, a, k: _loaded(_varying(f, a, k)),
    "decomposed file": lambda f, a, k: _loaded(export(f, a, k).run_decompositions()),
    "again": lambda f, a, k: _of(lambda made: made.module(), f, a, k),
    "modules": lambda f, a, k: _of(lambda made: made.unflatten(), f, a, k),
    "torch.export": lambda f, a, k: _through_torch(export(f, a, k)),
}

_SIZES = ("any size", "strict, any size")


@dataclass(frozen=True)
class Drawing:
    """Which programs are drawn, and what is made of each.

    ``kind``: "operators" or "sizes". ``stages``: all of these, else some that are drawn.
    ``refusals``: what is refused is a find.
    """

    kind: str = "operators"
    stages: tuple[str, ...] = ()
    refusals: bool = False

    def source(self, choose: random.Random) -> Source:
        """The next program."""
        return drawn_size_source(choose) if self.kind == "sizes" else drawn_source(choose)

    def some_stages(self, choose: random.Random) -> tuple[str, ...]:
        """What is made of the next program."""
        if self.stages or self.kind == "sizes":
            return self.stages or _SIZES
        return "static", *choose.sample(list(STAGES)[1:], 2)

    def command(self, programs: int, seed: int) -> str:
        """What draws them again."""
        kind = "" if self.kind == "operators" else f" --kind {self.kind}"
        stages = "".join(f" --stage '{stage}'" for stage in self.stages)
        refused = " --refused" if self.refusals else ""
        given = f"--programs {programs} --seed {seed}"
        return f"python -m monograph.testing.fuzz{kind}{stages}{refused} {given}"


_OF_OPERATORS = Drawing()


@dataclass(frozen=True)
class Find:
    """A program that a stage makes wrong, or fails on: made small, with a test."""

    stage: str
    kind: str
    said: str
    test: str


@dataclass
class Fuzzing:
    """What came of many programs: ``right`` and ``refused`` (by code) count stages.

    ``accepts_more``: stages that hold for calls that eager mode refuses, as views that nobody reads
    make it do. ``leaves_out_draws``: stages without a draw that nobody reads and none follows.
    ``calls``: what came of calls at other sizes, of programs about sizes.
    """

    programs: int = 0
    seconds: float = 0.0
    right: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    accepts_more: int = 0
    leaves_out_draws: int = 0
    finds: list[Find] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)

    def with_another(self, other: Fuzzing) -> Fuzzing:
        """What came of both."""
        return Fuzzing(
            self.programs + other.programs,
            self.seconds + other.seconds,
            self.right + other.right,
            self.refused + other.refused,
            self.accepts_more + other.accepts_more,
            self.leaves_out_draws + other.leaves_out_draws,
            [*self.finds, *other.finds],
            self.calls + other.calls,
        )

    def as_tried(self, seed: int, drawing: Drawing | None = None) -> Tried:
        """What is kept of it."""
        drawing = drawing or Drawing()
        counts = {
            "ways as in eager mode": self.right.total(),
            "ways that are refused in words": self.refused.total(),
        }
        if drawing.kind == "sizes":
            counts |= {f"exports refused, {code}": n for code, n in sorted(self.refused.items())}
            counts |= dict(self.calls)
        else:
            counts["ways that take more calls than eager mode"] = self.accepts_more
            counts["ways without a last draw that nobody reads"] = self.leaves_out_draws
        return Tried(
            "sizes" if drawing.kind == "sizes" else "programs",
            drawing.command(self.programs, seed),
            self.programs,
            tuple(f"{f.stage}: {f.kind}: {f.said.splitlines()[0][:160]}" for f in self.finds),
            round(self.seconds, 1),
            counts,
        )

    def __str__(self) -> str:
        rate = 60 * self.programs / max(self.seconds, 1e-9)
        refused = ", ".join(f"{code} {n}" for code, n in self.refused.most_common())
        return (
            f"{self.programs} programs, {rate:.0f} a minute; {self.right.total()} stages as in "
            f"eager mode, {self.accepts_more} that accept more, {self.refused.total()} refused "
            f"({refused}), {len(self.finds)} finds"
            + "".join(f"; {count} {what}" for what, count in self.calls.most_common())
        )


class _Runner:
    def __init__(self, folder: Path, *, refusals: bool = False) -> None:
        self.folder, self.number, self.refusals = folder, 0, refusals
        self.calls: Counter[str] = Counter()  # of the last program about sizes

    def outcome(self, source: Source, stage: str) -> tuple[str, str]:
        """``right``, ``refused`` with the code, or the kind of what was raised and its text."""
        made = None
        try:
            program, (args, kwargs) = self._loaded(source), source.example()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = STAGES[stage](program, args, kwargs)
                if isinstance(source, SizeSource):
                    self.calls = compared(source, program, made, refusals=self.refusals)
                else:
                    made.verify(program, samples=_SAMPLES, tolerance=source.tolerance())
        except InternalError as error:
            return "InternalError", str(error)
        except MonographError as error:
            return (
                (f"export: {error.code}", str(error)) if self.refusals else ("refused", error.code)
            )
        except CallError as error:
            if made and "promoted" in {a.kind for a in made.assumptions}:  # as it tells
                return "refused", "promoted"
            return error.kind, str(error)
        except DiffersError as error:
            # Eager mode fails where it computes what nobody reads; the program does not compute it.
            accepts = error.difference.rpartition("; ")[2] == "the program returns a result"
            if error.difference.endswith(OTHER_DRAWS) and self._is_of_last_draws(source, stage):
                return "leaves out draws", ""
            if made and "promoted" in {a.kind for a in made.assumptions}:  # as it tells
                return "refused", "promoted"
            return "accepts more" if accepts else "differs", str(error)
        except Exception as error:
            return type(error).__name__, str(error)
        return "right", ""

    def _is_of_last_draws(self, source: Source, stage: str) -> bool:
        """Whether the program is right where it draws once more: an unread draw stays then."""
        if LAST_DRAW in source.lines:
            return False
        name = LAST_DRAW.partition(" ")[0]
        lines, results = (*source.lines, LAST_DRAW), (*source.results, name)
        drawing = replace(source, lines=lines, results=results)
        return self.outcome(drawing, stage)[0] in ("right", "accepts more")

    def _loaded(self, source: Source) -> Program:
        """The program, from a file: strict mode reads its source."""
        self.number += 1
        path = self.folder / f"fuzzed_{self.number}.py"
        path.write_text(source.text())
        spec = importlib.util.spec_from_file_location(path.stem, path)
        if spec is None or spec.loader is None:
            raise ImportError(path.name)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found: Program = module.program
        return found

    def smallest(self, source: Source, stage: str, kind: str) -> tuple[Source, str]:
        """A program with fewer lines, or fewer results, of which the same comes."""
        said = self.outcome(source, stage)[1]
        is_smaller = True
        while is_smaller:
            is_smaller = False
            for other in _smaller(source):
                found, text = self.outcome(other, stage)
                if found == kind:
                    source, said, is_smaller = other, text, True
                    break
        return source, said


def _smaller(source: Source) -> list[Source]:
    found: list[Source] = []
    if isinstance(source, SizeSource) and len(source.calls) > 1:
        found += [replace(source, calls=(each,)) for each in source.calls]
    if len(source.results) > 1:
        found += [replace(source, results=(each,)) for each in source.results]
    for i in range(len(source.lines)):
        lines = (*source.lines[:i], *source.lines[i + 1 :])
        other = replace(source, lines=lines)
        if runs(other):
            found.append(other)
    return found


_Says = Callable[[str, object], None]


def fuzz(
    *,
    seed: int,
    programs: int | None = None,
    minutes: float | None = None,
    first: int = 0,
    drawing: Drawing = _OF_OPERATORS,
    say: _Says = lambda kind, what: None,
) -> Fuzzing:
    """Draw programs until there are so many, or so much time has passed.

    ``first``: the number of the first of them. ``say`` is told of each stage that begins, with the
    number of the program and its test, of each find, and after each program of all until then.
    """
    found, start, seen = Fuzzing(), time.perf_counter(), set[tuple[str, ...]]()
    with tempfile.TemporaryDirectory() as folder:
        runner = _Runner(Path(folder), refusals=drawing.refusals)
        while (programs is None or found.programs < programs) and (
            minutes is None or found.seconds < 60 * minutes
        ):
            number = first + found.programs
            choose = random.Random(f"{seed} {number}")
            torch.manual_seed(0)
            say("begins", (number, Find("drawing", "died", "", "")))
            source = drawing.source(choose)
            for stage in drawing.some_stages(choose) if source.lines else ():
                say("begins", (number, Find(stage, "died", "", source.test(stage, seed))))
                kind, said = runner.outcome(source, stage)
                if kind == "right":
                    found.right[stage] += 1
                    found.calls += runner.calls
                elif kind == "refused":
                    found.refused[said] += 1
                elif kind == "accepts more":
                    found.accepts_more += 1
                elif kind == "leaves out draws":
                    found.leaves_out_draws += 1
                elif len(found.finds) < _MOST_FINDS:
                    small, said = runner.smallest(source, stage, kind)
                    find = Find(stage, kind, said, small.test(stage, seed))
                    if (same := _forms(small, kind)) not in seen:
                        seen.add(same)
                        found.finds.append(find)
                        say("find", find)
            found.programs += 1
            found.seconds = time.perf_counter() - start
            say("done", found)
    return found


def _forms(source: Source, kind: str) -> tuple[str, ...]:
    """What makes two finds one: the kind, and the lines but for their names and numbers."""
    return (kind, *(re.sub(r"\b(v?\d+|[xy])\b", "_", line) for line in source.lines))


# In another process ------------------------------------------------------------------------------


def watched(
    *,
    seed: int,
    programs: int | None = None,
    minutes: float | None = None,
    drawing: Drawing = _OF_OPERATORS,
    say: Callable[[Find], None] = lambda find: None,
) -> Fuzzing:
    """The same as ``fuzz``, in processes that may die: that is a find, and the next one goes on."""
    total, end = Fuzzing(), None if minutes is None else time.monotonic() + 60 * minutes
    while (programs is None or total.programs < programs) and (
        end is None or time.monotonic() < end
    ):
        left = None if programs is None else programs - total.programs
        minutes_left = None if end is None else (end - time.monotonic()) / 60
        part, last = _in_a_process((seed, left, minutes_left, total.programs, drawing), say)
        total = total.with_another(part)
        if last is not None:
            say(last)
            total.programs += 1
            total.finds.append(last)
        elif part.programs == 0:
            break
    return total


def _in_a_process(
    given: tuple[int, int | None, float | None, int, Drawing], say: Callable[[Find], None]
) -> tuple[Fuzzing, Find | None]:
    """What a process has come to, and where it did not end by itself: the find that this is."""
    context = multiprocessing.get_context("spawn")
    receives, sends = context.Pipe(duplex=False)
    worker = context.Process(target=_work, args=(sends, *given))
    worker.start()
    sends.close()
    found, begun = Fuzzing(), Find("start", "died", "", "")
    while receives.poll(_MOST_SECONDS):
        try:
            kind, what = receives.recv()
        except EOFError:  # it has ended
            break
        if kind == "find":
            say(what)
        elif kind == "done":
            found = what
        elif kind == "begins":
            begun = what[1]
        else:
            worker.join()
            return found, None
    else:
        worker.kill()
        begun = replace(begun, kind="hangs", said=f"no end after {_MOST_SECONDS} seconds")
    worker.join()
    if begun.kind == "died":
        begun = replace(begun, said=f"the process has died of {_named(worker.exitcode or 0)}")
    return found, begun


def _named(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _work(
    sends: Connection,
    seed: int,
    programs: int | None,
    minutes: float | None,
    first: int,
    drawing: Drawing,
) -> None:
    """In another process: draw programs, and tell what comes of them."""
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    fuzz(
        seed=seed, programs=programs, minutes=minutes, first=first, drawing=drawing,
        say=lambda kind, what: sends.send((kind, what)),
    )  # fmt: skip
    sends.send(("end", None))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints each find, then what came of all programs."""
    parser = argparse.ArgumentParser(prog="python -m monograph.testing.fuzz")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--programs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--kind", choices=("operators", "sizes"), default="operators")
    parser.add_argument("--stage", action="append", choices=STAGES, help="only these; see STAGES")
    parser.add_argument("--refused", action="store_true", help="what is refused is a find")
    parser.add_argument("--record", help="add what came of it to this file")
    parser.add_argument(
        "--reached", action="store_true", help="count the functions of the package that run"
    )
    parser.add_argument("--here", action="store_true", help="in this process, as a debugger wants")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    minutes = 15.0 if given.minutes is None and given.programs is None else given.minutes
    drawing = Drawing(given.kind, tuple(given.stage or ()), given.refused)
    print(f"# seed {seed}", flush=True)
    if given.reached:
        return _reached(seed, given.programs or 300, given.record)
    if given.here:
        found = fuzz(
            seed=seed, programs=given.programs, minutes=minutes, drawing=drawing, say=_printed
        )
    else:
        found = watched(
            seed=seed, programs=given.programs, minutes=minutes, drawing=drawing, say=_print_find
        )
    print(f"# {found}")
    if given.record:
        note(found.as_tried(seed, drawing), given.record)
    return int(bool(found.finds))


def _reached(seed: int, programs: int, record: str | None) -> int:
    """Which functions the programs reach, by folder."""
    start = time.perf_counter()
    with reaching() as reach:
        fuzz(seed=seed, programs=programs)
    print(reach)
    folders = reach.by_folder()
    if record:
        command = f"python -m monograph.testing.fuzz --programs {programs} --seed {seed} --reached"
        counts = {f"{name}, of {count}": ran for name, (ran, count) in folders.items()}
        seconds = round(time.perf_counter() - start, 1)
        total = sum(ran for ran, _ in folders.values())
        note(Tried("reach", command, total, (), seconds, counts), record)
    return 0


def _printed(kind: str, what: object) -> None:
    if kind == "find" and isinstance(what, Find):
        _print_find(what)


def _print_find(find: Find) -> None:
    print(f"# {find.stage}: {find.kind}: {find.said}\n{find.test}", flush=True)


if __name__ == "__main__":
    from monograph.testing import fuzz as itself  # what it sends to another process has one name

    sys.exit(itself.main())
