"""Refused programs beside torch.export: ``python -m bench.refusals`` writes docs/refusals.md."""

from __future__ import annotations

import copy
import logging
import sys
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import torch

import monograph

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "shared"))


def programs() -> dict[str, tuple[Any, Any, Any]]:
    """Name to (program, example arguments, sizes that vary)."""
    import failing_programs
    import strict_programs

    found = {n: (e.make(), e.calls[0], e.shapes) for n, e in failing_programs.PROGRAMS.items()}
    found |= {n: (f, inputs[0], None) for n, (f, inputs) in strict_programs.PROGRAMS.items()}
    return found


class Module(torch.nn.Module):
    """``torch.export`` wants a module."""

    def __init__(self, f: Any) -> None:
        super().__init__()
        self.f = f

    def forward(self, *args: Any) -> Any:
        """Call it."""
        return self.f(*args)


def theirs(f: Any, args: Any, shapes: Any, strict: bool) -> str | None:
    """The message of ``torch.export``; None where it exports."""
    torch._dynamo.reset()
    module = f if isinstance(f, torch.nn.Module) else Module(f)
    wrapped = (shapes,) if isinstance(shapes, tuple) and module is not f else shapes
    try:
        torch.export.export(module, args, dynamic_shapes=wrapped, strict=strict)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def main() -> None:
    """Write the table."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    rows, texts = [], {"monograph": [], "default": [], "strict": []}
    fixed = 0
    for name, (f, args, shapes) in programs().items():
        report = monograph.check(f, copy.deepcopy(args), dynamic_shapes=shapes)
        if report.is_clean:
            continue
        fixed += report.fix is not None
        mine = str(report.problems[0])
        texts["monograph"].append(mine)
        cells = [name, report.problems[0].code, report.problems[0].fix or "none"]
        for mode in ("default", "strict"):
            text = theirs(f, copy.deepcopy(args), shapes, mode == "strict")
            if text is not None:
                texts[mode].append(text)
            cells.append("exports" if text is None else text.split(":")[0])
        rows.append(cells)
        print(*cells, sep=" | ", flush=True)
    lines = [
        "# Refused programs, beside torch.export", "",
        f"Written by `python -m bench.refusals` with torch {torch.__version__.partition('+')[0]}. "
        "Programs of the tests that Monograph's default mode refuses.", "",
        "| | Monograph | torch.export | torch.export, strict |", "| --- | --- | --- | --- |",
        f"| refused | {len(rows)} | {len(texts['default'])} | {len(texts['strict'])} |",
        f"| message names the user's file | {_naming(texts['monograph'])} | "
        f"{_naming(texts['default'])} | {_naming(texts['strict'])} |",
        f"| lines of the message, median | {_lines(texts['monograph'])} | "
        f"{_lines(texts['default'])} | {_lines(texts['strict'])} |",
        f"| fixed by the tool, results compared | {fixed} | - | - |", "",
        "| program | code | what fixes it | torch.export | torch.export, strict |",
        "| --- | --- | --- | --- | --- |",
        *(f"| {' | '.join(cells)} |" for cells in rows),
    ]  # fmt: skip
    (ROOT / "docs" / "refusals.md").write_text("\n".join(lines) + "\n")


def _naming(texts: list[str]) -> int:
    return sum("_programs.py" in text or Path(__file__).name in text for text in texts)


def _lines(texts: list[str]) -> int:
    return int(median(len(text.strip().splitlines()) for text in texts))


if __name__ == "__main__":
    main()
