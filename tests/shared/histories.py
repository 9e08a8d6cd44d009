"""Programs exported in a process that has exported nothing, and after others.

    python histories.py fresh        each in a process of its own, forked before any of them
    python histories.py after SEED   one after the other, twice, each time in another order

Prints all that an export gives, as JSON: by name, a list of texts.
"""

import json
import os
import random
import sys

import torch
import torch.nn.functional as F
from strict_programs import PROGRAMS as STRICT
from torch import nn

import monograph
from monograph import Dim

R = torch.randn
ANY = Dim.DYNAMIC
PROGRAMS = {}


def case(name, program, args, shapes=None, **options):
    PROGRAMS[name] = (program, args, shapes, options)


def any_size(*tensors):
    return tuple({i: ANY for i, size in enumerate(t.shape) if size > 1} for t in tensors)


def attend(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def attend_transposed(q, k, v, mask=None):
    return attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask).transpose(1, 2)


def attend_without_gradients(q, k, v, mask=None):
    with torch.no_grad():
        return attend(q, k, v, mask).transpose(1, 2).reshape(q.shape[0], -1)


def attend_to_itself(x, mask):
    return attend(x, x, x, mask) + mask[:, :, :, :1]


HEADS = (R(2, 4, 9, 8), R(2, 4, 9, 8), R(2, 4, 9, 8))
KEYS = (R(2, 4, 5, 8), R(2, 4, 9, 8), R(2, 4, 9, 8))
WIDE = (R(2, 4, 5, 8), R(2, 4, 9, 8), R(2, 4, 9, 6))
for called, qkv in {"heads": HEADS, "keys": KEYS, "wide": WIDE}.items():
    for function in (attend, attend_transposed, attend_without_gradients):
        if function is attend_transposed:
            qkv = tuple(t.transpose(1, 2).contiguous() for t in qkv)
        case(f"{function.__name__}_{called}", function, qkv)
        case(f"{function.__name__}_{called}_any", function, qkv, any_size(*qkv))
        one = tuple({0: Dim("batch")} for _ in qkv)
        case(f"{function.__name__}_{called}_batch", function, qkv, one)
for masked in ((2, 4, 9, 9), (2, 1, 9, 9), (2, 1, 1, 9)):
    given = (R(2, 4, 9, 8), R(*masked))
    case(f"masked_{masked}", attend_to_itself, given, any_size(*given))
    case(f"masked_{masked}_length", attend_to_itself, given, ({2: ANY}, {3: ANY}))


def convolved(x, weight):
    return F.conv2d(x, weight, padding=1).relu().sum((2, 3))


def normalised(x):
    return F.layer_norm(x.transpose(1, 2), x.shape[1:2]).flatten(1)


def mixed(x, y):
    return torch.where(x > 0, x + y.t(), y.t() * 2).cumsum(0)


def gathered(x, index):
    return x[index].mean(1) + x.gather(0, index).sum()


def branching(x, y):
    return x @ y if x.shape[0] > 1 else (x @ y).relu()


def written(x):
    y = x.clone()
    y[1:] += x[:-1]
    return y.permute(1, 0).reshape(-1)


def helper(x):
    return x * 2 if x.sum() > 0 else x - 1


def helped(x):
    return helper(x) + 1


def helped_twice(x, y):
    return helper(x @ y) + helper(y @ x)


def halves(x):
    return x.view(x.shape[0] // 2, 2, -1).sum(1)


def doubled(x, dtype):
    return x * 1.5 + torch.arange(x.shape[0])[:, None].to(dtype)


image, kernel = R(2, 3, 6, 7), R(4, 3, 3, 3)
case("convolved", convolved, (image, kernel))
case("convolved_any", convolved, (image, kernel), ({0: ANY, 2: ANY, 3: ANY}, None))
channels_last = image.contiguous(memory_format=torch.channels_last)
case("convolved_last", convolved, (channels_last, kernel))
case("convolved_last_any", convolved, (channels_last, kernel), ({0: ANY, 2: ANY, 3: ANY}, None))
case("normalised", normalised, (R(2, 3, 4),))
case("normalised_any", normalised, (R(2, 3, 4),), ({0: ANY, 2: ANY},))
case("mixed", mixed, (R(3, 4), R(4, 3)))
case("mixed_any", mixed, (R(3, 4), R(4, 3)), ({0: ANY, 1: ANY},) * 2)
case("mixed_batch", mixed, (R(3, 4), R(4, 3)), ({0: Dim("n")}, {1: Dim("n")}))
case("gathered", gathered, (R(4, 3), torch.tensor([[0, 1, 2], [2, 3, 0]])), ({0: ANY}, {0: ANY}))
case("branching", branching, (R(3, 4), R(4, 3)), any_size(R(3, 4), R(4, 3)))
case("written", written, (R(3, 4),), ({0: ANY},))
case("halves", halves, (R(4, 3),), ({0: 2 * Dim("half")},))
case("halves_refused", halves, (R(4, 3),), ({0: Dim("whole")},))
case("doubled_single", doubled, (R(3, 2), torch.float32), ({0: ANY}, None))
case("doubled_double", doubled, (R(3, 2).double(), torch.float64), ({0: ANY}, None))
case("helped_strictly", helped, (R(3, 3),), strict=True)
case("helped_twice_strictly", helped_twice, (R(3, 3), R(3, 3)), strict=True)
case("helper_strictly", helper, (R(3, 3),), ({0: ANY},), strict=True)
case("helped", helped, (R(3, 3),))
layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
case("layer", layer, (R(2, 5, 8),), ({0: ANY, 1: ANY},))
case("layer_strictly", layer, (R(2, 5, 8),), ({0: ANY, 1: ANY},), strict=True)
case("recurrent", nn.GRU(4, 3), (R(6, 2, 4),), ({0: ANY, 1: ANY},))


def with_strict_programs():
    """Those of the tests of the strict mode, too."""
    for name, (program, inputs) in STRICT.items():
        case(f"strict_{name}", program, inputs[0], strict=True)


def exported(name):
    """All that an export says."""
    program, args, shapes, options = PROGRAMS[name]
    try:
        found = monograph.export(program, args, dynamic_shapes=shapes, **options)
    except monograph.MonographError as error:
        return f"{type(error).__name__}: {error}"
    values = [(node, node.meta.get("val")) for node in found.graph.nodes]
    lies = [f"{node}: {value.stride()}" for node, value in values if hasattr(value, "stride")]
    return "\n".join([str(found), *lies, *map(str, found.assumptions)])


def in_a_child(name):
    """``exported`` in a process that has exported nothing before."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with os.fdopen(writer, "w") as file:
            file.write(exported(name))
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        text = file.read()
    os.waitpid(child, 0)
    return text


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    warm = ({0: ANY}, {0: ANY})  # imports: of an operator that no program here has
    monograph.export(torch.logaddexp2, (R(3), R(3)), dynamic_shapes=warm)
    if "all" in sys.argv:
        with_strict_programs()
    found = {name: [] for name in PROGRAMS}
    if sys.argv[1] == "fresh":
        for name in PROGRAMS:
            found[name].append(in_a_child(name))
    else:
        order = random.Random(int(sys.argv[2]))
        for _ in range(2):
            for name in order.sample(list(PROGRAMS), len(PROGRAMS)):
                found[name].append(exported(name))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
