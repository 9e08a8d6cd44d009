"""Rules whose results' sizes follow from sizes that vary: equal to eager mode, and no questions."""

import itertools

import pytest
import torch
from torch.nn import functional as F

import monograph
from monograph import Dim
from monograph.inference import infer
from monograph.testing import assert_specs_hold


def same(function, examples, shapes, *further):
    """The program for ``examples`` computes what eager mode does, for further inputs too."""
    ep = monograph.export(function, examples, dynamic_shapes=shapes)
    for args in (examples, *further):
        expected, actual = function(*args), ep.module()(*args)
        torch.testing.assert_close(actual, expected)
        assert actual.stride() == expected.stride()
    return ep


IMAGE = ({0: Dim.DYNAMIC, 2: Dim.DYNAMIC, 3: Dim.DYNAMIC},)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_pixels_are_gathered(times):
    def gathered(x):
        for _ in range(times):
            x = F.pixel_unshuffle(x, 2)
        return x

    n = 2**times
    ep = same(
        gathered, (torch.randn(2, 3, 2 * n, 3 * n),), IMAGE,
        (torch.randn(1, 3, n, 5 * n),), (torch.randn(4, 3, 3 * n, n),),
    )  # fmt: skip
    assert len(ep.graph.nodes) == 2 + times
    with pytest.raises(monograph.InputError):
        ep.module()(torch.randn(2, 3, 2 * n + 1, 3 * n))


def test_pixels_are_spread():
    def spread(x):
        return F.pixel_shuffle(F.pixel_shuffle(x, 2), 2) + 1

    same(spread, (torch.randn(2, 16, 3, 5),), IMAGE, (torch.randn(1, 16, 1, 4),))


@pytest.mark.parametrize("pool", [F.max_pool2d, F.avg_pool2d])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3])
def test_windows_that_are_rounded_up(pool, kernel, stride, padding):
    """The last window starts inside, or in the padding before it: never behind."""

    def pooled(x):
        return pool(x, kernel, stride, padding, ceil_mode=True)

    sizes = [(n, 9 - n + kernel) for n in range(kernel, 9)]
    inputs = [(torch.randn(2, 3, h, w),) for h, w in sizes]
    ep = same(pooled, (torch.randn(2, 3, 8, 9),), IMAGE, *inputs)
    assert len(ep.graph.nodes) == 3


def test_sequences_are_padded_to_the_longest():
    def padded(a, b, c):
        return torch.nn.utils.rnn.pad_sequence([a, b, c], batch_first=True, padding_value=7.0)

    shapes = ({0: Dim.DYNAMIC}, {0: Dim.DYNAMIC}, {0: Dim.DYNAMIC})
    lengths = [(3, 5, 4), (6, 1, 1), (2, 2, 2), (0, 1, 3)]
    inputs = [tuple(torch.randn(n, 2) for n in each) for each in lengths]
    ep = same(padded, inputs[0], shapes, *inputs[1:])
    assert not ep.assumptions


def test_rows_cut_to_lengths_are_padded():
    def cut(rows, lengths):
        pieces = [row[:n] for row, n in zip(rows, lengths.tolist(), strict=True)]
        return torch.nn.utils.rnn.pad_sequence(pieces, True, -1)

    rows = torch.arange(8).reshape(2, 4)
    lengths = [torch.tensor(each) for each in ([4, 3], [1, 2], [0, 9], [-1, 2])]
    same(cut, (rows, lengths[0]), None, *((rows, each) for each in lengths[1:]))


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(2, 1, 0), (3, 2, 1), (3, 3, 0)])
def test_windows_are_taken_out_and_put_back(kernel, stride, padding):
    def there_and_back(x):
        columns = F.unfold(x, kernel, padding=padding, stride=stride)
        return F.fold(columns + 1, x.shape[-2:], kernel, padding=padding, stride=stride)

    sizes = [(1, 4, 7), (3, 3, 3), (2, 9, 5)]
    inputs = [(torch.randn(b, 3, h, w),) for b, h, w in sizes]
    ep = same(there_and_back, (torch.randn(2, 3, 8, 9),), IMAGE, *inputs)
    assert all(" >= " in str(assumption) for assumption in ep.assumptions)


def test_what_is_put_back_must_fit():
    def folded(columns, like):
        return F.fold(columns, like.shape, 2)

    shapes = ({2: Dim.DYNAMIC}, {0: Dim.DYNAMIC, 1: Dim.DYNAMIC})
    further = [
        (torch.randn(2, 12, (h - 1) * (w - 1)), torch.randn(h, w)) for h, w in [(2, 2), (5, 3)]
    ]
    ep = same(folded, (torch.randn(2, 12, 12), torch.randn(4, 5)), shapes, *further)
    with pytest.raises(monograph.InputError):
        ep.module()(torch.randn(2, 12, 11), torch.randn(4, 5))


@pytest.mark.parametrize("scale", [2.0, 0.5, 1.25, 0.3])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact", "bilinear", "bicubic"])
def test_images_are_resampled(mode, scale):
    def resampled(x):
        return F.interpolate(x[:, :, 1:], scale_factor=scale, mode=mode)

    sizes = [(1, 5, 4), (3, 21, 9)]
    inputs = [(torch.randn(b, 3, h, w),) for b, h, w in sizes]
    same(resampled, (torch.randn(2, 3, 8, 9),), IMAGE, *inputs)


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_images_are_resampled_to_a_size(mode):
    def joined(x, y):
        return F.interpolate(x, size=y.shape[2:], mode=mode) + y

    shapes = ({2: Dim.DYNAMIC, 3: Dim.DYNAMIC}, {2: Dim.DYNAMIC, 3: Dim.DYNAMIC})
    sizes = [((3, 4), (6, 8)), ((1, 9), (5, 2)), ((2, 2), (1, 1))]
    inputs = [tuple(torch.randn(2, 3, *size) for size in pair) for pair in sizes]
    ep = same(joined, inputs[0], shapes, *inputs[1:])
    assert len(ep.graph.nodes) == 7


def test_results_lie_as_the_iterator_of_pointwise_operators_lays_them():
    """Operands that lie in different orders, are broadcast, and have gaps: nothing is asked."""
    whole = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC}
    layouts = [
        lambda x: x,
        lambda x: x.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        lambda x: x.permute(1, 2, 0).contiguous().permute(2, 0, 1),
        lambda x: x.transpose(0, 1).contiguous().transpose(0, 1).narrow(0, 0, 1),
        lambda x: x.transpose(1, 2).contiguous().transpose(1, 2).narrow(1, 0, 1),
        lambda x: torch.stack([x, x], -1).select(-1, 0),
        lambda x: x[:1].transpose(1, 2).contiguous().transpose(1, 2).expand(x.shape),
        lambda x: x[0].t().contiguous().t(),
    ]
    x = torch.randn(2, 3, 4)
    for one, other in itertools.product(layouts, repeat=2):

        def added(x, one=one, other=other):
            return torch.where(one(x) > 0, other(x), 1.0) + one(x)

        ep = same(added, (x,), (whole,), (torch.randn(5, 3, 2),), (torch.randn(4, 4, 4),))
        assert not any("torch.where" in str(text) for text in ep.assumptions)


PARTS = {
    "some channels": lambda x: x.permute(0, 3, 1, 2).chunk(4, 1)[1],
    "some rows": lambda x: x[:, 1:].permute(0, 3, 1, 2),
    "whole": lambda x: x.permute(0, 3, 1, 2),
}
WINDOWS = {
    "conv": lambda c: torch.nn.Conv2d(c, 8, 1),
    "conv 3 in steps": lambda c: torch.nn.Conv2d(c, 8, 3, stride=2, padding=1),
    "max_pool": lambda c: torch.nn.MaxPool2d(2, 1),
    "adaptive": lambda c: torch.nn.AdaptiveAvgPool2d(2),
}


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("window", WINDOWS)
def test_parts_of_channels_last_tensors_stay_channels_last(part, window):
    x = torch.randn(2, 9, 7, 64)
    layer = WINDOWS[window](PARTS[part](x).shape[1]).eval()

    class Windowed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(PARTS[part](x))

    sizes = {"x": dict.fromkeys((0, 1, 2), monograph.Dim.DYNAMIC)}
    program = monograph.export(Windowed(), (x,), dynamic_shapes=sizes)
    assert not [a for a in program.assumptions if a.kind == "narrowed"]
    for batch in (2, 3, 20):
        other = torch.randn(batch, 11, 12, 64)
        found, wanted = program.module()(other), Windowed()(other)
        assert torch.equal(found, wanted)
        assert found.stride() == wanted.stride()


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
@pytest.mark.parametrize("cut", [1, 2, 5])
def test_a_part_of_a_tensor_that_may_be_shorter_lies_as_in_eager_mode(cut, order, monkeypatch):
    """One column of many: whatever the steps are, nobody swaps it with another dimension."""
    on_fakes = []
    real = infer.outcome_on_fakes
    monkeypatch.setattr(infer, "outcome_on_fakes", lambda *a: on_fakes.append(a) or real(*a))

    def parts(x, y):
        part = x.permute(order)[..., :cut]
        return part - 1, part[:, :1] * y, part[:1] > 0, part + x.permute(order)[..., :1]

    def example(*sizes):
        return torch.randn(sizes), torch.randn(1)

    shapes = (dict.fromkeys(range(3), Dim.DYNAMIC), None)
    program = monograph.export(parts, example(7, 8, 9), dynamic_shapes=shapes)
    for sizes in itertools.permutations((2, 6, 11)):
        args = example(*sizes)
        torch.testing.assert_close(program.module()(*args), parts(*args))
        assert_specs_hold(program, args)
    if cut == 1 and order == (0, 1, 2):
        assert not on_fakes


@pytest.mark.parametrize("mode", ["nearest", "bilinear", "bicubic"])
def test_a_table_is_resized_to_sizes_that_vary(mode, monkeypatch):
    table = torch.randn(1, 4, 5, 6)

    def resized(x):
        return F.interpolate(table, size=x.shape[-2:], mode=mode)

    monkeypatch.setattr(infer, "outcome_on_fakes", None)  # by rules alone
    same(resized, (torch.randn(2, 3, 7, 8),), IMAGE, (torch.randn(1, 3, 1, 12),))


@pytest.mark.parametrize("layout", ["dense", "permuted", "with gaps", "of one row"])
def test_what_is_written_into_keeps_its_strides(layout):
    def written(x):
        base = {
            "dense": x, "permuted": x.transpose(0, 2), "with gaps": x[:, ::2], "of one row": x[:1],
        }[layout]  # fmt: skip
        return torch.slice_scatter(base, base[:, :1] * 2, 1, 0, 1)

    same(
        written, (torch.randn(2, 5, 6),), ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC},),
        (torch.randn(1, 4, 3),), (torch.randn(3, 1, 7),), (torch.randn(0, 2, 2),),
    )  # fmt: skip


@pytest.mark.parametrize("example", [(2, 8), (1, 4)])
def test_a_hole_in_a_view_has_no_size_that_both_sides_have(example):
    def grouped(x):
        return x.view(x.size(0), -1, 4, 3)

    shapes = ({0: Dim.DYNAMIC, 1: Dim.DYNAMIC},)
    ep = same(grouped, (torch.randn(*example, 3),), shapes, (torch.randn(3, 12, 3),))
    (view,) = [n for n in ep.graph.nodes if n.target is torch.ops.aten.view.default]
    assert str(view.meta["val"].shape[1]) == "_s1"
    for refused in ((0, 8, 3), (2, 6, 3)):
        with pytest.raises(monograph.InputError):
            ep.module()(torch.randn(refused))
        with pytest.raises(RuntimeError):
            grouped(torch.randn(refused))


def test_attention_whose_mask_has_a_length_of_its_own():
    def padded(x, mask):
        t = x.size(1)
        n = -t % 4
        blocks = F.pad(x, (0, 0, 0, n)).view(x.size(0), -1, 4, 8)
        kept = F.pad(mask, (0, n)).view(x.size(0), -1, 4, 1)
        x = (blocks * kept).reshape(x.size(0), -1, 8)[:, :t]
        q = x.view(x.size(0), -1, 2, 4).transpose(1, 2)
        wide = mask[:, None, None, :].expand(-1, 1, mask.size(1), -1) > 0
        return F.scaled_dot_product_attention(q, q, q, attn_mask=wide)

    def given(batch, length):
        return torch.randn(batch, length, 8), torch.ones(batch, length)

    each = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    ep = monograph.export(padded, given(2, 9), dynamic_shapes=(each, each))
    for sizes in ((2, 9), (1, 8), (3, 1), (2, 14)):
        args = given(*sizes)
        torch.testing.assert_close(ep.module()(*args), padded(*args), rtol=1e-4, atol=1e-5)


TURNED = {
    "rows": lambda x, i: x[i.t()],
    "columns": lambda x, i: x[:, i.t()],
    "both": lambda x, i: x[i.t(), i.t() * 0],
    "rows of what is turned": lambda x, i: x.t()[i.t()],
    "of three dimensions": lambda x, i: x[i[None].permute(2, 0, 1)],
    "in order": lambda x, i: x[i],
}


@pytest.mark.parametrize("name", TURNED)
def test_an_index_that_is_turned_turns_the_result(name):
    def given(rows, columns, *sizes):
        return torch.randn(rows, columns), torch.randint(0, 2, sizes)

    each = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC}
    same(TURNED[name], given(6, 7, 3, 5), (each, each), given(4, 3, 2, 3), given(2, 5, 6, 4))
