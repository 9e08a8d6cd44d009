"""Torch's operator database with sizes that vary: ``python -m bench.operators`` writes the figures.

They are ``docs/operators.md`` and the file of exceptions of the tests. A run that was cut off goes
on (Ctrl-C writes what there is): what is measured is kept in ``bench/operators.jsonl``. ``--again``
begins anew, ``--failing`` measures again what was not right. With words: only operators whose names
contain one of them, printed and not written.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import sys
import warnings
from collections import Counter
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "shared"))

KEPT = ROOT / "bench" / "operators.jsonl"
PAGE = ROOT / "docs" / "operators.md"
EXCEPTIONS = ROOT / "tests" / "inference" / "varying_sizes_exceptions.txt"
STATIC = ROOT / "tests" / "inference" / "opinfo_exceptions.txt"  # not exported with fixed sizes
MOST_SAMPLES = 4
SECONDS = 60.0  # of the processor, for one sample
STATUSES = ("right", "narrowed", "refused", "wrong")  # from good to bad

Rows = list[tuple[int, str, str]]  # of one operator: sample, status, detail

# What the message of an outcome tells of its cause, the first that fits.
CAUSES = {
    "does not end": r"no end within",
    "a size of 1 makes another program": r"!= 1,|equal to 1,|constant \(1\)",
    "a size is fixed by the operator's arguments": r"constant \(|equal to|of the form",
    "a size has a least or a greatest value": r"to be (>=|<=)",
    "two sizes stand in a relation": r"inputs to satisfy|Constraints violated",
    "a number in a tensor decides": r"MG-D",
    "writes into a tensor whose size changes": r"MG-M",
    "another result": r"differs|promised",
}


def main(words: list[str]) -> None:
    """Sweep, and write or print the table."""
    import opinfo
    import varying_sizes

    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    options = {word for word in words if word.startswith("--")}
    wanted = [word for word in words if word not in options]
    static = {line.partition("#")[0].strip() for line in STATIC.read_text().splitlines()}
    names = [name for name, _, _ in opinfo.entries() if name not in static]
    names = [name for name in names if not wanted or any(word in name for word in wanted)]
    known = {} if wanted or "--again" in options else _known()
    if "--failing" in options:
        known = {n: rows for n, rows in known.items() if _worst(rows) == "right"}
    if not wanted:
        KEPT.write_text("".join(_line(n, rows) for n, rows in known.items()))
    missing = [name for name in names if name not in known]
    missing.sort(key=lambda name: (name not in _listed(), not name.endswith("float32")))
    with contextlib.suppress(KeyboardInterrupt):
        for name, swept in varying_sizes.sweep(missing, MOST_SAMPLES, SECONDS):
            known[name] = rows = [(index, *outcome) for index, outcome in swept]
            if not wanted:
                with KEPT.open("a") as file:
                    file.write(_line(name, rows))
            for index, status, detail in rows if wanted else ():
                print(name, index, status, detail, sep="\t")
    found = {name: known[name] for name in names if name in known}
    if not wanted:
        PAGE.write_text(text_of(found, len(names)))
        EXCEPTIONS.write_text(_exceptions(found))


def _line(name: str, rows: Rows) -> str:
    return json.dumps([name, rows]) + "\n"


def _known() -> dict[str, Rows]:
    lines = KEPT.read_text().splitlines() if KEPT.exists() else []
    return {
        name: [(index, status, detail) for index, status, detail in rows]
        for name, rows in map(json.loads, lines)
    }


def _worst(rows: Rows) -> str:
    return max((status for _, status, _ in rows), key=STATUSES.index, default="right")


def _cause(detail: str) -> str:
    return next((cause for cause, text in CAUSES.items() if re.search(text, detail)), "another")


def text_of(found: dict[str, Rows], entries: int) -> str:
    """The figures, and a line for each sample that is not right; of so many ``entries``."""
    tried = {name: rows for name, rows in found.items() if rows}
    operators = Counter(_worst(rows) for rows in tried.values())
    samples = Counter(status for rows in tried.values() for _, status, _ in rows)
    failing = {name: rows for name, rows in tried.items() if _worst(rows) != "right"}
    lines = [
        "# Operators with sizes that vary",
        "",
        f"Each operator of torch's database (torch {torch.__version__}, on the CPU, float32 and "
        f"int64) on up to {MOST_SAMPLES} samples, every size that eager mode can vary made "
        "`Dim.DYNAMIC`: alone where it can, else together with the sizes that are equal to it. The "
        "program is called at the example, at 1, and at other sizes, each compared with eager "
        f"mode. Of {entries} entries {len(found)} are measured, of which "
        f"{len(found) - len(tried)} have no size that varies; "
        "those that are not exported with fixed sizes (`tests/inference/opinfo_exceptions.txt`) "
        "are left out. `python -m bench.operators` writes this page.",
        "",
        "- `narrowed`: the program refuses sizes that eager mode takes",
        "- `refused`: no program, an error with a code",
        "- `wrong`: another result than eager mode's, or no end",
        "",
        "| | all | " + " | ".join(STATUSES) + " |",
        "| --- | ---: |" + " ---: |" * len(STATUSES),
    ]
    for what, counts in (("operators", operators), ("samples", samples)):
        cells = [str(counts.total()), *(str(counts[status]) for status in STATUSES)]
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    lines += ["", "## What is not right, by cause", ""]
    by_cause: dict[str, dict[str, None]] = {}
    for name, rows in failing.items():
        for _, status, detail in rows:
            if status != "right":
                by_cause.setdefault(_cause(detail), {})[name] = None
    lines += ["| operators | cause | which |", "| ---: | --- | --- |"]
    for cause, names in sorted(by_cause.items(), key=lambda item: -len(item[1])):
        which = ", ".join(f"`{name.split(':')[0]}`" for name in names)
        unique = ", ".join(dict.fromkeys(which.split(", ")))
        lines.append(f"| {len(names)} | {cause} | {unique} |")
    lines += ["", "## What is said", "", "| operator | samples | outcome | the first of them |"]
    lines.append("| --- | ---: | --- | --- |")
    for name, rows in failing.items():
        others = [row for row in rows if row[1] != "right"]
        lines.append(
            f"| `{name}` | {len(others)} of {len(rows)} | {_worst(rows)} | {_brief(others[0][2])} |"
        )
    return "\n".join(lines) + "\n"


def _brief(detail: str) -> str:
    """The first sentence of what is said, without the places where torch's files lie."""
    text = " ".join(detail.split("a program holds")[0].split())
    text = re.sub(r"\S+/site-packages/", "", text)
    return text[:150].replace("|", "\\|")


def _listed() -> dict[str, str]:
    """The exceptions as they stand."""
    lines = [line for line in EXCEPTIONS.read_text().splitlines() if not line.startswith("#")]
    return {name.strip(): status.strip() for name, _, status in (x.partition("#") for x in lines)}


def _exceptions(found: dict[str, Rows]) -> str:
    """The file of exceptions: its head, and what was found, or not measured, as it stands."""
    head = [line for line in EXCEPTIONS.read_text().splitlines() if line.startswith("#")]
    worst = {**_listed(), **{name: _worst(rows) for name, rows in found.items()}}
    lines = [f"{n}  # {status}" for n, status in sorted(worst.items()) if n and status != "right"]
    return "\n".join([*head, "", *lines]) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
