"""What operators on images say of the sizes of one alone, and of a batch of them."""

import pytest
import torch
import torch.nn.functional as F

from monograph import Dim, export

OPERATORS = {
    **{
        f"{kind}_pool{rank}d{name}": (rank, getattr(F, f"{kind}_pool{rank}d"), args)
        for kind in ("max", "avg")
        for rank in (1, 2, 3)
        for name, args in (
            ("", (2,)),
            (" in steps", (3, 1)),
            (" with padding", (3, 2, 1)),
            (" by dimension", ((2, 1, 2)[-rank:],)),
        )
    },
    **{
        f"adaptive_{kind}_pool{rank}d": (rank, getattr(F, f"adaptive_{kind}_pool{rank}d"), (2,))
        for kind in ("max", "avg")
        for rank in (1, 2, 3)
    },
    **{
        f"conv{rank}d": (rank, getattr(F, f"conv{rank}d"), (torch.ones(3, 2, *[2] * rank),))
        for rank in (1, 2, 3)
    },
    **{
        f"conv_transpose{rank}d": (
            rank, getattr(F, f"conv_transpose{rank}d"), (torch.ones(2, 3, *[2] * rank),),
        )
        for rank in (1, 2, 3)
    },
    "lp_pool2d": (2, F.lp_pool2d, (2, 2)),
    "unfold": (2, F.unfold, (2,)),
    "pixel_unshuffle": (2, F.pixel_unshuffle, (2,)),
    "pixel_shuffle": (2, lambda x: F.pixel_shuffle(torch.cat([x, x], -3), 2), ()),
    **{
        f"pad {mode} {rank}": (rank, lambda x, n=2 * rank, m=mode: F.pad(x, (1,) * n, m), ())
        for mode in ("reflect", "replicate", "circular", "constant")
        for rank in (1, 2, 3)
    },
}  # fmt: skip


@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("name", OPERATORS)
def test_sizes(name, batched):
    rank, operator, args = OPERATORS[name]

    def program(x):
        y = operator(x, *args)
        return y, y.shape, y.flatten().sum() * y.numel()

    shape = (*(2,) * (1 + batched), *(4, 6, 8)[:rank])
    channel = len(shape) - rank - 1
    for varying in (range(channel + 1, len(shape)), range(channel), [len(shape) - 1]):
        if not varying:
            continue
        shapes = (dict.fromkeys(varying, Dim.DYNAMIC),)
        ep = export(program, (torch.rand(shape),), dynamic_shapes=shapes)
        for more in (0, 2):
            x = torch.rand([n + more * (i in varying) for i, n in enumerate(shape)])
            torch.testing.assert_close(ep.module()(x), program(x))
