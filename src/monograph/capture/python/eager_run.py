"""A program called as it is, of which nothing remains."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from monograph.capture.inputs import Root, State
from monograph.capture.python.process_state import kept
from monograph.capture.python.snapshot import Snapshot
from monograph.torch_internals import writes_to

__all__ = ["eagerly"]


@contextlib.contextmanager
def eagerly(root: Root) -> Iterator[None]:
    """The program may be called in the block; afterwards all is as before, tensors' values too."""
    snapshot = Snapshot(State(root.module).modules, root.call)
    with torch.no_grad():
        contents = [(t, writes_to(t), t.clone()) for t in snapshot.tensors if not t.is_inference()]
    with kept():
        try:
            yield
        finally:
            snapshot.restore()
            with torch.no_grad():
                for tensor, writes, content in contents:
                    if writes_to(tensor) != writes:
                        tensor.data.copy_(content)
