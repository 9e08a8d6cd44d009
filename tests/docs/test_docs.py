"""The documentation: its blocks run, its links lead somewhere, and nothing public is left out."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import torch
from executed_pages import fits, has_slow_blocks, missing, run_page
from typer.main import get_command

import monograph
from monograph.cli import app as command_line
from monograph.diagnostics.codes import CODES

ROOT = Path(__file__).parents[2]
# The plugin is loaded by pytest itself; torch brings sympy.
OPTIONAL = ("pytest", "sympy")
DOCS = ROOT / "docs"
WRITTEN = sorted(
    page
    for folder in ("tutorials", "how-to", "reference", "explanation")
    for page in (DOCS / folder).glob("*.md")
)
EXECUTED = [DOCS / "index.md", *WRITTEN]
REFERENCE = "\n".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))


@pytest.mark.parametrize("page", EXECUTED, ids=lambda page: page.stem)
def test_what_a_page_prints(page, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    torch.manual_seed(0)
    _holds(page, run_page(page, tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in EXECUTED if has_slow_blocks(page)], ids=lambda page: page.stem
)
def test_what_a_whole_page_prints(page, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    torch.manual_seed(0)
    _holds(page, run_page(page, tmp_path, whole=True))


def _holds(page, wrong):
    """Fails where a page says what is not so; a skip names what could not be run."""
    for source, printed, said in wrong:
        last = "\n".join(source.splitlines()[-12:])
        pytest.fail(
            f"{page.name}:\n{last}\n--- printed:\n{printed}\n--- but the page says:\n{said}"
        )
    if absent := missing(page):
        pytest.skip(f"{page.name}: blocks that want {', '.join(absent)}, which is not installed")


def test_what_fits():
    assert fits("a\n...\nz\n", "a\nb\nc\nz")
    assert not fits("a\nz", "a\nb\nz")


def test_every_public_name_has_its_reference():
    documented = set(
        re.findall(r"auto(?:class|function|exception):: monograph\.(\w+)$", REFERENCE, re.M)
    )
    assert documented == set(monograph.__all__)


def test_every_variable_has_its_reference():
    files = (ROOT / "src").rglob("*.py")
    used = {v for file in files for v in re.findall(r"MONOGRAPH_[A-Z]+", file.read_text())}
    assert used == set(re.findall(r"^## `(MONOGRAPH_[A-Z]+)", REFERENCE, re.M))


def test_every_command_has_words():
    sys.path.insert(0, str(DOCS))
    try:
        from machinery.command_line import commands
    finally:
        sys.path.remove(str(DOCS))
    found = dict(commands())
    assert {"monograph export", "monograph check", "monograph db search"} <= set(found)
    assert {name.split()[1] for name in found} == set(get_command(command_line).commands)
    for name, command in found.items():
        assert (command.help or "").strip(), name
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


def test_every_code_that_a_page_names_is_one():
    for page in WRITTEN:
        assert set(re.findall(r"MG-[A-Z]\d+", page.read_text())) <= set(CODES), page


def test_what_is_imported_is_installed():
    """Every package that some module imports when it is loaded is a dependency of the wheel.

    The workbench, which is an extra, is imported by its command alone.
    """
    wanted: dict[str, Path] = {}
    for file in (ROOT / "src").rglob("*.py"):
        if file.is_relative_to(ROOT / "src/monograph/workbench"):
            continue
        for node in ast.parse(file.read_text()).body:  # what runs when it is imported
            if isinstance(node, ast.Import):
                wanted |= {alias.name.split(".")[0]: file for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                wanted[str(node.module).split(".")[0]] = file
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    installed = {re.split(r"[<>=]", text)[0] for text in declared}
    distributions = packages_distributions()
    for name, file in wanted.items():
        if name not in sys.stdlib_module_names and name not in ("monograph", *OPTIONAL):
            assert installed & set(map(str.lower, distributions[name])), f"{file} imports {name}"
