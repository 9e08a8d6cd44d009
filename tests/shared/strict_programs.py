"""Programs whose Python depends on the values of tensors, as people write them."""

import torch
from torch import nn
from torch.nn import functional as F

UP = torch.tensor([[0.5, 1.0, 2.0], [0.25, 3.0, 0.1]])
DOWN, MIXED = -UP, torch.tensor([[0.5, -1.0, 2.0], [-0.25, 3.0, -0.1]])
SIGNS = [(UP,), (DOWN,), (MIXED,), (UP * 20,), (UP * 0,)]
COUNTS = [(UP, torch.tensor(n)) for n in (2, 0, 1, 5)]
PROGRAMS = {}


def case(*inputs):
    """Register a program with its inputs: the first is the example."""

    def register(f):
        PROGRAMS[f.__name__] = (f, list(inputs) or SIGNS)
        return f

    return register


# Branches --------------------------------------------------------------------------------------


@case()
def if_value(x):
    if x.sum() > 0:
        return x * 2
    return x - 1


@case((UP,), (UP / 0,), (UP * float("nan"),))
def guard_clause(x):
    if not torch.isfinite(x).all():
        return torch.zeros_like(x)
    y = x * 2
    return y.sin()


@case()
def elif_chain(x):
    if x.sum() > 10:
        y = x
    elif x.max() > 1:
        y = x * 2
    elif x.min() < -1:
        y = x - 1
    else:
        y = x + 1
    return y.sum()


@case((UP, torch.tensor(True)), (UP, torch.tensor(False)))
def ternary_flag(x, flag):
    return (x + 1) if flag else (x - 1)


@case()
def ternary_inside(x):
    return torch.cat([x, (x + 1) if x.sum() > 0 else (x - 1)]).sum(0)


@case()
def and_or_short_circuit(x):
    if x.shape[0] > 1 and (x > 0).any() or x.max() > 3:
        return x + 1
    return x - 1


@case()
def logic_as_values(x):
    flag = x.sum() > 0 and x.max() > 2
    other = not (x.min() < 0 or x.sum() < 1)
    return torch.where(flag, x, -x), x * other


@case()
def chained_comparison(x):
    if 0 < x.sum() < 5:
        return x * 2
    if -5 <= x.sum() <= 0 != x.max():
        return x * 3
    return x


@case()
def nested_returns(x):
    if x.sum() > 0:
        if x.max() > 2:
            return x * 2
        y = x + 1
    else:
        y = x - 1
        if x.min() < -2:
            return y.sin()
    y = y * 3
    return y


@case()
def several_variables(x):
    a, b = x, x.sum()
    if b > 0:
        a, b = a + 1, b * 2
        c = a.mean()
    else:
        c = b
    d = {"a": a, "list": [b, c]}
    return d


@case()
def numbers_differ(x):
    scale, times, keep = 1.5, 2, True
    if x.sum() > 0:
        scale, times, keep = 0.5, 3, False
    y = x * scale
    z = torch.zeros(times) + times
    return y, z.sum(), torch.where(torch.tensor(keep), x, -x)


@case()
def sizes_differ(x):
    y = x[0]
    if x.sum() > 0:
        y = torch.cat([y, y])
    return y.sum() + y.shape[0]


@case()
def temporary_of_two_shapes(x):
    if x.sum() > 0:
        t = x[0]
        y = t.sum()
    else:
        t = x.t()
        y = t.mean()
    return y


@case()
def augmented(x):
    y = x * 1
    if x.sum() > 0:
        y = y + 1
    y = y * 2
    if x.max() > 1:
        y = y - x
    return y


@case()
def in_place_write(x):
    y = x.clone()
    if x.sum() > 0:
        y[0] = 5
    else:
        y.mul_(2)
    return y


@case()
def none_then_used(x):
    mask = x > 0
    if mask.all():
        mask = None
    y = x * 2
    if mask is None:
        return y
    return y * mask


@case()
def none_by_ternary(x):
    mask = None if (x > 0).all() else x > 0
    y = x + 1
    if mask is not None:
        y = y.masked_fill(mask, 0.0)
    return y


@case()
def other_ranks(x):
    y = x
    if x.sum() > 0:
        y = x[0]
    z = y * 2
    return z.sum()


@case()
def walrus(x):
    if (total := x.sum()) > 0:
        return x / total
    return x + total


@case()
def if_in_with(x):
    with torch.no_grad():
        if x.sum() > 0:
            y = x * 2
        else:
            y = x
    return y + 1


@case()
def return_in_with(x):
    with torch.no_grad():
        if x.sum() > 0:
            return x * 2
        y = x + 1
    return y * 3


@case()
def if_in_match(x):
    match x.dim():
        case 2:
            if x.sum() > 0:
                return x.sum()
            y = x.mean()
        case _:
            y = x.max()
    return y + 1


@case()
def closures_and_nonlocal(x):
    calls = 0

    def step(y):
        nonlocal calls
        calls += 1
        if y.sum() > 0:
            return y - 1
        return y + 1

    y = step(step(x))
    return y * calls


def _helper(x, limit=1.0, *, factor=2.0):
    if x.abs().max() > limit:
        return x / factor
    return x


@case()
def in_helper(x):
    return _helper(_helper(x), 2.0, factor=3.0)


@case()
def in_lambda(x):
    f = lambda y: y + 1 if y.sum() > 0 else y - 1
    return f(x) + f(-x)


@case()
def in_nested_function(x):
    def inner(y, depth):
        if depth == 0:
            return y
        if y.sum() > 0:
            y = y * 0.5
        return inner(y, depth - 1)

    return inner(x, 3)


@case()
def star_arguments(x):
    def pick(*args, **kwargs):
        if args[0].sum() > 0:
            return args[1] * kwargs["k"]
        return args[0]

    return pick(x, x + 1, k=3)


class Super(nn.Module):
    def forward(self, x):
        if x.sum() > 0:
            return super().extra_repr() or x * 2
        return x


@case()
def zero_argument_super(x):
    return Super()(x)


class Property:
    def __init__(self, x):
        self.x = x

    @property
    def level(self):
        if self.x.sum() > 0:
            return self.x.max()
        return self.x.min()

    def __call__(self):
        return self.level * 2


@case()
def in_property_and_method(x):
    return Property(x)()


@case()
def attributes_of_objects(x):
    class Box:
        value = None

    box = Box()
    box.value = x
    if x.sum() > 0:
        box.value = x * 2
        box.value = box.value + 1
    return box.value


@case()
def entries_of_dicts(x):
    d = {"y": x}
    if x.sum() > 0:
        d["y"] = x + 1
        d["y"] = d["y"] * 2
    items = [x, x]
    if x.max() > 1:
        items[1] = x * 3
    return d["y"] + items[1]


@case((UP,), (UP * 2,))
def raises_on_values(x):
    if (x < 0).any():
        raise ValueError("negative input")
    return x.sqrt()


@case((UP,), (UP * 2,))
def asserts_on_values(x):
    assert (x >= 0).all(), "negative input"
    return x.sqrt()


# Loops -----------------------------------------------------------------------------------------


@case()
def while_converge(x):
    while x.abs().max() > 1:
        x = x * 0.5
    return x


@case(*COUNTS)
def for_range_item(x, n):
    for _ in range(n.item()):
        x = x + 1
    return x


@case(*COUNTS)
def for_range_uses_index(x, n):
    total = torch.zeros(())
    for i in range(1, n.item() + 1):
        total = total + x.sum() * i
        x = x + i
    return total, x


@case()
def break_on_value(x):
    for _ in range(6):
        x = x * 2
        if x.max() > 20:
            break
    return x


@case()
def continue_on_value(x):
    total = torch.zeros(3)
    for row in x:
        if row.sum() < 0:
            continue
        total = total + row
    return total


@case()
def return_in_loop(x):
    for i in range(4):
        x = x * 2
        if x.max() > 10:
            return x + i
    return x - 1


@case()
def loop_else(x):
    for _ in range(3):
        x = x * 2
        if x.sum() > 30:
            break
    else:
        x = x - 100
    return x


@case()
def while_true(x):
    i = 0
    while True:
        x = x * 0.5
        i += 1
        if x.abs().max() < 1:
            break
    return x, x.sum() * i


@case()
def while_else_continue(x):
    n = torch.zeros((), dtype=torch.int64)
    while n < 6:
        n = n + 1
        if n % 2 == 0:
            continue
        x = x + n
    else:
        x = x * 2
    return x, n


@case()
def nested_loops(x):
    total = x.sum()
    for row in x:
        while total > 1:
            total = total - row.abs().sum() - 0.5
        total = total + 2
    return total


@case(*COUNTS)
def nested_unknown_loops(x, n):
    total = torch.zeros(())
    for i in range(n.item()):
        for j in range(i + 1):
            total = total + x[0, 0] * j
    return total


@case(
    (torch.tensor([1.0, 0.0, 2.0]),),
    (torch.tensor([0.0, 0.0, 0.0]),),
    (torch.tensor([1.0, 2.0, 3.0]),),
)
def loop_over_nonzero(x):
    out = torch.zeros(3)
    for i in x.nonzero().squeeze(-1):
        out[i] = x[i] * 3
    return out


@case(*COUNTS)
def list_in_unknown_loop(x, n):
    out = []
    for i in range(n.item() + 1):
        out.append(x * i)
    return torch.stack(out)


@case(*COUNTS)
def while_with_number(x, n):
    k = n.item()
    while k > 0:
        x = x * 1.5
        k = k - 1
    return x, k + x.sum()


@case()
def flag_variable(x):
    done = False
    steps = 0
    while not done:
        x = x * 0.5
        steps += 1
        done = x.abs().max() < 1
    return x, x.sum() * steps


# Patterns of real models -------------------------------------------------------------------------


class Experts(nn.Module):
    def __init__(self, count=3):
        super().__init__()
        torch.manual_seed(2)
        self.experts = nn.ModuleList(nn.Linear(4, 4) for _ in range(count))
        self.gate = nn.Linear(4, count)

    def forward(self, x):
        idx = self.gate(x).argmax(-1)
        out = torch.zeros_like(x)
        for k in idx.unique().tolist():
            sel = (idx == k).nonzero().squeeze(-1)
            out.index_add_(0, sel, self.experts[k](x[sel]))
        return out


class StaticExperts(Experts):
    def forward(self, x):
        idx = self.gate(x).argmax(-1)
        out = torch.zeros_like(x)
        for k, expert in enumerate(self.experts):
            sel = (idx == k).nonzero().squeeze(-1)
            if sel.numel() > 0:
                out[sel] = expert(x[sel])
        return out


TOKENS = [(torch.randn(5, 4, generator=torch.Generator().manual_seed(s)),) for s in range(6)]
PROGRAMS["moe_hit_experts"] = (Experts(), TOKENS)
PROGRAMS["moe_static_experts"] = (StaticExperts(), TOKENS)


def boxes(seed, n=6):
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(n, 2, generator=generator) * 4
    return torch.cat([corner, corner + 1 + torch.rand(n, 2, generator=generator)], 1), torch.rand(
        n, generator=generator
    )


def iou(a, b):
    left, right = torch.maximum(a[:2], b[:, :2]), torch.minimum(a[2:], b[:, 2:])
    inner = (right - left).clamp(min=0).prod(1)
    area = (a[2:] - a[:2]).prod() + (b[:, 2:] - b[:, :2]).prod(1)
    return inner / (area - inner)


@case(*[boxes(s) for s in range(5)])
def greedy_nms(b, scores):
    order = scores.argsort(descending=True)
    suppressed = torch.zeros(b.shape[0], dtype=torch.bool)
    keep = []
    for i in order:
        if suppressed[i]:
            continue
        keep.append(i)
        suppressed = suppressed | (iou(b[i], b) > 0.3)
    return torch.stack(keep)


@case(*[(torch.rand(4, generator=torch.Generator().manual_seed(s)) * 3,) for s in range(4)])
def adaptive_computation_time(x):
    halted = torch.zeros(())
    output = torch.zeros_like(x)
    steps = 0
    while halted < 0.99 and steps < 8:
        p = torch.sigmoid(x.mean() - steps)
        if halted + p > 0.99:
            p = 1 - halted
        output = output + p * x
        halted = halted + p
        x = torch.tanh(x) * 1.5
        steps += 1
    return output, halted + steps


@case((torch.tensor(2.0),), (torch.tensor(9.0),), (torch.tensor(1e-4),))
def newton_sqrt(a):
    x = a
    for _ in range(16):
        new = 0.5 * (x + a / x)
        if (new - x).abs() < 1e-6:
            return new
        x = new
    return x


DRAFT = [
    (torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 9, 4])),
    (torch.tensor([1, 2, 3, 4]), torch.tensor([1, 2, 3, 4])),
    (torch.tensor([5, 2, 3, 4]), torch.tensor([1, 2, 3, 4])),
]


@case(*DRAFT)
def speculative_accept(draft, target):
    n = 0
    while n < draft.shape[0] and draft[n] == target[n]:
        n += 1
    return draft[:n].sum() + n


@case(*[(torch.tensor(v),) for v in ([0, 1, 1, 0, 2], [4, 0, 0, 0, 0], [1, 2, 3, 3, 3])])
def ctc_collapse(tokens):
    out = []
    last = torch.tensor(-1)
    for token in tokens:
        if token != last and token != 0:
            out.append(token)
        last = token
    return torch.stack(out)


@case(*[(torch.randn(4, 5, generator=torch.Generator().manual_seed(s)),) for s in range(4)])
def rnnt_greedy(logits):
    hidden = torch.zeros(5)
    emitted = torch.zeros((), dtype=torch.int64)
    for frame in logits:
        symbols = 0
        token = (frame + hidden).argmax()
        while token != 0 and symbols < 3:
            emitted = emitted * 5 + token
            hidden = hidden - F.one_hot(token, 5) * 2.0
            symbols += 1
            token = (frame + hidden).argmax()
    return emitted, hidden


QKV = torch.randn(1, 2, 3, 4, generator=torch.Generator().manual_seed(0))


@case(
    (QKV, torch.ones(1, 3, dtype=torch.bool)),
    (QKV, torch.tensor([[True, True, False]])),
)
def mask_all_before_attention(x, mask):
    if mask.all():
        mask = None
    else:
        mask = mask[:, None, None, :]
    out = F.scaled_dot_product_attention(x, x, x, attn_mask=mask)
    return out * 2


@case(
    (QKV, torch.ones(1, 3, dtype=torch.bool)),
    (QKV, torch.tensor([[True, True, False]])),
)
def mask_all_by_ternary(x, mask):
    mask = None if mask.all() else mask[:, None, None, :]
    return F.scaled_dot_product_attention(x, x, x, attn_mask=mask)


def beams(seed):
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(2, 5, generator=generator),
        torch.randn(2, generator=generator),
        torch.randint(0, 5, (2, 3), generator=generator),
    )


@case(*[beams(s) for s in range(5)])
def beam_search_step(logits, scores, tokens):
    if (tokens[:, -1] == 0).all():
        return scores, tokens
    total = scores[:, None] + logits.log_softmax(-1)
    best, flat = total.flatten().topk(2)
    beam, token = flat // 5, flat % 5
    tokens = tokens[beam]
    for i in range(2):
        if token[i] == 0:
            best = best * 0.5
    return best, tokens + token[:, None]


# Sizes that vary ---------------------------------------------------------------------------------


class OverTime(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.cell = nn.GRUCell(3, 4)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 4)
        outs = []
        for t in range(x.shape[1]):
            h = self.cell(x[:, t], h)
            outs.append(h)
        return torch.stack(outs, 1), h


def size_both_sides(x):
    if x.shape[0] > 8:
        return x.sin()
    return x.cos()


def size_rows(x):
    return torch.stack([row.sin() * 2 for row in x])


def size_padding(x):
    if x.shape[0] % 4:
        x = F.pad(x, (0, 0, 0, -x.shape[0] % 4))
    return x.view(-1, 4, 3).sum(1)


def size_and_value(x):
    total = x.sum()
    for i, row in enumerate(x):
        if row.sum() > 0 and i % 2 == 0:
            total = total + row.max() * i
    return total


def size_reversed_pairs(x):
    out = torch.zeros(3)
    for a, b in zip(x, reversed(x)):
        out = out * 0.5 + a * b
    return out


SIZES = {
    "over time": (OverTime(), (2, 5, 3), ("b", "t"), [(1, 1, 3), (4, 7, 3)]),
    "both sides": (size_both_sides, (3, 3), ("n",), [(2, 3), (8, 3), (9, 3)]),
    "rows": (size_rows, (3, 3), ("n",), [(2, 3), (1, 3), (9, 3)]),
    "padding": (size_padding, (5, 3), ("n",), [(2, 3), (8, 3), (9, 3)]),
    "value": (size_and_value, (3, 3), ("n",), [(2, 3), (1, 3), (9, 3)]),
    "pairs": (size_reversed_pairs, (3, 3), ("n",), [(2, 3), (1, 3), (6, 3)]),
}


# Patterns that users ask for ---------------------------------------------------------------------

LENGTHS = [
    (torch.arange(12.0).reshape(3, 4), torch.tensor(v)) for v in ([1, 3, 2], [4, 4, 4], [2, 1, 1])
]


@case(*LENGTHS)
def item_trim_padding(x, lens):
    return x[:, : lens.max().item()] * 2


@case()
def mask_gather(x):
    return x[x > 0].relu().sum() + x[(x > 0).any(1)].sum()


@case(*[(torch.arange(6.0), torch.tensor(k)) for k in (2, 1, 6)])
def topk_k_from_tensor(x, k):
    return x.topk(k.item()).values


@case(*[(torch.tensor(v),) for v in ([0, 2, 1], [3, 3, 0])])
def one_hot_inferred_classes(idx):
    return F.one_hot(idx).sum(0)


@case(*[(torch.arange(6.0).reshape(3, 2), torch.tensor(v)) for v in ([1, 2, 0], [3, 1, 1])])
def repeat_interleave_durations(x, durations):
    return torch.repeat_interleave(x, durations, dim=0)


@case(*[(torch.arange(6.0).reshape(6, 1), torch.tensor(v)) for v in ([1, 2, 3], [4, 1, 1])])
def split_by_lengths(x, lengths):
    return torch.stack([p.mean(0) for p in x.split(lengths.tolist())])


@case()
def builtin_max_of_tensors(x):
    return max(x.sum(), (x * 2).mean()) * x


class Stages(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.heads = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.ReLU()})
        self.register_buffer("mask", None)

    def stages(self):
        yield self.heads["a"]
        yield self.heads["b"]

    def forward(self, x):
        for stage in self.stages():
            x = stage(x)
            if x.sum() > 5:
                x = x / 2
        try:
            y = x.t().view(-1)
        except RuntimeError:
            y = x.t().reshape(-1)
        names = {name: len(name) for name in ("ab", "c")}
        return y * names["ab"] + sum(v for k, v in names.items() if k != "c")


PROGRAMS["python_features_around_a_branch"] = (Stages(), SIGNS)


ROWS = [(UP,), (DOWN,), (UP * 9,)]


@case((UP,), (UP * 9,), (torch.cat([UP[:1], DOWN[1:]]),))
def comprehension_with_condition(x):
    return torch.stack([row * 2 for row in x if row.sum() > 0])


@case((UP, torch.tensor(2)), (UP, torch.tensor(4)))
def comprehension_of_unknown_length(x, n):
    return torch.stack([x * i for i in range(n.item()) if i > 0])


@case(*ROWS)
def any_and_all(x):
    if any(row.sum() > 5 for row in x) or not all((row > -1).all() for row in x):
        return x + 1
    return x - 1


@case(*ROWS)
def length_of_a_list(x):
    kept = []
    for row in x:
        if row.sum() > 1:
            kept.append(row)
    if len(kept) == 0:
        return x.sum()
    return torch.stack(kept).sum() * len(kept)


@case(*ROWS)
def list_that_is_extended(x):
    out = [x[0]]
    for row in x:
        if row.sum() > 1:
            out.extend([row, row * 2])
    return torch.cat(out)


@case((UP,), (UP * 3,))
def list_in_a_while_loop(x):
    out = []
    while x.sum() < 30:
        x = x * 2
        out.append(x.sum())
    return torch.stack(out)


@case(*COUNTS)
def dict_in_a_loop(x, n):
    state = {"h": x, "c": x * 0}
    for _ in range(n.item()):
        state["h"] = state["h"] + 1
        state["c"] = state["c"] + state["h"]
    return state["h"], state["c"]


class Stateful(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(3))
        self.register_buffer("count", torch.tensor(0))

    def forward(self, x):
        if x.sum() > 0:
            self.mean = self.mean * 0.9 + x.mean(0)
            self.count += 1
        else:
            self.mean.zero_()
        return x + self.mean, self.count * 2


@case(
    *[
        (torch.rand(5, generator=torch.Generator().manual_seed(s)), torch.tensor(0.4))
        for s in range(4)
    ]
)
def keep_list_of_unknown_length(scores, limit):
    order = (scores > 0.1).nonzero().squeeze(-1)
    keep = []
    for i in order:
        if scores[i] > limit:
            keep.append(i)
    return scores.sum() + len(keep)


@case()
def return_in_try(x):
    z = 1
    try:
        if x.sum() > 0:
            return x + z
        y = x * 2
    except ValueError:
        y = x
    finally:
        z = 3
    return y * z


@case()
def break_in_with(x):
    for _ in range(3):
        with torch.no_grad():
            if x.sum() > 3:
                break
            if x.max() < 0:
                continue
            x = x * 2
        x = x + 1
    return x
