"""Two pairs of sizes that are equal, each of which may be 1, in a program with a loop over a third.

Libraries ask ``i != 1 and j != 1 and i != j`` of each dimension before they broadcast.
"""

import pytest
import torch

from monograph import Dim, export

N = Dim.DYNAMIC


def _of_a_distribution(means, actions, rewards):
    normal = torch.distributions.Normal(means, torch.ones(2))
    return normal.log_prob(actions).sum(-1)


def _asked_by_hand(means, actions, rewards):
    for i, j in zip(reversed(means.shape), reversed(actions.shape), strict=True):
        if i != 1 and j != 1 and i != j:
            raise ValueError("sizes that do not fit")
    return (means * actions).sum(-1)


@pytest.mark.parametrize("asked", [_of_a_distribution, _asked_by_hand])
def test_all_sizes_of_both(asked):
    def program(means, actions, rewards):
        found, total = torch.zeros_like(rewards), torch.zeros_like(rewards[:, 0])
        for t in reversed(range(rewards.size(1))):
            total = rewards[:, t] - means.sum(-1)[:, t] + 0.9 * total
            found[:, t] = total
        return found * asked(means, actions, rewards)

    args = (torch.rand(2, 5, 2), torch.rand(2, 5, 2), torch.rand(2, 5))
    ep = export(program, args, dynamic_shapes=({0: N, 1: N},) * 3)
    for batch, length in ((2, 5), (1, 5), (3, 1), (1, 1), (4, 7), (2, 2)):
        args = (
            torch.rand(batch, length, 2),
            torch.rand(batch, length, 2),
            torch.rand(batch, length),
        )
        torch.testing.assert_close(ep.module()(*args), program(*args))
