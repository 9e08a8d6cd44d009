"""Lists that are made at their length, ``[None] * n``, filled at any place, and read meanwhile.

``HOLDS`` are programs that are exported for all sizes; what is done in ``NEVER_WRONG`` may be
refused, while exporting or for a size, and is never anything else than in eager mode.
"""

import pytest
import torch
from right_or_refused import exported, require_right_or_refused


def _zeros(x):
    return torch.zeros(x.size(0), 4)


def the_one_before(x):
    outs = [None] * x.size(1)
    for t in range(x.size(1)):
        outs[t] = x[:, t] if t == 0 else torch.tanh(outs[t - 1] + x[:, t])
    return torch.stack(outs, 1)


def from_the_second_on(x):
    outs = [None] * x.size(1)
    outs[0] = x[:, 0]
    for t in range(1, x.size(1)):
        outs[t] = torch.tanh(x[:, t] + outs[t - 1])
    return torch.stack(outs, 1)


def two_before(x):
    outs = [x.sum(1)] * (x.size(1) + 2)
    for t in range(x.size(1)):
        outs[t + 2] = outs[t + 1] * 0.5 + outs[t] * 0.25 + x[:, t]
    return torch.stack(outs, 1)


def what_was_there(x):
    outs = [_zeros(x) for _ in range(x.size(1) + 1)]
    for t in range(x.size(1)):
        outs[t + 1] = x[:, t] + outs[t] + outs[t + 1]
    return torch.stack(outs, 1)


def the_last_at_first(x):
    outs = [_zeros(x)] * x.size(1)
    for t in range(x.size(1)):
        outs[t] = torch.tanh(x[:, t] + outs[t - 1])
    return torch.stack(outs, 1)


def backwards(x):
    n = x.size(1)
    outs = [None] * n
    outs[n - 1] = x[:, n - 1]
    for t in range(n - 2, -1, -1):
        outs[t] = torch.tanh(outs[t + 1] + x[:, t])
    return torch.stack(outs, 1)


def in_two_loops(x):
    outs = [None] * x.size(1)
    for t in range(0, x.size(1), 2):
        outs[t] = x[:, t] + 1
    for t in range(1, x.size(1), 2):
        outs[t] = x[:, t] * outs[t - 1]
    return torch.stack(outs, 1)


def in_branches(x):
    outs = [None] * x.size(1)
    for t in range(x.size(1)):
        if t < 2:
            outs[t] = x[:, t]
        else:
            outs[t] = x[:, t] + outs[t - 1] * outs[t - 2]
    return torch.stack(outs, 1)


def in_a_while_loop(x):
    outs, t = [None] * x.size(1), 0
    while t < x.size(1):
        outs[t] = x[:, t] * t
        t += 1
    return torch.stack(outs, 1)


def of_all_before(x):
    outs = [None] * x.size(1)
    outs[0] = x.sum(1)
    for t in range(1, x.size(1)):
        outs[t] = torch.stack(outs[:t], 1).sum(1) * 0.1 + x[:, t]
    return torch.stack([out * 2 for out in outs], 1) + len(outs)


def by_two_names(x):
    outs = [None] * x.size(1)
    same, kept = outs, {"outs": outs}
    for t in range(x.size(1)):
        kept["outs"][t] = x[:, t] if t == 0 else same[t - 1] + x[:, t]
    return torch.stack(outs, 1)


def numbers(x):
    counts = [0] * (x.size(1) + 2)
    counts[1] = 1
    for t in range(x.size(1)):
        counts[t + 2] = counts[t] + counts[t + 1]
    return x * counts[-1]


def a_table_of_numbers(x):
    n, m = x.size(0), x.size(1)
    paths = [[1] * (m + 1) for _ in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            paths[i][j] = paths[i - 1][j] + paths[i][j - 1]
    return x * paths[n][m]


def exchanged(x):
    items = list(x.unbind(1))
    for t in range(len(items) // 2):
        items[t], items[-t - 1] = items[-t - 1], items[t]
    items[0] = items[0] * 2
    return torch.stack(items, 1)


def of_tuples(x):
    states = [None] * (x.size(1) + 1)
    states[0] = (x.sum(1), 1)
    for t in range(x.size(1)):
        hidden, count = states[t]
        states[t + 1] = (torch.tanh(hidden + x[:, t]), count * 2 + t)
    return torch.stack([hidden for hidden, _ in states[1:]], 1), x * states[-1][1]


def exchanged_tuples(x):
    pairs = [(x[:, t], t) for t in range(x.size(1))]
    for t in range(len(pairs) // 2):
        pairs[t], pairs[-t - 1] = pairs[-t - 1], pairs[t]
    return torch.stack([row * number for row, number in pairs], 1)


def numbers_with_all_their_digits(x):
    shares = [0.1] * (x.size(1) + 1)
    for t in range(x.size(1)):
        shares[t + 1] = shares[t] / 3 + 0.1
    return x.double() * sum(shares)


class Kept(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x):
        self.outs = [None] * x.size(1)
        for t in range(x.size(1)):
            h = x[:, t] if t == 0 else x[:, t] + self.outs[t - 1]
            self.outs[t] = self.linear(h)
        return torch.stack(self.outs, 1)


HOLDS = [the_one_before, from_the_second_on, two_before, what_was_there, the_last_at_first,
         backwards, in_two_loops, in_branches, in_a_while_loop, of_all_before, by_two_names,
         numbers, a_table_of_numbers, exchanged, of_tuples, exchanged_tuples,
         numbers_with_all_their_digits, Kept()]  # fmt: skip


def asked_what_is_there(x):
    outs = [None] * x.size(1)
    for t in range(x.size(1)):
        if outs[t // 2] is None:
            outs[t // 2] = x[:, t]
    return sum(out for out in outs if out is not None)


def with_holes(x):
    outs = [None] * (x.size(1) + 1)
    for t in range(0, x.size(1), 2):
        outs[t] = x[:, t]
    return sum(out for out in outs if out is not None)


def written_where_all_are_one(x):
    outs = [_zeros(x)] * x.size(1)
    for t in range(x.size(1)):
        outs[t] += x[:, t]
    return torch.stack(outs, 1)


def written_afterwards(x):
    outs, y = [None] * x.size(1), x * 1
    for t in range(x.size(1)):
        outs[t] = y[:, t] if t == 0 else y[:, t] + outs[t - 1] * 0
    y.mul_(3)
    return torch.stack(outs, 1)


def one_in_two_places(x):
    outs, h = [_zeros(x)] * x.size(1), x.sum(1)
    outs[0], outs[-1] = h, h
    outs[0].add_(5)
    return torch.stack(outs, 1) + h[:, None]


def of_other_sizes(x):
    outs = [None] * x.size(1)
    outs[0] = x[:, :1]
    for t in range(1, x.size(1)):
        outs[t] = torch.cat([outs[t - 1], x[:, :1]], 1)
    return torch.cat(outs, 1)


def of_other_kinds(x):
    outs = [0] * (x.size(1) + 1)
    for t in range(x.size(1)):
        outs[t + 1] = t * 0.5
    return x * outs[-1]


def of_other_ranks(x):
    outs = [torch.zeros(4)] * (x.size(1) + 1)
    for t in range(x.size(1)):
        outs[t + 1] = x[0, t].reshape(2, 2)
    return sum(out.flatten() for out in outs) + outs[-1].dim()


def lists_that_are_one(x):
    row = [0] * x.size(1)
    table = [row for _ in range(x.size(1))]
    table[0][0] = 5
    return x * table[-1][0]


def a_part_of_a_table(x):
    table = [[0] * x.size(1) for _ in range(x.size(0) + 1)]
    part = table[1:]
    table[-1][0] = 5
    return x * sum(sum(row) for row in part)


def a_list_of_a_table_that_grows(x):
    table = [[0] * x.size(1) for _ in range(x.size(0) + 1)]
    table[0].append(5)
    return x * sum(table[0])


NEVER_WRONG = [asked_what_is_there, with_holes, written_where_all_are_one, written_afterwards,
               one_in_two_places, of_other_sizes, of_other_kinds, of_other_ranks,
               lists_that_are_one, a_part_of_a_table, a_list_of_a_table_that_grows]  # fmt: skip
SIZES = [(2, 3), (1, 1), (2, 1), (1, 2), (3, 5), (0, 2)]


def _name(program):
    return getattr(program, "__name__", type(program).__name__)


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 3), True)])
@pytest.mark.parametrize("program", HOLDS, ids=_name)
def test_it_is_filled_at_any_place(program, given, strict):
    call = exported(program, given, strict)
    for size in SIZES:
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 1), True)])
@pytest.mark.parametrize("program", NEVER_WRONG, ids=_name)
def test_what_else_is_done_with_it_is_never_wrong(program, given, strict):
    require_right_or_refused(program, given, strict, SIZES)


def test_an_item_that_is_not_there_is_told_when_the_program_runs():
    def every_second(x):
        outs = [None] * x.size(1)
        for t in range(0, x.size(1), 2):
            outs[t] = x[:, t]
        return torch.stack(outs, 1)

    call = exported(every_second, (2, 1), False)
    torch.testing.assert_close(call(torch.ones(3, 1, 4)), torch.ones(3, 1, 4))
    with pytest.raises(RuntimeError, match="read before it is put there"):
        call(torch.randn(2, 3, 4))
    with pytest.raises(TypeError, match="NoneType"):
        every_second(torch.randn(2, 3, 4))
