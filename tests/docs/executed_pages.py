"""Pages of the documentation, executed: what a block prints is what the page says it prints.

- ```` ```python ````: run; the blocks of a page are one program, in a file named after the page.
- ```` ```text ```` after one: what it printed; ``...`` stands for anything.
- ```` ```console ````: each ``$ monograph ...`` is run, and what follows is what it printed.
- ``<!-- file: model.py -->`` before a block: it is written to that file, not run.
"""

import contextlib
import io
import os
import re
import shlex
import sys
import types
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from monograph.cli import app

_FENCE = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>python|text|console)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
# Commands of other programs: what they do is not ours to test here.
_OTHERS = ("pip ", "make ", "git ", "python ", "pytest ")


@dataclass
class Block:
    kind: str
    text: str
    file: str | None


def blocks_of(text: str) -> list[Block]:
    return [Block(m["kind"], m["text"], m["file"]) for m in _FENCE.finditer(text)]


class Execution:
    """One page; its files lie in a folder of their own, which is the current one."""

    def __init__(self, name: str, folder: Path, text: str) -> None:
        self.name, self.folder = name.replace("-", "_"), folder
        self.module = types.ModuleType(self.name)
        self.file = folder / f"{self.name}.py"
        self.module.__file__ = str(self.file)
        self.source = ""  # that has run
        program = (b.text for b in blocks_of(text) if b.kind == "python" and b.file is None)
        self.file.write_text("\n".join(program))

    def python(self, block: Block) -> str:
        start = self.source.count("\n")
        self.source += block.text + "\n"
        code = compile("\n" * start + block.text, str(self.file), "exec")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, vars(self.module))
        return self._shown(printed.getvalue())

    def command(self, line: str) -> str:
        if line.startswith(_OTHERS):
            return ""
        words = shlex.split(line)
        assert words[0] == "monograph", line
        with contextlib.redirect_stderr(io.StringIO()):
            done = CliRunner().invoke(app, words[1:])
        for name in ("model", "export", "patterns"):
            sys.modules.pop(name, None)
        return self._shown(done.output)

    def _shown(self, text: str) -> str:
        return text.replace(f"{self.folder}/", "").replace(str(self.folder), ".")


def run_page(path: Path, folder: Path) -> list[tuple[str, str, str]]:
    """Run a page; returns what was printed and what is said to be, where they differ."""
    execution = Execution(path.stem, folder, path.read_text())
    wrong: list[tuple[str, str, str]] = []
    printed = ""
    before = Path.cwd()
    os.chdir(folder)
    sys.modules[execution.name] = execution.module
    try:
        for block in blocks_of(path.read_text()):
            if block.file is not None:
                (folder / block.file).write_text(block.text)
            elif block.kind == "python":
                if printed.strip():
                    wrong.append((execution.source, printed, ""))
                printed = execution.python(block)
            elif block.kind == "text":
                if not fits(block.text, printed):
                    wrong.append((execution.source, printed, block.text))
                printed = ""
            else:
                for line, said in _commands(block.text):
                    found = execution.command(line)
                    if not line.startswith(_OTHERS) and not fits(said, found):
                        wrong.append((line, found, said))
    finally:
        os.chdir(before)
        sys.modules.pop(execution.name, None)
    if printed.strip():
        wrong.append((execution.source, printed, ""))
    return wrong


def _commands(text: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ (.*)\n", text, flags=re.M)
    return list(zip(parts[1::2], parts[2::2], strict=True))


def fits(said: str, printed: str) -> bool:
    """Whether what was printed is what is said, but for ends of lines and ``...``."""
    pattern = "\n".join(line.rstrip() for line in said.strip("\n").splitlines())
    found = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines())
    parts = (re.escape(part) for part in pattern.split("..."))
    return re.fullmatch(".*?".join(parts), found, re.S) is not None
