"""One program for several signatures.

What it shows
-------------
A decoder that is called with a whole prompt, with or without a mask, and then token by token with
what it remembers: other arguments, other values of a flag, other sizes.

Why it is hard
--------------
A graph has one list of inputs and one way to go. `if past is not None` and `if last_only` are
decided while the program is captured, so that each kind of call needs a graph of its own.

What Monograph does
-------------------
`export_variants` captures one variant for each example call, over the same tensors: what one of
them writes to a buffer, the others read. `module()` runs the first variant that takes a call; a
call that none takes is refused, with the nearest variant and what differs. `save` and `load` keep
all of them in one file, with one copy of the weights.

Use instead
-----------
For calls that none takes, a variant of their own: one more example in `export_variants`, here
`"chunk": ((ids, past), {}, {"past": {1: Dim("past")}})`.

See also
--------
`two_methods_of_one_model`, for what is called by different names.
"""

import io

import torch
from torch import nn

from monograph import Dim, export_variants, load, save
from monograph.exportdb import Case, Expect, call

CASE = Case(tags=("torch.file", "torch.module", "python.data-structure", "model.sequence"))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(16, 4)
        self.head = nn.Linear(4, 16)
        self.register_buffer("tokens", torch.tensor(0))

    def forward(self, ids, past=None, mask=None, last_only=False):
        self.tokens += ids.shape[1]
        hidden = self.embedding(ids)
        if mask is not None:
            hidden = hidden * mask.unsqueeze(-1)
        if past is not None:
            hidden = torch.cat([past, hidden], dim=1)
        mean = hidden.mean(dim=1)
        return self.head(hidden[:, -1] if last_only else mean), hidden


def model():
    return Decoder()


def inputs():
    return call(torch.arange(6).reshape(2, 3))


def more_inputs():
    return [call(torch.ones(2, 3, dtype=torch.int64))]


def use(program):
    decoder = Decoder()
    ids, past, mask = torch.arange(6).reshape(2, 3), torch.randn(2, 3, 4), torch.ones(2, 3)
    batch, length = Dim("batch"), Dim("length", min=1)
    variants = export_variants(
        decoder,
        {
            "prefill": ((ids,), {}),
            "masked": ((ids,), {"mask": mask}),
            "decode": ((ids[:, :1], past), {"last_only": True}, {"past": {1: Dim("past")}}),
        },
        dynamic_shapes={"ids": {0: batch, 1: length}, "mask": {0: batch, 1: length}},
    )
    buffer = io.BytesIO()
    save(variants, buffer)
    buffer.seek(0)
    module = load(buffer).module()
    before = decoder.tokens.clone()
    logits, past = module(torch.ones(3, 5, dtype=torch.int64), mask=torch.zeros(3, 5))
    assert torch.equal(logits, decoder.head(torch.zeros(3, 4)))
    module(ids[:, :1], past[:2], last_only=True)
    assert module.tokens - before == 6
    module(ids, past[:2])


EXPECT = Expect(code="MG-I108")
