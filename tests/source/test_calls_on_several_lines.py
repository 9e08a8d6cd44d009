"""A chain of calls may stand on several lines: Python tells of each from its method's name on."""

import ast
import dis

import pytest
import torch

from monograph import Dim, export
from monograph.capture.python.sites import places_of


# fmt: off
def _a_rank(x):
    y = torch.matmul(
        x, x.T).squeeze()
    return torch.zeros_like(x)[0] + y[..., None].sum()


def _a_loop(x):
    y = torch.zeros(
        1,
        1)
    for row in (x
                .unbind(0)):
        y = y + row.sum(
        ).reshape(
            1,
            1)
    return y


def _a_list(x):
    return torch.stack(
        [row * 2 for row in x
         .unbind(
             0)]).cumsum(
                 0)


def _a_branch(x):
    if (x
        .sum()
        .gt(0)
        .item()):
        return x * 2
    return x - 1
# fmt: on


@pytest.mark.parametrize(
    ("program", "strict"),
    [(_a_rank, False), (_a_rank, True), (_a_loop, False), (_a_list, False), (_a_branch, True)],
)
def test_what_it_asks_is_converted(program, strict):
    shapes = ({0: Dim.DYNAMIC},)
    ep = export(program, (torch.randn(2, 3),), dynamic_shapes=shapes, strict=strict)
    for rows in (2, 1, 3, 5):
        x = torch.randn(rows, 3)
        torch.testing.assert_close(ep.module()(x), program(x))


def test_places_are_those_of_instructions():
    text = "def f(a, b):\n    return g(\n        a,\n        b).first(\n        0).second(a)\n"
    made = compile(text, "several_lines.py", "exec")
    code = next(each for each in made.co_consts if hasattr(each, "co_code"))
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    places = {place for node in calls for place in places_of(node)}
    names = {"CALL", "PRECALL"}
    of_calls = [tuple(i.positions) for i in dis.get_instructions(code) if i.opname in names]
    assert of_calls
    assert set(of_calls) <= places
