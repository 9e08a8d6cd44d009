"""Rules of recurrent layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import torch

from monograph.inference.fakes import sized_by_values
from monograph.inference.rules.table import (
    Found,
    fresh,
    is_canonical,
    must_hold,
    must_hold_if_varies,
    rule,
)
from monograph.ir.spec import TensorSpec
from monograph.shapes.expr import Expr, Int
from monograph.shapes.questions import equal, not_less

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


@rule(aten.rnn_tanh_cell.default, aten.rnn_relu_cell.default)
def _cell(x: TensorSpec, state: TensorSpec, *weights: TensorSpec | None) -> Found:
    """One step: loops over sizes have it for a body, which is captured several times."""
    return fresh(state, state.shape) if _is_step(x, state, weights, gates=1) else None


@rule(aten.gru_cell.default)
def _cell_of_gru(x: TensorSpec, state: TensorSpec, *weights: TensorSpec | None) -> Found:
    return fresh(state, state.shape) if _is_step(x, state, weights, gates=3) else None


@rule(aten.lstm_cell.default)
def _cell_of_lstm(
    x: TensorSpec, states: Sequence[TensorSpec], *weights: TensorSpec | None
) -> Found:
    hidden, cell = states
    is_alike = cell.shape[1:] == hidden.shape[1:] and cell.dtype == hidden.dtype
    if not is_alike or not _is_row_by_row(cell) or not _is_step(x, hidden, weights, gates=4):
        return None
    if not _is_demanded(cell.shape[0], hidden.shape[0]):
        return None
    return fresh(hidden, hidden.shape), fresh(hidden, hidden.shape)


def _is_step(
    x: TensorSpec, state: TensorSpec, weights: Sequence[TensorSpec | None], gates: int
) -> bool:
    """Whether the sizes fit, of usual tensors: one vector a row, and one state."""
    given = [w for w in weights if w is not None]
    if any(spec.dtype != state.dtype for spec in (x, *given)):
        return False
    if len(x.shape) != 2 or len(state.shape) != 2:
        return False
    if not _is_row_by_row(state):
        return False
    rows = gates * state.shape[1]
    wanted = [(rows, x.shape[1]), (rows, state.shape[1]), *[(rows,) for _ in given[2:]]]
    return [w.shape for w in given] == wanted and _is_demanded(x.shape[0], state.shape[0])


def _is_demanded(left: Int, right: Int) -> bool:
    """Whether the two are equal, as a cell demands of its input's rows and its state's."""
    varying = left if isinstance(left, Expr) else right
    if left == right or not isinstance(varying, Expr):
        return left == right
    return must_hold(varying, equal(left, right))


def _is_row_by_row(spec: TensorSpec) -> bool:
    """Whether what is computed of it and of a new tensor, element by element, is row-major."""
    if is_canonical(spec):
        return True
    rows, step = spec.strides
    return step == 1 and not (isinstance(rows, int) and rows < 2)


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
