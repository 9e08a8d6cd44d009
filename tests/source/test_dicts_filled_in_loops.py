"""Dicts that a loop over a size fills, under its numbers or texts that are made of these."""

import pytest
import torch
from right_or_refused import exported, require_right_or_refused


def under_numbers(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t] = x[:, t] * t
    return torch.stack(list(kept.values()), 1) + len(kept)


def under_texts(x):
    kept = dict()  # noqa: C408
    for t in range(x.size(1)):
        kept[f"h{t}.x"] = x[:, t] * t
    return torch.stack(list(kept.values()), 1) + kept["h0.x"][:, None]


def under_joined_texts(x):
    kept = {}
    for t, row in enumerate(x.unbind(1)):
        kept["h" + str(t)] = row.tanh()
    return torch.cat([row * 2 for row in kept.values()], 0), kept["h0"]


def with_their_keys(x):
    kept, total = {}, x.sum(1)
    for t in range(x.size(1)):
        kept[t] = x[:, t].tanh()
    for t, row in kept.items():
        total = total * 0.5 + row * t
    for t in kept:
        total = total + kept[t] * t
    return total + sum(kept.keys())


def read_by_number(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t] = x[:, t].tanh()
    return torch.stack([kept[t] for t in range(x.size(1))], 1) + kept[0][:, None]


def tuples(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t] = (x[:, t], t)
    return sum(row * t for row, t in kept.values())


def a_comprehension(x):
    kept = {t: x[:, t] * t for t in range(x.size(1))}
    named = {f"h{t}": row for t, row in enumerate(x.unbind(1))}
    return torch.stack(list(kept.values()), 1) + torch.stack(tuple(named.values()), 1)


def in_each_of_several(x):
    for k in range(2):
        kept = {}
        for t in range(x.size(1)):
            kept[t] = x[:, t] * k + t
        x = torch.stack(list(kept.values()), 1)
    return x


HOLDS = [under_numbers, under_texts, under_joined_texts, with_their_keys, read_by_number, tuples,
         a_comprehension, in_each_of_several]  # fmt: skip


def read_meanwhile(x):
    kept = {-1: x.sum(1)}
    for t in range(x.size(1)):
        kept[t] = torch.tanh(kept[t - 1] + x[:, t])
    return torch.stack(list(kept.values()), 1)


def with_something_before(x):
    kept = {}
    kept[0] = x.sum(1)
    for t in range(x.size(1)):
        kept[t] = x[:, t]
    return torch.stack(list(kept.values()), 1)


def by_two_names(x):
    kept = same = {}
    for t in range(x.size(1)):
        kept[t] = x[:, t]
    return torch.stack(list(same.values()), 1)


def under_the_same_key(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t // 2] = x[:, t]
    return torch.stack(list(kept.values()), 1)


def under_formatted_texts(x):
    kept = {}
    for t in range(x.size(1)):
        kept[f"{t:.0e}"] = x[:, t]
    return torch.stack(list(kept.values()), 1)


def asked_for_keys(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t] = x[:, t]
    return x * (2 if 4 in kept else 3) + kept.get(4, x[:, 0])[:, None]


def changed_afterwards(x):
    kept = {}
    for t in range(x.size(1)):
        kept[f"h{t}"] = x[:, t]
    kept["h1"] = x[:, 0]
    return torch.stack(list(kept.values()), 1)


def compared(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t] = x[:, t]
    return x * (2 if kept == {} else 3)


def some_entries(x):
    kept = {}
    for t in range(x.size(1)):
        if t % 2:
            kept[t] = x[:, t]
    return sum(kept.values()) + x.sum(1)


def two_at_once(x):
    kept = {}
    for t in range(x.size(1)):
        kept[t] = x[:, t]
        kept[t + 1] = x[:, t] * 2
    return torch.stack(list(kept.values()), 1)


def keys_in_a_comprehension(x):
    kept = {f"{t}{t}": x[:, t] for t in range(x.size(1))}
    some = {t: x[:, t] for t in range(x.size(1)) if t != 1}
    return torch.stack(list(kept.values()), 1) + sum(some.values())[:, None]


NEVER_WRONG = [read_meanwhile, with_something_before, by_two_names, under_the_same_key,
               under_formatted_texts, asked_for_keys, changed_afterwards, compared, some_entries,
               two_at_once, keys_in_a_comprehension]  # fmt: skip
SIZES = [(2, 3), (1, 1), (2, 1), (1, 2), (3, 5), (0, 2), (2, 0)]


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 2), True)])
@pytest.mark.parametrize("program", HOLDS, ids=lambda program: program.__name__)
def test_a_loop_may_fill_it(program, given, strict):
    call = exported(program, given, strict)
    for size in SIZES[:-1]:
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 2), True)])
@pytest.mark.parametrize("program", NEVER_WRONG, ids=lambda program: program.__name__)
def test_what_else_is_done_with_it_is_never_wrong(program, given, strict):
    require_right_or_refused(program, given, strict, SIZES)
