"""A recorder that takes the time of what it records, where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from monograph.capture.context import Context
from monograph.capture.emission import Emission
from monograph.capture.recorder import Recorder
from monograph.diagnostics.watching import Watch, current_watch
from monograph.torch_internals import Operator, hide_from_compiler

__all__ = ["new_recorder"]

_OWN = "(between operators)"


class TimedRecorder(Recorder):
    """Notes how long each operator took, and each module."""

    watch: Watch

    def __torch_dispatch__(
        self,
        op: Operator,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> object:
        operators, modules = self.watch.operators, self.watch.modules
        scope = self.emission.scope
        path = scope.path if scope is not None else ""
        module = path or "(the root)"
        operators.enter(str(op), _OWN)
        modules.enter(module, module)
        try:
            return super().__torch_dispatch__(op, types, args, kwargs)
        finally:
            operators.leave()
            modules.leave()


hide_from_compiler(TimedRecorder.__torch_dispatch__)


def new_recorder(
    *, opens: bool, above_autograd: bool, emission: Callable[[Context], Emission] = Emission
) -> Recorder:
    """The recorder of a capture, as the export that is going on wants it."""
    watch = current_watch()
    if watch is None or not watch.is_close:
        recorder = Recorder(opens=opens, above_autograd=above_autograd, emission=emission)
    else:
        recorder = TimedRecorder(opens=opens, above_autograd=above_autograd, emission=emission)
        recorder.watch = watch
    if watch is not None:
        watch.recorder = recorder.emission
        watch.captures += 1
    return recorder
