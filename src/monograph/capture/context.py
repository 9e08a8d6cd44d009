"""What holds for one capture: how it was asked for, what it has assumed, what it has refused."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import CodeType
from typing import TYPE_CHECKING, Protocol

import torch

from monograph.capture.python.frames import current_source_line, frames_of_user
from monograph.diagnostics import ExportError, PythonFeatureError, SourceLine
from monograph.ir.assumptions import Assumption
from monograph.torch_internals import Operator, is_same_generator

if TYPE_CHECKING:
    from monograph.capture.python.snapshot import Snapshot
    from monograph.capture.seeding import Seed
    from monograph.capture.strictness import Strictness
    from monograph.ir.spec import TensorSpec

__all__ = ["Context", "Replacements"]

_is_grad_enabled = torch.is_grad_enabled


class Replacements(Protocol):
    """Functions by the operators that they replace."""

    def __contains__(self, op: object, /) -> bool: ...

    def __getitem__(self, op: Operator, /) -> Callable[..., object]: ...


class Context:
    """Settings and notes of one capture.

    ``opens`` asks for composite operators to be recorded as the operators they are made of,
    ``rules`` for those in it to be recorded as what these functions make of them.
    """

    def __init__(self, *, opens: bool, above_autograd: bool, rules: Replacements | None) -> None:
        self.opens = opens
        self.rules = rules
        self.above_autograd = above_autograd
        self.indexes = self.user_detach = False  # (see indexing, and abstract)
        self.transforms = 0  # how many of torch.func (``vmap``, ``grad``) are running
        self.in_composite = False  # a kernel calls, which is recorded as what it calls
        self.knows_tables = False  # buffers that no state dict holds are constants
        self.spells_sizes = False  # no text has something else in the place of a size
        self.tells_kinds = False  # no number is an integer for some sizes and a float for others
        self.rows_in_order = False  # what is mapped over is copied (see patches)
        self.strict: Strictness | None = None  # where the strict mode is on
        self.watched: frozenset[str] = frozenset()
        self.as_called: dict[int, CodeType] = {}  # code whose calls stay as they are
        self.given_numbers: dict[int, object] = {}  # functions that get no numbers that vary
        self.unpatched: Callable[[], AbstractContextManager[None]] = nullcontext
        self.generators: list[torch.Generator] = []  # among the arguments
        self.snapshot: Snapshot | None = None  # the Python state as it was before the program ran

        self.wrapped: list[TensorSpec] = []  # specs that keep a tensor meanwhile
        self.is_running = False  # the program, that is
        self.base_grad = _is_grad_enabled()
        self.custom_functions = 0  # how many ``autograd.Function``s are running
        # Device types for which autocast is on. Torch hides its state from dispatch modes.
        self.autocast = {d for d in ("cpu", "cuda") if torch.is_autocast_enabled(d)}

        self.assumptions: list[Assumption] = []
        self.collected: list[ExportError] | None = None  # refusals that are passed over
        self.seeds: list[Seed] = []  # where the program seeds torch's generator
        self.reseeded: ExportError | None = None  # to be raised if random numbers are drawn
        self.pending: BaseException | None = None  # to be raised, whoever catches it before

    def hides_gradients(self) -> bool:
        """Whether a ``no_grad`` region of the program is running."""
        return not _is_grad_enabled() and self.base_grad and not self.custom_functions

    def is_in_kernel(self) -> bool:
        """Whether a kernel of torch's calls what is recorded, and stays no node itself.

        It asks unheard how tensors lie. (What is decomposed is told as it lies.)
        """
        if self.opens or self.rules is not None:
            return False
        return self.in_composite or self.above_autograd or self.transforms > 0

    def require_own(self, generator: torch.Generator) -> None:
        """Refuse a random generator that the program makes: each call would make it anew.

        Raises:
            PythonFeatureError: MG-P103.
        """
        known = [torch.default_generator, *self.generators]
        if self.snapshot is not None:
            known += self.snapshot.generators()
        if self.snapshot is None or any(is_same_generator(generator, each) for each in known):
            return
        raise PythonFeatureError(
            "a random generator is made inside the program",
            code="MG-P103",
            where=self.here(),
            hint="make it once, outside of the program; where each call is to draw the same "
            "numbers, draw them once and keep them in a buffer.",
        )

    def let_go(self) -> None:
        """Nothing else is captured: specs keep no tensors.

        A tensor's sizes belong to the scope that its spec belongs to, and the collector of garbage
        does not see what torch keeps: such a circle would stay for good.
        """
        for spec in self.wrapped:
            spec.wrapped = None
        self.wrapped.clear()
        self.pending = None

    def here(self) -> SourceLine | None:
        """The user's line that is running."""
        return current_source_line(2)

    def here_if_user(self) -> SourceLine | None:
        """The user's line, if the innermost caller outside us is the user's (not a library's)."""
        frames = frames_of_user(3)
        return self.here() if frames and frames[0] is sys._getframe(2) else None

    def assume(self, kind: str, text: str, where: SourceLine | None = None) -> None:
        """List something that was fixed while capturing, once for each line."""
        found = Assumption(kind, text, where)
        if found not in self.assumptions:
            self.assumptions.append(found)
