"""A batch of 1 in the example: the program is the one of an example with more, where it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from bench.dynamic import VARYING
from bench.models import SMALL
from torch import Tensor, nn

import monograph
from monograph import Dim, stages
from monograph.capture.session import Captured
from monograph.constraints import usual_sizes

Program = Callable[..., Any]


@pytest.fixture
def captures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Grows with each capture: the sizes that it was asked to go by."""
    found: list[Any] = []
    original = stages.capture

    def capture(*args: Any, **kwargs: Any) -> Captured:
        found.append(kwargs["hints"])
        return original(*args, **kwargs)

    monkeypatch.setattr(stages, "capture", capture)
    return found


def form(program: monograph.ExportedProgram) -> tuple[list[str], str, list[str]]:
    targets = [str(node.target) for node in program.graph.nodes]
    return targets, str(program.range_constraints), sorted(map(str, program.assumptions))


@pytest.mark.parametrize("name", ["llama", "t5", "whisper"])
def test_models_are_captured_once(name: str, captures: list[Any]) -> None:
    model, varying = SMALL[name]()[0], VARYING[name]
    found = []
    for batch in (2, 1):
        args, kwargs = varying.inputs(batch, 5)
        found.append(form(monograph.export(model, args, kwargs, dynamic_shapes=varying.shapes)))
    assert found[0] == found[1]
    assert len(captures) == 2
    assert captures[0] is None
    assert captures[1] is not None


def expanded(x: Tensor) -> Tensor:
    position = torch.arange(3).unsqueeze(0)
    if x.shape[0] != position.shape[0]:
        position = position.expand(x.shape[0], -1)
    return x + position


def added(x: Tensor, y: Tensor) -> Tensor:
    return x + y


def of_one_row(x: Tensor) -> Tensor:
    return x.sin() if x.shape[0] == 1 else x.cos()


def of_few_rows(x: Tensor) -> Tensor:
    return x.sin() if x.shape[0] < 2 else x.cos()


def refuses_more(x: Tensor) -> Tensor:
    if x.shape[0] > 1:
        raise ValueError("too many")
    return x.sin()


def without_the_row(x: Tensor) -> Tensor:
    return x.squeeze(0)


def a_number(x: Tensor) -> Tensor:
    return x * float(x.shape[0] + 1)


def a_list(x: Tensor) -> list[Tensor]:
    return list(x.unbind())


def the_first(x: Tensor) -> Tensor:
    return x[0]


def of_strides(x: Tensor) -> Tensor:
    return x.t().contiguous() if x.t().is_contiguous() else x.cos()


class Counting(nn.Module):
    """Leaves behind what depends on the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.kept is None:
            self.kept = torch.zeros(3)
        return x + self.kept


OF_ROWS: list[Callable[[], Program]] = [
    lambda: expanded, lambda: of_one_row, lambda: of_few_rows, lambda: refuses_more,
    lambda: without_the_row, lambda: a_number, lambda: a_list, lambda: the_first,
    lambda: of_strides, Counting,
]  # fmt: skip


def outcome(make: Callable[[], Program], dim: Any) -> tuple[Any, list[int]]:
    """What is exported from one row, and which rows it takes, each as eager mode does."""
    try:
        program = monograph.export(make(), (torch.randn(1, 3),), dynamic_shapes=({0: dim},))
    except monograph.MonographError as error:
        return (type(error), error.code), []
    module, taken = program.module(), []
    for rows in (1, 0, 2, 3):
        x = torch.randn(rows, 3)
        try:
            found = module(x)
        except monograph.MonographError:
            continue
        torch.testing.assert_close(found, make()(x))
        taken.append(rows)
    return form(program), taken


@pytest.mark.parametrize("dim", [Dim.AUTO, Dim.DYNAMIC], ids=str)
@pytest.mark.parametrize("make", OF_ROWS)
def test_nothing_is_lost(
    make: Callable[[], Program], dim: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the program that the example alone leads to."""
    found = outcome(make, dim)
    monkeypatch.setattr(usual_sizes, "captured_for_all", lambda *_: None)
    expected = outcome(make, dim)
    assert found[0] == expected[0]
    assert found[1] == expected[1]


def test_where_the_rows_matter_it_is_the_examples() -> None:
    for program in (of_one_row, of_few_rows, refuses_more):
        (_, ranges, _), taken = outcome(lambda f=program: f, Dim.AUTO)
        assert 1 in taken
        assert 3 not in taken, ranges


def test_sizes_that_may_be_no_others_are_not_tried(captures: list[Any]) -> None:
    rows = torch.randn(1, 3)
    for shapes in (None, {"x": {0: Dim("n", min=1, max=2)}}, {"x": {0: Dim("n", values=(1, 4))}}):
        captures.clear()
        monograph.export(expanded, (rows,), dynamic_shapes=shapes)
        assert captures[0] is None


def test_sizes_that_are_stretched_are_demanded_to_be_equal_as_ever() -> None:
    shapes = ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    found = [
        monograph.export(added, (torch.randn(n, 3), torch.randn(n, 3)), dynamic_shapes=shapes)
        for n in (2, 1)
    ]
    assert form(found[0])[:2] == form(found[1])[:2]
    with pytest.raises(monograph.MonographError, match="taken to be equal"):
        found[1].module()(torch.randn(3, 3), torch.randn(1, 3))


def test_a_dictionary_is_turned_round_with_the_same_sizes() -> None:
    def program(x: dict[str, Tensor]) -> Tensor:
        return expanded(x["b"]) + x["a"]

    given = {"a": torch.randn(1, 3), "b": torch.randn(1, 3)}
    shapes = {"x": {"a": {0: Dim("n")}, "b": {0: Dim("n")}}}
    exported = monograph.export(program, (given,), dynamic_shapes=shapes)
    assert not [each for each in exported.assumptions if each.kind == "key-order"]
    rows = {key: torch.randn(4, 3) for key in ("b", "a")}
    assert torch.equal(exported.module()(rows), program(rows))
