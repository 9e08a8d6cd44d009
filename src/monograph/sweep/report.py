"""What a sweep has found: counted by library and by cause, as data, as Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from monograph.exportdb.exporters import EXPORTERS, STAGES
from monograph.sweep.results import KINDS, RIGHT, Row
from monograph.sweep.tasks import EAGER, FORMS

__all__ = ["Cause", "Report", "Way", "cause_of"]

_OURS = "monograph"
_MOST_NAMES = 12
_MOST_TEXT = 300

Key = tuple[str, str]  # a library and a name


class Way(NamedTuple):
    """An exporter and a form, and what was made of the program."""

    exporter: str
    form: str
    stage: str = ""

    @property
    def title(self) -> str:
        """For people."""
        parts = [EXPORTERS[self.exporter].title, self.form]
        return ", ".join([*parts, STAGES[self.stage].title] if self.stage else parts)


_CHIEF = Way(_OURS, "dynamic")  # what others are held against


@dataclass(frozen=True)
class Cause:
    """Why models do not come out right: the outcome, the code, the message without its numbers, and
    the line that it names.
    """

    kind: str
    code: str
    message: str
    text: str
    where: str


class Report:
    """Rows of one version of torch (without one: of that which most are of), asked for counts.

    ``sizes``: the models that eager mode runs, each with the names of the sizes that it can vary.
    """

    def __init__(self, rows: Iterable[Row], torch: str | None = None) -> None:
        self.eager: dict[Key, Row] = {}
        self.found: dict[Way, dict[Key, Row]] = {}
        rows = list(rows)
        versions = Counter(row.torch for row in rows)
        self.torch = max(versions, key=versions.__getitem__, default="") if torch is None else torch
        for row in rows:
            if row.torch != self.torch:
                continue
            key = row.library, row.name
            if row.exporter == EAGER:
                self.eager[key] = row
            else:
                self.found.setdefault(Way(row.exporter, row.form, row.stage), {})[key] = row
        self.sizes = {
            key: tuple(row.outcome.details.get("varying", ()))
            for key, row in self.eager.items()
            if row.outcome.kind == RIGHT
        }
        for way, entries in self.found.items():  # what is not in the list of models any more
            self.found[way] = {k: row for k, row in entries.items() if k in self.sizes}

    def ways(self) -> list[Way]:
        """The exporters and forms that were measured, in a fixed order."""
        stages = ("", *STAGES)
        order = [Way(e, form, stage) for form in FORMS for e in EXPORTERS for stage in stages]
        return [way for way in order if self.found.get(way)]

    def libraries(self) -> list[str]:
        """Their names, sorted."""
        return sorted({library for library, _ in self.eager})

    def counts(self, way: Way, library: str | None = None) -> Counter[str]:
        """How often each kind of outcome was met."""
        return Counter(
            row.outcome.kind
            for (own, _), row in self.found.get(way, {}).items()
            if library in (None, own)
        )

    def causes(self, way: Way) -> list[tuple[Cause, list[Key]]]:
        """Why models are not right, most frequent first."""
        groups: dict[Cause, list[Key]] = {}
        for key, row in sorted(self.found.get(way, {}).items()):
            if row.outcome.kind != RIGHT:
                groups.setdefault(cause_of(row), []).append(key)
        return sorted(groups.items(), key=lambda item: (-len(item[1]), item[0].message))

    def only_right_elsewhere(self, form: str, other: str = "torch") -> list[Key]:
        """The models that another exporter gets right in a form, and Monograph does not."""
        ours = self.found.get(Way(_OURS, form), {})
        theirs = self.found.get(Way(other, form), {})
        return sorted(
            key
            for key, row in theirs.items()
            if row.outcome.kind == RIGHT and key in ours and ours[key].outcome.kind != RIGHT
        )

    def unable(self) -> dict[str, list[Key]]:
        """The models that eager mode cannot run here, or not twice alike."""
        found: dict[str, list[Key]] = {}
        for key, row in sorted(self.eager.items()):
            if row.outcome.kind != RIGHT:
                found.setdefault(row.outcome.kind, []).append(key)
        return found

    def markdown(self) -> str:
        """The whole report as a page."""
        return "\n".join([*self._counts_page(), *self._causes_page(), *self._eager_page()]) + "\n"

    def _counts_page(self) -> list[str]:
        varying = sum(1 for names in self.sizes.values() if names)
        lines = [
            "# Real libraries, swept",
            "",
            f"{len(self.eager):,} models of {len(self.libraries())} libraries, in small random "
            f"configurations; eager mode runs {len(self.sizes):,} of them, and can vary sizes of "
            f"{varying:,}. A size that varies is `Dim.DYNAMIC`, without a minimum; programs are "
            "called with the example, with a batch of 1 and with two other sizes, and compared "
            f"with eager mode. `monograph sweep table` writes this page.",
            "",
            *(f"- `{form}`: {text}" for form, text in FORMS.items()),
            "",
        ]
        for way in self.ways():
            counts = self.counts(way)
            kinds = [kind for kind in KINDS if counts[kind]]
            share = f"{counts[RIGHT]:,} of {counts.total():,} right ({_share(counts)})"
            lines += [f"## {way.title}: {share}", "", *self._beside(way)]
            lines.append(f"| library | models | {' | '.join(kinds)} |")
            lines.append("| --- |" + " ---: |" * (len(kinds) + 1))
            for library in self.libraries():
                own = self.counts(way, library)
                if own:
                    cells = " | ".join(str(own[kind] or "") for kind in kinds)
                    lines.append(f"| {library} | {own.total()} | {cells} |")
            lines.append("")
        return lines

    def _beside(self, way: Way) -> list[str]:
        """How Monograph fares on the same models, where others were measured: what is failing is
        measured with them first, so that shares alone would mislead.
        """
        own = self.found.get(_CHIEF, {})
        rows = self.found[way]
        if way == _CHIEF or way.stage or not own.keys() & rows.keys():
            return []
        good = {key for key in rows if key in own and own[key].outcome.kind == RIGHT}
        others = own.keys() & rows.keys() - good
        right = sum(rows[key].outcome.kind == RIGHT for key in good)
        also = sum(rows[key].outcome.kind == RIGHT for key in others)
        return [
            f"Of {len(good):,} models that {EXPORTERS[_OURS].title}, dynamic gets right, {right:,} "
            f"are right here; of {len(others):,} others, {also:,}.",
            "",
        ]

    def _causes_page(self) -> list[str]:
        lines = []
        for form in FORMS:
            causes = self.causes(Way(_OURS, form))
            if causes:
                lines += [f"## What is not right with Monograph, {form}", ""]
                lines += ["| models | outcome | what is said | line | which |"]
                lines += ["| ---: | --- | --- | --- | --- |"]
                lines += [_cause_line(cause, keys) for cause, keys in causes]
                lines.append("")
            keys = self.only_right_elsewhere(form)
            if keys:
                names = ", ".join(f"{library}/{name}" for library, name in keys)
                lines += [f"Right with torch.export and not with Monograph: {names}.", ""]
        return lines

    def _eager_page(self) -> list[str]:
        lines = ["## What eager mode does not run", ""]
        for kind, keys in self.unable().items():
            names = ", ".join(f"{library}/{name}" for library, name in keys)
            lines += [f"{kind} ({len(keys)}): {names}.", ""]
        return lines


def cause_of(row: Row) -> Cause:
    """Why a row is not right: rows of one cause are equal."""
    o = row.outcome
    message = o.message.split("\n")[0]
    reasons = [line.strip(" -") for line in o.message.split("\n") if line.startswith("  - ")]
    if reasons:
        message = re.sub(
            r"^(Not all values of) .*? (in the specified)", r"\1 a size \2", reasons[0]
        )
    message = re.sub(r"^\[MG-\w+\] ", "", message)
    message = re.sub(r"(Expected input) at \S+", r"\1", message)
    message = re.sub(r"\bs\d+\b", "s", message)
    message = re.sub(r"\b\d+\b", "#", message)
    where = o.where.rpartition(":")[0].replace("/", " / ").split(" / ")
    return Cause(o.kind, o.code, message[:_MOST_TEXT], o.text, "/".join(where[-2:]))


def _share(counts: Counter[str]) -> str:
    return f"{counts[RIGHT] / max(counts.total(), 1):.1%}"


def _cause_line(cause: Cause, keys: list[Key]) -> str:
    names = ", ".join(f"{library}/{name}" for library, name in keys[:_MOST_NAMES])
    more = f" and {len(keys) - _MOST_NAMES} more" if len(keys) > _MOST_NAMES else ""
    cells = [
        str(len(keys)), f"{cause.kind} {cause.code}".strip(), _cell(cause.message),
        f"`{_cell(cause.text)}`" if cause.text else "", names + more,
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")[:160]
