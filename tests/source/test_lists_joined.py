"""Lists of unknown length that are copied, joined, turned round, repeated and padded."""

import pytest
import torch
from torch.nn.utils.rnn import pad_sequence

import monograph
from monograph import Dim

D = Dim.DYNAMIC


def copied(x):
    rows = []
    for i in range(x.shape[0]):
        rows.append(x[i] * 2)
    more = list(rows)
    more.append(x.sum(0))
    last = more.copy()
    last.append(x.mean(0))
    return torch.stack(rows), torch.stack(more), torch.stack(last)


def added(x):
    out = [x.sum(0)]
    for i in range(x.shape[0]):
        out = out + [x[i]]  # noqa: RUF005
    return torch.stack(out)


def added_in_front(x):
    out = (x.sum(0),)
    for row in x:
        out = (row * 2,) + out  # noqa: RUF005
    return torch.stack(out)


def extended(x):
    rows = []
    for row in x:
        rows.append(row * 2)
    out = [x.sum(0)]
    out.extend(rows)
    return torch.stack(out)


def spread(x):
    rows = [row + 1 for row in x]
    return torch.stack([x.sum(0), *rows, x.mean(0), *x.unbind(0)])


def backwards(x):
    out, state = [], torch.zeros(3)
    for row in x.unbind(0)[::-1]:
        state = state * 0.5 + row
        out.append(state)
    return torch.stack(out[::-1])


def written_backwards(x):
    y = x * 1
    for row in y.unbind(0)[::-1]:
        row.mul_(2)
    return y


def repeated(x):
    return torch.tensor([[1.0, 2.0, 3.0]] * x.shape[0]) + x


PROGRAMS = [copied, added, added_in_front, extended, spread, backwards, written_backwards,
            repeated]  # fmt: skip


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.__name__)
def test_lists(program, strict):
    made = monograph.export(program, (torch.randn(5, 3),), dynamic_shapes=({0: D},), strict=strict)
    for run in (made.module(), made.run_decompositions().module()):
        for size in (5, 1, 8):
            x = torch.randn(size, 3)
            torch.testing.assert_close(run(x), program(x))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("strict", [False, True])
def test_padded(strict, batch_first):
    def program(x, lengths):
        rows = [x[i, : lengths[i]] for i in range(x.shape[0])]
        return pad_sequence(rows, batch_first=batch_first, padding_value=-1.0)

    example = (torch.randn(3, 6, 2), torch.tensor([4, 6, 1]))
    shapes = ({0: D, 1: D}, {0: D})
    made = monograph.export(program, example, dynamic_shapes=shapes, strict=strict)
    for run in (made.module(), made.run_decompositions().module()):
        for lengths in ([4, 6, 1], [2], [3, 1, 2, 2, 5]):
            args = torch.randn(len(lengths), 7, 2), torch.tensor(lengths)
            torch.testing.assert_close(run(*args), program(*args))


@pytest.mark.parametrize("kind", [torch.int64, torch.int32, torch.uint8, torch.bool])
@pytest.mark.parametrize("shape", [(), (1,)])
@pytest.mark.parametrize("turned", [False, True])
def test_as_often_as_a_tensor_says(kind, shape, turned):
    def program(count):
        items = [4, 1]
        return torch.tensor(count * items if turned else items * count, dtype=torch.int64)

    example = torch.full(shape, 3, dtype=kind)
    run = monograph.export(program, (example,), strict=True).module()
    for count in (1, 0) if kind is torch.bool else (3, 1, 7, 0):
        given = torch.full(shape, count, dtype=kind)
        assert torch.equal(run(given), program(given))


def test_a_repetition_is_refused_with_its_fix():
    def program(count):
        return torch.tensor([4] * count)

    with pytest.raises(monograph.DataDependentError) as caught:
        monograph.export(program, (torch.tensor(3),))
    assert "[4] * count" in str(caught.value)
    assert "fix, verified" in str(caught.value)


def _another(x):
    rows = [x[:, t] for t in range(x.size(1))]
    more = [*rows]
    more.append(x[:, 0])
    return torch.stack(rows), torch.stack(more)


def _another_of_pairs(x):
    pairs = [(x[:, t], t) for t in range(x.size(1))]
    more = [*pairs]
    more.append((x[:, 0], 7))
    return x * sum(number for _, number in pairs), x * sum(number for _, number in more)


def _another_of_pieces(x):
    pieces = []
    for t in range(x.size(1)):
        pieces.append(x[:, t:])
    more = [*pieces]
    more.append(x)
    return torch.cat(pieces, 1), torch.cat(more, 1)


@pytest.mark.parametrize("program", [_another, _another_of_pairs, _another_of_pieces])
def test_the_items_of_a_list_make_another_list(program):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    call = monograph.export(program, (torch.randn(2, 3, 4),), dynamic_shapes=shapes).module()
    for size in ((2, 3), (1, 1), (3, 5)):
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))
