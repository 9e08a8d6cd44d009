"""The models of real libraries as a table of the site: the directive ``{models}``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from monograph.sweep.pages import models_fragment
from monograph.sweep.record import read_record


class ModelsDirective(SphinxDirective):
    """``{models} sweeps/record.jsonl``: what came of each model that the record knows."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The table with its filters."""
        record = Path(self.env.srcdir).parent / self.arguments[0]
        self.env.note_dependency(str(record))
        return [nodes.raw("", models_fragment(read_record(record)), format="html")]


def setup(app: Sphinx) -> dict[str, Any]:
    """For Sphinx."""
    app.add_directive("models", ModelsDirective)
    return {"parallel_read_safe": True}
