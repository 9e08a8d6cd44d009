"""Sizes that vary, beside fixed ones and beside torch.export; and the questions that they raise."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

import monograph
from bench.dynamic import VARYING
from bench.models import FULL, SMALL, Example
from bench.windows import Windows
from monograph.shapes.decide import Decider

_BATCH = {0: "batch"}
_TEXT = {0: "batch", 1: "seq"}
_IMAGES = {0: "batch", 2: "16*h", 3: "16*w"}
_SPECS: dict[str, Any] = {
    "ResNet-50": {"x": _BATCH}, "ViT-B/16": {"x": _BATCH}, "U-Net": {"x": _IMAGES},
    "BERT-12": {"input_ids": _TEXT, "attention_mask": _TEXT},
    "Llama-8": {"input_ids": _TEXT, "use_cache": None},
    "Llama-32": {"input_ids": _TEXT, "use_cache": None},
}  # fmt: skip
ROUNDS = 5


def specification(name: str, dim: Any) -> Any:
    """The dimensions of a model in the words of one exporter; both assume at least 2."""
    made: dict[str, Any] = {}

    def size(text: str) -> Any:
        factor, _, root = text.rpartition("*")
        if root not in made:
            made[root] = dim(root, min=2, max=64)
        return int(factor) * made[root] if factor else made[root]

    return {
        argument: sizes and {at: size(text) for at, text in sizes.items()}
        for argument, sizes in _SPECS[name].items()
    }


def example_of(name: str) -> Example:
    """With a batch of 2: torch.export takes a batch of 1 for a constant."""
    model, args, kwargs = FULL[name]()
    if name in ("ResNet-50", "ViT-B/16"):
        args = (torch.randn(2, 3, 224, 224),)
    return model, args, kwargs


def _seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def sizes() -> None:
    """Export with batch and sequence (or height and width) varying, alternating the exporters."""
    print(f"{'':12}{'static':>10}{'dynamic':>10}{'ratio':>8}{'torch.export':>14}{'x faster':>10}")
    ratios = []
    for name in FULL:
        model, args, kwargs = example_of(name)
        ours = specification(name, monograph.Dim)
        theirs = specification(name, torch.export.Dim)
        works: dict[str, Callable[[], Any]] = {
            "static": partial(monograph.export, model, args, kwargs),
            "dynamic": partial(monograph.export, model, args, kwargs, dynamic_shapes=ours),
            "torch": partial(
                torch.export.export, model, args, kwargs, dynamic_shapes=theirs, strict=False
            ),
        }
        times: dict[str, list[float]] = {key: [] for key in works}
        for round_ in range(ROUNDS + 1):
            for key, work in works.items():
                spent = _seconds(work)
                if round_:
                    times[key].append(spent)
        found = {key: statistics.median(spent) for key, spent in times.items()}
        ratios.append((found["dynamic"] / found["static"], found["torch"] / found["dynamic"]))
        print(
            f"{name:12}{found['static'] * 1e3:7.1f} ms{found['dynamic'] * 1e3:7.1f} ms"
            f"{ratios[-1][0]:7.2f}x{found['torch'] * 1e3:11.0f} ms{ratios[-1][1]:9.1f}x",
            flush=True,
        )
    means = [statistics.geometric_mean(column) for column in zip(*ratios, strict=True)]
    print(f"{'geometric mean':32}{means[0]:7.2f}x{'':14}{means[1]:9.1f}x")


_WINDOWS = """
import sys, time, warnings; warnings.simplefilter("ignore")
import torch, monograph
from bench.windows import Windows
which = sys.argv[1]
library = monograph if which == "monograph" else torch.export
options = {} if which == "monograph" else {"strict": False}
batch, h, w = (library.Dim(n, min=2, max=64) for n in ("batch", "h", "w"))
model, x = Windows().eval(), torch.randn(2, 3, 224, 224)
spec = {"x": {0: batch, 2: 4 * h, 3: 4 * w}}
start = time.perf_counter()
program = library.export(model, (x,), dynamic_shapes=spec, **options)
print(time.perf_counter() - start)
"""


def windows(limit: int = 120) -> None:
    """Window attention with height and width varying, each exporter in a fresh process."""
    for which in ("monograph", "torch.export"):
        command = [sys.executable, "-c", _WINDOWS, which]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
        except subprocess.TimeoutExpired:
            print(f"{which:14} not finished after {limit} s", flush=True)
            continue
        last = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()[-1]
        shown = f"{float(last):.2f} s" if done.returncode == 0 else f"fails: {last[:120]}"
        print(f"{which:14} {shown}", flush=True)


Asked = tuple[Decider, str, Any, float, bool, str]


def harvest() -> list[Asked]:
    """Every question that exports of the models ask: engine, kind, expression, the time that the

    answer took (in us), whether it was the first time (since something new was known), and the
    models' group.
    """
    asked: list[Asked] = []
    group = "bench models"
    original = Decider._remembered

    def remembered(self: Decider, kind: str, item: Any) -> Any:
        before = self.statistics["questions"]
        start = time.perf_counter()
        answer = original(self, kind, item)
        spent = (time.perf_counter() - start) * 1e6
        if not isinstance(self.scope.normal(item), int):
            is_first = self.statistics["questions"] > before
            asked.append((self, kind, item, spent, is_first, group))
        return answer

    Decider._remembered = remembered  # type: ignore[method-assign]
    try:
        for name in FULL:
            model, args, kwargs = example_of(name)
            monograph.export(model, args, kwargs, dynamic_shapes=specification(name, monograph.Dim))
        group = "small models"
        for name, varying in VARYING.items():
            model, _, _ = SMALL[name]()
            args, kwargs = varying.inputs(*varying.example)
            monograph.export(model, args, kwargs, dynamic_shapes=varying.shapes)
        group = "windows"
        for shapes in ("batch, _, 4*h, 4*w", "batch, _, h, w"):
            model, images = Windows().eval(), torch.randn(1, 3, 224, 224)
            monograph.export(model, (images,), dynamic_shapes={"x": shapes})
    finally:
        Decider._remembered = original  # type: ignore[method-assign]
    return asked


def questions() -> None:
    """Time of one question to the integer engine.

    In exports of the bench models (sizes from 2), of the small models (sizes from 0 or 1, both
    sides of questions included) and of window attention with any height and width. Cold: the first
    time. Warm: again, in passing (in the export, where the processor's caches hold other things)
    and at once.
    """
    gc.collect()
    gc.disable()
    asked = harvest()
    gc.enable()
    groups = dict.fromkeys(entry[5] for entry in asked)
    found = {f"cold, {group}": [e[3] for e in asked if e[4] and e[5] == group] for group in groups}
    found["warm, in passing"] = [e[3] for e in asked if not e[4]]
    warm = []
    for decider, kind, item, *_ in asked:
        ask = getattr(decider, kind)
        ask(item)
        start = time.perf_counter()
        ask(item)
        warm.append((time.perf_counter() - start) * 1e6)
    found["warm, at once"] = warm
    for label, measured in found.items():
        times = sorted(measured)
        print(f"{label}: {len(times)} questions, median {statistics.median(times):.1f} us, "
              f"95th percentile {times[int(len(times) * 0.95)]:.1f} us, "
              f"longest {times[-1]:.0f} us")  # fmt: skip
