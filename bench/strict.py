"""Strict mode beside ``torch.export(strict=True)``: warm, and as the first export of a process."""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

import monograph
from bench.models import FULL

ROUNDS = 5


class EarlyExit(nn.Module):
    """Layers that stop when the tokens have settled; what is not finite, or large, is caught."""

    def __init__(self, layers: int = 12, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 128, batch_first=True) for _ in range(layers)
        )

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        if not torch.isfinite(x).all():
            return torch.zeros_like(x)
        for layer in self.layers:
            y = layer(x, src_key_padding_mask=padding)
            if (y - x).abs().max() < 1e-3:
                break
            x = y
        while x.abs().max() > 10:
            x = x * 0.5
        return x


def seconds(work: Callable[[], Any]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def strict() -> None:
    """Median export times in strict mode; "first" in a fresh process, imports excluded."""
    print(f"{'':12}{'default':>10}{'strict':>10}{'ratio':>7}{'torch strict':>14}{'faster':>9}"
          f"{'first':>10}{'torch first':>13}{'faster':>9}")  # fmt: skip
    warm, cold = [], []
    for name, make in FULL.items():
        model, args, kwargs = make()
        works = {
            "default": lambda m=model, a=args, k=kwargs: monograph.export(m, a, k),
            "strict": lambda m=model, a=args, k=kwargs: monograph.export(m, a, k, strict=True),
            "torch": lambda m=model, a=args, k=kwargs: torch.export.export(m, a, k, strict=True),
        }
        for work in works.values():
            work()
        times: dict[str, list[float]] = {key: [] for key in works}
        for _ in range(ROUNDS):
            for key, work in works.items():
                times[key].append(seconds(work))
        found = {key: statistics.median(column) for key, column in times.items()}
        first = [statistics.median(_first(name, which) for _ in range(3)) for which in
                 ("monograph", "torch")]  # fmt: skip
        warm.append(found["torch"] / found["strict"])
        cold.append(first[1] / first[0])
        print(
            f"{name:12}{found['default'] * 1e3:7.1f} ms{found['strict'] * 1e3:7.1f} ms"
            f"{found['strict'] / found['default']:7.2f}{found['torch'] * 1e3:11.0f} ms"
            f"{warm[-1]:8.0f}x{first[0] * 1e3:7.0f} ms{first[1] * 1e3:10.0f} ms{cold[-1]:8.1f}x",
            flush=True,
        )
    print(f"{'geometric mean':53}{statistics.geometric_mean(warm):8.0f}x"
          f"{'':23}{statistics.geometric_mean(cold):8.1f}x")  # fmt: skip
    model, x, padding = EarlyExit().eval(), torch.randn(2, 8, 64), torch.zeros(2, 8).bool()
    done = [
        seconds(lambda: monograph.export(model, (x, padding), strict=True))
        for _ in range(ROUNDS + 1)
    ]
    print(f"12 layers, an early exit, which torch.export refuses: first {done[0] * 1e3:.0f} ms, "
          f"then {statistics.median(done[1:]) * 1e3:.0f} ms")  # fmt: skip


_FIRST = """
import sys, time, warnings; warnings.simplefilter("ignore")
import torch, torch.export, monograph
from bench.models import FULL
model, args, kwargs = FULL[sys.argv[1]]()
start = time.perf_counter()
export = monograph.export if sys.argv[2] == "monograph" else torch.export.export
export(model, args, kwargs, strict=True)
print(time.perf_counter() - start)
"""


def _first(name: str, which: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _FIRST, name, which], check=True, capture_output=True, text=True
    )
    return float(done.stdout.split()[-1])
