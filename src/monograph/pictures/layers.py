"""Where the boxes of a directed graph without cycles are drawn: in layers, from top to bottom.

The method is that of Sugiyama, Tagawa and Toda (1981): each box is put below all that it uses, the
edges that pass through a layer get a place in it, each layer is ordered by the means of its
neighbours to have few crossings, and then moved sideways. The last step, places as near as possible
to those wanted in a given order and with given distances, is isotonic regression (the pool of
adjacent violators).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Layout", "Point", "laid_out"]

Point = tuple[float, float]

_SWEEPS = 12
_GAP_X, _GAP_Y = 24.0, 30.0
_THREAD = 6.0  # the width of an edge that passes through a layer


@dataclass(frozen=True)
class Layout:
    """Centres of the boxes, and for each edge the points that it passes through; pixels."""

    centres: list[Point]
    ways: list[list[Point]]
    width: float
    height: float


def laid_out(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places for boxes of these widths and heights.

    An edge leads from a smaller index to a larger one.
    """
    layers = _layers(len(sizes), edges)
    drawing = _Drawing(list(sizes), layers, edges)
    drawing.order()
    drawing.place()
    return drawing.layout(len(sizes))


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The layer of each box; one that uses nothing stands above the first that uses it."""
    layers, users = [0] * count, [[] for _ in range(count)]  # type: list[int], list[list[int]]
    has_source = [False] * count
    for source, target in sorted(edges, key=lambda e: e[1]):
        layers[target] = max(layers[target], layers[source] + 1)
        has_source[target] = True
        users[source].append(target)
    for box in range(count):
        if not has_source[box] and users[box]:
            layers[box] = min(layers[user] for user in users[box]) - 1
    return layers


class _Drawing:
    """Boxes and threads (places of edges in the layers between) are both called items."""

    def __init__(
        self,
        sizes: list[tuple[float, float]],
        layers: list[int],
        edges: Sequence[tuple[int, int]],
    ) -> None:
        self.widths = [w for w, _ in sizes]
        self.rows: list[list[int]] = [[] for _ in range(max(layers, default=0) + 1)]
        heights = [0.0] * len(self.rows)
        self.up: list[list[int]] = [[] for _ in sizes]
        self.down: list[list[int]] = [[] for _ in sizes]
        self.row_of = list(layers)
        for item, (_, height) in enumerate(sizes):
            self.rows[layers[item]].append(item)
            heights[layers[item]] = max(heights[layers[item]], height)
        self.heights = heights
        self.box_heights = [h for _, h in sizes]
        self.ways = [self._thread(source, target) for source, target in edges]
        self.x = [0.0] * len(self.widths)

    def _thread(self, source: int, target: int) -> list[int]:
        """The items of an edge, its ends included."""
        way = [source]
        for row in range(self.row_of[source] + 1, self.row_of[target]):
            item = len(self.widths)
            self.widths.append(_THREAD)
            self.row_of.append(row)
            self.rows[row].append(item)
            self.up.append([])
            self.down.append([])
            way.append(item)
        way.append(target)
        for above, below in itertools.pairwise(way):
            self.down[above].append(below)
            self.up[below].append(above)
        return way

    def order(self) -> None:
        """Few crossings."""
        place = [0.0] * len(self.widths)

        def note(row: list[int]) -> None:
            for i, item in enumerate(row):
                place[item] = i - len(row) / 2

        for row in self.rows:
            note(row)
        for sweep in range(_SWEEPS):
            downwards = sweep % 2 == 0
            beside = self.up if downwards else self.down
            for row in self.rows if downwards else self.rows[::-1]:
                wanted = {i: _mean([place[o] for o in beside[i]], place[i]) for i in row}
                row.sort(key=wanted.__getitem__)
                note(row)

    def place(self) -> None:
        """Sideways: near to what each item is joined with."""
        for row in self.rows:
            self._put(row, [0.0] * len(row))
        for sweep in range(2 * _SWEEPS):
            for row in self.rows if sweep % 2 == 0 else self.rows[::-1]:
                wanted = []
                for item in row:
                    joined = [self.x[o] for o in (*self.up[item], *self.down[item])]
                    wanted.append(_mean(joined, self.x[item]))
                self._put(row, wanted)

    def _put(self, row: list[int], wanted: list[float]) -> None:
        offsets, at = [], 0.0
        for i, item in enumerate(row):
            if i:
                at += (self.widths[row[i - 1]] + self.widths[item]) / 2 + _GAP_X
            offsets.append(at)
        weights = [4.0 if self.widths[item] == _THREAD else 1.0 for item in row]
        targets = [w - o for w, o in zip(wanted, offsets, strict=True)]
        for item, base, offset in zip(row, _isotonic(targets, weights), offsets, strict=True):
            self.x[item] = base + offset

    def layout(self, boxes: int) -> Layout:
        """In pixels, from the upper left corner."""
        tops, at = [], 0.0
        for height in self.heights:
            tops.append(at + height / 2)
            at += height + _GAP_Y
        left = min((x - w / 2 for x, w in zip(self.x, self.widths, strict=True)), default=0.0)
        right = max((x + w / 2 for x, w in zip(self.x, self.widths, strict=True)), default=0.0)
        points = [
            (round(x - left, 1), round(tops[row], 1))
            for x, row in zip(self.x, self.row_of, strict=True)
        ]
        ways = []
        for way in self.ways:
            way_points = [points[item] for item in way]
            (x0, y0), (x1, y1) = way_points[0], way_points[-1]
            way_points[0] = (x0, y0 + self.box_heights[way[0]] / 2)
            way_points[-1] = (x1, y1 - self.box_heights[way[-1]] / 2)
            ways.append(way_points)
        return Layout(points[:boxes], ways, round(right - left, 1), round(at - _GAP_Y, 1))


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _isotonic(targets: list[float], weights: list[float]) -> list[float]:
    """The increasing sequence that is nearest to ``targets`` by weighted squares."""
    pools: list[tuple[float, float, int]] = []  # mean, weight, length
    for target, weight in zip(targets, weights, strict=True):
        mean, total, length = target, weight, 1
        while pools and pools[-1][0] > mean:
            m, t, n = pools.pop()
            mean = (m * t + mean * total) / (t + total)
            total, length = t + total, length + n
        pools.append((mean, total, length))
    return [mean for mean, _, length in pools for _ in range(length)]
