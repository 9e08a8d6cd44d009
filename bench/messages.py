"""The messages that users read, measured and tried: ``python -m bench.messages``.

Collections: programs that the default mode refuses (``tests/shared/failing_programs.py`` and
``strict_programs.py``), the cases of ExportDB that are refused, generated programs that branch and
loop on data, and mistakes that users make (``tests/shared/mistakes.py``). Of each message: how long
it is, and whether what it advises works (``tests/shared/advice.py``). Prints each fault as it is
found, and the table at the end; it takes about five minutes.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import quantiles
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "shared"))

_GENERATED = 60


def collections(folder: Path) -> Iterator[tuple[str, Iterator[Any]]]:
    """The collections by their titles."""
    import advice

    yield "mistakes of users", advice.of_mistakes()
    yield "cases of ExportDB", advice.of_cases()
    yield "refused programs", advice.of_programs()
    yield "generated programs", advice.of_generated(range(_GENERATED), folder)


def main() -> None:
    """Print what is wrong, and the table."""
    import advice

    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    lengths: dict[str, list[int]] = {}
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, messages in collections(folder):
            found = lengths.setdefault(title, [])
            for message in filter(None, messages):
                found.append(message.lines)
                print(f"\r{title}: {len(found)} ", end="", file=sys.stderr, flush=True)
                for fault in advice.faults_of(message, folder):
                    faults += 1
                    code = getattr(message.error, "code", type(message.error).__name__)
                    print(f"\n{message.name} ({code}): {fault}", flush=True)
            print(file=sys.stderr)
    print("| | messages | lines, median | lines, 95th percentile | longest |")
    print("| --- | --- | --- | --- | --- |")
    for title, found in [*lengths.items(), ("all", [*chain(*lengths.values())])]:
        parts = quantiles(found, n=20)
        print(f"| {title} | {len(found)} | {parts[9]:.0f} | {parts[18]:.0f} | {max(found)} |")
    print(f"{faults} pieces of advice that do not work")


if __name__ == "__main__":
    main()
