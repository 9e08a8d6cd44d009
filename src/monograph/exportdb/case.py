"""The format of a case.

A case is one importable file ``cases/<area>/<name>.py`` that holds, in this order: a docstring (a
title line, then sections such as *What it shows*), ``CASE``, ``model()``, ``inputs()``, and where
they apply ``more_inputs()``, ``bad_inputs()``, then ``dynamic_shapes()`` with ``more_sizes()`` and
``bad_sizes()`` for its form with sizes that vary, ``use(program)`` for what is done with the
exported program, ``rewrite_<word>()`` functions (or ``dynamic_shapes_instead()``, where the
specification of sizes is to be written otherwise), and ``EXPECT``. Programs are written with torch
alone, so that every exporter can be asked; sizes with ``monograph.Dim``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

__all__ = ["SECTIONS", "TAGS", "Call", "Case", "Expect", "Support", "call"]

TAGS = {
    "python.assert": "assertions of the program",
    "python.builtin": "built-in functions of Python",
    "python.closure": "functions that use variables of the function around them",
    "python.context-manager": "`with` statements",
    "python.control-flow": "branches and loops in Python",
    "python.data-structure": "lists, dictionaries, dataclasses and other containers",
    "python.exception": "exceptions that are raised or caught",
    "python.object-model": "attributes, descriptors, types and identity",
    "python.side-effect": "printing, logging, files, global variables",
    "torch.aliasing": "tensors that share memory",
    "torch.attention": "attention and its masks",
    "torch.autograd": "gradients inside a program",
    "torch.cond": "`torch.cond`",
    "torch.custom-operator": "operators that the user defines",
    "torch.device": "devices and where tensors are",
    "torch.dtype": "dtypes, promotion, autocast",
    "torch.dynamic-shape": "sizes that vary",
    "torch.dynamic-value": "numbers that are only known when the program runs",
    "torch.escape-hatch": "ways to tell the exporter what it cannot know",
    "torch.file": "files and other tools",
    "torch.loop": "`while_loop`, `scan`, `associative_scan`",
    "torch.map": "`map`",
    "torch.module": "modules, hooks, parameters and buffers",
    "torch.mutation": "writes to tensors and attributes",
    "torch.operator": "particular operators",
    "torch.randomness": "random numbers and generators",
    "torch.subclass": "kinds of tensors: sparse, nested, complex, subclasses",
    "model.cache": "key-value caches and other state of generation",
    "model.detection": "boxes, proposals, keep lists",
    "model.experts": "mixtures of experts and routing",
    "model.graph": "graph networks, neighbours, scatter",
    "model.sequence": "sequences of unequal length, decoding",
    "model.vision": "images, windows, resolutions",
}

SECTIONS = (
    "What it shows", "Why it is hard", "What Monograph does", "Use instead", "Limits", "See also",
)  # fmt: skip


class Support(Enum):
    """How far a pattern is captured."""

    SUPPORTED = "supported"
    PARTIAL = "partial"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class Call:
    """The arguments of one call."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(*args: object, **kwargs: object) -> Call:
    """``call(x, flag=True)``, as the model would be called."""
    return Call(args, kwargs)


@dataclass(frozen=True)
class Case:
    """What is declared of a pattern.

    ``support`` is that of the default mode, ``strict`` that of strict mode where it differs;
    ``since`` is the first version that behaves so; ``note`` says of a partial case what is missing.
    """

    tags: tuple[str, ...]
    support: Support = Support.SUPPORTED
    strict: Support | None = None
    since: str = "0.1"
    note: str = ""

    def __post_init__(self) -> None:
        unknown = set(self.tags) - TAGS.keys()
        if unknown:
            raise ValueError(f"unknown tags {sorted(unknown)}: the vocabulary is {sorted(TAGS)}")
        if self.support is Support.PARTIAL and not self.note:
            raise ValueError("a case that is partly supported says in `note` what is missing")

    def support_in(self, *, strict: bool) -> Support:
        """The support in one of the two modes."""
        return self.strict if strict and self.strict is not None else self.support


@dataclass(frozen=True)
class Expect:
    """What an export must give.

    ``operators`` are the names of the graph's operators in order, composites opened, as the
    reference pages show them; ``inputs`` and ``outputs`` are the kinds in the signature. Of an
    unsupported case ``code`` is the error's code (in strict mode ``strict_code``, where it is
    another), and the line that it must name ends with the comment ``# refused: <code>``, if the
    error is about a line of the case. Of another case it is the code with which a call with
    ``bad_inputs`` (else ``bad_sizes``, else ``use``) is refused.
    """

    operators: tuple[str, ...] | None = None
    inputs: tuple[str, ...] | None = None
    outputs: tuple[str, ...] | None = None
    assumptions: tuple[str, ...] | None = None
    code: str | None = None
    strict_code: str | None = None
