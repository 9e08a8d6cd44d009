"""``{commands}``: every command of ``monograph`` with its arguments, from the program itself."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from machinery.command_line import commands


class CommandsDirective(SphinxDirective):
    """One section a command."""

    def run(self) -> list[nodes.Node]:
        """Usage, what it does, and its options."""
        return [self._section(name, command) for name, command in commands()]

    def _section(self, name: str, command: Any) -> nodes.section:
        section = nodes.section(ids=[name.replace(" ", "-")])
        section += nodes.title(text=name)
        words = [p.name.upper() if p.param_type_name == "argument" else "" for p in command.params]
        usage = " ".join([name, "[OPTIONS]", *(w for w in words if w)])
        section += nodes.literal_block(usage, usage, language="text")
        section += nodes.paragraph(text=(command.help or "").strip())
        items = nodes.definition_list()
        for parameter in command.params:
            if parameter.name == "help":
                continue
            is_argument = parameter.param_type_name == "argument"
            shown = parameter.name.upper() if is_argument else ", ".join(parameter.opts)
            item = nodes.definition_list_item()
            term = nodes.term()
            term += nodes.literal(shown, shown)
            item += term
            text = getattr(parameter, "help", "") or ""
            item += nodes.definition("", nodes.paragraph(text=text))
            items += item
        if len(items):
            section += items
        return section


def setup(app: Sphinx) -> dict[str, Any]:
    """For Sphinx."""
    app.add_directive("commands", CommandsDirective)
    return {"parallel_read_safe": True}
