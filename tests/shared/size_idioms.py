"""What models do with the sizes of their inputs, each as a function; chains of them are programs.

Those of rows take ``[batch, length, 4]``, those of images ``[batch, 4, height, width]``; float32.
"""

import math

import torch
from torch.nn import functional as F

_TABLE = torch.sin(torch.arange(256.0)).reshape(1, 4, 8, 8)[:, :, ::2, ::2].contiguous()


def padded_to_eights(x):
    _b, t, _c = x.shape
    r = (8 - t % 8) % 8
    if r:
        x = F.pad(x, (0, 0, 0, r))
    return x


def means_of_four(x):
    pad = -x.size(1) % 4
    x = F.pad(x, (0, 0, 0, pad))
    return x.reshape(x.size(0), x.size(1) // 4, 4, -1).mean(2)


def no_longer_than_six(x):
    if x.shape[1] > 6:
        x = x[:, :6]
    return x


def the_last_five(x):
    n = min(x.shape[1], 5)
    return x[:, -n:] if n > 0 else x


def filled_up(x):
    if x.size(1) < 10:
        x = torch.cat([x, x.new_zeros(x.size(0), 10 - x.size(1), x.size(2))], 1)
    return x


def repeated_up_to_eight(x):
    t = x.shape[1]
    if t < 8:
        x = x.repeat(1, 8 // max(t, 1) + 1, 1)[:, :8]
    return x


def halves_swapped(x):
    t = x.shape[1]
    a, other = torch.split(x, [t // 2, t - t // 2], 1)
    return torch.cat([other, a], 1)


def frames(x):
    if x.shape[1] >= 4:
        x = x.unfold(1, 4, 2).mean(-1)
    return x


def positions(x):
    return x + torch.arange(x.size(1), dtype=x.dtype)[None, :, None] / max(x.size(1), 1)


def table_of_positions(x):
    pe = torch.sin(torch.arange(64.0)[:, None] * torch.arange(1.0, 5.0))
    return x + pe[: x.size(1)]


def causal_attention(x):
    t = x.size(1)
    m = torch.triu(torch.ones(t, t, dtype=torch.bool), 1)
    s = (x @ x.transpose(1, 2)).masked_fill(m, float("-inf")).softmax(-1)
    return s @ x


def windows_in_a_loop(x):
    t = x.shape[1]
    parts = []
    for i in range(0, t, 3):
        parts.append(x[:, i : i + 3] - x[:, i : i + 3].mean(1, keepdim=True))
    return torch.cat(parts, 1)


def recurrence(x):
    h = x.new_zeros(x.size(0), x.size(2))
    out = []
    for i in range(x.size(1)):
        h = torch.tanh(x[:, i] + 0.5 * h)
        out.append(h)
    return torch.stack(out, 1)


def what_a_recurrence_leaves(x):
    h = x.new_zeros(x.size(0), x.size(2))
    for i in range(x.size(1)):
        h = 0.5 * h + x[:, i]
    return x + h[:, None]


def pooled_while_long(x):
    while x.shape[1] > 6:
        x = F.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2)
    return x


def half_of_the_rows(x):
    k = max(1, int(x.size(1) * 0.5))
    return x.gather(1, x.sum(-1).topk(k, 1)[1].sort(1)[0][..., None].expand(-1, -1, x.size(2)))


def rolled_by_half(x):
    return torch.roll(x, -(x.shape[1] // 2), 1)


def a_single_row_apart(x):
    if x.shape[0] == 1:
        x = x.squeeze(0)
        x = (x * 2).unsqueeze(0)
    return x


def adaptive_half(x):
    return F.adaptive_avg_pool1d(x.transpose(1, 2), max(x.size(1) // 2, 1)).transpose(1, 2)


def interpolated(x):
    return F.interpolate(x.transpose(1, 2), size=x.size(1) * 2 - 1).transpose(1, 2)


def a_coarser_level_added(x):
    t = x.size(1)
    y = F.avg_pool1d(x.transpose(1, 2), 2, ceil_mode=True)
    y = F.interpolate(y, size=t, mode="linear")
    return x + y.transpose(1, 2)


def repeated_and_cut(x):
    t = x.size(1)
    y = x[:, ::2].repeat_interleave(2, 1)
    d = y.size(1) - t
    if d > 0:
        y = y[:, :t]
    return x + y


def down_and_up(x):
    y = F.conv1d(x.transpose(1, 2), torch.ones(4, 4, 3), stride=2, padding=1)
    y = y.repeat_interleave(2, 2)
    d = x.size(1) - y.size(2)
    y = F.pad(y, (d // 2, d - d // 2))
    return x + y.transpose(1, 2)


def ramp(x):
    g = torch.linspace(-1, 1, x.size(1)) if x.size(1) > 1 else torch.zeros(x.size(1))
    return x * g[None, :, None]


def square_transposed(x):
    n = int(math.sqrt(x.size(1)))
    if n * n == x.size(1):
        x = x.reshape(x.size(0), n, n, -1).transpose(1, 2).reshape(x.size(0), n * n, -1)
    return x


def first_third(x):
    k = math.ceil(x.size(1) / 3)
    return x[:, :k]


def norm_of_flat_rows(x):
    b, t, c = x.shape
    y = F.batch_norm(x.reshape(-1, c), torch.zeros(c), torch.ones(c))
    return y.view(b, t, c)


def class_token(x):
    return torch.cat([torch.ones(1, 1, x.size(2)).expand(x.size(0), -1, -1), x], 1)


def first_dropped(x):
    return x[:, 1:]


def made_even(x):
    if x.shape[1] % 2 == 1:
        x = torch.cat([x, x[:, -1:]], 1)
    return x[:, 0::2] + x[:, 1::2]


def chunks(x):
    return torch.cat([p.flip(1) for p in x.chunk(2, dim=1)], 1)


def differences(x):
    return x[:, 1:] - x[:, :-1] if x.size(1) > 1 else x


def a_flag(x):
    short = x.size(1) < 8
    scale = 1.0
    if short:
        scale = 2.0
    return x * scale


def a_dict_of_sizes(x):
    info = {"len": x.size(1), "rows": x.size(0)}
    if info["len"] > info["rows"]:
        x = x - x.mean(1, keepdim=True)
    return x / (info["len"] + 1)


def something_or_nothing(x):
    extra = None
    if x.size(1) > 7:
        extra = x[:, :1]
    if extra is not None:
        x = x + extra
    return x


def lengths(x):
    lens = torch.full((x.size(0),), x.size(1))
    keep = torch.arange(x.size(1))[None] < (lens // 2)[:, None]
    return x * keep[..., None]


def pairs(x):
    t = x.size(1)
    i, j = torch.triu_indices(t, t, 1)
    return x + (x[:, i] * x[:, j]).sum(1, keepdim=True)


def levels(x):
    shapes = [(x.size(1), 1), (x.size(1) // 2, 1)]
    s = torch.as_tensor(shapes)
    return x + s.prod(1).sum()


def running_means(x):
    return x.cumsum(1) / torch.arange(1, x.size(1) + 1)[:, None]


def relative_positions(x):
    t = x.size(1)
    r = (torch.arange(t)[:, None] - torch.arange(t)).clamp(-2, 2) + 2
    e = torch.arange(5.0)[r]
    return e @ x


def groups_by_parity(x):
    g = 2 if x.size(1) % 2 == 0 else 1
    return x.view(x.size(0), g, -1, x.size(2)).mean(1)


def three_ways(x):
    t = x.size(1)
    if t < 4:
        x = x + 1
    elif t < 8:
        x = x[:, : t - 1] * 2
    else:
        x = x[:, :7]
    return x


def asserted(x):
    assert x.dim() == 3
    assert x.size(2) == 4
    assert x.size(1) >= 0, f"bad {x.shape}"
    return x


def rows_counted(x):
    total = 0
    for k, row in enumerate(x.unbind(1)):
        total = total + row * (k + 1)
    return x + total[:, None]


def zipped(x):
    outs = []
    for a, b3 in zip(x, x.flip(0), strict=False):
        outs.append(a * b3.mean())
    return torch.stack(outs)


def recursion(x):
    def go(v):
        if v.size(1) <= 4:
            return v
        return go(v[:, : v.size(1) // 2] + 1)

    return go(x)


def padded_to_fours(x):
    h, w = x.shape[-2:]
    ph, pw = (4 - h % 4) % 4, (4 - w % 4) % 4
    return F.pad(x, (0, pw, 0, ph))


def padded_if_needed(x):
    h, w = x.shape[2:]
    if h % 4 != 0 or w % 4 != 0:
        x = F.pad(
            x,
            (0, (4 - w % 4) % 4, 0, (4 - h % 4) % 4),
            mode="reflect" if h > 4 and w > 4 else "constant",
        )
    return x


def padded_and_cropped(x):
    h, w = x.shape[2], x.shape[3]
    y = F.pad(x, (0, -w % 4, 0, -h % 4))
    y = F.interpolate(F.avg_pool2d(y, 2), scale_factor=2)
    return y[:, :, :h, :w]


def windows(x):
    b, c, h, w = x.shape
    s = 2
    y = F.pad(x, (0, (s - w % s) % s, 0, (s - h % s) % s))
    H, W = y.shape[2:]
    y = y.view(b, c, H // s, s, W // s, s).permute(0, 2, 4, 3, 5, 1).reshape(-1, s * s, c)
    y = F.scaled_dot_product_attention(y, y, y)
    y = y.view(b, H // s, W // s, s, s, c).permute(0, 5, 1, 3, 2, 4).reshape(b, c, H, W)
    return y[:, :, :h, :w].contiguous()


def positions_resized(x):
    pos = _TABLE
    if x.shape[-2:] != pos.shape[-2:]:
        pos = F.interpolate(pos, size=x.shape[-2:], mode="bicubic", align_corners=False)
    return x + pos


def positions_as_they_are(x):
    n = x.shape[2] * x.shape[3]
    if n != 16:
        p = F.interpolate(_TABLE, size=(x.shape[2], x.shape[3]), mode="bilinear")
    else:
        p = _TABLE.reshape(1, 4, x.shape[2], x.shape[3])
    return x + p


def pyramid_added(x):
    y = F.max_pool2d(x, 3, 2, 1)
    z = F.interpolate(y, size=x.shape[-2:], mode="nearest")
    return x + z


def down_and_up_padded(x):
    y = F.max_pool2d(x, 2)
    y = F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=True)
    dy, dx = x.size(2) - y.size(2), x.size(3) - y.size(3)
    y = F.pad(y, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
    return x + y


def down_and_up_resized(x):
    y = F.conv_transpose2d(F.max_pool2d(x, 2), torch.ones(4, 4, 2, 2) / 16, stride=2)
    if y.shape != x.shape:
        y = F.interpolate(y, size=x.shape[2:])
    return torch.cat([x, y], 1)[:, :4]


def same_padding(x):
    h, w = x.shape[-2:]
    oh, ow = math.ceil(h / 2), math.ceil(w / 2)
    ph, pw = max((oh - 1) * 2 + 3 - h, 0), max((ow - 1) * 2 + 3 - w, 0)
    if ph > 0 or pw > 0:
        x = F.pad(x, [pw // 2, pw - pw // 2, ph // 2, ph - ph // 2])
    return F.conv2d(x, torch.ones(4, 4, 3, 3) / 36, stride=2)


def grid(x):
    h, w = x.shape[-2:]
    gy, gx = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    g = torch.stack([gx, gy]).float()
    return x + g.sum(0) / (h * w)


def sampled(x):
    b, _, h, w = x.shape
    ys, xs = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    g = torch.stack([xs, ys], -1)[None].repeat(b, 1, 1, 1)
    return F.grid_sample(x, g * 0.9, align_corners=True)


def coordinates(x):
    b, _c, h, w = x.shape
    cy = torch.linspace(0, 1, h).view(1, 1, h, 1).expand(b, 1, h, w)
    cx = torch.linspace(0, 1, w).view(1, 1, 1, w).expand(b, 1, h, w)
    return torch.cat([x, cy, cx], 1)[:, 2:]


def tokens(x):
    b, c, h, w = x.shape
    t = x.flatten(2).transpose(1, 2)
    t = t + t.mean(1, keepdim=True)
    return t.transpose(1, 2).reshape(b, c, h, w)


def attention_over_pixels(x):
    b, c, h, w = x.size()
    q = x.view(b, c, -1)
    a = torch.bmm(q.permute(0, 2, 1), q).softmax(-1)
    return torch.bmm(q, a.permute(0, 2, 1)).view(b, c, h, w) + x


def squeeze_excite(x):
    b, c = x.size()[:2]
    y = F.adaptive_avg_pool2d(x, 1).view(b, c)
    return x * torch.sigmoid(y).view(b, c, 1, 1)


def pooled_by_size(x):
    _b, _c, h, w = x.shape
    y = F.avg_pool2d(x, kernel_size=(h, w)).squeeze(-1).squeeze(-1)
    return x * y[:, :, None, None].expand_as(x)


def attention_along_columns(x):
    b, c, h, w = x.shape
    a = x.permute(0, 3, 1, 2).contiguous().view(b * w, c, h)
    e = torch.bmm(a.transpose(1, 2), a).softmax(-1)
    return torch.bmm(a, e).view(b, w, c, h).permute(0, 2, 3, 1)


def pyramid_pooled(x):
    b = x.size(0)
    y = [F.adaptive_max_pool2d(x, k).view(b, -1) for k in (1, 2)]
    x = x + torch.cat(y, 1).mean(1)[:, None, None, None]
    return x


def focus(x):
    x = (
        torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        if x.shape[2] % 2 == 0 and x.shape[3] % 2 == 0
        else x
    )
    return x[:, :4]


def channels_shuffled(x):
    b, c, h, w = x.shape
    return x.view(b, 2, c // 2, h, w).transpose(1, 2).contiguous().view(b, -1, h, w)


def pixels_shuffled(x):
    x = F.pixel_shuffle(x, 2)
    return x.repeat(1, 4, 1, 1)


def pixels_unshuffled(x):
    h, w = x.shape[2:]
    x = x[:, :, : h // 2 * 2, : w // 2 * 2]
    return F.pixel_unshuffle(x, 2)[:, ::4]


def patches(x):
    b, c, h, w = x.shape
    p = F.unfold(x, 3, padding=1)
    p = p.view(b, c, 9, h, w)
    return p.mean(2)


def folded(x):
    _b, _c, h, w = x.shape
    p = F.unfold(x, 2, stride=2)
    return F.fold(p, (h, w), 2, stride=2) if h % 2 == 0 and w % 2 == 0 else x


def spectrum(x):
    h, w = x.shape[-2:]
    f = torch.fft.rfft2(x, norm="ortho")
    f[..., 0, 0] = 0
    return torch.fft.irfft2(f, s=(h, w), norm="ortho")


def scaled_up_to_eight(x):
    h, w = x.shape[-2:]
    s = 8 / min(h, w)
    if s > 1:
        x = F.interpolate(x, scale_factor=s, recompute_scale_factor=True)
    return x


def fitted_into_sixteen(x):
    h, w = x.shape[-2:]
    r = min(16 / h, 16 / w)
    nh, nw = round(h * r), round(w * r)
    return F.interpolate(x, size=(nh, nw), mode="bilinear")


def padded_to_a_square(x):
    h, w = x.shape[-2:]
    n = max(h, w)
    return F.pad(x, (0, n - w, 0, n - h))


def cropped_to_a_square(x):
    h, w = x.shape[-2:]
    n = min(h, w)
    top, left = (h - n) // 2, (w - n) // 2
    return x[..., top : top + n, left : left + n]


def gated(x):
    a, other = x.chunk(2, 1)
    return torch.cat([a * torch.sigmoid(other), other], 1)


def rolled(x):
    h, w = x.shape[-2:]
    return torch.roll(x, (-(h // 2), -(w // 2)), (2, 3))


def quarter_masked(x):
    b, _c, h, w = x.shape
    m = torch.zeros(b, h, w, dtype=torch.bool)
    m[:, : h // 2, : w // 2] = True
    return x.masked_fill(m[:, None], 0.0)


def masked_row_by_row(x):
    m = torch.ones(x.shape[0], x.shape[2], x.shape[3])
    for i in range(x.shape[0]):
        m[i, : x.shape[2] - 1, :] = 0
    return x * m[:, None]


def sines(x):
    b, _c, h, w = x.shape
    one = torch.ones(b, h, w)
    y, z = one.cumsum(1), one.cumsum(2)
    y = y / (y[:, -1:, :] + 1e-6) * 6.28
    return x + torch.sin(y)[:, None] + torch.cos(z)[:, None]


def anchors(x):
    h, w = x.shape[-2:]
    sx = torch.arange(0, w * 8, step=8, dtype=torch.float32)
    sy = torch.arange(0, h * 8, step=8, dtype=torch.float32)
    a = torch.stack([sx[None].expand(h, w), sy[:, None].expand(h, w)])
    return x + a.mean(0) / 100


def best_boxes(x):
    b, _c, _h, _w = x.shape
    y = x.permute(0, 2, 3, 1).reshape(b, -1, 4)
    s, _i = y.sigmoid().max(-1)
    k = min(4, y.shape[1])
    top, _j = s.topk(k, 1)
    return x + top.sum(1)[:, None, None, None]


def mean_token(x):
    b, c = x.shape[:2]
    t = x.reshape(b, c, -1).permute(2, 0, 1)
    t = torch.cat([t.mean(dim=0, keepdim=True), t], dim=0)
    return x + t[0][:, :, None, None]


def group_norm(x):
    return F.group_norm(x, 2)


def instance_norm(x):
    return F.instance_norm(x) if x.shape[2] * x.shape[3] > 1 else x


def channels_last_norm(x):
    return F.layer_norm(x.permute(0, 2, 3, 1), (4,)).permute(0, 3, 1, 2)


def gram(x):
    b, c, h, w = x.size()
    f = x.view(b * c, h * w)
    g = torch.mm(f, f.t()).div(b * c * h * w)
    return x + g.mean()


def grams(x):
    b, c, h, w = x.size()
    f = x.view(b, c, h * w)
    g = f.bmm(f.transpose(1, 2)) / (c * h * w)
    return x + g.mean((1, 2)).view(-1, 1, 1, 1)


def tile_by_tile(x):
    h, w = x.shape[2:]
    out = torch.zeros_like(x)
    for i in range(0, h, 4):
        for j in range(0, w, 4):
            out[:, :, i : i + 4, j : j + 4] = x[:, :, i : i + 4, j : j + 4] * 2
    return out


def recurrence_over_rows(x):
    h = torch.zeros(x.size(0), 4, x.size(3))
    rows = []
    for i in range(x.size(2)):
        h = torch.tanh(x[:, :, i] + 0.5 * h)
        rows.append(h)
    return torch.stack(rows, 2)


def pyramid(x):
    ys = [x]
    for _k in range(2):
        ys.append(F.avg_pool2d(ys[-1], 2, ceil_mode=True))
    y = ys[-1]
    for z in reversed(ys[:-1]):
        y = F.interpolate(y, size=z.shape[2:]) + z
    return y


def minibatch_deviation(x):
    b, c, h, w = x.shape
    g = min(b, 4)
    if b % g == 0:
        s = x.view(g, -1, 1, c, h, w)
        s = torch.sqrt(s.var(0, unbiased=False) + 1e-8).mean([2, 3, 4], keepdim=True).squeeze(2)
        s = s.repeat(g, 1, h, w)
        x = x + s
    return x


def correlations(x):
    h, w = x.shape[2:]
    p = F.pad(x, (1, 1, 1, 1))
    x = torch.stack(
        [(x * p[:, :, i : i + h, j : j + w]).mean(1) for i in range(3) for j in range(3)], 1
    )[:, :4]
    return x


def relative(x):
    h, w = x.shape[-2:]
    c = torch.stack(torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")).flatten(1)
    r = (c[:, :, None] - c[:, None, :]).permute(1, 2, 0)
    b = r.sum(-1).clamp(-3, 3).float()
    return x + b.mean()


def doubled(x):
    return F.interpolate(x, scale_factor=2, mode="nearest")


def halved(x):
    return F.avg_pool2d(x, 2, 2) if min(x.shape[-2:]) >= 2 else x


def stem(x):
    return F.conv2d(x, torch.ones(4, 4, 3, 3) / 36, stride=2, padding=1)


def transposed(x):
    return x.transpose(2, 3)


def batch_norm_of_rows(x):
    b, c, h, w = x.shape
    return (
        F.batch_norm(x.permute(0, 2, 3, 1).reshape(-1, c), torch.zeros(c), torch.ones(c))
        .view(b, h, w, c)
        .permute(0, 3, 1, 2)
    )


_ROWS = (
    padded_to_eights,
    means_of_four,
    no_longer_than_six,
    the_last_five,
    filled_up,
    repeated_up_to_eight,
    halves_swapped,
    frames,
    positions,
    table_of_positions,
    causal_attention,
    windows_in_a_loop,
    recurrence,
    what_a_recurrence_leaves,
    pooled_while_long,
    half_of_the_rows,
    rolled_by_half,
    a_single_row_apart,
    adaptive_half,
    interpolated,
    a_coarser_level_added,
    repeated_and_cut,
    down_and_up,
    ramp,
    square_transposed,
    first_third,
    norm_of_flat_rows,
    class_token,
    first_dropped,
    made_even,
    chunks,
    differences,
    a_flag,
    a_dict_of_sizes,
    something_or_nothing,
    lengths,
    pairs,
    levels,
    running_means,
    relative_positions,
    groups_by_parity,
    three_ways,
    asserted,
    rows_counted,
    zipped,
    recursion,
)
_IMAGES = (
    padded_to_fours,
    padded_if_needed,
    padded_and_cropped,
    windows,
    positions_resized,
    positions_as_they_are,
    pyramid_added,
    down_and_up_padded,
    down_and_up_resized,
    same_padding,
    grid,
    sampled,
    coordinates,
    tokens,
    attention_over_pixels,
    squeeze_excite,
    pooled_by_size,
    attention_along_columns,
    pyramid_pooled,
    focus,
    channels_shuffled,
    pixels_shuffled,
    pixels_unshuffled,
    patches,
    folded,
    spectrum,
    scaled_up_to_eight,
    fitted_into_sixteen,
    padded_to_a_square,
    cropped_to_a_square,
    gated,
    rolled,
    quarter_masked,
    masked_row_by_row,
    sines,
    anchors,
    best_boxes,
    mean_token,
    group_norm,
    instance_norm,
    channels_last_norm,
    gram,
    grams,
    tile_by_tile,
    recurrence_over_rows,
    pyramid,
    minibatch_deviation,
    correlations,
    relative,
    doubled,
    halved,
    stem,
    transposed,
    batch_norm_of_rows,
)

IDIOMS = {
    kind: {idiom.__name__.removesuffix("_2"): idiom for idiom in idioms}
    for kind, idioms in (("rows", _ROWS), ("images", _IMAGES))
}
# What is another program on the other side of a size; pixels of no images keep their form.
CHOOSING = {
    "groups_by_parity", "chunks", "recursion", "padded_if_needed", "focus", "folded",
    "pixels_unshuffled", "cropped_to_a_square",
}  # fmt: skip

SIZES = {
    "rows": [
        (1, 1, 4),
        (1, 8, 4),
        (3, 4, 4),
        (2, 3, 4),
        (3, 7, 4),
        (2, 16, 4),
        (1, 13, 4),
        (2, 2, 4),
        (0, 5, 4),
        (2, 0, 4),
    ],
    "images": [
        (1, 4, 8, 8),
        (1, 4, 4, 4),
        (3, 4, 7, 10),
        (2, 4, 9, 5),
        (2, 4, 6, 12),
        (1, 4, 16, 16),
        (2, 4, 3, 3),
        (4, 4, 13, 8),
        (2, 4, 2, 5),
        (1, 4, 1, 1),
        (0, 4, 8, 8),
        (3, 4, 12, 20),
    ],
}
EXAMPLES = {"rows": [(2, 9, 4), (1, 6, 4)], "images": [(2, 4, 12, 8), (1, 4, 9, 14)]}
VARYING = {"rows": (0, 1), "images": (0, 2, 3)}


def chain(*steps):
    """A function that applies ``steps`` one after the other."""

    def program(x):
        for step in steps:
            x = step(x)
        return x

    return program
