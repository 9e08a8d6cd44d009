"""Rules of operators whose sizes vary: as the kernels at other sizes, without any fake tensor."""

import itertools

import pytest
import torch
import torch.nn.functional as F

import monograph
from monograph.inference import examples, infer


def _loss(function, **options):
    return lambda x: function(x, x.flip(0), **options)


def _classes(x):
    return x.argmax(1)


PROGRAMS = {
    "softmax across": lambda x: x.transpose(0, 1).softmax(-1),
    "softmax of pixels": lambda x: x.permute(0, 2, 1).log_softmax(1),
    "std": lambda x: x.std(-1),
    "std of a view": lambda x: x.transpose(0, 2).std(0, unbiased=False, keepdim=True),
    "var": lambda x: x.var((0, 2)),
    "var and mean": lambda x: torch.var_mean(x, 1, correction=0),
    "std and mean": lambda x: torch.std_mean(x, (1, 2), keepdim=True),
    "cosine": lambda x: F.cosine_similarity(x, x.flip(1), -1),
    "cosine of views": lambda x: F.cosine_similarity(x.mT, x.mT * 2),
    "cumprod": lambda x: x.cumprod(1),
    "logcumsumexp": lambda x: x.logcumsumexp(-1),
    "bucketize": lambda x: torch.bucketize(x, torch.tensor([-0.5, 0.0, 0.5])),
    "searchsorted": lambda x: torch.searchsorted(torch.tensor([-0.5, 0.5]), x, right=True),
    "reflected": lambda x: F.pad(x, (1, 2), "reflect"),
    "repeated at the ends": lambda x: F.pad(x, (2, 0), "replicate"),
    "circular": lambda x: F.pad(x, (1, 2), "circular"),
    "reflected images": lambda x: F.pad(x, (1, 1, 0, 2), "reflect"),
    "tiled": lambda x: x.tile(2, 1, 3),
    "tiled in few": lambda x: x.tile((2,)),
    "each repeated": lambda x: x.repeat_interleave(3, dim=1),
    "each repeated, of a view": lambda x: x.mT.repeat_interleave(2, -1),
    "some rows": lambda x: x.mT.index_select(0, torch.arange(x.shape[0]).flip(0)),
    "a row, often": lambda x: x.index_select(1, torch.zeros(x.shape[2], dtype=torch.int64)),
    "turned": lambda x: x.sum(0).T + x[0].mT,
    "transposed matrices": lambda x: x.mT + 1,
    "squares": _loss(F.mse_loss),
    "squares of each": _loss(F.mse_loss, reduction="none"),
    "differences": _loss(F.l1_loss, reduction="sum"),
    "smooth": _loss(F.smooth_l1_loss, beta=0.5),
    "huber": _loss(F.huber_loss, delta=0.5, reduction="none"),
    "divergence": lambda x: F.kl_div(x.log_softmax(-1), x.softmax(-1), reduction="batchmean"),
    "of two": lambda x: F.binary_cross_entropy(x.sigmoid(), x.flip(1).sigmoid()),
    "of logits": lambda x: F.binary_cross_entropy_with_logits(x, x.flip(1).sigmoid()),
    "of classes": lambda x: F.cross_entropy(x, _classes(x)),
    "of each class": lambda x: F.cross_entropy(x, _classes(x), reduction="none"),
    "smoothed classes": lambda x: F.cross_entropy(x, _classes(x), label_smoothing=0.1),
}
SIZES = [(3, 4, 5), (1, 4, 5), (2, 3, 1), (2, 1, 4), (0, 4, 5), (5, 2, 3), (2, 3, 0), (4, 7, 2)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_the_kernels(name, monkeypatch):
    def unwanted(*args, **kwargs):
        raise AssertionError(f"{args[0]} is run on fake tensors")

    for module in (infer, examples):
        monkeypatch.setattr(module, "outcome_on_fakes", unwanted)
    function, any_size = PROGRAMS[name], monograph.Dim.DYNAMIC
    torch.manual_seed(0)
    made = monograph.export(
        function, (torch.randn(3, 4, 5),), dynamic_shapes=(dict.fromkeys(range(3), any_size),)
    )
    program = made.module()
    for sizes in SIZES:
        x = torch.randn(sizes)
        try:
            wanted = function(x)
        except (RuntimeError, IndexError):
            with pytest.raises((RuntimeError, IndexError)):
                program(x)
            continue
        found = program(x)
        pairs = itertools.zip_longest(*map(torch.utils._pytree.tree_leaves, (found, wanted)))
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, equal_nan=True, check_stride=True)
