"""The ways of a program by its questions, run along its graph, give what captures of them give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from bench.models import SMALL
from torch import Tensor

import monograph
from monograph import Dim
from monograph.capture import settling
from monograph.constraints import both_sides
from monograph.source import convert as converting

Program = Callable[..., Any]


def copied(x: Tensor) -> Tensor:
    y = x.sin()
    return (y.clone() if x.shape[1] > 1 else y).cos()


def expanded(x: Tensor) -> Tensor:
    position = torch.arange(x.shape[1]).unsqueeze(0)
    if x.shape[0] != position.shape[0]:
        position = position.expand(x.shape[0], -1)
    return x + position.unsqueeze(-1)


def both(x: Tensor) -> Tensor:
    return copied(expanded(x)).relu()


def raising(x: Tensor) -> Tensor:
    if x.shape[1] > 1000:
        raise ValueError("too long")
    return expanded(x)


def different(x: Tensor) -> Tensor:
    return x.sin() if x.shape[1] > 2 else x.cos()


def different_later(x: Tensor) -> Tensor:
    y = copied(x)
    return y.sin() if x.shape[0] > 2 else y.cos()


def of_another_constant(x: Tensor) -> Tensor:
    return x + torch.tensor([1.0 if x.shape[0] > 1 else 2.0])


def with_less(x: Tensor) -> Tensor:
    y = x.sin()
    return y if x.shape[0] > 1 else y + 1


def returns_number(x: Tensor) -> tuple[Tensor, bool]:
    return x.sin(), x.shape[0] > 1


def draws(x: Tensor) -> Tensor:
    y = torch.rand(3)
    return x.sum() + (y if x.shape[0] > 1 else y + torch.rand(3))


def writes(x: Tensor) -> Tensor:
    y = x.clone()
    z = y if x.shape[0] == 1 else y.expand(x.shape[0], -1, -1).clone()
    z.view(-1)[:] += 1
    return y + z


def demands(x: Tensor) -> Tensor:
    return x[:, 0] if x.shape[1] > 1 else x.select(1, 0)


PROGRAMS: list[Program] = [
    copied, expanded, both, raising, different, different_later, of_another_constant, with_less,
    returns_number, draws, writes,
]  # fmt: skip


def outcome(export: Callable[[], monograph.ExportedProgram]) -> tuple[Any, ...]:
    try:
        program = export()
    except monograph.MonographError as error:
        return (error.code, error.what)
    graph = [
        (node.op, str(node.target), str(node.args), str(node.kwargs))
        for node in program.graph.nodes
    ]
    ranges = {str(name): str(found) for name, found in program.range_constraints.items()}
    # That an operator refuses 0 is a precondition of the ways, which captures do not always tell
    # from a branch: the ranges say it in either case.
    told = [
        (each.kind, each.text)
        for each in program.assumptions
        if not each.text.endswith((" >= 1", " != 0"))
    ]
    return graph, ranges, told


def not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No question is settled where it comes up, from here on."""
    monkeypatch.setattr(settling, "rest_of", lambda frame: None)


def captured_only(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """No question is settled, and no way is followed, from here on."""
    met: list[int] = []
    not_settled(monkeypatch)

    def is_one_program(*args: object) -> bool:
        met.append(1)
        return False

    monkeypatch.setattr(both_sides, "is_one_program", is_one_program)
    return met


@pytest.mark.parametrize("hint", [Dim.DYNAMIC, Dim.AUTO], ids=str)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_following_finds_what_captures_find(
    program: Program, hint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = {"x": {0: hint, 1: hint}}
    x = torch.randn(2, 5, 8)

    def found() -> tuple[Any, ...]:
        return outcome(lambda: monograph.export(program, (x,), dynamic_shapes=shapes))

    settled = found()
    not_settled(monkeypatch)
    followed = found()
    captured_only(monkeypatch)
    assert settled == followed == found()


def what_is_followed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Grows with each attempt to follow a program: whether that gave the same program."""
    followed: list[bool] = []
    original = both_sides.is_one_program

    def is_one_program(*args: Any) -> bool:
        followed.append(original(*args))
        return followed[-1]

    monkeypatch.setattr(both_sides, "is_one_program", is_one_program)
    return followed


@pytest.mark.parametrize("is_any_marked", [False, True])
def test_one_program_is_followed_and_not_captured_again(
    monkeypatch: pytest.MonkeyPatch, is_any_marked: bool
) -> None:
    followed = what_is_followed(monkeypatch)
    not_settled(monkeypatch)
    monkeypatch.setattr(converting, "_marks", {})
    if is_any_marked:  # a function that no program here calls
        monograph.convert(draws)
    shapes = {"x": {0: Dim.AUTO, 1: Dim.AUTO}}
    for program in (copied, expanded, both):
        monograph.export(program, (torch.randn(2, 5, 8),), dynamic_shapes=shapes)
    assert followed == [True, True, True]


def test_another_program_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    followed = what_is_followed(monkeypatch)
    shapes = {"x": {0: Dim.AUTO, 1: Dim.AUTO}}
    for program in (different, of_another_constant, with_less, draws):
        monograph.export(program, (torch.randn(2, 5, 8),), dynamic_shapes=shapes)
    assert len(followed) >= 4  # each program is tried
    assert not any(followed)


@pytest.mark.parametrize("name", ["bert", "llama", "t5", "whisper", "gpt2", "clip"])
def test_models_are_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    model, args, kwargs = SMALL[name]()
    tensors = {**kwargs, **dict(zip(("input_ids", "attention_mask"), args, strict=False))}
    shapes = {
        key: {0: Dim.AUTO, 1: Dim.AUTO} if isinstance(value, Tensor) and value.dim() == 2 else None
        for key, value in tensors.items()
    }
    found = outcome(lambda: monograph.export(model, args, kwargs, dynamic_shapes=shapes))
    captured_only(monkeypatch)
    assert found == outcome(lambda: monograph.export(model, args, kwargs, dynamic_shapes=shapes))


def test_what_one_way_demands_is_demanded_of_all() -> None:
    program = monograph.export(demands, (torch.randn(2, 5, 8),), dynamic_shapes={"x": "_, n, _"})
    assert str(program.range_constraints["n"]) == "VR[1, int_oo]"
    with pytest.raises(IndexError):
        demands(torch.randn(2, 0, 8))


def test_a_view_that_is_passed_over_and_written_ends() -> None:
    def written(x: Tensor) -> Tensor:
        y = x.unsqueeze(0) if x.shape[0] == 1 else x
        y = y.view(y.shape)
        y.add_(1)
        return x * 1

    program = monograph.export(written, (torch.randn(2, 3),), dynamic_shapes=({0: Dim.AUTO},))
    for rows in (2, 4):
        x = torch.randn(rows, 3)
        mine = x.clone()
        assert torch.equal(program.module()(mine), written(x))
        assert torch.equal(mine, x)


def test_what_another_way_makes_of_a_size_is_forgotten() -> None:
    def by_parity(x: Tensor) -> Any:
        return (x.prod(),) if x.shape[0] % 2 else x.view(-1, 2).sum(1)

    program = monograph.export(by_parity, (torch.rand(3),), dynamic_shapes=({0: Dim.AUTO},))
    assert list(program.range_constraints) == ["s0"]
    assert program.module()(torch.ones(7))[0] == 1
