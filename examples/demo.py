"""Export a real model, show a part of it, compare it with eager, time it beside torch.export."""

from __future__ import annotations

import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import monograph

sys.path.insert(0, str(Path(__file__).parent.parent))
from bench.models import bert

_SHOWN = 5


def median_ms(work: Callable[[], Any], rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.manual_seed(0)

    print("loading a BERT of 2 layers, with random weights ...", flush=True)
    model, args, kwargs = bert(2)
    program = monograph.export(model, args, kwargs)
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    print(f"exported: one graph of {len(calls)} operators; the last {_SHOWN} of them")
    for node in calls[-_SHOWN:]:
        print(f"    {node.name}: {tuple(node.meta['val'].shape)} = {node.target}")

    module = program.module()
    fresh = (torch.randint(2, 99, args[0].shape), args[1])
    with torch.no_grad():
        for name, call in (("the example", args), ("fresh inputs", fresh)):
            ours, eager = module(*call).last_hidden_state, model(*call).last_hidden_state
            print(f"on {name}: largest difference from eager {(ours - eager).abs().max():.1e}")

    print("\nexporting a BERT of 12 layers with both, median of 3 (half a minute) ...", flush=True)
    model, args, kwargs = bert(12)
    ours = median_ms(lambda: monograph.export(model, args, kwargs), 3)
    print(f"    monograph      {ours:8.0f} ms", flush=True)
    theirs = median_ms(lambda: torch.export.export(model, args, kwargs, strict=False), 3)
    print(f"    torch.export   {theirs:8.0f} ms, {theirs / ours:.0f} times as long")


if __name__ == "__main__":
    main()
