"""Items of a list of unknown length that the program changes: they are items, and no copies.

A list of dicts becomes tensors, and so each dict that the program gets of it is made for that. A
program that changes one and reads the list again is refused.
"""

import pytest
import torch
from right_or_refused import exported, require_right_or_refused


class Record:
    def __init__(self, row):
        self.row = row


def in_a_list(x):
    items = [[x[:, t], 0] for t in range(x.size(1))]
    items[0][1] = 7
    return x * sum(number for _, number in items)


def in_a_dict(x):
    items = [{"row": x[:, t], "number": 0} for t in range(x.size(1))]
    for item in items:
        item["number"] = 3
    return x * sum(item["number"] for item in items)


def in_an_object(x):
    items = []
    for t in range(x.size(1)):
        items.append(Record(x[:, t]))
    items[0].row = x[:, 0] * 5
    return torch.stack([item.row for item in items], 1)


def a_longer_item(x):
    items = []
    for t in range(x.size(1)):
        items.append([x[:, t]])
    items[0].append(x[:, 0])
    return x * len(items[0])


def after_it_was_appended(x):
    items = []
    for t in range(x.size(1)):
        item = {"row": x[:, t], "number": 0}
        items.append(item)
        item["number"] = t
    return x * sum(item["number"] for item in items)


def one_that_all_are(x):
    item, items = {"number": 0}, []
    for t in range(x.size(1)):
        items.append(item)
        item["number"] = t
    return x * sum(item["number"] for item in items)


def in_a_part(x):
    items = [[x[:, t], 0] for t in range(x.size(1))]
    items[-1:][0][1] = 7
    return x * sum(number for _, number in items)


def of_another_rank(x):
    rows = [x[0, t] for t in range(x.size(1))]
    rows.append(x[0, 0].reshape(2, 2))
    return sum(row.flatten() for row in rows) + rows[-1].dim()


def of_another_rank_in_front(x):
    rows = [x[0, 0].reshape(2, 2), *[x[0, t] for t in range(x.size(1))]]
    return sum(row.flatten() for row in rows) + rows[0].dim()


def of_another_size(x):
    rows = [x[:, t] for t in range(x.size(1))]
    rows.insert(1, x[0].T.contiguous())
    return sum(row.sum() for row in rows) + rows[1].size(0)


def a_turned_list(x):
    table = [[i * j for j in range(x.size(1))] for i in range(x.size(1))]
    table[-1].reverse()
    return x * table[-1][0]


CHANGED = [in_a_list, in_a_dict, in_an_object, a_longer_item, after_it_was_appended,
           one_that_all_are, in_a_part, of_another_rank, of_another_rank_in_front,
           of_another_size, a_turned_list]  # fmt: skip
SIZES = [(2, 3), (1, 1), (2, 1), (3, 5), (4, 4)]


@pytest.mark.parametrize(("given", "strict"), [((2, 3), False), ((1, 1), True)])
@pytest.mark.parametrize("program", CHANGED, ids=lambda program: program.__name__)
def test_a_change_is_seen_or_the_size_is_refused(program, given, strict):
    require_right_or_refused(program, given, strict, SIZES)


def only_read(x):
    items, total = [], x.sum(1)
    for t in range(x.size(1)):
        items.append({"row": x[:, t], "number": t})
    for item in items:
        total = total * 0.5 + item["row"] * item["number"]
    return total + items[0]["row"]


def changed_and_not_read_again(x):
    items, total = [], x.sum(1)
    for t in range(x.size(1)):
        items.append({"row": x[:, t], "number": t})
    for item in items:
        item["number"] = item["number"] + 1
        total = total + item["number"] * item["row"]
    return total


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [only_read, changed_and_not_read_again])
def test_items_are_read(program, strict):
    call = exported(program, (2, 3), strict)
    for size in SIZES:
        x = torch.randn(*size, 4)
        torch.testing.assert_close(call(x), program(x))
