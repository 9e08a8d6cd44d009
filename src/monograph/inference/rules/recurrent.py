"""Rules of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from monograph.inference.rules.table import Found, fresh, must_hold_if_varies, rule
from monograph.ir.spec import TensorSpec
from monograph.shapes.questions import not_less

aten = torch.ops.aten


@rule(aten.lstm.input, aten.gru.input, aten.rnn_tanh.input, aten.rnn_relu.input)
def _recurrent(
    x: TensorSpec,
    state: TensorSpec | Sequence[TensorSpec],
    weights: Sequence[TensorSpec],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Found:
    """The whole network is one operator: the number of steps may vary."""
    if x.scope is None or len(x.shape) != 3 or x.dtype != weights[0].dtype:
        return None
    is_lstm = not isinstance(state, TensorSpec)
    hidden = state if isinstance(state, TensorSpec) else state[0]
    width = hidden.shape[-1]
    if len(weights) % (layers * (1 + bidirectional)):
        return None
    per_layer = len(weights) // (layers * (1 + bidirectional))
    if per_layer != (4 if has_biases else 2):  # projections
        return None
    out = width * (1 + bidirectional)
    steps, batch = (x.shape[1], x.shape[0]) if batch_first else (x.shape[0], x.shape[1])
    if not must_hold_if_varies(steps, not_less(steps, 1)):
        return None
    if batch_first:  # computed with the steps first
        output = x.with_layout((batch, steps, out), (out, batch * out, 1))
    else:
        output = fresh(x, (steps, batch, out))
    last = fresh(x, (layers * (1 + bidirectional), batch, width))
    return (output, last, last) if is_lstm else (output, last)
