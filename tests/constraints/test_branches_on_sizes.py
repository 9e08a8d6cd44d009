"""A branch on a size that was declared to vary: both sides are kept, in the default mode too."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import monograph
from monograph import Dim
from monograph.source import modes
from monograph.testing import assert_equal

H, W, N = Dim("h"), Dim("w"), Dim("n")
Sizes = tuple[int, ...]


class PadOdd(nn.Module):
    def forward(self, x):
        if x.shape[-1] % 2:
            x = F.pad(x, (0, 1))
        return x.reshape(x.shape[0], x.shape[1], -1, 2).sum(-1)


class Windows(nn.Module):
    """The padding of window attention, and back."""

    def forward(self, x):
        h, w = x.shape[-2:]
        pad_h, pad_w = (8 - h % 8) % 8, (8 - w % 8) % 8
        if pad_h > 0 or pad_w > 0:
            x = F.pad(x, (0, pad_w, 0, pad_h))
        windows = x.view(-1, (h + pad_h) // 8, 8, (w + pad_w) // 8, 8)
        x = (windows - windows.mean((2, 4), keepdim=True)).view(-1, h + pad_h, w + pad_w)
        if pad_h > 0 or pad_w > 0:
            x = x[:, :h, :w]
        return x


class PadWithRest(nn.Module):
    def forward(self, x):
        rest = x.shape[1] % 8
        if rest:
            x = F.pad(x, (0, 0, 0, 8 - rest))
        return x.unflatten(1, (-1, 8)).sum(2)


class Positions(nn.Module):
    """A table that is resampled unless it fits."""

    def __init__(self):
        super().__init__()
        self.table = nn.Parameter(torch.randn(1, 2, 7, 7))

    def forward(self, x):
        if x.shape[-2] == 7 and x.shape[-1] == 7:
            table = self.table
        else:
            table = F.interpolate(self.table, size=x.shape[-2:], mode="bilinear")
        return x + table


class OneToken(nn.Module):
    """No mask for one token: ``None`` on one side, and layers that ask for it."""

    def forward(self, x):
        n, mask = x.shape[1], None
        if n > 1:
            mask = torch.full((n, n), float("-inf")).triu(1)
        for _ in range(2):
            scores = x @ x.transpose(1, 2)
            if mask is not None:
                scores = scores + mask
            x = scores.softmax(-1) @ x
        return x


class Skip(nn.Module):
    """A U-Net whose sizes are odd."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(2, 2, 2, 2)

    def forward(self, x):
        y = self.up(F.max_pool2d(x, 2))
        if y.shape[-2:] != x.shape[-2:]:
            y = F.pad(y, (0, x.shape[-1] - y.shape[-1], 0, x.shape[-2] - y.shape[-2]))
        return torch.cat((x, y), 1)


class EarlyReturn(nn.Module):
    def forward(self, x):
        if x.shape[0] == 0:
            return x.new_zeros(1)
        return x.max(0).values.sum().reshape(1)


class Nested(nn.Module):
    def forward(self, x):
        h, w = x.shape[-2:]
        if h > w:
            y = x * 2
            if w % 2 == 0:
                y = y + 1
        else:
            y = x.sin()
        return y


class Truncated(nn.Module):
    def forward(self, x):
        if x.shape[1] > 4:
            x = x[:, :4]
        return x + torch.arange(x.shape[1])[:, None]


class AtLeastFour(nn.Module):
    def forward(self, x):
        if x.shape[1] < 4:
            x = F.pad(x, (0, 0, 0, 4 - x.shape[1]))
        return x.cumsum(1)


class Aspect(nn.Module):
    def forward(self, x):
        h, w = x.shape[-2:]
        size = (6, int(6 * w / h)) if h < w else (int(6 * h / w), 6)
        return F.interpolate(x, size=size, mode="bilinear")


class OneOfSome(nn.Module):
    def forward(self, x):
        if x.shape[1] in (2, 4, 8):
            return x * 2
        return x.sin()


def sequence(n: int) -> torch.Tensor:
    return torch.randn(2, n, 3)


def image(h: int, w: int) -> torch.Tensor:
    return torch.randn(1, 2, h, w)


PROGRAMS: dict[str, tuple[type[nn.Module], Callable[..., torch.Tensor], object, list[Sizes]]] = {
    "odd": (PadOdd, lambda n: torch.randn(2, 3, n), {2: N}, [(4,), (1,), (0,), (2,), (5,)]),
    "windows": (
        Windows,
        lambda h, w: torch.randn(2, h, w),
        {1: H, 2: W},
        [(8, 8), (7, 9), (16, 8), (8, 15), (1, 1), (3, 16)],
    ),
    "rest": (PadWithRest, sequence, {1: N}, [(8,), (7,), (0,), (1,), (9,), (16,)]),
    "table": (Positions, image, {2: H, 3: W}, [(7, 7), (8, 8), (7, 8), (8, 7), (1, 1)]),
    "one token": (OneToken, sequence, {1: N}, [(1,), (2,), (5,)]),
    "skip": (Skip, image, {2: H, 3: W}, [(8, 8), (9, 9), (8, 9), (13, 8), (2, 2)]),
    "early return": (EarlyReturn, lambda n: torch.randn(n, 4), {0: N}, [(0,), (1,), (5,)]),
    "nested": (Nested, image, {2: H, 3: W}, [(4, 4), (5, 4), (4, 3), (4, 5)]),
    "at most": (Truncated, sequence, {1: N}, [(1,), (4,), (5,), (0,), (9,)]),
    "at least": (AtLeastFour, sequence, {1: N}, [(1,), (4,), (5,), (0,), (9,)]),
    "aspect": (Aspect, image, {2: H, 3: W}, [(4, 8), (8, 4), (4, 4), (5, 9)]),
    "one of some": (OneOfSome, sequence, {1: N}, [(2,), (3,), (4,), (0,), (9,)]),
}


@pytest.mark.parametrize("start", [0, 1])
@pytest.mark.parametrize("name", PROGRAMS)
def test_both_sides_are_kept(name, start):
    kind, make, sizes, tried = PROGRAMS[name]
    model = kind().eval()
    program = monograph.export(model, (make(*tried[start]),), dynamic_shapes=(sizes,))
    program.validate()
    forms = [program.module(), program.run_decompositions().module(), program.unflatten()]
    for each in tried:
        x = make(*each)
        for form in forms:
            torch.testing.assert_close(form(x), model(x))


@pytest.mark.parametrize("name", ["odd", "windows", "one token", "at most"])
def test_they_are_saved_and_converted(name, tmp_path):
    kind, make, sizes, tried = PROGRAMS[name]
    model = kind().eval()
    program = monograph.export(model, (make(*tried[-1]),), dynamic_shapes=(sizes,))
    monograph.save(program, tmp_path / "program.pt2")
    forms = [monograph.load(tmp_path / "program.pt2").module(), program.to_torch().module()]
    for each in tried:
        x = make(*each)
        for form in forms:
            torch.testing.assert_close(form(x), model(x))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("odd", "f32[2, 3, 2*n - 2*(n // 2)]"),
        ("rest", "f32[2, 8*((n + 7) // 8), 3]"),
        ("windows", "f32[2, 8*((h + 7) // 8), 8*((w + 7) // 8)]"),
        ("at most", "f32[2, min(4, n), 3]"),
        ("at least", "f32[2, max(n, 4), 3]"),
    ],
)
def test_the_size_after_a_branch_is_one_expression(name, shape):
    kind, make, sizes, tried = PROGRAMS[name]
    program = monograph.export(kind().eval(), (make(*tried[0]),), dynamic_shapes=(sizes,))
    assert set(program.range_constraints) == {dim.__name__ for dim in sizes.values()}
    assert shape in str(program)


def test_auto_gives_way():
    program = monograph.export(PadOdd(), (torch.randn(2, 3, 4),), dynamic_shapes=({2: Dim.AUTO},))
    assert not any("cond" in node.name for node in program.graph.nodes)
    assert any("% 2" in assumption.text for assumption in program.assumptions)


def test_a_dimension_that_is_only_called_dynamic_varies_too():
    shapes = ({2: Dim.DYNAMIC},)
    program = monograph.export(PadOdd(), (torch.randn(2, 3, 4),), dynamic_shapes=shapes)
    assert program.module()(torch.ones(2, 3, 5)).shape == (2, 3, 3)


def test_a_range_that_decides_leaves_no_branch():
    shapes = ({1: Dim("n", min=5)},)
    program = monograph.export(Truncated(), (sequence(6),), dynamic_shapes=shapes)
    assert not any("cond" in node.name for node in program.graph.nodes)


def test_another_export_is_no_other_for_it():
    static = str(monograph.export(OneOfSome(), (sequence(4),)))
    monograph.export(OneOfSome(), (sequence(4),), dynamic_shapes=({1: N},))
    assert str(monograph.export(OneOfSome(), (sequence(4),))) == static
    auto = monograph.export(OneOfSome(), (sequence(4),), dynamic_shapes=({1: Dim.AUTO},))
    assert not any("cond" in node.name for node in auto.graph.nodes)


class OtherRank(nn.Module):
    def forward(self, x):
        if x.shape[1] == 1:
            return x.squeeze(1)
        return x


def test_sides_that_are_no_one_thing_are_refused_with_the_reason():
    with pytest.raises(monograph.ConstraintViolationError) as refused:
        monograph.export(OtherRank(), (sequence(4),), dynamic_shapes=({1: N},))
    text = str(refused.value)
    assert "if x.shape[1] == 1" in text
    assert "its two sides cannot be joined: the branches give tensors with different" in text


def by_row(x):
    return [x[i] * i for i in range(x.shape[0])]


def named_rows(x):
    out = []
    for row in x:
        out.append(row * 2)
    return {"rows": out}


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("program", [by_row, named_rows])
def test_a_list_of_unknown_length_is_no_result(program, strict):
    """A list in eager mode: what stands for it while capturing must not come out."""
    shapes = ({0: Dim.DYNAMIC},)
    with pytest.raises(monograph.ConstraintViolationError):
        monograph.export(program, (torch.ones(3, 2),), dynamic_shapes=shapes, strict=strict)
    fixed = monograph.export(program, (torch.ones(3, 2),), strict=strict)
    x = torch.randn(3, 2)
    assert_equal(fixed.module()(x), program(x))


def test_a_list_whose_length_depends_on_values_is_no_result():
    def positive(x):
        return [row for row in x if row.sum() > 0]

    with pytest.raises(monograph.ControlFlowError, match="only known when it runs") as caught:
        monograph.export(positive, (torch.ones(3, 2),), strict=True)
    assert caught.value.code == "MG-C114"
    assert "torch.stack" in str(caught.value)


def test_what_cannot_be_joined_is_tried_a_few_times(monkeypatch):
    """Each trial is a capture and its other sides: a budget, whatever fixes are tried besides."""

    def ranks(x):
        a = x if x.shape[0] % 5 else x[None]
        b = x if x.shape[0] % 7 else x[None]
        c = x if x.shape[0] % 11 else x[None]
        d = x if x.shape[0] % 13 else x[None]
        return a, b, c, d, x if x.shape[0] % 17 else x[None]

    tried = []
    original = modes.Widening.learn_places
    monkeypatch.setattr(
        modes.Widening,
        "learn_places",
        lambda self, places: tried.append(len(places)) or original(self, places),
    )
    with pytest.raises(monograph.ConstraintViolationError, match="cannot be joined"):
        monograph.export(ranks, (torch.ones(4, 3),), dynamic_shapes=({0: Dim("n", max=64)},))
    assert 1 < len(tried) <= 6


def test_what_cannot_be_joined_is_found_by_its_line(monkeypatch):
    """All together, all but the line that does not fit, and that line alone.

    By its expression, as a statement, and together with what follows it.
    """

    def mostly(x):
        a = x + 1 if x.shape[0] % 5 else x * 2
        b = a + 1 if x.shape[0] % 7 else a * 2
        c = b + 1 if x.shape[0] % 11 else b[None]
        d = b + 1 if x.shape[0] % 13 else b * 2
        e = d + 1 if x.shape[0] % 17 else d * 2
        return e, c

    tried = []
    original = modes.Widening.learn_places
    monkeypatch.setattr(
        modes.Widening,
        "learn_places",
        lambda self, places: tried.append(len(places)) or original(self, places),
    )
    ep = monograph.export(mostly, (torch.ones(4, 3),), dynamic_shapes=({0: Dim.DYNAMIC},))
    assert tried == [5, 4, 1, 1, 1]
    for size in (1, 4, 5, 7, 13, 17, 35):
        x = torch.randn(size, 3)
        torch.testing.assert_close(ep.module()(x), mostly(x))
    with pytest.raises(monograph.MonographError, match="MG-I106"):
        ep.module()(torch.randn(11, 3))


class Head(nn.Module):
    """Anchors are kept, and made again for another shape of the features."""

    dynamic, shape = False, None
    anchors = strides = torch.empty(0)

    def __init__(self):
        super().__init__()
        self.box = nn.Conv2d(3, 2, 1)

    def forward(self, features):
        shape = features[0].shape
        if self.dynamic or self.shape != shape:
            self.anchors, self.strides = (a.transpose(0, 1) for a in _anchors(features))
            self.shape = shape
        boxes = torch.cat([self.box(f).flatten(2) for f in features], 2)
        return (boxes + self.anchors.unsqueeze(0)) * self.strides


def _anchors(features):
    points, strides = [], []
    for i, f in enumerate(features):
        h, w = f.shape[2:]
        sy, sx = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
        points.append(torch.stack((sx, sy), -1).view(-1, 2))
        strides.append(torch.full((h * w, 1), 8.0 * (i + 1)))
    return torch.cat(points), torch.cat(strides)


@pytest.mark.parametrize("was", [(1, 4, 4), (2, 4, 8)])
@pytest.mark.parametrize("batch", [1, 2])
def test_what_is_kept_for_one_shape_is_made_for_any(batch, was):
    def features(batch, h, w):
        return [torch.randn(batch, 3, h, w), torch.randn(batch, 3, h // 2, w // 2)]

    varies = {0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC}
    called = Head()
    called(features(*was))
    program = monograph.export(
        called, (features(batch, 8, 8),), dynamic_shapes=([dict(varies), dict(varies)],)
    )
    module, head = program.module(), Head()
    head.load_state_dict(module.state_dict(), strict=False)
    for sizes in ((2, 8, 8), (1, 8, 8), (3, 6, 10), (1, 2, 4), (3, 6, 10)):
        given = features(*sizes)
        assert_equal(module(given), head(given), tolerance=1e-6)


def float_or_double(x):
    return (x.sin() if x.shape[0] > 1 else x.cos().double()) * 2


def test_sides_of_other_dtypes_are_not_made_one():
    """A result that is always a double would be another one for the example even."""
    for rows in (1, 2):
        x = torch.randn(rows, 3)
        with pytest.raises(monograph.ShapeError, match="other dtypes"):
            monograph.export(float_or_double, (x,), dynamic_shapes=({0: Dim("n")},))
        sizes = ({0: Dim.DYNAMIC},) if rows > 1 else ({0: Dim.AUTO},)
        found = monograph.export(float_or_double, (x,), dynamic_shapes=sizes).module()(x)
        assert_equal(found, float_or_double(x))


def _padded(x):
    long = F.pad(x, (2, 0), mode="replicate")
    return long * torch.arange(long.shape[2])


def test_what_is_inferred_on_one_side_is_not_known_on_the_other():
    """The side of more columns holds for one number of them, that of fewer for all."""

    def program(x):
        n = x.shape[2]
        if n > 5:
            number = ord(chr(n))
            return _padded(x)[:, :, :3] * number
        return _padded(x)[:, :, :3]

    ep = monograph.export(program, (torch.randn(2, 4, 3),), dynamic_shapes=({2: Dim.DYNAMIC},))
    module = ep.module()
    for columns in (1, 2, 3, 5, 6):
        x = torch.randn(2, 4, columns)
        torch.testing.assert_close(module(x), program(x))
    for columns in (0, 7):  # what eager mode refuses, and what the number excludes
        with pytest.raises(monograph.InputError):
            module(torch.randn(2, 4, columns))


class Resized(nn.Module):
    """An image is made even, and gets its size back, where a flag says that it was not."""

    def forward(self, x):
        x = F.avg_pool2d(x, 2, ceil_mode=True)
        short, (h, w) = x, x.shape[2:]
        even_h, even_w = math.ceil(h / 2) * 2, math.ceil(w / 2) * 2
        is_resized = False
        if even_h != h or even_w != w:
            x = F.interpolate(x, size=(even_h, even_w), mode="bilinear")
            is_resized = True
        x = x.reshape(x.shape[0], x.shape[1], even_h // 2, 2, even_w // 2, 2).sin()
        x = x.reshape(x.shape[0], x.shape[1], even_h, even_w)
        if is_resized:
            x = F.interpolate(x, size=(h, w), mode="bilinear")
        return torch.cat((short, x), 1)


def test_a_flag_says_which_side_was_taken():
    model, example = Resized(), (torch.randn(2, 3, 16, 16),)
    varying = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)
    module = monograph.export(model, example, dynamic_shapes=varying).module()
    for size in ((2, 3, 16, 16), (1, 3, 18, 16), (3, 3, 8, 10), (1, 3, 5, 7), (2, 3, 2, 1)):
        x = torch.randn(size)
        assert_equal(module(x), model(x), tolerance=1e-6)
