"""Pages of the documentation, executed: what a block prints is what the page says it prints.

- ```` ```python ````: run; the blocks of a page are one program, in a file named after the page.
- ```` ```text ```` after one: what it printed; ``...`` stands for anything.
- ```` ```console ````: each ``$ monograph ...`` is run, and what follows is what it printed.
- ``<!-- file: model.py -->`` before a block of any language: it is written to that file, not run.
- ``<!-- slow -->`` before a block: run where everything is, and skipped with its output else.
- ``<!-- wants: torchao -->`` before a block: skipped with its output where that is not installed.
"""

import contextlib
import importlib.util
import io
import os
import re
import shlex
import subprocess
import sys
import types
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from monograph.cli import app

_FENCE = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n|<!-- (?P<slow>slow) -->\n"
    r"|<!-- wants: (?P<wanted>\w+) -->\n)?"
    r"```(?P<kind>python|text|console|cpp|cmake|toml)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
# Commands of other programs: what they do is not ours to test here.
_OTHERS = ("pip ", "make ", "git ", "python ", "pytest ")


@dataclass
class Block:
    kind: str
    text: str
    file: str | None
    is_slow: bool = False
    wanted: str | None = None


def blocks_of(text: str) -> list[Block]:
    return [
        Block(m["kind"], m["text"], m["file"], m["slow"] is not None, m["wanted"])
        for m in _FENCE.finditer(text)
        if m["kind"] != "toml" or m["file"]
    ]


def has_slow_blocks(page: Path) -> bool:
    return any(block.is_slow for block in blocks_of(page.read_text()))


def missing(page: Path) -> set[str]:
    """What blocks of a page want that is not installed."""
    wanted = {block.wanted for block in blocks_of(page.read_text()) if block.wanted}
    return {name for name in wanted if importlib.util.find_spec(name) is None}


def _runnable(path: Path, whole: bool) -> list[Block]:
    """The blocks without those that cannot be run here, and what those print."""
    found, skipped, absent = [], False, missing(path)
    for block in blocks_of(path.read_text()):
        if block.kind != "text":
            skipped = (block.is_slow and not whole) or block.wanted in absent
        if not skipped:
            found.append(block)
    return found


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
        if words[0] != "monograph":
            path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
            ran = subprocess.run(
                ["bash", "-c", line], capture_output=True, text=True, check=True,
                env={**os.environ, "PATH": path},
            )  # fmt: skip
            return self._shown(ran.stdout)
        with contextlib.redirect_stderr(io.StringIO()):
            done = CliRunner().invoke(app, words[1:])
        self.forget_modules()
        return self._shown(done.output)

    def forget_modules(self) -> None:
        """Other pages have files of the same names."""
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name != self.name and file and Path(file).is_relative_to(self.folder):
                del sys.modules[name]

    def _shown(self, text: str) -> str:
        return text.replace(f"{self.folder}/", "").replace(str(self.folder), ".")


def run_page(path: Path, folder: Path, whole: bool = False) -> list[tuple[str, str, str]]:
    """Run a page; returns what was printed and what is said to be, where they differ.

    Slow blocks are run where it is the ``whole`` page.
    """
    execution = Execution(path.stem, folder, path.read_text())
    wrong: list[tuple[str, str, str]] = []
    printed = ""
    before = Path.cwd()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.modules[execution.name] = execution.module
    try:
        for block in _runnable(path, whole):
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
        sys.path.remove(str(folder))
        execution.forget_modules()
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
