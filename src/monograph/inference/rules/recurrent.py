"""Rules of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import torch

from monograph.inference.fakes import sized_by_values
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


@rule(aten.mkldnn_rnn_layer.default)
def _layer_of_onednn(x: TensorSpec, *rest: object) -> None:
    """One layer, as ``lstm`` is decomposed: without a step or a row oneDNN ends the process."""
    if x.scope is not None:
        for size in x.shape[:2]:
            must_hold_if_varies(size, not_less(size, 1))


@rule(aten._pack_padded_sequence.default)
def _packing(*args: object) -> NoReturn:
    """How many rows there are, and how many steps, stands in the lengths."""
    raise sized_by_values(aten._pack_padded_sequence.default)


@rule(aten._pad_packed_sequence.default)
def _padding(*args: object) -> NoReturn:
    """How many rows there are stands in the batch sizes."""
    raise sized_by_values(aten._pad_packed_sequence.default)


@rule(aten.lstm.data, aten.gru.data, aten.rnn_tanh.data, aten.rnn_relu.data)
def _recurrent_of_packed(
    x: TensorSpec,
    batch_sizes: TensorSpec,
    state: TensorSpec | Sequence[TensorSpec],
    weights: Sequence[TensorSpec],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Found:
    """Of packed sequences: the kernel computes step by step, and joins the steps."""
    states = [state] if isinstance(state, TensorSpec) else list(state)
    if len(x.shape) != 2 or any(len(s.shape) != 3 or s.dtype != x.dtype for s in states):
        return None
    if x.dtype != weights[0].dtype or x.shape[1] != weights[0].shape[1] or x.numel == 0:
        return None
    rows = layers * (1 + bidirectional)
    if any(s.shape[0] != rows for s in states):
        return None
    output = fresh(x, (x.shape[0], states[0].shape[2] * (1 + bidirectional)))
    return (output, *(fresh(x, s.shape) for s in states))
