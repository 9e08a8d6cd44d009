"""Where a value that nobody knows has come from: the lines that computed it."""

from __future__ import annotations

from collections.abc import Iterable

from torch.fx import Node

from monograph.diagnostics import SourceLine

__all__ = ["lines_to"]

_MOST_LINES = 3
_MOST_NODES = 400


def lines_to(nodes: Iterable[Node], where: SourceLine | None) -> list[SourceLine]:
    """The user's lines nearest to ``nodes`` on the way to them, in the order of the program."""
    found: dict[tuple[str, int], SourceLine] = {}
    seen = list(dict.fromkeys(nodes))
    known = set(seen)
    at_hand = None if where is None else (where.file, where.line)
    for node in seen:  # grows: the nearest first
        line = node.meta.get("location")
        key = None if line is None else (line.file, line.line)
        if line is not None and key is not None and key != at_hand:
            found.setdefault(key, line)
        if len(found) == _MOST_LINES or len(seen) > _MOST_NODES:
            break
        new = [source for source in node.all_input_nodes if source not in known]
        known.update(new)
        seen += new
    lines = list(reversed(found.values()))
    if len({(line.file, line.function) for line in lines}) == 1:
        lines.sort(key=lambda line: line.line)
    return lines
