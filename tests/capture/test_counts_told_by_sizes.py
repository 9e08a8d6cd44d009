"""Numbers in tensors that are made of sizes are these sizes: nothing of them is left open."""

import math

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph import Dim

N = Dim.DYNAMIC
COUNTS = {
    "a size": lambda n, m: torch.tensor(n),
    "divided": lambda n, m: torch.div(n, 4, rounding_mode="trunc"),
    "rounded down": lambda n, m: torch.div(torch.tensor(n), 3, rounding_mode="floor"),
    "rounded up": lambda n, m: -(-torch.tensor(n) // 4),
    "what is left": lambda n, m: torch.tensor(n) % 4,
    "negative": lambda n, m: (torch.tensor(n) - 5) // 2 + 3,
    "of both": lambda n, m: torch.tensor(n) * 3 - torch.tensor(n) + torch.tensor(m),
    "the larger": lambda n, m: torch.maximum(torch.tensor(n), torch.tensor(m)),
    "the least": lambda n, m: torch.stack([torch.tensor(n), torch.tensor(5)]).min(),
    "all together": lambda n, m: torch.tensor([n, m, 2]).sum(),
    "the product": lambda n, m: torch.tensor((n, m)).prod(),
    "an item": lambda n, m: torch.tensor([[n, 3], [4, m]])[1, 1] + 1,
    "the last": lambda n, m: torch.tensor([1, n, m])[1:][-1],
    "filled": lambda n, m: torch.full((2, 2), n)[0, 1],
    "broadcast": lambda n, m: (torch.tensor([n, m])[:, None] * torch.tensor([1, 2])).max(),
    "turned": lambda n, m: torch.tensor([n, m]).flip(0).unsqueeze(0).reshape(2)[0],
}


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("start", [(2, 7), (1, 3)])
def test_it_is_the_size(name, start):
    count = COUNTS[name]

    def program(x):
        k = count(x.shape[0], x.shape[1])
        made = x.new_ones(k) if k.item() >= 0 else x
        return made, F.pad(x, (0, int(k))), x[:, :k].sum()

    exported = monograph.export(program, (torch.rand(start),), dynamic_shapes=({0: N, 1: N},))
    assert "item" not in {str(node.target).split(".")[0] for node in exported.graph.nodes}
    assert not [each for each in exported.assumptions if each.kind == "narrowed"]
    for shape in [start, (3, 5), (1, 9), (4, 4), (2, 1), (5, 12)]:
        x = torch.rand(shape)
        for found, expected in zip(exported.module()(x), program(x), strict=True):
            torch.testing.assert_close(found, expected)


def test_a_truth_about_it_is_a_question_about_sizes():
    def program(x):
        n = torch.tensor(x.shape[1])
        if n > 4:
            x = x * 2
        return x + 1 if torch.tensor(x.shape[0] == 1) else x - n

    exported = monograph.export(program, (torch.rand(2, 7),), dynamic_shapes=({0: N, 1: N},))
    for shape in [(2, 7), (2, 3), (1, 7), (1, 4), (3, 5), (0, 5), (3, 0)]:
        x = torch.rand(shape)
        torch.testing.assert_close(exported.module()(x), program(x))


def test_values_that_kernels_round_stay_in_the_program():
    def program(x):
        n = torch.tensor(x.shape[0], dtype=torch.float32)
        narrow = torch.tensor(x.shape[0], dtype=torch.int8) * 2
        return x[: int((n * 0.5).ceil())], torch.arange(int(narrow.abs()))

    exported = monograph.export(program, (torch.rand(6),), dynamic_shapes=({0: N},))
    for rows in (6, 1, 63, 100):
        x = torch.rand(rows)
        for found, expected in zip(exported.module()(x), program(x), strict=True):
            torch.testing.assert_close(found, expected)


def test_pieces_that_overlap():
    """The number of pieces is divided in a tensor, and is part of what lies where."""

    def program(x):
        n = x.shape[1]
        x = F.pad(x, (0, math.ceil(n / 4) * 4 - n))
        x = x.view(x.shape[0], torch.div(x.shape[1], 4, rounding_mode="trunc"), 4)
        size, stride = list(x.size()), list(x.stride())
        size[1], stride[1] = size[1] * 2 - 1, stride[1] // 2
        return x.as_strided(size, stride)

    exported = monograph.export(program, (torch.rand(2, 12),), dynamic_shapes=({0: N, 1: N},))
    for shape in [(2, 12), (1, 4), (3, 7), (2, 20)]:
        x = torch.rand(shape)
        torch.testing.assert_close(exported.module()(x), program(x))
