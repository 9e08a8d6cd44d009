"""A graph of operators as a picture (SVG): what is computed from what, without the weights.

A graph with many nodes is drawn by modules, as deep as fits.
"""

from __future__ import annotations

import html
import itertools
import operator
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from torch.fx import Graph, Node

from monograph.ir.printing import format_type, named_subgraphs
from monograph.pictures.layers import Layout, Point, laid_out
from monograph.torch_internals import name_of

__all__ = ["Box", "Drawing", "Picture", "drawing_of", "pictures_of", "svg"]

_MOST_BOXES = 60
_CHARACTER, _LINE, _MARGIN = 7.3, 16.0, 8.0  # of the font at 12 pixels


@dataclass
class Box:
    """What is drawn as one: its lines, and what it is (``input``, ``output``, ``operator`` ...)."""

    lines: list[str]
    kind: str
    title: str = ""
    nodes: list[Node] = field(default_factory=list)


@dataclass(frozen=True)
class Picture:
    """The name of a graph (empty for the program itself), and how it looks."""

    name: str
    svg: str


@dataclass(frozen=True)
class Drawing:
    """Boxes, what leads from which to which, and where all of it is drawn (in pixels)."""

    boxes: Sequence[Box]
    edges: Sequence[tuple[int, int]]
    sizes: Sequence[tuple[float, float]]
    layout: Layout


def drawing_of(
    graph: Graph, state: Sequence[str] = (), *, opened: Collection[str] = (), whole: bool = False
) -> Drawing:
    """The graph alone, as it is drawn. ``state`` as in ``pictures_of``.

    ``opened``: modules that are drawn with what is in them; ``whole``: so is every module.
    """
    return _drawn(*_boxes(graph, frozenset(state), frozenset(opened), whole))


def pictures_of(graph: Graph, state: Sequence[str] = ()) -> list[Picture]:
    """The graph, and then the graphs of its branches and loops.

    ``state``: the names of the placeholders that are parameters, buffers and constants.
    """
    boxes, edges = _boxes(graph, frozenset(state))
    found = [Picture("", svg(boxes, edges))]
    for name, subgraph in named_subgraphs(graph):
        for picture in pictures_of(subgraph.graph):
            inner = f"{name}.{picture.name}" if picture.name else name
            found.append(Picture(inner, picture.svg))
    return found


def _boxes(
    graph: Graph,
    state: frozenset[str],
    opened: frozenset[str] = frozenset(),
    whole: bool = False,
) -> tuple[list[Box], list[tuple[int, int]]]:
    shown = [n for n in graph.nodes if n.op != "get_attr" and n.name not in state]
    depth = None if whole else _depth(shown)
    boxes: list[Box] = []
    index: dict[Node, int] = {}
    groups: dict[tuple[str, ...], int] = {}
    edges: dict[tuple[int, int], None] = {}
    for node in shown:
        sources = [index[s] for s in node.all_input_nodes if s in index]
        if node.target is operator.getitem and len(sources) == 1:
            index[node] = sources[0]
            continue
        group = () if depth is None else _group(_path(node), depth, opened)
        if group and node.op == "call_function":
            at = groups.get(group)
            if at is None:
                at = groups[group] = len(boxes)
                boxes.append(Box([group[-1]], "module", " > ".join(group)))
            boxes[at].nodes.append(node)
        else:
            at = len(boxes)
            boxes.append(_box(node, state))
        index[node] = at
        edges |= dict.fromkeys((source, at) for source in sources if source != at)
    for box in boxes:
        if box.kind == "module":
            box.lines.append(f"{len(box.nodes)} operator{'s' if len(box.nodes) > 1 else ''}")
            box.lines += [text for text in [format_type(box.nodes[-1])] if text]
    return boxes, list(edges)


def _depth(nodes: list[Node]) -> int | None:
    """How many modules deep can be shown; None: every operator."""
    calls = [n for n in nodes if n.op == "call_function" and n.target is not operator.getitem]
    if len(calls) <= _MOST_BOXES:
        return None
    paths = [_path(n) for n in calls]
    best = 1
    for depth in range(2, max(map(len, paths), default=1) + 1):
        single = sum(len(path) < depth for path in paths)
        if single + len({path[:depth] for path in paths}) > 2 * _MOST_BOXES:
            break
        best = depth
    return best


def _group(path: tuple[str, ...], depth: int, opened: frozenset[str]) -> tuple[str, ...]:
    """The modules that are one box around a node; none where the node is a box of its own."""
    while depth <= len(path) and path[:depth] and path[depth - 1] in opened:
        if depth == len(path):
            return ()
        depth += 1
    return path[:depth]


def _path(node: Node) -> tuple[str, ...]:
    """The calls of modules that a node belongs to, below the root."""
    stack = node.meta.get("nn_module_stack") or {}
    return tuple(call.removeprefix("L__self__") for call, (path, _) in stack.items() if path)


def _box(node: Node, state: frozenset[str]) -> Box:
    if node.op == "placeholder":
        return Box([node.name, format_type(node)], "input")
    if node.op == "output":
        return Box(["output"], "output")
    target = node.target
    name = name_of(target)
    lines = [name, format_type(node)]
    used = [s.name for s in node.all_input_nodes if s.name in state]
    lines += [", ".join(used)] if used else []
    location = node.meta.get("location")
    where = f"{location}  {location.text}" if location is not None else ""
    kind = "operator" if getattr(target, "namespace", "") in ("aten", "prims") else "special"
    return Box([line for line in lines if line], kind, where, [node])


def _drawn(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> Drawing:
    sizes = [
        (
            max(len(line) for line in box.lines) * _CHARACTER + 2 * _MARGIN,
            len(box.lines) * _LINE + 2 * _MARGIN - 4,
        )
        for box in boxes
    ]
    return Drawing(boxes, edges, sizes, laid_out(sizes, edges))


def svg(boxes: Sequence[Box], edges: Sequence[tuple[int, int]]) -> str:
    """The picture; its colours are those of the classes ``box-...`` and ``edge`` of the page."""
    drawing = _drawn(boxes, edges)
    sizes, layout = drawing.sizes, drawing.layout
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    parts = [
        f'<svg class="graph" viewBox="{-_MARGIN} {-_MARGIN} {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="graph with {len(boxes)} boxes" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts += [f'<path class="edge" d="{_curve(way)}"/>' for way in layout.ways]
    parts += [_markup(box, i, sizes[i], layout) for i, box in enumerate(boxes)]
    return "\n".join([*parts, "</svg>"])


def _curve(way: list[Point]) -> str:
    """Through all points, upright at both ends: a Catmull-Rom spline as cubic curves."""
    slopes = [
        ((x1 - x0) / 6, (y1 - y0) / 6) for (x0, y0), (x1, y1) in zip(way, way[2:], strict=False)
    ]
    ends = [(way[1][1] - way[0][1]) / 2, (way[-1][1] - way[-2][1]) / 2]
    slopes = [(0.0, ends[0]), *slopes, (0.0, ends[1])]
    text = f"M{way[0][0]:.0f} {way[0][1]:.0f}"
    for i, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(way)):
        (u0, v0), (u1, v1) = slopes[i], slopes[i + 1]
        text += f"C{x0 + u0:.0f} {y0 + v0:.0f} {x1 - u1:.0f} {y1 - v1:.0f} {x1:.0f} {y1:.0f}"
    return text


def _markup(box: Box, index: int, size: tuple[float, float], layout: Layout) -> str:
    (x, y), (width, height) = layout.centres[index], size
    top = y - height / 2
    lines = [
        f'<text class="{"name" if i == 0 else "detail"}" x="{x:.0f}" '
        f'y="{top + _MARGIN + 10 + i * _LINE:.0f}">{html.escape(line)}</text>'
        for i, line in enumerate(box.lines)
    ]
    title = f"<title>{html.escape(box.title)}</title>" if box.title else ""
    place = f'x="{x - width / 2:.0f}" y="{top:.0f}" width="{width:.0f}" height="{height:.0f}"'
    rect = f'<rect {place} rx="6"/>'
    return f'<g class="box-{box.kind}">{title}{rect}{"".join(lines)}</g>'
