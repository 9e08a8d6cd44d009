"""What the server process of a recording has done before it is forked: every import, once."""

from __future__ import annotations

import contextlib
import logging
import warnings

import torch

from monograph.exportdb.exporters import EXPORTERS

torch.set_num_threads(1)
logging.disable(logging.CRITICAL)
with warnings.catch_warnings(), contextlib.suppress(Exception):
    warnings.simplefilter("ignore")
    for _exporter in EXPORTERS.values():
        _made = _exporter.export(torch.nn.ReLU(), (torch.ones(2),), {}, None)
        _made.reload()
logging.disable(logging.NOTSET)
