"""What a capture changes outside of the program while it runs, and who can see it.

A capture belongs to one thread, and captures of several threads wait for each other. What is
changed for longer than one call of our own, all of it put back at the end:

- What the program assigns: its modules, containers, classes and globals hold it while the program
  runs. *Seen by* whoever runs the same program meanwhile.
- `torch.compiler.is_exporting()` and `is_compiling()` hold, because programs and libraries steer
  by them; `torch.backends.mha.get_fastpath_enabled()` does not, because the fused encoder kernel
  hides its operators (where eager mode's results differ, the assumptions say so). *Seen by* the
  capturing thread: the code of these functions asks for it.
- Entry points of torch, `random`, `time`, numpy and `builtins` are replaced where no operator
  would tell of a call (`patches`, `redirect`; in strict mode `source/audit`). *Seen by* whoever
  compares the functions themselves: calls in other threads run the originals.
- Functions that branch on data have converted code (strict mode, `monograph.convert`). *Seen by*
  nobody who calls them: in other threads the code does what it did.
- Functions of a file have the code of a change that is tried before it is shown (`check`, and the
  advice in errors). *Seen by* threads that call these functions meanwhile.
- Garbage is collected after 50 000 new containers instead of 700, because what a capture makes
  lives on (`collection`; also while parts of Monograph are imported when first used). *Seen by* all
  threads: what they drop in cycles is collected later.
- Functions that `torch.compile` has wrapped run as they are written, because the program's own
  operators are wanted. *Seen by* all threads, where the compiler is loaded.
- Log lines of failing fake kernels are dropped: they tell of questions that we have asked.
  *Seen by* the capturing thread.
- Random generators (torch's, Python's, numpy's), settings of torch and the filters of `warnings`
  are put back where they differ. *Seen by* all threads: what another thread draws, or sets for the
  process, while a capture runs is undone.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import torch

from monograph.capture.current import running_recorder
from monograph.capture.python.frames import is_of_user, is_ours
from monograph.capture.python.redirect import redirected
from monograph.torch_internals import SWITCHES, dispatch_kept

__all__ = ["exporting_flags", "kept", "not_exporting"]

_thread = threading.local()


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Settings of this thread, of torch and of ``warnings`` are afterwards what they were.

    However the block ends, and whatever it has entered and not left.
    """
    before = [(switch, switch.get()) for switch in SWITCHES]
    filters, is_shown = list(warnings.filters), warnings.showwarning
    with dispatch_kept():
        try:
            yield
        finally:
            for switch, value in before:
                if switch.get() != value:
                    switch.set(value)
            if warnings.filters != filters or warnings.showwarning is not is_shown:
                _set_warnings(filters, is_shown)


def _set_warnings(filters: list[Any], show: Callable[..., Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    warnings.showwarning = show
    with warnings.catch_warnings():  # what was decided by the other filters is forgotten
        pass


@contextlib.contextmanager
def exporting_flags() -> Iterator[None]:
    """In this thread ``torch.compiler.is_exporting()`` holds; libraries steer by it."""
    thread = threading.get_ident()
    flags: dict[Any, Callable[..., Any]] = {
        torch.compiler.is_exporting: functools.partial(_is_asked, "torch.compiler.is_exporting()"),
        torch.compiler.is_compiling: functools.partial(_is_asked, "torch.compiler.is_compiling()"),
        # The fused encoder kernel is an inference shortcut that hides the operators.
        torch.backends.mha.get_fastpath_enabled: _no_fast_path,
    }
    before = getattr(_thread, "is_exporting", False)
    with redirected(flags, lambda: threading.get_ident() == thread):
        _thread.is_exporting = True
        try:
            yield
        finally:
            _thread.is_exporting = before


@contextlib.contextmanager
def not_exporting() -> Iterator[None]:
    """TorchScript methods refuse to be called while ``is_exporting()`` holds."""
    before = getattr(_thread, "is_exporting", False)
    _thread.is_exporting = False
    try:
        yield
    finally:
        _thread.is_exporting = before


def _is_asked(question: str) -> bool:
    if not getattr(_thread, "is_exporting", False):
        return False
    recorder = running_recorder()
    if recorder is not None and is_of_user(_asking(sys._getframe(1)).f_code):
        recorder.assume(
            "exporting",
            f"`{question}` is True while a program is exported and False in eager mode: what "
            "depends on it is here as it is meant for exports",
            recorder.here(),
        )
    return True


def _asking(frame: FrameType) -> FrameType:
    """The frame that has asked: beyond ours, and the function of torch that leads to us."""
    while frame.f_back is not None and (
        is_ours(frame.f_code) or frame.f_code.co_name in ("is_exporting", "is_compiling")
    ):
        frame = frame.f_back
    return frame


def _no_fast_path() -> bool:
    recorder = running_recorder()
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_ours(frame.f_code):
        frame = frame.f_back
    if recorder is None or frame is None or frame.f_code is not _ENCODER.__code__:
        return False
    if _would_leave_out_padding(**frame.f_locals):
        recorder.assume(
            "fast-path",
            "nn.TransformerEncoder leaves out what is padded in evaluation mode without gradients, "
            "where the padding comes last: eager mode then returns zeros there, the program what "
            "the layers compute",
            recorder.here(),
        )
    return False


_ENCODER = torch.nn.TransformerEncoder.forward


def _would_leave_out_padding(
    self: torch.nn.TransformerEncoder, src_key_padding_mask: object, mask: object, **_: object
) -> bool:
    """Whether eager mode may take its nested fast path, whatever the values of the mask."""
    if src_key_padding_mask is None or mask is not None or torch.is_autocast_enabled():
        return False
    if self.layers[0].training or not getattr(self, "use_nested_tensor", False):
        return False
    layer = self.layers[0]
    return not (torch.is_grad_enabled() and any(p.requires_grad for p in layer.parameters()))
