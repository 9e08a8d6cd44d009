"""``squeeze()`` leaves a batch of 1 out, and so does the program, where eager mode goes on with it.

The operators of the program are those of eager mode at a batch of 1, if they are the same there;
the number of dimensions that is noted is that of other batches.
"""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import Dim, export
from monograph.testing import assert_equal


def in_place(x):
    y = x[:, :1].squeeze()
    y.mul_(2)
    return y + 1, x


def to_a_sum(x):
    total = x.new_zeros(())
    for column in x[:, :3].split(1, 1):
        total = total + column.squeeze().exp().mean()
    return total


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x):
        return self.layers(x).squeeze()


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.w, self.u = nn.Parameter(torch.randn(1, 4)), nn.Parameter(torch.randn(1, 4))

    def forward(self, x):
        inner = F.linear(x, self.w)
        z = x + self.u * torch.tanh(inner)
        psi = (1 - torch.tanh(inner) ** 2) * self.w
        return z, torch.log((1 + psi @ self.u.T).abs() + 1e-6).squeeze()


PROGRAMS = {
    "returned": lambda x: x.sum(1, keepdim=True).squeeze(),
    "added": lambda x: x.sum(1, keepdim=True).squeeze() + x[:, 0],
    "averaged": lambda x: torch.log(x[:, :1].abs() + 1).squeeze().mean(),
    "activated": lambda x: torch.sigmoid(x[:, :1]).squeeze() * 2,
    "of two dimensions": lambda x: x[:, None, :2].squeeze().sum(-1),
    "one dimension": lambda x: x[:, :1].squeeze(0).sum(),
    "two named": lambda x: x[:, :1, None].squeeze((0, 1)).cos(),
    "stacked": lambda x: torch.stack([x[:, :1].squeeze(), x[:, 1:2].squeeze()], -1),
    "compared": lambda x: torch.where(x[:, :1].squeeze() > 0, 1.0, x[:, :1].squeeze()),
    "put back": lambda x: x[:, :1].squeeze().unsqueeze(-1) + x,
    "flat": lambda x: x[:, :1].squeeze().reshape(-1) + x[:, 1],
    "to a sum": to_a_sum,
    "critic": Critic(),
    "flow": Flow(),
}
SHAPES = ({0: Dim.DYNAMIC},)


@pytest.mark.parametrize("batch", [2, 1])
@pytest.mark.parametrize("name", PROGRAMS)
def test_each_batch(name, batch):
    program = PROGRAMS[name]
    exported = monograph.export(program, (torch.randn(batch, 4),), dynamic_shapes=SHAPES)
    for module in (exported.module(), exported.to_torch().module()):
        for rows in (2, 1, 3, 1, 5):
            x = torch.randn(rows, 4)
            torch.testing.assert_close(module(x.clone()), program(x.clone()), msg=f"{rows} rows")


@pytest.mark.parametrize("name", PROGRAMS)
def test_decomposed_it_is_refused_where_dimensions_would_be_missing(name):
    program = PROGRAMS[name]
    exported = monograph.export(program, (torch.randn(2, 4),), dynamic_shapes=SHAPES)
    for _ in range(2):  # what one asks is asked by the next
        module = exported.run_decompositions().module()
        for rows in (2, 3):
            x = torch.randn(rows, 4)
            torch.testing.assert_close(module(x.clone()), program(x.clone()))
        x = torch.randn(1, 4)
        try:
            found = module(x.clone())
        except monograph.InputError as error:
            assert "s0 != 1" in str(error)  # noqa: PT017
        else:
            torch.testing.assert_close(found, program(x))


def test_what_is_written_through_it_has_the_dimensions_that_are_noted():
    exported = monograph.export(in_place, (torch.randn(2, 4),), dynamic_shapes=SHAPES)
    with pytest.raises(monograph.InputError):
        exported.module()(torch.ones(1, 4))


def test_a_program_may_go_another_way_without_the_batch():
    def program(x):
        y = x[:, :1].squeeze()
        return y.unsqueeze(0) * 2 if y.dim() == 0 else y

    exported = monograph.export(program, (torch.randn(2, 4),), dynamic_shapes=SHAPES)
    for batch in (3, 1, 0):
        x = torch.randn(batch, 4)
        assert torch.equal(exported.module()(x), program(x))


def test_dimensions_that_are_named_are_squeezed_alone():
    """Code without a source, as a library's: what checks sizes holds for any batch."""
    scope: dict[str, object] = {}
    lines = [
        "def forward(self, x, y):",
        "    if x.size(0) != y.size(0):",
        "        return y.nonzero().tolist()",
        "    chosen = x.argmax(-1)",
        "    for i, j in zip(reversed(chosen.shape), reversed(x.shape[:1])):",
        "        if i != 1 and j != 1 and i != j:",
        "            raise ValueError(i)",
        "    return x.gather(-1, chosen.unsqueeze(-1)).squeeze(-1), y + 1",
    ]
    exec("\n".join(lines), scope)
    model = type("Checks", (nn.Module,), {"forward": scope["forward"]})()
    for example in (1, 2):
        given = torch.rand(example, 4), torch.rand(example, 4)
        module = export(model, given, dynamic_shapes=({0: Dim.DYNAMIC},) * 2).module()
        for batch in range(4):
            given = torch.rand(batch, 4), torch.rand(batch, 4)
            assert_equal(module(*given), model(*given))
