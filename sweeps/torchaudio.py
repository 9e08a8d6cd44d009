"""torchaudio: models and transforms, as far as they are Python."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import nn

from monograph.sweep import Entry

import torchaudio as library  # isort: skip

LIBRARY = "torchaudio"
NEEDS = ("torchaudio",)


def conformer(convolution_first: bool):
    made = library.models.Conformer(
        input_dim=16, num_heads=2, ffn_dim=32, num_layers=2, depthwise_conv_kernel_size=5,
        convolution_first=convolution_first,
    )  # fmt: skip

    def inputs(batch: int, length: int):
        lengths = torch.full((batch,), length)
        return (torch.randn(batch, length, 16), lengths), {}

    return made, inputs


def waves(build: Callable[[], nn.Module], channels: int):
    made = build()

    def inputs(batch: int, length: int):
        shape = (batch, channels, length) if channels else (batch, length)
        return (torch.randn(shape),), {}

    return made, inputs


def wav2vec2():
    return library.models.wav2vec2_model(
        extractor_mode="group_norm", extractor_conv_layer_config=[(16, 10, 5), (16, 3, 2)],
        extractor_conv_bias=False, encoder_embed_dim=32, encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=5, encoder_pos_conv_groups=2, encoder_num_layers=2,
        encoder_num_heads=2, encoder_attention_dropout=0.0, encoder_ff_interm_features=48,
        encoder_ff_interm_dropout=0.0, encoder_dropout=0.0, encoder_layer_norm_first=False,
        encoder_layer_drop=0.0, aux_num_out=12,
    )  # fmt: skip


def wavlm():
    return library.models.wavlm_model(
        extractor_mode="group_norm", extractor_conv_layer_config=[(16, 10, 5), (16, 3, 2)],
        extractor_conv_bias=False, encoder_embed_dim=32, encoder_projection_dropout=0.0,
        encoder_pos_conv_kernel=5, encoder_pos_conv_groups=2, encoder_num_layers=2,
        encoder_num_heads=2, encoder_num_buckets=16, encoder_max_distance=32,
        encoder_attention_dropout=0.0, encoder_ff_interm_features=48,
        encoder_ff_interm_dropout=0.0, encoder_dropout=0.0, encoder_layer_norm_first=False,
        encoder_layer_drop=0.0, aux_num_out=None,
    )  # fmt: skip


def wav2vec2_lengths():
    made = wav2vec2()

    def inputs(batch: int, length: int):
        return (torch.randn(batch, length), torch.full((batch,), length)), {}

    return made, inputs


def emformer():
    made = library.models.Emformer(
        input_dim=16, num_heads=2, ffn_dim=32, num_layers=2, segment_length=4,
        right_context_length=2, left_context_length=4,
    )  # fmt: skip

    def inputs(batch: int, length: int):
        return (torch.randn(batch, length, 16), torch.full((batch,), length - 2)), {}

    return made, inputs


def tacotron():
    made = library.models.Tacotron2(
        n_mels=8, symbol_embedding_dim=16, encoder_embedding_dim=16, attention_rnn_dim=16,
        decoder_rnn_dim=16, prenet_dim=16, postnet_embedding_dim=16, attention_hidden_dim=16,
        encoder_n_convolution=1, postnet_n_convolution=2,
    )  # fmt: skip

    def inputs(batch: int, length: int, frames: int):
        return (
            torch.randint(0, 100, (batch, length)), torch.full((batch,), length),
            torch.randn(batch, 8, frames), torch.full((batch,), frames),
        ), {}  # fmt: skip

    return made, inputs


def rnnt():
    made = library.models.emformer_rnnt_model(
        input_dim=8, encoding_dim=16, num_symbols=12, segment_length=8, right_context_length=4,
        time_reduction_input_dim=8, time_reduction_stride=4, transformer_num_heads=2,
        transformer_ffn_dim=16, transformer_num_layers=1, transformer_dropout=0.0,
        transformer_activation="gelu", transformer_left_context_length=4,
        transformer_max_memory_size=0, transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=True, symbol_embedding_dim=8, num_lstm_layers=1,
        lstm_layer_norm=True, lstm_layer_norm_epsilon=1e-3, lstm_dropout=0.0,
    )  # fmt: skip

    def inputs(batch: int, length: int, targets: int):
        return (
            torch.randn(batch, length, 8), torch.full((batch,), length, dtype=torch.int32),
            torch.randint(0, 12, (batch, targets)),
            torch.full((batch,), targets, dtype=torch.int32),
        ), {}  # fmt: skip

    return made, inputs


def wavernn():
    made = library.models.WaveRNN(
        upsample_scales=[2, 2], n_classes=8, hop_length=4, n_res_block=1, n_rnn=16, n_fc=16,
        kernel_size=5, n_freq=8, n_hidden=8, n_output=8,
    )  # fmt: skip

    def inputs(batch: int, frames: int):
        return (
            torch.randn(batch, 1, (frames - 4) * 4), torch.randn(batch, 1, 8, frames),
        ), {}  # fmt: skip

    return made, inputs


def deepspeech():
    made = library.models.DeepSpeech(n_feature=8, n_hidden=16, n_class=12)

    def inputs(batch: int, length: int):
        return (torch.randn(batch, 1, length, 8),), {}

    return made, inputs


def wav2letter():
    return library.models.Wav2Letter(num_classes=12, input_type="mfcc", num_features=8)


def squim():
    return library.models.squim_objective_base()


MODELS = {
    "conv-tasnet": (lambda: library.models.ConvTasNet(
        num_sources=2, enc_kernel_size=8, enc_num_feats=16, msk_kernel_size=3, msk_num_feats=8,
        msk_num_hidden_feats=16, msk_num_layers=2, msk_num_stacks=1), 1, 400),
    "hdemucs": (lambda: library.models.HDemucs(
        sources=["a", "b"], audio_channels=1, channels=8, nfft=256, depth=4, norm_starts=9,
        dconv_lstm=9, dconv_attn=9), 1, 2048),
    "wav2vec2": (wav2vec2, 0, 800),
    "wavlm": (wavlm, 0, 800),
    "wav2letter": (wav2letter, 8, 400),
    "squim-objective": (squim, 0, 4000),
}  # fmt: skip
TRANSFORMS = {
    "spectrogram": lambda t: t.Spectrogram(n_fft=64),
    "spectrogram-complex": lambda t: t.Spectrogram(n_fft=64, power=None),
    "mel-spectrogram": lambda t: t.MelSpectrogram(8000, n_fft=64, n_mels=8),
    "mfcc": lambda t: t.MFCC(8000, 6, melkwargs={"n_fft": 64, "n_mels": 8}),
    "lfcc": lambda t: t.LFCC(8000, n_filter=8, n_lfcc=6, speckwargs={"n_fft": 64}),
    "resample-up": lambda t: t.Resample(8000, 16000),
    "resample-down": lambda t: t.Resample(16000, 8000),
    "mu-law": lambda t: t.MuLawEncoding(64),
    "deltas": lambda t: t.ComputeDeltas(),
    "fade": lambda t: t.Fade(20, 20),
    "volume": lambda t: t.Vol(0.5),
    "preemphasis": lambda t: t.Preemphasis(),
    "deemphasis": lambda t: t.Deemphasis(),
    "spectral-centroid": lambda t: t.SpectralCentroid(8000, n_fft=64),
    "amplitude-to-db": lambda t: t.AmplitudeToDB(),
    "pitch-shift": lambda t: t.PitchShift(8000, 2, n_fft=64),
    "speed": lambda t: t.Speed(8000, 1.25),
    "vad": lambda t: t.Vad(8000),
    "loudness": lambda t: t.Loudness(8000),
    "sliding-cmn": lambda t: t.SlidingWindowCmn(100),
}  # fmt: skip


def transform(name: str):
    return TRANSFORMS[name](library.transforms)


def entries() -> Iterator[Entry]:
    batch = {"batch": (2, 1, 3)}
    for first in (False, True):
        name = "conformer-convolution-first" if first else "conformer"
        yield Entry(name, partial(conformer, first), {**batch, "length": (20, 13, 31)})
    for name, (build, channels, n) in MODELS.items():
        sizes = {**batch, "length": (n, n + n // 2, 2 * n)}
        yield Entry(name, partial(waves, build, channels), sizes)
    yield Entry("wav2vec2-lengths", wav2vec2_lengths, {**batch, "length": (800, 1200, 1600)})
    yield Entry("emformer", emformer, {**batch, "length": (14, 10, 18)})
    yield Entry("tacotron2", tacotron, {**batch, "length": (9, 13, 6), "frames": (8, 12, 5)})
    yield Entry("rnnt", rnnt, {**batch, "length": (36, 20, 52), "targets": (5, 7, 4)})
    yield Entry("wavernn", wavernn, {**batch, "frames": (9, 12, 15)})
    yield Entry("deepspeech", deepspeech, {**batch, "length": (20, 13, 31)})
    for name in TRANSFORMS:
        sizes = {**batch, "length": (800, 1200, 1001)}
        yield Entry(f"transform-{name}", partial(waves, partial(transform, name), 0), sizes)
