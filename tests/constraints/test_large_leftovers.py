"""What a call leaves behind is tried with other sizes; not where they would fill the memory."""

import torch

import monograph


class Pyramid(torch.nn.Module):
    """It keeps what grows with the sixth power of a size, for its own use in the same call."""

    def forward(self, x):
        rows = x.flatten().repeat(x.shape[0])
        self.table = (rows[:, None] * rows).expand(x.shape[0] ** 3, -1, -1)
        return self.table[0].sum(-1) + self.table[-1, 0, 0]


def test_sizes_that_fill_the_memory_are_not_tried(monkeypatch):
    asked = []
    made = torch.empty_strided

    def seen(shape, *rest, **named):
        asked.append(torch.Size(shape).numel() if all(type(n) is int for n in shape) else 0)
        return made(shape, *rest, **named)

    monkeypatch.setattr(torch, "empty_strided", seen)
    model, x = Pyramid(), torch.randn(6, 6)
    shapes = ({0: monograph.Dim.DYNAMIC},)
    program = monograph.export(model, (x,), dynamic_shapes=shapes)
    assert max(asked) < 1 << 27
    for n in (1, 6, 4, 7):
        given = torch.randn(n, 6)
        torch.testing.assert_close(program.module()(given), Pyramid()(given))
