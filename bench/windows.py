"""Attention in shifted windows, of an image of any height and width: padded, rolled, masked."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class WindowAttention(nn.Module):
    def __init__(self, width: int, heads: int, window: int, shift: int) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, height, width, channels = x.shape
        window, shift = self.window, self.shift
        padded = F.pad(self.norm(x), (0, 0, 0, -width % window, 0, -height % window))
        _, rows, columns, _ = padded.shape
        if shift:
            padded = padded.roll((-shift, -shift), (1, 2))
        tokens = self.partition(padded)
        shape = (tokens.shape[0], window * window, 3, self.heads, channels // self.heads)
        query, key, value = self.qkv(tokens).reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        mask = self.mask(rows, columns).repeat(batch, 1, 1)[:, None] if shift else None
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        found = self.proj(found.transpose(1, 2).reshape(tokens.shape))
        found = found.view(batch, rows // window, columns // window, window, window, channels)
        found = found.permute(0, 1, 3, 2, 4, 5).reshape(batch, rows, columns, channels)
        if shift:
            found = found.roll((shift, shift), (1, 2))
        return x + found[:, :height, :width]

    def partition(self, x: Tensor) -> Tensor:
        batch, rows, columns, channels = x.shape
        window = self.window
        x = x.view(batch, rows // window, window, columns // window, window, channels)
        return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, channels)

    def mask(self, rows: int, columns: int) -> Tensor:
        """Which tokens of a window lay beside each other before the shift."""
        region = torch.zeros(1, rows, columns, 1)
        step = (slice(0, -self.window), slice(-self.window, -self.shift), slice(-self.shift, None))
        for i, vertical in enumerate(step):
            for j, horizontal in enumerate(step):
                region[:, vertical, horizontal] = 3 * i + j
        tokens = self.partition(region).squeeze(-1)
        return (tokens[:, None] - tokens[:, :, None]) == 0


class Windows(nn.Module):
    """Four stages of ``depth`` blocks, each half as large as the one before."""

    def __init__(self, width: int = 32, depth: int = 2, window: int = 7) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        layers: list[nn.Module] = []
        for stage in range(4):
            for i in range(depth):
                layers.append(WindowAttention(width, 4, window, window // 2 if i % 2 else 0))
            if stage < 3:
                layers.append(Merge(width))
                width *= 2
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).permute(0, 2, 3, 1)
        return self.head(self.layers(x).mean([1, 2]))


class Merge(nn.Module):
    """Four neighbours become one token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = nn.Linear(4 * width, 2 * width)

    def forward(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        x = F.pad(x, (0, 0, 0, width % 2, 0, height % 2))
        parts = [x[:, i::2, j::2] for j in (0, 1) for i in (0, 1)]
        return self.reduce(torch.cat(parts, -1))
