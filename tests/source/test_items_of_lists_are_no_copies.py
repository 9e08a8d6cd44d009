"""Tensors in a list of unknown length are, in eager mode, no copies: a write to one is seen.

Each list of ``MADE`` is made of ``y`` while a loop goes over a size; then something is written, as
``WRITES`` say, and all is returned. A program that is exported for all sizes gives what eager mode
gives; where it cannot be, the size is refused.
"""

import itertools
import textwrap

import pytest
import torch

import monograph
from monograph import Dim

MADE = {
    "appended": "for t in range(n): items.append(y[:, t])",
    "whole": "for t in range(n): items.append(y)",
    "detached": "for t in range(n): items += [y[:, t].detach()]",
    "in pairs": "for t in range(n): items.append((y[:, t], t))\nitems = [one for one, _ in items]",
    "in pieces": "for t in range(0, n, 2): items.append(y[:, t:t + 2])",
    "of a branch": "for t in range(n):\n    if t % 2 == 0: items.append(y[:, t])",
    "going round": "for t in range(n):\n    y = y * 2\n    items.append(y)",
    "before a write": "for t in range(n):\n    y = y * 2\n    items.append(y)\n    y[:, 0] = 0",
    "of what is written": "for t in range(n):\n    y += 1\n    items.append(y)",
    "a comprehension": "items = [y[:, t] for t in range(n)]",
    "as often as a size": "items = [y] * n",
    "list": "items = list(y.unbind(1))",
    "tuple": "items = tuple(y.unbind(1))",
    "unbind": "items = y.unbind(1)",
    "copies": "for t in range(n): items.append(y[:, t] * 2)",
}
WRITES = {
    "nothing": "pass",
    "what was taken apart": "y.mul_(3)",
    "the first": "items[0].add_(1)",
    "the last": "items[-1].zero_()",
    "all": "for item in items: item.mul_(2)",
}
# These are seen, or there is nothing to be seen, whatever the size is.
NEVER = ("before a write", "of what is written", "as often as a size")
HOLDS = {(made, "nothing") for made in MADE if made not in NEVER}
HOLDS |= {(made, write) for made in ("tuple", "unbind") for write in WRITES}
HOLDS |= {("list", "the first"), ("copies", "the first"), ("copies", "what was taken apart")}
HOLDS |= {("copies", "the last")}


ALL = [*itertools.product(MADE, ("what was taken apart", "the first")), *sorted(HOLDS)]
ALL += [(made, write) for made in ("appended", "in pieces", "list") for write in WRITES]


@pytest.fixture
def program(request, tmp_path):
    """A function in a file of its own: strict capture reads its source."""
    made, write = request.param
    joined = "torch.cat(items, 1)" if made == "in pieces" else "torch.stack(items)"
    joined = "items[0]" if request.param == ("list", "the first") else joined
    body = f"y = x * 1\nn = x.shape[1]\nitems = []\n{MADE[made]}\n{WRITES[write]}\n"
    body = textwrap.indent(f"{body}return y, {joined}\n", "    ")
    path = tmp_path / "program.py"
    path.write_text(f"def f(x):\n{body}")
    namespace = {"torch": torch}
    exec(compile(path.read_text(), str(path), "exec"), namespace)
    return namespace["f"]


@pytest.mark.parametrize("program", dict.fromkeys(ALL), indirect=True, ids="-".join)
def test_a_write_is_seen_or_the_size_is_refused(request, program):
    given = request.node.callspec.params["program"]
    example = (torch.randn(2, 4, 3),)
    try:
        exported = monograph.export(program, example, dynamic_shapes=({1: Dim.DYNAMIC},))
    except monograph.MonographError:
        assert given not in HOLDS
        return
    call = exported.module()
    for size in (4, 1, 3, 6):
        x = torch.randn(2, size, 3)
        try:
            found = call(x)
        except monograph.MonographError:
            assert given not in HOLDS
            continue
        for got, want in zip(found, program(x), strict=True):
            assert torch.equal(got, want)
            assert got.stride() == want.stride() or size == 1
