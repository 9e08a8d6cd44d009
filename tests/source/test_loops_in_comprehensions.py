"""``[f(i, j) for i in range(n) for j in range(m)]``: comprehensions with several loops."""

import pytest
import torch

from monograph import Dim, MonographError, export


def over_both_sizes(x):
    made = torch.stack([x[i, j] * (i + j) for i in range(x.size(0)) for j in range(x.size(1))])
    return made.view(x.size(0), x.size(1), 4) + x


def a_size_in_a_number(x):
    return torch.stack([x[:, j] * i for i in range(3) for j in range(x.size(1))])


def a_number_in_a_size(x):
    return torch.stack([x[:, i, k] for i in range(x.size(1)) for k in range(4)])


def three(x):
    return torch.stack([
        x[i, j, k] for i in range(x.size(0)) for j in range(x.size(1)) for k in range(2)
    ])  # fmt: skip


def up_to_the_other(x):
    made = [x[:, i] * x[:, j] for i in range(x.size(1)) for j in range(i)]
    return torch.stack([*made, x[:, 0]])


def some_of_them(x):
    n = x.size(1)
    return torch.stack([x[:, i] - x[:, j] for i in range(n) if i % 2 == 0 for j in range(n)])


def some_of_the_inner(x):
    n = x.size(1)
    return torch.stack([x[:, i] - x[:, j] for i in range(n) for j in range(n) if i <= j])


def by_enumerate(x):
    return torch.stack([row * j for _, rows in enumerate(x) for j, row in enumerate(rows)])


def of_one_name(x):
    return torch.stack([x for x in x for x in x])


def over_lists(x):
    rows = [x[:, t] * t for t in range(x.size(1))]
    return torch.stack([one * other for one in rows for other in rows], 1)


def over_pieces(x):
    return torch.stack([row for piece in x.split(2, dim=1) for row in piece.unbind(1)], 1)


def another_inside(x):
    return torch.stack([
        sum([x[i, k] for k in range(j + 1)]) for i in range(x.size(0)) for j in range(x.size(1))
    ])  # fmt: skip


def numbers_as_indices(x):
    n = x.size(1)
    first = torch.tensor([i for i in range(n) for _ in range(n)])
    second = torch.tensor([j for _ in range(n) for j in range(n)])
    return x[:, first] * x[:, second]


def a_generator(x):
    total = x.sum()
    for row in (x[i, j] for i in range(x.size(0)) for j in range(x.size(1))):
        total = total * 0.5 + row.sum()
    return total


def its_variables_are_its_own(x):
    i = 7
    rows = [x[i, j] for i in range(x.size(0)) for j in range(x.size(1))]
    return torch.stack(rows) * i


PROGRAMS = [over_both_sizes, a_size_in_a_number, a_number_in_a_size, three, up_to_the_other,
            some_of_them, some_of_the_inner, by_enumerate, of_one_name, over_lists, over_pieces,
            another_inside, numbers_as_indices, a_generator, its_variables_are_its_own]  # fmt: skip


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 2), True)])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_the_loops_are_one_in_the_other(program, given, strict):
    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    example = (torch.randn(*given, 4),)
    call = export(program, example, dynamic_shapes=shapes, strict=strict).module()
    for size in ((2, 3), (1, 1), (2, 1), (1, 2), (4, 5), (0, 2), (2, 0)):
        x = torch.randn(*size, 4)
        try:
            want = program(x)
        except (RuntimeError, IndexError, ValueError):
            with pytest.raises((MonographError, RuntimeError)):
                call(x)
        else:
            torch.testing.assert_close(call(x), want)
