"""Decompositions, torch.export both ways and files, beside torch's own; and a giant."""

from __future__ import annotations

import gc
import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import torch

import monograph
from bench.models import FULL, Example, llama
from monograph import Dim

ROUNDS = 3


def seconds(work: Callable[[], Any], rounds: int = ROUNDS) -> float:
    found = []
    for _ in range(rounds):
        gc.collect()
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def sizes_of(example: Example, dim: Any = Dim) -> dict[str, Any]:
    """Batch and length vary."""
    _, args, kwargs = example
    assert len(args) == 1
    sizes = {0: dim("batch", min=2, max=64), 1: dim("length", min=2, max=64)}
    return {"input_ids": sizes, **dict.fromkeys(kwargs)}


def decompositions() -> None:
    """``run_decompositions()`` to Core ATen, Llama of several depths; batch and length vary."""
    print(f"{'':12}{'nodes':>7}{'core':>7}{'monograph':>12}{'torch.export':>14}{'faster':>9}")
    for layers in (8, 32, 128):
        model, args, kwargs = example = llama(layers)
        shapes = sizes_of(example)
        ours = monograph.export(model, args, kwargs, dynamic_shapes=shapes)
        core = ours.run_decompositions()
        mine = seconds(ours.run_decompositions, 5)
        line = f"Llama-{layers:<6}{len(ours.graph.nodes):7}{len(core.graph.nodes):7}" + (
            f"{mine * 1e3:9.0f} ms"
        )
        if layers <= 32:
            shapes = sizes_of(example, torch.export.Dim)
            theirs = torch.export.export(model, args, kwargs, dynamic_shapes=shapes)
            other = seconds(theirs.run_decompositions, 1)
            line += f"{other * 1e3:11.0f} ms{other / mine:8.0f}x"
        print(line, flush=True)


def interop() -> None:
    """``to_torch`` and ``from_torch``, against the export itself; ``save`` against torch's."""
    print(f"{'':12}{'export':>10}{'to_torch':>10}{'ratio':>7}{'from_torch':>12}"
          f"{'save':>10}{'torch save':>12}{'load':>10}{'torch load':>12}")  # fmt: skip
    for name, make in FULL.items():
        model, args, kwargs = make()
        programs = [monograph.export(model, args, kwargs) for _ in range(6)]
        export = seconds(lambda m=model, a=args, k=kwargs: monograph.export(m, a, k), 5)
        fresh = iter(programs)
        next(fresh).to_torch()
        to = seconds(lambda fresh=fresh: next(fresh).to_torch(), 5)
        theirs = programs[0].to_torch()
        back = seconds(lambda theirs=theirs: monograph.from_torch(theirs))
        mine, other = io.BytesIO(), io.BytesIO()
        save = seconds(lambda p=programs[0], f=mine: (f.seek(0), monograph.save(p, f)))
        torch_save = seconds(lambda p=theirs, f=other: (f.seek(0), torch.export.save(p, f)))
        load = seconds(lambda f=mine: (f.seek(0), monograph.load(f)))
        torch_load = seconds(lambda f=other: (f.seek(0), torch.export.load(f)))
        cells = (back, save, torch_save, load, torch_load)
        print(f"{name:12}{export * 1e3:7.1f} ms{to * 1e3:7.1f} ms{to / export:7.2f}"
              + "".join(f"{cell * 1e3:9.0f} ms" for cell in cells), flush=True)  # fmt: skip


_GIANT = r"""
import re, time
import torch
from transformers import LlamaConfig, LlamaForCausalLM
import monograph
from monograph import Dim
config = LlamaConfig(
    vocab_size=128256, hidden_size=16384, intermediate_size=53248, num_hidden_layers=126,
    num_attention_heads=128, num_key_value_heads=8, max_position_embeddings=131072,
)
with torch.device("meta"):
    model = LlamaForCausalLM(config).to(torch.bfloat16).eval()
    ids = torch.ones(2, 16, dtype=torch.int64)
shapes = {"input_ids": {0: Dim("batch"), 1: Dim("length", max=131072)}, "use_cache": None}
start = time.perf_counter()
program = monograph.export(model, (ids,), {"use_cache": False}, dynamic_shapes=shapes)
taken = time.perf_counter() - start
peak = int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1]) / 1e6
count = sum(p.numel() for p in program.parameters()) / 1e9
print(f"{count:.1f} billion parameters, {len(program.graph.nodes)} nodes, sizes "
      f"{', '.join(program.range_constraints)}: exported in {taken:.2f} s, "
      f"peak memory of the process {peak:.2f} GB")
"""


def giant() -> None:
    """A model of the shape of Llama-3-405B, without weights, in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _GIANT], check=True, capture_output=True, text=True
    )
    print(done.stdout.strip())
