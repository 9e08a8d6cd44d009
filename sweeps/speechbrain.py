"""speechbrain: features, encoders and vocoders."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from torch import nn

from monograph.sweep import Entry

import speechbrain  # noqa: F401  # isort: skip
from speechbrain.lobes import features  # isort: skip
from speechbrain.lobes.models import ECAPA_TDNN, CRDNN, Xvector, HifiGAN, ContextNet  # isort: skip
from speechbrain.lobes.models import convolution, conv_tasnet, dual_path, resepformer  # isort: skip
from speechbrain.lobes.models.transformer import Conformer, Branchformer, Transformer  # isort: skip
from speechbrain.nnet import RNN, CNN, attention, linear, normalization, pooling  # isort: skip

LIBRARY = "speechbrain"
NEEDS = ("speechbrain",)

# The arguments: "wave" [batch, time], "features" [batch, time, 8], "maps" [batch, 8, time], and
# "lengths" beside them.
MODELS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "fbank": (lambda: features.Fbank(sample_rate=8000, n_fft=256, n_mels=8), "wave"),
    "fbank-deltas": (lambda: features.Fbank(sample_rate=8000, n_fft=256, n_mels=8, deltas=True,
                                            context=True), "wave"),
    "mfcc": (lambda: features.MFCC(sample_rate=8000, n_fft=256, n_mels=8, n_mfcc=6), "wave"),
    "leaf": (lambda: features.Leaf(out_channels=8, sample_rate=8000, in_channels=1), "wave"),
    "ecapa": (lambda: ECAPA_TDNN.ECAPA_TDNN(8, lin_neurons=16, channels=[16] * 4 + [48],
              kernel_sizes=[5, 3, 3, 3, 1], dilations=[1, 2, 3, 4, 1], attention_channels=8,
              se_channels=8, res2net_scale=4), "features"),
    "ecapa-lengths": (lambda: ECAPA_TDNN.ECAPA_TDNN(8, lin_neurons=16, channels=[16] * 4 + [48],
              kernel_sizes=[5, 3, 3, 3, 1], dilations=[1, 2, 3, 4, 1], attention_channels=8,
              se_channels=8, res2net_scale=4), "features lengths"),
    "xvector": (lambda: Xvector.Xvector(in_channels=8, lin_neurons=16, tdnn_blocks=3,
                tdnn_channels=[16, 16, 16], tdnn_kernel_sizes=[3, 3, 1],
                tdnn_dilations=[1, 2, 1]), "features"),
    "crdnn": (lambda: CRDNN.CRDNN(input_size=8, cnn_blocks=1, cnn_channels=[4], rnn_layers=1,
              rnn_neurons=8, dnn_blocks=1, dnn_neurons=8, time_pooling=True), "features"),
    "contextnet": (lambda: ContextNet.ContextNet(input_shape=(None, None, 8), out_channels=8,
                   conv_channels=[8] * 3, kernel_size=3, strides=[1, 2, 1], num_blocks=3,
                   num_layers=1, inner_dim=4), "features"),
    "front-end": (lambda: convolution.ConvolutionFrontEnd((None, None, 8), num_blocks=2,
                  num_layers_per_block=1, out_channels=[4, 4], kernel_sizes=[3, 3],
                  strides=[2, 2], residuals=[False, False]), "features"),
    "conformer": (lambda: Conformer.ConformerEncoder(num_layers=1, d_model=8, d_ffn=16, nhead=2,
                  kernel_size=3, attention_type="regularMHA"), "features"),
    "conformer-relative": (lambda: Relative(Conformer.ConformerEncoder(num_layers=1, d_model=8,
                           d_ffn=16, nhead=2, kernel_size=3)), "features"),
    "branchformer": (lambda: Branchformer.BranchformerEncoder(num_layers=1, d_model=8, nhead=2,
                     kernel_size=3, attention_type="regularMHA", csgu_linear_units=16), "features"),
    "transformer": (lambda: Transformer.TransformerEncoder(num_layers=1, nhead=2, d_ffn=16,
                    d_model=8), "features"),
    "transformer-bert-masked": (lambda: Masked(Transformer.TransformerEncoder(num_layers=1,
                    nhead=2, d_ffn=16, d_model=8)), "features lengths"),
    "hifigan": (lambda: HifiGAN.HifiganGenerator(8, 1, "1", [[1, 3, 5], [1, 3, 5]], [3, 3],
                [4, 4], 16, [2, 2]), "maps"),
    "conv-tasnet-masks": (lambda: conv_tasnet.MaskNet(N=8, B=8, H=8, P=3, X=2, R=1, C=2,
                          norm_type="gLN", causal=False, mask_nonlinear="relu"), "maps"),
    "dual-path-encoder": (lambda: dual_path.Encoder(kernel_size=8, out_channels=8), "wave"),
    "sepformer": (lambda: dual_path.Dual_Path_Model(8, 8,
                  dual_path.SBTransformerBlock(1, 8, 2, d_ffn=16),
                  dual_path.SBTransformerBlock(1, 8, 2, d_ffn=16),
                  num_layers=1, K=6, num_spks=2), "maps"),
    "resource-sepformer": (lambda: resepformer.ResourceEfficientSeparator(input_dim=8, num_spk=2,
                  segment_size=6, layer=1, unit=8, mem_type="av",
                  seg_model=resepformer.SBTransformerBlock_wnormandskip(1, 8, 2, d_ffn=16),
                  mem_model=resepformer.SBTransformerBlock_wnormandskip(1, 8, 2, d_ffn=16)),
                  "maps"),
    "lstm": (lambda: RNN.LSTM(hidden_size=8, input_size=8, bidirectional=True), "features"),
    "lstm-lengths": (lambda: Lengths(RNN.LSTM(hidden_size=8, input_size=8)), "features lengths"),
    "gru": (lambda: RNN.GRU(hidden_size=8, input_size=8), "features"),
    "ligru": (lambda: RNN.LiGRU(hidden_size=8, input_shape=(None, None, 8)), "features"),
    "quasi-rnn": (lambda: RNN.QuasiRNN(8, (None, None, 8), num_layers=1, bidirectional=False),
                  "features"),
    "conv1d": (lambda: CNN.Conv1d(16, 3, input_shape=(None, None, 8)), "features"),
    "conv1d-stride": (lambda: CNN.Conv1d(16, 5, input_shape=(None, None, 8), stride=2), "features"),
    "sinc": (lambda: CNN.SincConv(8, 33, in_channels=1, sample_rate=8000), "wave"),
    "depthwise": (lambda: CNN.DepthwiseSeparableConv1d(16, 3, input_shape=(None, None, 8)),
                  "features"),
    "statistics-pooling": (lambda: pooling.StatisticsPooling(), "features"),
    "statistics-pooling-lengths": (lambda: pooling.StatisticsPooling(), "features lengths"),
    "adaptive-pooling": (lambda: pooling.AdaptivePool(4), "features"),
    "layer-norm": (lambda: normalization.LayerNorm(input_size=8), "features"),
    "batch-norm": (lambda: normalization.BatchNorm1d(input_size=8), "features"),
    "linear": (lambda: linear.Linear(16, input_size=8), "features"),
    "multihead": (lambda: Three(attention.MultiheadAttention(2, 8)), "features"),
    "relative-attention": (lambda: Relative3(attention.RelPosMHAXL(8, 2)), "features"),
}  # fmt: skip


class Relative(nn.Module):
    """With its relative positions."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.positions = encoder, attention.RelPosEncXL(8)

    def forward(self, x: torch.Tensor) -> Any:
        """Encoded."""
        return self.encoder(x, pos_embs=self.positions(x))[0]


class Relative3(Relative):
    """Attention to itself."""

    def forward(self, x: torch.Tensor) -> Any:
        """Attended."""
        return self.encoder(x, x, x, self.positions(x))[0]


class Lengths(nn.Module):
    """A recurrent layer, told how long each row is."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        """Outputs and states."""
        return self.inner(x, lengths=lengths)


class Three(nn.Module):
    """Attention to itself."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> Any:
        """Attended."""
        return self.inner(x, x, x)[0]


class Masked(nn.Module):
    """With what is padding."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> Any:
        """Encoded."""
        at = torch.arange(x.shape[1], device=x.device)
        return self.encoder(x, src_key_padding_mask=at[None] >= (lengths * x.shape[1])[:, None])[0]


def model(name: str) -> Any:
    build, kinds = MODELS[name]
    made = build()

    def inputs(batch: int, length: int) -> Any:
        first = {
            "wave": lambda: torch.randn(batch, 20 * length),
            "features": lambda: torch.randn(batch, length, 8),
            "maps": lambda: torch.randn(batch, 8, length),
        }[kinds.split()[0]]()
        lengths = (torch.ones(batch),) if "lengths" in kinds else ()
        return (first, *lengths), {}

    return made, inputs


def entries() -> Iterator[Entry]:
    for name in MODELS:
        yield Entry(name, partial(model, name), {"batch": (2, 1, 3), "length": (40, 60, 52)})
