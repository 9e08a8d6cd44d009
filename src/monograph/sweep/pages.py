"""The verdicts of a sweep for readers: a page that is searched by the name of a model, and JSON."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from monograph.exportdb.exporters import STAGES
from monograph.sweep.history import Change
from monograph.sweep.report import Report, Way
from monograph.sweep.results import KINDS, RIGHT, Row
from monograph.sweep.store import Run
from monograph.sweep.tasks import EAGER, FORMS, Key
from monograph.web.report import style_sheet

__all__ = ["models_fragment", "models_page", "verdicts_json"]

_TONES = {RIGHT: "good", "narrowed": "warn", "refused": "warn", "as exported": "warn"}


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("monograph", "sweep"),
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    return environment.get_template("models.html.j2")


def models_fragment(rows: Iterable[Row], changed: Sequence[Change] = ()) -> str:
    """The table of models with its filters, to be framed by another page."""
    rows = list(rows)
    versions = sorted({row.torch for row in rows}, reverse=True)
    return _template().render(
        tables=[_table(Report(rows, version)) for version in versions],
        libraries=sorted({row.library for row in rows}),
        kinds={kind: text for kind, text in KINDS.items() if kind != "lost"},
        tones=_TONES,
        changed=changed,
        script=Markup(_file("models.js")),
        style=Markup(_file("models.css")),
    )


def models_page(rows: Iterable[Row], changed: Sequence[Change] = ()) -> str:
    """A page of its own, which needs nothing else."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Which models export</title><style>{style_sheet()}</style></head>\n"
        f"<body><main><h1>Which models export</h1>\n{models_fragment(rows, changed)}"
        "</main></body></html>\n"
    )


def _file(name: str) -> str:
    return importlib.resources.files("monograph.sweep").joinpath(name).read_text()


def _table(report: Report) -> dict[str, Any]:
    ways = report.ways()
    models = []
    for key, eager in sorted(report.eager.items()):
        cells = [_cell(report.found[way].get(key)) for way in ways]
        if eager.outcome.kind != RIGHT:
            cells = [_cell(eager), *cells[1:]]
        models.append(
            {
                "library": key[0],
                "name": key[1],
                "sizes": ", ".join(report.sizes.get(key, ())),
                "cells": cells,
                "kinds": " ".join({c["anchor"]: None for c in cells if c is not None}),
            }
        )
    return {
        "torch": report.torch,
        "ways": [{"title": way.title, "counts": report.counts(way)} for way in ways],
        "models": models,
    }


def _cell(row: Row | None) -> dict[str, str] | None:
    if row is None:
        return None
    o = row.outcome
    told = o.message.split("\n")[0] if o.kind != RIGHT else ""
    code = o.code if o.code.startswith("MG-") else ""
    return {
        "kind": o.kind, "anchor": o.kind.replace(" ", "-"), "code": code, "told": told[:300],
        "where": o.where, "line": o.text,
    }  # fmt: skip


def verdicts_json(
    rows: Iterable[Row],
    history: Mapping[Key, Sequence[tuple[int, Row]]],
    runs: Iterable[Run],
    changed: Iterable[Change],
) -> str:
    """All verdicts, each with those before it, and what has changed at last."""
    models: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: row.key):
        verdict = {
            **_way(row), **_told(row), "varying": row.outcome.details.get("varying"),
            "source": row.source,
            "history": [{"run": n, **_told(old)} for n, old in history.get(row.key, ())],
        }  # fmt: skip
        models.setdefault((row.library, row.name), []).append(_without_nothing(verdict))
    data = {
        "format": 1,
        "kinds": KINDS,
        "forms": FORMS,
        "stages": {name: stage.title for name, stage in STAGES.items()},
        "runs": [vars(run) for run in runs],
        "changes": [
            {"library": c.after.library, "name": c.after.name, **_way(c.after), "what": c.what,
             "before": _told(c.before), "after": _told(c.after)}
            for c in changed
        ],
        "models": [
            {"library": library, "name": name, "verdicts": found}
            for (library, name), found in models.items()
        ],
    }  # fmt: skip
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def _way(row: Row) -> dict[str, str]:
    way = Way(row.exporter, row.form, row.stage)
    title = "eager mode" if row.exporter == EAGER else way.title
    return {**way._asdict(), "torch": row.torch, "title": title}


def _told(row: Row) -> dict[str, str]:
    o = row.outcome
    told = {"kind": o.kind, "code": o.code, "message": o.message, "where": o.where, "line": o.text}
    return _without_nothing(told)


def _without_nothing(data: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in data.items() if value}
