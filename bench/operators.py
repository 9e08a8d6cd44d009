"""Torch's operator database with sizes that vary: ``python -m bench.operators`` writes the figures.

With words: only operators whose names contain one of them, printed and not written.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "shared"))

MOST_SAMPLES = 4
SECONDS = 60.0  # for one sample
STATUSES = ("right", "narrowed", "refused", "wrong")


def main(words: list[str]) -> None:
    """Sweep, and write or print the table."""
    import opinfo
    import varying_sizes

    logging.disable(logging.ERROR)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    names = [n for n, _, _ in opinfo.entries() if not words or any(word in n for word in words)]
    found = []
    for name, index, outcome in varying_sizes.sweep(names, MOST_SAMPLES, SECONDS):
        found.append((name, index, outcome))
        if words:
            print(name, index, outcome.status, outcome.detail, sep="\t")
    if not words:
        (ROOT / "docs" / "operators.md").write_text(text_of(found))


def text_of(found: list[tuple[str, int, Any]]) -> str:
    """The figures, and a line for each sample that is not right."""
    counts = Counter(outcome.status for _, _, outcome in found)
    lines = [
        "# Operators with sizes that vary",
        "",
        f"Written by `python -m bench.operators` with torch {torch.__version__}. Each operator of "
        f"torch's database on up to {MOST_SAMPLES} samples, every size that eager mode can vary "
        "made `Dim.DYNAMIC`; called at the example, at 1, and at other sizes, and compared with "
        "eager mode. Narrowed: the program refuses sizes that eager mode takes.",
        "",
        "| operators | samples | " + " | ".join(STATUSES) + " |",
        "| ---: | ---: |" + " ---: |" * len(STATUSES),
        f"| {len({name for name, _, _ in found})} | {len(found)} | "
        + " | ".join(str(counts[status]) for status in STATUSES)
        + " |",
        "",
        "| operator | sample | outcome | why |",
        "| --- | ---: | --- | --- |",
    ]
    for name, index, outcome in found:
        if outcome.status != "right":
            why = " ".join(outcome.detail.split())[:160].replace("|", "\\|")
            lines.append(f"| {name} | {index} | {outcome.status} | {why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
