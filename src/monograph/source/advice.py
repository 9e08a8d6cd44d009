"""What to write instead of what is refused: changes of the user's files, tried first.

The program is captured again as if the files were changed. A change that removes the problem is
kept, and the next problem looked at, until the program is captured; where that leads nowhere, the
next change is tried in its place.
"""

from __future__ import annotations

import contextlib
import difflib
import linecache
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from monograph.capture.python.sites import source_file
from monograph.diagnostics import ExportError, SourceLine
from monograph.source.applied import applied
from monograph.source.edits import Proposal, proposals
from monograph.source.rewrite import Patch

__all__ = ["Fix", "Step", "find_fix", "origin_of", "patches_of", "repair", "rewritten_files"]

_MOST_STEPS = 12
_MOST_ATTEMPTS = 60


@dataclass(frozen=True)
class Step:
    """A problem, and the change of a file that removes it.

    ``origin``: the line of the file as it is; None where only the steps before have made it.
    """

    error: ExportError
    file: str
    proposal: Proposal
    origin: SourceLine | None


@dataclass(frozen=True)
class Fix:
    """Changes of files with which the program has exported."""

    titles: tuple[str, ...]
    patches: tuple[Patch, ...]

    def diff(self) -> str:
        """The changes as a unified diff."""
        return "\n".join(patch.diff() for patch in self.patches)


def find_fix(error: ExportError, attempt: Callable[[], object]) -> Fix | None:
    """What makes the program export and cannot change it; None where nothing tried does.

    ``error``: what ``attempt``, which captures the program, has raised.
    """
    steps = repair(error, attempt, proved=False)
    if steps is None:
        return None
    texts = {step.file: step.proposal.text for step in steps}
    return Fix(tuple(step.proposal.title for step in steps), tuple(patches_of(texts)))


def patches_of(texts: Mapping[str, str]) -> Iterator[Patch]:
    """The changes of files whose new text is ``texts``."""
    for file, text in texts.items():
        yield Patch(file, "".join(linecache.getlines(file)), text).with_import()


def repair(error: ExportError, attempt: Callable[[], object], *, proved: bool) -> list[Step] | None:
    """The steps after which ``attempt`` succeeds, or None.

    ``proved``: ``attempt`` compares what it has captured with the program as it was.
    """
    return _Search(attempt, proved).run(error, {}, ())


@contextlib.contextmanager
def rewritten_files(texts: Mapping[str, str]) -> Iterator[None]:
    """Files as if they had these texts."""
    with contextlib.ExitStack() as stack:
        for file, text in texts.items():
            stack.enter_context(applied(file, "".join(linecache.getlines(file)), text))
        yield


class _Search:
    def __init__(self, attempt: Callable[[], object], proved: bool) -> None:
        self.attempt = attempt
        self.proved = proved
        self.left = _MOST_ATTEMPTS

    def run(
        self, error: ExportError, texts: dict[str, str], done: tuple[Step, ...]
    ) -> list[Step] | None:
        """The steps from here on, ``done`` included."""
        if error.where is None or len(done) >= _MOST_STEPS:
            return None
        file = error.where.file
        with rewritten_files(texts):
            source = source_file(file)
            offered = [] if source is None else list(proposals(source, error, proved=self.proved))
        origin = origin_of(error.where, texts.get(file))
        further: list[tuple[ExportError, Step, dict[str, str]]] = []
        for proposal in offered:
            if self.left == 0:
                return None
            self.left -= 1
            now = {**texts, file: proposal.text}
            step = Step(error, file, proposal, origin)
            try:
                with rewritten_files(now):
                    self.attempt()
            except ExportError as following:
                if not _is_same(following, error):
                    further.append((following, step, now))
                continue
            except Exception:  # the program no longer runs
                continue
            return [*done, step]
        for next_error, step, now in further:
            found = self.run(next_error, now, (*done, step))
            if found is not None:
                return found
        return None


def origin_of(where: SourceLine, text: str | None) -> SourceLine | None:
    """The line as it stands in the file, for a place in a changed text of it."""
    if text is None:
        return where
    before = linecache.getlines(where.file)
    matches = difflib.SequenceMatcher(None, before, text.splitlines(keepends=True), autojunk=False)
    for start, other, size in matches.get_matching_blocks():
        if other < where.line <= other + size:
            moved = start - other
            span = where.span
            if span is not None:
                span = (span[0] + moved, span[1] + moved, span[2], span[3])
            return replace(where, line=where.line + moved, span=span)
    return None


def _is_same(one: ExportError, other: ExportError) -> bool:
    """Whether two problems are the same: a change moves lines, but leaves their text."""
    return one.code == other.code and _key(one.where) == _key(other.where)


def _key(where: SourceLine | None) -> tuple[str, str, str | None] | None:
    return None if where is None else (where.file, where.text, where.expression())
