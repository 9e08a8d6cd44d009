"""What has changed between two times of measuring: what broke, what was mended, what is other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monograph.sweep.report import cause_of
from monograph.sweep.results import KINDS, LOST, Row

__all__ = ["Change", "changes"]

_ORDER = {kind: i for i, kind in enumerate(KINDS)}


@dataclass(frozen=True)
class Change:
    """``what``: "broken", "mended", or "other": not right before, and not right for another reason
    now.
    """

    what: str
    before: Row
    after: Row

    def __str__(self) -> str:
        row = self.after
        way = " ".join(filter(None, (row.exporter, row.form, row.stage, row.torch)))
        return f"{self.what}: {row.library}/{row.name} {way}: {_told(self.before)} -> {_told(row)}"


def changes(
    before: Iterable[Row], after: Iterable[Row], *, of_any_torch: bool = False
) -> list[Change]:
    """Of the tasks that both know, those with another outcome; what broke comes first.

    ``of_any_torch``: a task is the same with another version of torch.
    """
    parts = slice(0, -1 if of_any_torch else None)
    known = {row.key[parts]: row for row in before}
    found = []
    for row in after:
        old = known.get(row.key[parts])
        if old is not None and (what := _what(old, row)):
            found.append(Change(what, old, row))
    order = ("broken", "other", "mended")
    return sorted(found, key=lambda change: (order.index(change.what), change.after.key))


def _what(old: Row, new: Row) -> str:
    kinds = old.outcome.kind, new.outcome.kind
    if LOST in kinds:
        return ""
    if kinds[0] != kinds[1]:
        return "broken" if _ORDER[kinds[1]] > _ORDER[kinds[0]] else "mended"
    return "other" if cause_of(old) != cause_of(new) else ""


def _told(row: Row) -> str:
    outcome = row.outcome
    code = outcome.code if outcome.code.startswith("MG-") else ""
    return f"{outcome.kind} {code}".strip()
