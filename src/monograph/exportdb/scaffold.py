"""The frame of a new case."""

from __future__ import annotations

__all__ = ["scaffold"]

_FRAME = '''"""{title}.

What it shows
-------------
What the program does, in one or two sentences.

Why it is hard
--------------
What stands in the way of one graph.

What Monograph does
-------------------
Captures it, or refuses it: with what in the graph, or with which code.
"""

import torch
from torch import nn

from monograph.exportdb import Case, call

CASE = Case(tags=("python.control-flow",))


class {cls}(nn.Module):
    def forward(self, x):
        return x + 1


def model():
    return {cls}()


def inputs():
    return call(torch.randn(3))


def more_inputs():
    return [call(torch.zeros(3))]
'''


def scaffold(name: str) -> str:
    """The text of a case that runs as it is; ``name``: of its file."""
    words = name.split("_")
    return _FRAME.format(title=" ".join(words).capitalize(), cls="".join(map(str.title, words)))
