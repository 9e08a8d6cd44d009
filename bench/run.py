"""Monograph beside torch.export: ``make bench``, or ``python -m bench.run [section ...]``.

Sections: speed, layers, memory, start, first, sizes, anysize, windows, questions, strict,
decompositions, interop, whole, refused, giant. Speed, layers and sizes alternate the exporters in
one process and print medians; memory, start, first, windows and giant use fresh processes.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch

import monograph
from bench.edges import decompositions, giant, interop
from bench.models import FULL, Example, llama
from bench.sizes import questions, sizes, windows
from bench.strict import strict
from bench.whole import anysize, refused, whole

ROUNDS = 5


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def exporters(example: Example) -> dict[str, Callable[[], Any]]:
    model, args, kwargs = example
    return {
        "monograph": lambda: monograph.export(model, args, kwargs),
        "with code": lambda: monograph.export(model, args, kwargs).graph_module,
        "non-strict": lambda: torch.export.export(model, args, kwargs, strict=False),
        "strict": lambda: torch.export.export(model, args, kwargs, strict=True),
    }


def layer_seconds(example: Example, rounds: int = 15) -> float:
    """Without a collection before each round, which would leave Python's free lists empty."""
    work = exporters(example)["monograph"]
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def medians(example: Example, names: tuple[str, ...], rounds: int = ROUNDS) -> dict[str, float]:
    works = {name: work for name, work in exporters(example).items() if name in names}
    for work in works.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            times[name].append(seconds(work))
    return {name: statistics.median(found) for name, found in times.items()}


def speed() -> None:
    """Median export times and ratios; "with code" includes generating the graph's Python code."""
    print(f"{'':12}{'nodes':>6}{'monograph':>11}{'with code':>11}{'non-strict':>12}{'strict':>10}"
          f"{'x non-strict':>14}{'x strict':>10}")  # fmt: skip
    ratios: list[tuple[float, float]] = []
    for name, make in FULL.items():
        example = make()
        found = medians(example, ("monograph", "with code", "non-strict", "strict"))
        nodes = len(monograph.export(*example).graph.nodes)
        ratio = found["non-strict"] / found["monograph"], found["strict"] / found["monograph"]
        ratios.append(ratio)
        print(
            f"{name:12}{nodes:6}"
            f"{found['monograph'] * 1e3:8.1f} ms{found['with code'] * 1e3:8.1f} ms"
            f"{found['non-strict'] * 1e3:9.0f} ms{found['strict'] * 1e3:7.0f} ms"
            f"{ratio[0]:13.1f}x{ratio[1]:9.1f}x",
            flush=True,
        )
    means = [statistics.geometric_mean(column) for column in zip(*ratios, strict=True)]
    print(f"{'geometric mean':64}{means[0]:13.1f}x{means[1]:9.1f}x")


def layers() -> None:
    """The cost of an operator does not grow with the model."""
    for count in (8, 16, 32, 64, 128):
        example = llama(count)
        found = layer_seconds(example)
        nodes = len(monograph.export(*example).graph.nodes)
        print(f"Llama, {count:3} layers: {nodes:5} nodes, {found * 1e3:6.1f} ms, "
              f"{found / nodes * 1e6:5.1f} us a node", flush=True)  # fmt: skip


# In fresh processes ---------------------------------------------------------------------------

_MEMORY = """
import sys, warnings; warnings.simplefilter("ignore")
import torch, monograph, gc
from bench.edges import decompositions, giant, interop
from bench.models import FULL
name, which = sys.argv[1:]
model, args, kwargs = FULL[name]() if name in FULL else __import__("bench.run").run.wide()
small = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
def export(m, a, k):
    if which == "monograph":
        return monograph.export(m, a, k)
    return torch.export.export(m, a, k, strict=False)
export(small, (torch.ones(2, 2),), {})
torch.export.export(small, (torch.ones(2, 2),))
def peak():
    return int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1])
gc.collect()
open("/proc/self/clear_refs", "w").write("5")
before = peak()
program = export(model, args, kwargs)
if which == "with code":
    program.graph_module
print(peak() - before)
"""

_START = """
import sys, time, warnings; warnings.simplefilter("ignore")
import torch
from torch import nn
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
                      nn.Flatten(), nn.Linear(72, 10)).eval()
x = torch.randn(2, 3, 8, 8)
start = time.perf_counter()
if sys.argv[1] == "monograph":
    import monograph
    imported = time.perf_counter()
    monograph.export(model, (x,))
else:
    import torch.export
    imported = time.perf_counter()
    torch.export.export(model, (x,), strict=False)
print(imported - start, time.perf_counter() - imported)
"""


_FIRST = """
import sys, time, warnings; warnings.simplefilter("ignore")
import torch, monograph
from bench.models import FULL
from bench.whole import specification
which, how, *names = sys.argv[1:]
exporter = monograph if which == "monograph" else torch.export
options = {} if which == "monograph" else {"strict": False}
for name, (model, args, kwargs) in [(name, FULL[name]()) for name in names]:
    if how == "sizes":
        options["dynamic_shapes"] = specification(name, exporter.Dim)
        args = tuple(torch.cat([a, a])[:2] for a in args)
    start = time.process_time()
    exporter.export(model, args, kwargs, **options)  # what is loaded when first used counts
    print(time.process_time() - start)
"""


def wide() -> Example:
    """A Llama of 8 layers with 0.4 GB of parameters."""
    return llama(8, hidden_size=1024, intermediate_size=2816, num_attention_heads=16)


def _fresh(code: str, *arguments: str) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True
    )
    return [float(word) for word in done.stdout.split()[-2:]]


def memory() -> None:
    """Peak resident memory that one export adds, in a warm process of its own."""
    for name in ("ResNet-50", "Llama-32", "wide Llama"):
        ours = statistics.median(_fresh(_MEMORY, name, "monograph")[-1] for _ in range(3))
        theirs = statistics.median(_fresh(_MEMORY, name, "torch")[-1] for _ in range(3))
        print(f"{name:12} monograph {ours / 1024:6.1f} MiB, torch.export {theirs / 1024:6.1f} MiB, "
              f"{ours / theirs:.2f} of it", flush=True)  # fmt: skip


def start() -> None:
    """The first export of a small model in a fresh process."""
    for which in ("monograph", "torch.export"):
        found = [_fresh(_START, which) for _ in range(ROUNDS)]
        imports, exports = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{which:13} import {imports:.3f} s after torch, first export {exports:.3f} s")


def first() -> None:
    """The first export of each model, in seconds of CPU: in a fresh process, and after another."""
    for name in FULL:
        other = "U-Net" if name != "U-Net" else "ResNet-50"
        for how, models in (("fresh process", (name,)), ("after another", (other, name))):
            for kind in ("fixed", "sizes"):
                ours, theirs = (
                    statistics.median(_fresh(_FIRST, which, kind, *models)[-1] for _ in range(3))
                    for which in ("monograph", "torch.export")
                )
                told = "sizes from 0" if kind == "sizes" else "fixed sizes"
                print(
                    f"{name:10} {how}, {told}: monograph {ours:6.3f} s, "
                    f"torch.export {theirs:6.3f} s, {theirs / ours:.1f}x",
                    flush=True,
                )


SECTIONS = {
    "speed": speed, "layers": layers, "memory": memory, "start": start, "first": first,
    "sizes": sizes, "anysize": anysize, "whole": whole, "refused": refused,
    "windows": windows, "questions": questions, "strict": strict,
    "decompositions": decompositions, "interop": interop, "giant": giant,
}  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    print(json.dumps({"torch": torch.__version__, "python": sys.version.split()[0],
                      "threads": torch.get_num_threads()}))  # fmt: skip
    for name in sys.argv[1:] or SECTIONS:
        section = SECTIONS[name]
        print(f"\n{name}: {section.__doc__}")
        section()


if __name__ == "__main__":
    main()
