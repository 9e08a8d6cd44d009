"""Random programs, exported and compared with eager mode: ``python -m monograph.testing.fuzz``.

A program is lines of Python over tensors: views and writes through them, operators of many kinds,
sizes used in Python, containers, regions without gradients; some are methods of a module that has
submodules, state and attributes. A line that eager mode refuses is dropped while it is made. Each
program goes through a few stages (another mode, a decomposition, a file, ``torch.export`` and
back); a stage is right, or refuses in Monograph's own words. What is neither is made smaller by
dropping lines, and printed as a test.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import random
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from monograph.diagnostics import InternalError, MonographError
from monograph.edges import from_torch, load, save
from monograph.exporting import export
from monograph.program import ExportedProgram
from monograph.shapes.dims import Dim
from monograph.testing.trust import Tried, note
from monograph.verification import DiffersError, drawn_tensor
from monograph.verification.verifying import OTHER_DRAWS

__all__ = ["Find", "Fuzzing", "fuzz", "main"]

Program = Callable[..., object]
Stage = Callable[[Program, tuple[torch.Tensor, ...]], ExportedProgram]

_DTYPES = (
    torch.float32, torch.float32, torch.float32, torch.float64, torch.bfloat16, torch.complex64,
    torch.int64, torch.int32, torch.uint8, torch.bool,
)  # fmt: skip
_SHAPES = ((3, 4), (2, 3, 4), (4,), (3, 3), (1, 4), (2, 3, 4, 4))
_MOST_LINES = 8
_SAMPLES = 5  # calls for each stage
_TRIES = 4  # for each line

# {t}, {u}: tensors at hand; {i}, {j}: small integers; {k}: a number.
_NEW = (
    "{t} + {u}", "{t} * {k}", "{t} - {u}", "{t}.clone()", "{t}.sum()", "{t}.sum({i})",
    "{t}.mean(-1, keepdim=True)", "{t}.amax({i})", "{t}.cumsum({i})", "{t}.abs()", "{t}.sin()",
    "{t}.exp()", "{t} > {u}", "{t} == {u}", "torch.where({t} > 0, {t}, {u})", "{t}.sort({i})[0]",
    "{t}.float()", "{t}.to({u}.dtype)", "{t}.to(torch.complex64)", "{t}.softmax(-1)",
    "torch.cat([{t}, {u}], {i})", "torch.stack([{t}, {u}])", "{t} @ {u}", "{t} @ {u}.mT",
    "torch.zeros_like({t})", "torch.ones({t}.shape[{i}])", "torch.arange({t}.shape[{i}])",
    "{t}.new_full({t}.shape, {i})", "{t}.clamp(-1, {i})", "{t}.roll({i}, {j})", "{t}.flip({i})",
    "{t}.tril()", "{t}.masked_fill({t} > 0, {k})", "{t}.index_select({i}, torch.tensor([0]))",
    "torch.nn.functional.layer_norm({t}, {t}.shape[-1:])", "{t}.repeat_interleave(2, {i})",
    "torch.nn.functional.pad({t}, (1, {i}))", "{t}.argmax({i})", "{t}.std({i})", "{t}.any({i})",
    "{t} // 2", "{t} % 3", "{t} & {u}", "~{t}", "-{t}", "{t}.sign()", "{t}.prod({i})",
    "{t}.logsumexp({i})", "torch.rand_like({t})", "{t}.conj()",
    # At infinity its kernels differ by layout.
    "torch.nn.functional.gelu({t}.clamp(-9, 9))",
    "{t}.real", "{t}.imag", "{t}.angle()", "torch.view_as_real({t})", "{t}.nan_to_num()",
    "{t}.norm()", "{t}.var({i}, keepdim=True)", "{t}.gather({i}, {t}.argsort({i}))",
    "{t}.scatter_add({i}, {t}.argsort({i}), {t})",
    "torch.outer({t}.flatten(), {u}.flatten())[:5, :5]",
    "{t}.unique()", "{t}[{t} > 0]", "{t}.nonzero()", "torch.einsum('...i,...i->...', {t}, {u})",
)  # fmt: skip
_VIEWS = (
    "{t}[{i}]", "{t}[{i}:]", "{t}[..., ::2]", "{t}[..., {i}:{i} + 2]", "{t}.mT", "{t}.T", "{t}.H",
    "{t}.transpose({i}, {j})", "{t}.view(-1)", "{t}.reshape(-1, 2)", "{t}.unsqueeze({i})",
    "{t}.squeeze()", "{t}.diagonal()", "{t}.flatten()", "{t}.expand(2, *{t}.shape)",
    "{t}.chunk(2, {i})[0]", "{t}.unbind({i})[0]", "{t}.detach()", "{t}.narrow({i}, 0, 1)",
    "{t}.movedim({i}, {j})", "{t}.unfold({i}, 2, 1)", "{t}.view_as({t})", "{t}.contiguous()",
    "{t}.swapaxes({i}, {j})", "{t}.view({t}.shape[0], -1)", "{t}[None]",
)  # fmt: skip
_WRITES = (
    "{t}.add_({k})", "{t}.mul_({u})", "{t}.zero_()", "{t}.copy_({u})", "{t}[{i}] = {k}",
    "{t}[..., {i}] = {u}[..., {i}]", "{t}.clamp_(-1, 1)", "{t}[{t} > 0] = {k}", "{t} += {u}",
    "{t}.relu_()", "{t}.fill_({t}.sum())", "{t}.t_()", "{t}.sub_({u}, alpha={i})",
    "{t}.masked_fill_({t} > {k}, {k})", "{t}.index_add_({i}, torch.tensor([0]), {u})",
)  # fmt: skip
_PYTHON = (
    "{v} = {t} * {t}.shape[{i}]", "{v} = {t} + len({t})",
    "{v} = {t} * (2 if {t}.shape[{i}] > {j} else 3)", "{v} = {t}.reshape({t}.shape[0], -1)",
    "{v} = sum(each.sum() for each in [{t}, {u}])", "{v} = dict(a={t}, b={u})['b']",
    "{v} = [{t}, {u}][{t}.dim() % 2]", "{v} = {t} * len(f'{{{t}.dim()}}')",
    "{v} = {t} / max({t}.shape[{i}], {j} + 1)", "{v} = {t} + {t}.shape[{i}] // 2",
    "with torch.no_grad():\n    {v} = {t} * 2", "{v} = torch.vmap(lambda row: row * 2)({t})",
    "for each in ({t}, {u}):\n    {v} = each + each.dim()", "{v} = {t} * {t}.dtype.itemsize",
    "{v} = {t} if {t}.requires_grad else {u}", "{v} = {t} + {t}.numel()",
    "with torch.autocast('cpu', torch.bfloat16):\n    {v} = {t} @ {u}.mT",
    "{v} = {t}.view(-1)[: {t}.shape[-1] - {i}]",
    "{v} = {t} * (2 if type({t}.shape[{i}]) is int else 3)",
    "{v} = {t} + (1 if type({t}) is torch.Tensor else {k})",
    "{v} = {t} * {{int: 2, float: 3}}[type({t}.shape[{i}] / {j} if {j} else {j})]",
    "with torch.random.fork_rng(devices=[]):\n    {v} = torch.rand_like({t})",
    "{v} = torch.rand(3, generator=torch.Generator().manual_seed({j})) + {t}.shape[{i}]",
    "warnings.warn('of the program')\n{v} = {t} - 1",
    "{v} = [a + b.dim() for a, b in itertools.product([{t}, {u}], [{u}])][{i}]",
    "{v} = list(itertools.accumulate([{t}, {t}], lambda a, b: a + b))[-1]",
    "{v} = {t} + sum(itertools.chain({t}.shape, ({j},)))",
    "{v} = {t} * torch.ops.monograph_fuzzed.halves({u})",
    "torch.ops.monograph_fuzzed.doubles_({t})",
    "{v} = torch.func.grad(lambda z: (z * z).sum())({t})",
    "{v} = torch.utils.checkpoint.checkpoint(lambda z: z.sin() * 2, {t}, use_reentrant=False)",
)  # fmt: skip
# Lines of a method: of a module with submodules, state, and attributes that change.
_OF_MODULES = (
    "{v} = self.scale({t})", "{v} = self.scale(self.scale({t}))", "{v} = self.table + {t}",
    "self.seen.add_(1)\n{v} = {t} * self.seen", "{v} = {t} * self.weight",
    "self.calls += 1\n{v} = {t} + self.calls", "self.table[{j}] = {t}.sum()",
    "self.last = {t}.sum()\n{v} = {t} - 1", "{v} = {t} + self.last", "self.table.mul_({k})",
    "{v} = torch.nn.functional.dropout({t}, 0.5, self.training)", "self.seen = self.seen + {j}",
    "{v} = {t} * len(self.kept)", "{v} = self.kept[{j} % 2] * {t}.shape[{i}]",
    "{v} = {t}.clone()\nself.table.copy_({v}.flatten()[0].expand(4))",
)  # fmt: skip
_STRICT = (
    "if {t}.sum() > {k}:\n    {v} = {t} * 2\nelse:\n    {v} = {t} - 1",
    # From infinity it would go on forever.
    "{v} = {t}.clamp(-9, 9)\nwhile {v}.abs().sum() > 1:\n    {v} = {v} * 0.5",
    "{v} = {t} + (1 if {t}.min() > 0 else 2)",
)


# After it, what is drawn before counts though nobody reads it.
_LAST_DRAW = "drawn_last = torch.rand(2)"

_HEAD = """\
import itertools
import warnings

import torch
import torch.utils.checkpoint

from monograph.testing import fuzz
"""
_MODULES = """

class Scale(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(2.0))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        self.calls += 1
        return x * self.weight + self.calls


class Program(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale, self.calls = Scale(), 0
        self.weight = torch.nn.Parameter(torch.tensor(0.5))
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("table", torch.arange(4.0))
        self.last, self.kept = torch.zeros(()), [torch.ones(()), 3]

    def forward(self, x, y):
"""


@dataclass(frozen=True)
class Source:
    """A program as lines, with the tensors that it is exported with.

    ``is_module``: they are the lines of a method, ``forward``.
    """

    lines: tuple[str, ...]
    results: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[torch.dtype, ...]
    is_module: bool = False

    def text(self) -> str:
        """The program: a function ``program(x, y)``, or a module under that name."""
        body = [line for each in self.lines for line in each.split("\n")]
        body.append(f"return {', '.join(self.results)},")
        if self.is_module:
            inside = "".join(f"        {line}\n" for line in body)
            return f"{_HEAD}{_MODULES}{inside}\n\nprogram = Program()\n"
        inside = "".join(f"    {line}\n" for line in body)
        return f"{_HEAD}\n\ndef program(x, y):\n{inside}"

    def example(self) -> tuple[torch.Tensor, ...]:
        """The tensors that it is exported with."""
        pairs = zip(self.shapes, self.dtypes, strict=True)
        return tuple(drawn_tensor(s, d, among=(0, 3), seed=i) for i, (s, d) in enumerate(pairs))

    def test(self, stage: str, seed: int) -> str:
        """What to paste into a file of tests."""
        pairs = zip(self.shapes, self.dtypes, strict=True)
        example = ", ".join(
            f"drawn_tensor({s}, {d}, among=(0, 3), seed={i})" for i, (s, d) in enumerate(pairs)
        )
        return (
            f"{self.text()}\n\ndef test_program():  # {stage}, found with seed {seed}\n"
            f"    drawn_tensor = fuzz.drawn_tensor\n"
            f"    made = fuzz.STAGES[{stage!r}](program, ({example},))\n"
            "    made.verify(program, tolerance=1e-3)\n"
        )


def _drawn(choose: random.Random) -> Source:
    """A program whose lines all run in eager mode."""
    shapes = tuple(choose.choice(_SHAPES) for _ in "xy")
    if choose.random() < 0.6:
        shapes = (shapes[0], shapes[0])
    dtypes = tuple(choose.choice(_DTYPES) for _ in "xy")
    if choose.random() < 0.6:
        dtypes = (dtypes[0], dtypes[0])
    is_module = choose.random() < 0.3
    start = Source((), (), shapes, dtypes, is_module)
    space: dict[str, object] = {}
    exec(start.text().replace("return ,", "pass"), space)
    space |= dict(zip("xy", start.example(), strict=True), self=space["program"])
    names, lines = ["x", "y"], []
    for number in range(choose.randint(2, _MOST_LINES)):
        for _ in range(_TRIES):
            name = f"v{number}"
            line = _line(choose, names, name, is_module=is_module)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exec(line, space)
            except Exception:  # eager mode refuses it
                space.pop(name, None)
                continue
            lines.append(line)
            if name in space and name not in names:
                names.append(name)
            break
    results = names[2:] or names[-1:]
    return Source(tuple(lines), tuple(results), shapes, dtypes, is_module)


def _line(choose: random.Random, names: Sequence[str], name: str, *, is_module: bool) -> str:
    kinds = ("new", "view", "write", "python", "strict", "module")
    kind = choose.choices(kinds, (8, 6, 5, 5, 1, 6 if is_module else 0))[0]
    forms = {
        "new": _NEW, "view": _VIEWS, "write": _WRITES, "python": _PYTHON, "strict": _STRICT,
        "module": _OF_MODULES,
    }  # fmt: skip
    form = choose.choice(forms[kind])
    if kind in ("new", "view"):
        form = "{v} = " + form
    recent = names[-4:]
    return form.format(
        v=name, t=choose.choice(recent), u=choose.choice(recent), i=choose.choice((0, 0, 1, -1)),
        j=choose.choice((0, 1, 2)), k=choose.choice((2, -1, 0.5)),
    )  # fmt: skip


# Stages ----------------------------------------------------------------------------------------


def _any_size(example: tuple[torch.Tensor, ...]) -> object:
    return tuple(dict.fromkeys(range(tensor.dim()), Dim.DYNAMIC) for tensor in example)


def _loaded(program: ExportedProgram) -> ExportedProgram:
    file = io.BytesIO()
    save(program, file)
    file.seek(0)
    found = load(file)
    if not isinstance(found, ExportedProgram):
        raise TypeError(f"a {type(found).__name__} was saved as one program")
    return found


STAGES: dict[str, Stage] = {
    "static": lambda f, x: export(f, x),
    "any size": lambda f, x: export(f, x, dynamic_shapes=_any_size(x)),
    "strict": lambda f, x: export(f, x, strict=True),
    "strict, any size": lambda f, x: export(f, x, strict=True, dynamic_shapes=_any_size(x)),
    "decomposed": lambda f, x: export(f, x, dynamic_shapes=_any_size(x)).run_decompositions(),
    "file": lambda f, x: _loaded(export(f, x, dynamic_shapes=_any_size(x))),
    "torch.export": lambda f, x: from_torch(export(f, x).to_torch()),
}


# Operators of a library's own: what torch does not know of, with fakes.


@torch.library.custom_op("monograph_fuzzed::halves", mutates_args=())
def halves(x: torch.Tensor) -> torch.Tensor:
    """A custom operator that computes."""
    return x / 2


@halves.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return x / 2


@torch.library.custom_op("monograph_fuzzed::doubles_", mutates_args=("x",))
def doubles_(x: torch.Tensor) -> None:
    """A custom operator that writes."""
    x.mul_(2)


@doubles_.register_fake
def _(x: torch.Tensor) -> None:
    return None


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
    """

    programs: int = 0
    seconds: float = 0.0
    right: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    accepts_more: int = 0
    leaves_out_draws: int = 0
    finds: list[Find] = field(default_factory=list)

    def as_tried(self, seed: int) -> Tried:
        """What is kept of it."""
        counts = {
            "ways as in eager mode": self.right.total(),
            "ways that are refused in words": self.refused.total(),
            "ways that take more calls than eager mode": self.accepts_more,
            "ways without a last draw that nobody reads": self.leaves_out_draws,
        }
        return Tried(
            "programs",
            f"python -m monograph.testing.fuzz --programs {self.programs} --seed {seed}",
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
        )


class _Runner:
    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0

    def outcome(self, source: Source, stage: str) -> tuple[str, str]:
        """``right``, ``refused`` with the code, or the kind of what was raised and its text."""
        try:
            program, example = self._loaded(source), source.example()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made = STAGES[stage](program, example)
                made.verify(program, samples=_SAMPLES, tolerance=1e-3)
        except InternalError as error:
            return "InternalError", str(error)
        except MonographError as error:
            return "refused", error.code
        except DiffersError as error:
            # Eager mode fails where it computes what nobody reads; the program does not compute it.
            accepts = error.difference.rpartition("; ")[2] == "the program returns a result"
            if error.difference.endswith(OTHER_DRAWS) and self._is_of_last_draws(source, stage):
                return "leaves out draws", ""
            return "accepts more" if accepts else "differs", str(error)
        except Exception as error:
            return type(error).__name__, str(error)
        return "right", ""

    def _is_of_last_draws(self, source: Source, stage: str) -> bool:
        """Whether the program is right where it draws once more: an unread draw stays then."""
        if _LAST_DRAW in source.lines:
            return False
        name = _LAST_DRAW.partition(" ")[0]
        lines, results = (*source.lines, _LAST_DRAW), (*source.results, name)
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
    found = []
    if len(source.results) > 1:
        found = [replace(source, results=(each,)) for each in source.results]
    for i in range(len(source.lines)):
        lines = (*source.lines[:i], *source.lines[i + 1 :])
        other = replace(source, lines=lines)
        if _runs(other):
            found.append(other)
    return found


def _runs(source: Source) -> bool:
    space: dict[str, object] = {}
    try:
        exec(source.text(), space)
        program = space["program"]
        if callable(program):
            program(*source.example())
    except Exception:
        return False
    return True


def fuzz(
    *,
    seed: int,
    programs: int | None = None,
    minutes: float | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Fuzzing:
    """Draw programs until there are so many, or so much time has passed."""
    found, start, seen = Fuzzing(), time.perf_counter(), set()
    with tempfile.TemporaryDirectory() as folder:
        runner = _Runner(Path(folder))
        while (programs is None or found.programs < programs) and (
            minutes is None or found.seconds < 60 * minutes
        ):
            choose = random.Random(f"{seed} {found.programs}")
            torch.manual_seed(0)
            source = _drawn(choose)
            others = choose.sample(list(STAGES)[1:], 2)
            for stage in ("static", *others) if source.lines else ():
                kind, said = runner.outcome(source, stage)
                if kind == "right":
                    found.right[stage] += 1
                elif kind == "refused":
                    found.refused[said] += 1
                elif kind == "accepts more":
                    found.accepts_more += 1
                elif kind == "leaves out draws":
                    found.leaves_out_draws += 1
                elif (kind, said[:60]) not in seen:
                    seen.add((kind, said[:60]))
                    small, said = runner.smallest(source, stage, kind)
                    find = Find(stage, kind, said, small.test(stage, seed))
                    found.finds.append(find)
                    say(f"# {find.stage}: {find.kind}: {find.said}\n{find.test}")
            found.programs += 1
            found.seconds = time.perf_counter() - start
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: prints each find, then what came of all programs."""
    parser = argparse.ArgumentParser(prog="python -m monograph.testing.fuzz")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--programs", type=int)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--record", help="add what came of it to this file")
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(1 << 32) if given.seed is None else given.seed
    minutes = 15.0 if given.minutes is None and given.programs is None else given.minutes
    print(f"# seed {seed}", flush=True)
    found = fuzz(seed=seed, programs=given.programs, minutes=minutes, say=print)
    print(f"# {found}")
    if given.record:
        note(found.as_tried(seed), given.record)
    return int(bool(found.finds))


if __name__ == "__main__":
    sys.exit(main())
