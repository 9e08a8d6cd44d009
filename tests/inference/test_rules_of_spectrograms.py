"""Signals from spectrograms of any size: sizes, dtypes and layouts are those of the kernel."""

import itertools

import pytest
import torch

import monograph

N = monograph.Dim.DYNAMIC
WAYS = {
    "plain": {},
    "a window": {"window": torch.hann_window(16)},
    "a narrow window": {"window": torch.hann_window(12), "win_length": 12, "hop_length": 3},
    "doubles": {"window": torch.ones(16, dtype=torch.float64)},
    "not centred": {"window": torch.hamming_window(16), "center": False},
    "longer": {"window": torch.hann_window(16), "length": 50},
    "shorter": {"length": 9},
    "odd": {"n_fft": 15, "hop_length": 5},
    "normalized": {"normalized": True},
    "both sides": {"onesided": False},
    "complex": {"onesided": False, "return_complex": True},
}


def spectrogram(rows, frames, *batch, is_transposed):
    x = torch.randn(*batch, frames, rows, dtype=torch.complex64)
    x[..., 0] = x[..., 0].real + 0j
    return x.mT if is_transposed else x.mT.contiguous()


@pytest.mark.parametrize(
    ("way", "batch", "is_transposed"),
    [*itertools.product(WAYS, ((), (3,)), (False, True))][::3],
)
def test_signals_of_any_size(way, batch, is_transposed):
    given = {"n_fft": 16, **WAYS[way]}
    n_fft = given["n_fft"]
    rows = n_fft if given.get("onesided") is False else n_fft // 2 + 1

    def program(x):
        y = torch.istft(x, **given)
        return y, y.sum(-1)

    x = spectrogram(rows, 5, *batch, is_transposed=is_transposed)
    shapes = ({0: N, 2: N} if batch else {1: N},)
    exported = monograph.export(program, (x,), dynamic_shapes=shapes)
    (noted,) = [n.meta["val"] for n in exported.graph.nodes if "istft" in str(n.target)]
    assert noted.is_contiguous()
    for some, frames in itertools.product((3, 1, 2, 0), (5, 1, 2, 9)):
        x = spectrogram(rows, frames, *([some] if batch else []), is_transposed=is_transposed)
        try:
            expected = program(x)
        except RuntimeError:
            with pytest.raises((monograph.InputError, RuntimeError)):
                exported.module()(x)
            continue
        torch.testing.assert_close(exported.module()(x), expected)


def test_a_signal_of_a_length_that_varies():
    def program(x):
        z = torch.stft(x, 16, 4, window=torch.ones(16), return_complex=True)
        return torch.istft(z * 2, 16, 4, window=torch.ones(16), length=x.shape[-1]) + x

    exported = monograph.export(program, (torch.randn(1, 40),), dynamic_shapes=({0: N, 1: N},))
    for batch, length in ((1, 40), (3, 40), (2, 41), (1, 33), (4, 9)):
        x = torch.randn(batch, length)
        torch.testing.assert_close(exported.module()(x), program(x))
