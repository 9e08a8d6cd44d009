"""What was tried to prove programs wrong: a record that is kept, and the page that shows it.

``python -m monograph.testing.fuzz --record FILE`` adds a line of JSON for each run; so do the slow
sweeps where ``MONOGRAPH_TRUST`` names the file. ``python -m monograph.testing.trust FILE PAGE``
writes the page from nothing else.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

__all__ = ["Tried", "main", "note", "page", "trying"]

RECORD = "MONOGRAPH_TRUST"


@dataclass(frozen=True)
class Tried:
    """One run of something that looks for faults.

    ``kind``: a key of ``KINDS``. ``count``: how many were tried, ``faults``: what was found, a
    line each. ``details`` are counts, by what they are counts of. ``part``: of what the command
    tries, where it notes its parts one by one. ``mended``: for faults that are no more, the commit.
    """

    kind: str
    command: str
    count: int
    faults: tuple[str, ...] = ()
    seconds: float = 0.0
    details: dict[str, int] = field(default_factory=dict)
    part: str = ""
    torch: str = torch.__version__.partition("+")[0]
    mended: dict[str, str] = field(default_factory=dict)

    def left(self) -> list[str]:
        """The faults that nobody has mended."""
        return [fault for fault in self.faults if fault not in self.mended]


# Each kind with what is counted, and what a fault is.
KINDS = {
    "programs": (
        "Random programs",
        "Programs of random lines, each exported in three of eleven ways and compared with eager "
        "mode on drawn calls: values, dtypes, shapes, strides, shared memory, gradients, random "
        "numbers, and what is left in arguments and state.",
    ),
    "sizes": (
        "Random programs about sizes",
        "Programs whose Python goes by sizes (branches, loops, tables, arithmetic, exceptions), "
        "every size of which varies, each exported in both modes and called at a dozen other "
        "sizes, 0, 1 and equal ones among them. A program is as in eager mode, fails where that "
        "fails, or refuses in words; refused calls are counted.",
    ),
    "reach": (
        "What random programs reach",
        "Functions of the package that run while random programs are exported, verified, saved, "
        "loaded and converted: those of each folder, of all that it has. What does not run is what "
        "the search never tries (messages, other versions of torch, other ways to call).",
    ),
    "operators": (
        "Operators",
        "Each operator with each dtype that it takes, compared with eager mode.",
    ),
    "faults": (
        "Faults",
        "An exception, Ctrl-C or a lack of memory at one call inside an export; afterwards all of "
        "the process is as it was, and the next export is right.",
    ),
    "mutants": (
        "Damaged files",
        "A file with one thing changed. It is refused with a reason, or what is loaded is a valid "
        "program; nothing in it is executed.",
    ),
    "changes": (
        "Mistakes of ours",
        "One change in a file of the package that decides what is right (a comparison, a truth, a "
        "number, a condition). A fault here is a change that the tests next to the file do not "
        "notice: a gap in the tests, or a change that changes nothing.",
    ),
    "leaks": (
        "Exports in one process",
        "Twenty kinds of exports, refusals among them: no tensor of a capture and no environment "
        "of sizes is left, and memory is flat.",
    ),
}


def note(tried: Tried, file: str | None = None) -> None:
    """Add a run to the record that ``file``, or the environment, names; else do nothing."""
    name = file or os.environ.get(RECORD)
    if name:
        with Path(name).open("a", encoding="utf-8") as record:
            record.write(json.dumps(asdict(tried), sort_keys=True) + "\n")


@contextmanager
def trying(kind: str, command: str, part: str = "") -> Iterator[Counter[str]]:
    """Note what is tried inside, with what it raises as its fault.

    Under ``tried`` the block may count, else it counts as one; other counts are details.
    """
    counts: Counter[str] = Counter()
    start = time.perf_counter()
    faults: tuple[str, ...] = ()
    try:
        yield counts
    except Exception as error:
        faults = (f"{part}: {type(error).__name__}: {str(error).partition(chr(10))[0][:160]}",)
        raise
    finally:
        seconds = round(time.perf_counter() - start, 1)
        count = counts.pop("tried", 1)
        note(Tried(kind, command, count, faults, seconds, dict(counts), part))


def page(lines: Sequence[str]) -> str:
    """The page, from the lines of a record: of what was tried again, the last time counts."""
    every = [Tried(**json.loads(line)) for line in lines if line.strip()]
    runs = list({(run.kind, run.command, run.part): run for run in every}.values())
    parts = [_HEAD]
    rows = []
    for kind, (title, _) in KINDS.items():
        of_kind = [run for run in runs if run.kind == kind]
        if of_kind:
            faults = sum(len(run.left()) for run in of_kind)
            count = sum(run.count for run in of_kind)
            rows.append(f"| [{title}](#{_anchor(title)}) | {count:,} | {faults} |")
    parts.append("\n".join(["| tried | how many | faults |", "| --- | --- | --- |", *rows]))
    for kind, (title, what) in KINDS.items():
        of_kind = [run for run in runs if run.kind == kind]
        if of_kind:
            parts.append(_section(title, what, of_kind))
    return "\n\n".join(parts) + "\n"


_HEAD = """\
# Reason to trust it

<!-- Written by `python -m monograph.testing.trust docs/trust.jsonl docs/trust.md`. -->

Programs that are wrong without a word are the worst that an exporter can give. These searches look
for them, and for what is nearly as bad, without anyone thinking of the case. Each line is what one
or several runs of a command have counted, with what they found."""


def _section(title: str, what: str, runs: Sequence[Tried]) -> str:
    details: Counter[str] = Counter()
    for run in runs:
        details.update(run.details)
    rows = ["| command | how many | minutes | torch | faults |", "| --- | --- | --- | --- | --- |"]
    by_command: dict[tuple[str, str], list[Tried]] = {}
    for run in runs:
        by_command.setdefault((run.command, run.torch), []).append(run)
    for (command, torch_version), same in by_command.items():
        count, faults = sum(r.count for r in same), sum(len(r.left()) for r in same)
        minutes = sum(r.seconds for r in same) / 60
        rows.append(f"| `{command}` | {count:,} | {minutes:.1f} | {torch_version} | {faults} |")
    parts = [f"## {title}", what, "\n".join(rows)]
    if details:
        counted = "; ".join(f"{name}: {count:,}" for name, count in sorted(details.items()))
        parts.append(f"In all: {counted}.")
    left = [f"- {fault}" for run in runs for fault in run.left()]
    if left:
        parts.append("What was found, and is so still:\n\n" + "\n".join(left))
    mended = [f"- {f}: {run.mended[f]}" for run in runs for f in run.faults if f in run.mended]
    if mended:
        parts.append("What was found, with the commit that mends it:\n\n" + "\n".join(mended))
    return "\n\n".join(parts)


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def main(arguments: Sequence[str] | None = None) -> int:
    """``RECORD PAGE``: write the page."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if len(given) != 2:
        print("python -m monograph.testing.trust RECORD PAGE", file=sys.stderr)
        return 2
    record, target = map(Path, given)
    lines = record.read_text(encoding="utf-8").splitlines()
    target.write_text(page(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
