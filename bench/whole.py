"""What users do: sizes that vary without a minimum, one problem, and the way from model to file."""

from __future__ import annotations

import gc
import io
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import monograph
from bench.models import FULL, SMALL, Example, llama, t5

__all__ = ["anysize", "refused", "specification", "whole"]

_TEXT = {0, 1}
_SPECS: dict[str, dict[str, Any]] = {
    "ResNet-50": {"x": {0, 2, 3}}, "ViT-B/16": {"x": {0}}, "U-Net": {"x": {0}},
    "BERT-12": {"input_ids": _TEXT, "attention_mask": _TEXT},
    "Llama-8": {"input_ids": _TEXT, "use_cache": None},
    "Llama-32": {"input_ids": _TEXT, "use_cache": None},
    "Llama-128": {"input_ids": _TEXT, "use_cache": None},
    "T5": {"input_ids": _TEXT, "decoder_input_ids": _TEXT, "use_cache": None},
    "Whisper": {"input_features": {0}, "decoder_input_ids": _TEXT, "use_cache": None},
}  # fmt: skip
MODELS: dict[str, Callable[[], Example]] = {
    **FULL, "T5": lambda: t5(6), "Whisper": SMALL["whisper"],
}  # fmt: skip


def specification(name: str, dim: Any) -> dict[str, Any]:
    """The sizes of a model that vary, with nothing said of them."""
    return {
        argument: sizes and dict.fromkeys(sizes, dim.DYNAMIC)
        for argument, sizes in _SPECS[name].items()
    }


def example_of(name: str, batch: int) -> Example:
    """A model with a batch of this size."""
    model, args, kwargs = MODELS[name]() if name in MODELS else llama(int(name.split("-")[1]))

    def cut(item: Any) -> Any:
        if not isinstance(item, Tensor):
            return item
        return torch.cat([item[:1]] * batch) if item.shape[0] < batch else item[:batch].clone()

    return model, tuple(map(cut, args)), {key: cut(item) for key, item in kwargs.items()}


def _seconds(work: Callable[[], Any]) -> float:
    """Of the processor: others use the machine, too."""
    gc.collect()
    start = time.process_time()
    work()
    return time.process_time() - start


def _medians(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Alternating, after a warm-up; NaN for what is refused."""
    found: dict[str, list[float]] = {name: [] for name in works}
    for i in range(rounds + 1):
        for name, work in works.items():
            try:
                taken = _seconds(work)
            except Exception:
                taken = float("nan")
            if i:
                found[name].append(taken)
    return {name: statistics.median(times) for name, times in found.items()}


def anysize() -> None:
    """Batch and length (or height and width) vary from 0; examples with a batch of 2, and of 1."""
    print(f"{'':10}{'batch':>6}{'static':>10}{'dynamic':>10}{'ratio':>8}{'torch.export':>14}"
          f"{'x faster':>10}")  # fmt: skip
    ratios = []
    for name in _SPECS:
        for batch in (2, 1):
            model, args, kwargs = example_of(name, batch)
            ours, theirs = (specification(name, dim) for dim in (monograph.Dim, torch.export.Dim))
            works: dict[str, Callable[[], Any]] = {
                "static": lambda e=(model, args, kwargs): monograph.export(*e),
                "dynamic": lambda e=(model, args, kwargs), s=ours: monograph.export(
                    *e, dynamic_shapes=s
                ),
                "torch": lambda e=(model, args, kwargs), s=theirs: torch.export.export(
                    *e, dynamic_shapes=s, strict=False
                ),
            }
            if name == "Llama-128":
                del works["torch"]
            found = _medians(works, 3)
            line = f"{name:10}{batch:6}{found['static'] * 1e3:7.1f} ms" + (
                f"{found['dynamic'] * 1e3:7.1f} ms{found['dynamic'] / found['static']:8.2f}"
            )
            if "torch" in found:
                ratio = found["torch"] / found["dynamic"]
                told = "refused" if ratio != ratio else f"{found['torch'] * 1e3:.0f} ms"
                line += f"{told:>14}" + ("" if ratio != ratio else f"{ratio:9.1f}x")
                ratios += [ratio] if ratio == ratio else []
            print(line, flush=True)
    print(f"geometric mean {statistics.geometric_mean(ratios):.1f}x, least {min(ratios):.1f}x")


class _WithProblem(nn.Module):
    """A model that asks for a value at its end."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        found = self.model(*args, **kwargs)[0]
        if found.sum() > 0:
            found = found + 1
        return found


def refused() -> None:
    """A model with one problem: how long until it is told, and how long ``check`` takes."""
    for name in ("BERT-12", "Llama-8", "ResNet-50"):
        model, args, kwargs = example_of(name, 2)
        broken = _WithProblem(model).eval()
        works = {
            "refusal": lambda e=(broken, args, kwargs): _ended(monograph.export, *e),
            "check": lambda e=(broken, args, kwargs): monograph.check(*e),
            "torch": lambda e=(broken, args, kwargs): _ended(torch.export.export, *e),
        }
        found = _medians(works, 3)
        print(f"{name:10} refusal {found['refusal']:.3f} s, check {found['check']:.3f} s, "
              f"torch.export's refusal {found['torch']:.3f} s", flush=True)  # fmt: skip


def _ended(export: Callable[..., Any], *example: Any) -> None:
    """It is refused."""
    try:
        export(*example)
    except Exception:
        return
    raise AssertionError("it is exported")


def whole() -> None:
    """From the model to what others take: sizes from 0, examples with a batch of 2."""
    for name in ("ResNet-50", "Llama-8", "Llama-32"):
        model, args, kwargs = example_of(name, 2)
        ours, theirs = (specification(name, dim) for dim in (monograph.Dim, torch.export.Dim))

        def mine(e: Any = (model, args, kwargs), s: Any = ours) -> Any:
            return monograph.export(*e, dynamic_shapes=s)

        def other(e: Any = (model, args, kwargs), s: Any = theirs) -> Any:
            return torch.export.export(*e, dynamic_shapes=s, strict=False)

        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / "mine.pt2", Path(folder) / "other.pt2"]
            monograph.save(mine(), files[0])
            torch.export.save(other(), files[1])
            steps: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
                "core ATen, as torch's": (
                    lambda m=mine: m().run_decompositions().to_torch(),
                    lambda o=other: o().run_decompositions(),
                ),
                "saved": (
                    lambda m=mine: monograph.save(m(), io.BytesIO()),
                    lambda o=other: torch.export.save(o(), io.BytesIO()),
                ),
                "loaded and called": (
                    lambda f=files[0], a=args, k=kwargs: monograph.load(f).module()(*a, **k),
                    lambda f=files[1], a=args, k=kwargs: torch.export.load(f).module()(*a, **k),
                ),
                "ONNX": (
                    lambda m=mine: m().compile("onnx"),
                    lambda e=(model, args, kwargs), s=theirs: _onnx(*e, s),
                ),
            }
            for step, (first, second) in steps.items():
                found = _medians({"mine": first, "other": second}, 1)
                ratio = found["other"] / found["mine"]
                print(f"{name:10}{step:24}{found['mine']:8.3f} s, torch.export "
                      f"{found['other']:8.3f} s, {ratio:6.1f}x", flush=True)  # fmt: skip


def _onnx(model: nn.Module, args: Any, kwargs: Any, shapes: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.onnx.export(
            model, args, kwargs=kwargs, dynamic_shapes=shapes, dynamo=True, verbose=False
        )
