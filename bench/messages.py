"""The messages that users read, measured: ``python -m bench.messages``.

Three collections: programs that the default mode refuses (``tests/shared/failing_programs.py`` and
``strict_programs.py``), the cases of ExportDB that are refused, and mistakes that users make
(``tests/shared/mistakes.py``).
"""

from __future__ import annotations

import ast
import copy
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles

import monograph
from monograph import exportdb
from monograph.exportdb.runner import refusal

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "shared"))


def of_programs() -> Iterator[tuple[str, monograph.MonographError]]:
    """The first refusal of each program."""
    from bench.refusals import programs

    for name, (f, args, shapes) in programs().items():
        try:
            monograph.export(f, copy.deepcopy(args), dynamic_shapes=shapes)
        except monograph.MonographError as error:
            yield name, error


def of_cases() -> Iterator[tuple[str, monograph.MonographError]]:
    """What each case of the catalogue is refused with."""
    for entry in exportdb.cases():
        for code in {entry.expect.code, entry.expect.strict_code} - {None}:
            error = refusal(entry, code)
            if isinstance(error, monograph.MonographError):
                yield entry.name, error


def of_mistakes() -> Iterator[tuple[str, monograph.MonographError]]:
    """What each mistake is answered with."""
    from mistakes import MISTAKES

    for name, mistake in MISTAKES.items():
        try:
            mistake.make()
        except monograph.MonographError as error:
            yield name, error
        except Exception:
            continue  # of Python's own, which passes through


def unreadable(error: monograph.MonographError) -> list[str]:
    """Pieces of code in the advice that are no Python."""
    found = []
    lines = (error.hint or "").splitlines()
    for text in [line.strip() for line in lines if line.strip().startswith("torch._check(")]:
        try:
            ast.parse(text)
        except SyntaxError:
            found.append(text)
    return found


def main() -> None:
    """Print the table, and what is wrong."""
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    print("| | messages | with a line | lines, median | lines, 95th percentile | longest |")
    print("| --- | --- | --- | --- | --- | --- |")
    everything = []
    for title, found in (
        ("refused programs", of_programs()),
        ("cases of ExportDB", of_cases()),
        ("mistakes of users", of_mistakes()),
    ):
        messages = list(found)
        everything += messages
        print(_row(title, messages))
    print(_row("all", everything))
    for name, error in everything:
        for text in unreadable(error):
            print(f"{name}: no Python: {text}")
        for wrong in re.findall(
            r"<function \w+|VR\[-int_oo|object at 0x|AbstractTensor", str(error)
        ):
            print(f"{name}: shows {wrong}")
        if error.hint is None and error.patch is None and not error.is_captured_in_strict_mode:
            print(f"{name}: no advice: {error.code} {error.what.splitlines()[0]}")


def _row(title: str, messages: list[tuple[str, monograph.MonographError]]) -> str:
    lengths = sorted(len(str(error).splitlines()) for _, error in messages)
    parts = quantiles(lengths, n=20)
    with_line = sum(error.where is not None for _, error in messages)
    return (
        f"| {title} | {len(messages)} | {with_line} | {parts[9]:.0f} | {parts[18]:.0f} | "
        f"{lengths[-1]} |"
    )


if __name__ == "__main__":
    main()
