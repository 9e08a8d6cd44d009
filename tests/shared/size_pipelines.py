"""Generated programs that cut, join, pad, pool and resample an image whose sizes vary.

Each step is an operator or an idiom of real models; a program is a list of them, by a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

Step = Callable[[torch.Tensor], torch.Tensor]
_LARGEST = 40_000  # elements


def _cut(r: random.Random) -> Step:
    start, end, step = r.choice([0, 1, 3]), r.choice([None, -1, 5, 7]), r.choice([1, 1, 2])
    return lambda x: x[:, :, start:end:step]


def _joined(r: random.Random) -> Step:
    rows = r.choice([1, 2, 3])
    return lambda x: torch.cat([x[:, :, 1:], x[:, :, :rows]], 2)[:, :, : max(x.shape[2] - 1, 2)]


def _middle(r: random.Random) -> Step:
    rows = r.choice([3, 5])

    def middle(x: torch.Tensor) -> torch.Tensor:
        top = (x.shape[2] - rows) // 2
        return x[:, :, top : top + rows]

    return middle


def _padded(r: random.Random) -> Step:
    pads = [r.choice([0, 1, 2]) for _ in range(4)]
    mode = r.choice(["constant", "reflect", "replicate", "circular"])
    return lambda x: F.pad(x, pads, mode=mode)


def _to_multiple(r: random.Random) -> Step:
    k = r.choice([2, 3, 8])
    return lambda x: F.pad(x, (0, (k - x.shape[3] % k) % k, 0, -x.shape[2] % k))


def _pooled(r: random.Random) -> Step:
    pool, ceil = r.choice([F.max_pool2d, F.avg_pool2d]), r.random() < 0.4
    kernel, stride, padding = r.choice([2, 3]), r.choice([1, 2]), r.choice([0, 1])
    return lambda x: pool(x, kernel, stride, padding, ceil_mode=ceil)


def _convolved(r: random.Random) -> Step:
    kernel, stride, padding = r.choice([1, 3]), r.choice([1, 2]), r.choice([0, 1])
    weight = torch.ones(4, 4, kernel, kernel) / kernel**2
    return lambda x: F.conv2d(x, weight, None, stride, padding)


def _resampled(r: random.Random) -> Step:
    mode, scale = r.choice(["nearest", "bilinear"]), r.choice([2.0, 0.5])
    return lambda x: F.interpolate(x, scale_factor=scale, mode=mode)


def _rolled(r: random.Random) -> Step:
    shift = r.choice([1, -2, 3])
    return lambda x: torch.roll(x, (shift, shift), (2, 3))


def _swapped(r: random.Random) -> Step:
    def swapped(x: torch.Tensor) -> torch.Tensor:
        half = x.shape[3] // 2
        first, second = torch.split(x, [half, x.shape[3] - half], 3)
        return torch.cat([second, first], 3)

    return swapped


def _gathered(r: random.Random) -> Step:
    def gathered(x: torch.Tensor) -> torch.Tensor:
        even = x[..., : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
        return F.pixel_unshuffle(even, 2)[:, ::4]

    return gathered


def _in_windows(r: random.Random) -> Step:
    k = r.choice([2, 4])

    def in_windows(x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        x = F.pad(x, (0, (k - w % k) % k, 0, (k - h % k) % k))
        rows, columns = x.shape[2] // k, x.shape[3] // k
        y = x.view(b, c, rows, k, columns, k).permute(0, 2, 4, 3, 5, 1).reshape(-1, k * k, c)
        y = y.softmax(-1).view(b, rows, columns, k, k, c).permute(0, 5, 1, 3, 2, 4)
        return y.reshape(b, c, rows * k, columns * k)[:, :, :h, :w]

    return in_windows


def _unfolded(r: random.Random) -> Step:
    k, stride = r.choice([2, 3]), r.choice([1, 2])

    def unfolded(x: torch.Tensor) -> torch.Tensor:
        columns = F.unfold(x, k, padding=1, stride=stride)
        return F.fold(columns, x.shape[2:], k, padding=1, stride=stride)

    return unfolded


def _with_skip(r: random.Random) -> Step:
    weight = torch.ones(4, 4, 2, 2) / 4

    def with_skip(x: torch.Tensor) -> torch.Tensor:
        y = F.conv_transpose2d(F.max_pool2d(x, 2), weight, stride=2)
        h, w = x.shape[2] - y.shape[2], x.shape[3] - y.shape[3]
        return x + F.pad(y, (w // 2, w - w // 2, h // 2, h - h // 2))

    return with_skip


def _in_chunks(r: random.Random) -> Step:
    def in_chunks(x: torch.Tensor) -> torch.Tensor:
        rows = x.shape[2]
        pieces = [x[:, :, max(s - 1, 0) : min(s + 3, rows)] for s in (0, 2, 4)]
        return torch.cat(pieces, 2)

    return in_chunks


def _written(r: random.Random) -> Step:
    def written(x: torch.Tensor) -> torch.Tensor:
        y = x.clone()
        y[:, :, 1:-1] = 0
        y[:, :, : x.shape[2] // 2] += 1
        return y

    return written


STEPS = (
    _cut, _joined, _middle, _padded, _to_multiple, _pooled, _convolved, _resampled, _rolled,
    _swapped, _gathered, _in_windows, _unfolded, _with_skip, _in_chunks, _written,
)  # fmt: skip


@dataclass(frozen=True)
class Pipeline:
    """A program, its example, which dimensions vary, and further inputs."""

    steps: list[Step]
    names: list[str]
    example: torch.Tensor
    varying: tuple[int, ...]
    further: list[torch.Tensor]

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        for step in self.steps:
            x = step(x)
        return x


def pipeline(seed: int, depth: int = 12) -> Pipeline:
    """The program of ``seed``: up to ``depth`` steps, each of which runs on the example."""
    r = random.Random(seed)
    varying = r.choice([(2,), (3,), (2, 3), (0, 2, 3), (0, 2)])
    shape = [2, 4, r.choice([8, 13, 16, 24]), r.choice([8, 12, 15])]
    example = x = torch.randn(shape)
    steps: list[Step] = []
    names: list[str] = []
    wanted = r.randint(2, depth)
    for _ in range(4 * wanted):
        make = r.choice(STEPS)
        step = make(r)
        try:
            y = step(x)
        except RuntimeError:  # the image is too small by now
            continue
        if len(steps) < wanted and min(y.shape) > 1 and y.numel() <= _LARGEST:
            x = y
            steps.append(step)
            names.append(make.__name__)
    further = []
    for _ in range(4):
        sizes = [
            n if i not in varying else r.randint(1, 4 if i == 0 else 31)
            for i, n in enumerate(shape)
        ]
        further.append(torch.randn(sizes))
    return Pipeline(steps, names, example, varying, further)
