"""A cache object that goes in and comes out.

What it shows
-------------
`past_key_values` as transformers passes it: an object with lists of tensors and a method `update`,
which the layers call and the model returns. The lengths of the past and of the new part vary, and
the past may be empty.

Why it is hard
--------------
The class is no container that exporters know: they want it registered, in each version of the
library again.

What Monograph does
-------------------
Takes the object apart by its attributes, on the way in and on the way out: nothing is registered.

Limits
------
The model here works on a copy. A model that changes the object of its caller exports too, but its
program leaves that object alone (`program.assumptions` says so): use the cache that it returns.
Strict mode refuses such a model.

See also
--------
key_value_cache_in_and_out, cache_written_at_a_tensor
"""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from monograph import Dim
from monograph.exportdb import Case, call

CASE = Case(tags=("model.cache", "python.object-model", "torch.dynamic-shape"))


class Cache:
    def __init__(self, keys=(), values=()):
        self.keys, self.values = list(keys), list(values)

    def update(self, i, key, value):
        self.keys[i] = torch.cat([self.keys[i], key], 1)
        self.values[i] = torch.cat([self.values[i], value], 1)
        return self.keys[i], self.values[i]


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 12) for _ in range(2))

    def forward(self, x, cache):
        cache = Cache(cache.keys, cache.values)
        for i, layer in enumerate(self.layers):
            query, key, value = layer(x).chunk(3, -1)
            x = x + F.scaled_dot_product_attention(query, *cache.update(i, key, value))
        return x, cache


def model():
    return Decoder()


def of_length(new, past):
    tensors = [torch.randn(1, past, 4) for _ in range(4)]
    return call(torch.randn(1, new, 4), Cache(tensors[:2], tensors[2:]))


def inputs():
    return of_length(2, 3)


def dynamic_shapes():
    past = {1: Dim("past")}
    return {"x": {1: Dim("new")}, "cache": {"keys": [past] * 2, "values": [past] * 2}}


def more_sizes():
    return [of_length(new, past) for new, past in ((1, 0), (1, 1), (4, 9))]
