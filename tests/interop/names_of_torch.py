"""The public names of ``torch.export``, and what each is called here.

``python tests/interop/names_of_torch.py`` writes the table of ``docs/reference/torch-names.md``;
a test holds it. A name that has no counterpart, and no reason in ``REASONS``, is an error.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import torch.export

import monograph

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "torch-names.md"
BEGIN = "<!-- table: python tests/interop/names_of_torch.py -->\n"
END = "<!-- end of the table -->"
# The modules that have a counterpart; the names of the others are those of the package.
MODULES = {"dynamic_shapes": "dynamic_shapes.", "graph_signature": "graph_signature."}
OTHERS = {
    "CustomDecompTable": ("default_decompositions()", "what the function returns"),
    "InterpreterModule": ("torch.fx.GraphModule", "the children of an unflattened module"),
    "UnflattenedModule.print_readable": ("UnflattenedModule.graph", "print it; each child is a "
                                         "`GraphModule`, which has `print_readable`"),
}  # fmt: skip
REASONS = {
    "Constraint": "an annotation: a union of torch's own classes",
    "CustomObjArgument": "an object of a C++ class is an attribute of the graph, not an input",
    "ExportBackwardSignature": "no graph has its gradients in it: `backward_signature` is None",
    "InterpreterModuleDispatcher": "calls of a module that differ are children: `name`, `name@1`",
    "PT2ArchiveReader": "torch's own reads the files of `save`; they are zip files",
    "PT2ArchiveWriter": "`save` writes programs; `extra_files` is for what is beside them",
    "ScriptObjectMeta": "objects of C++ classes are captured as they are",
    "UnflattenedModule.finalize": "the module is complete when it is made",
    "UnflattenedModule.process_forward_inputs": "a part of `forward`",
    "UnflattenedModule.type_name": "the classes of modules are in `nn_module_stack` of the nodes",
    "is_pt2_package": "torch's own tells it of the files of `save`, too",
}


def public_names() -> Iterator[tuple[str, str, object]]:
    """Module, name and object; the package itself is the module ``""``."""
    package = torch.export
    yield from (("", name, getattr(package, name)) for name in sorted(package.__all__))
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        if not found.name.startswith("_"):
            module = importlib.import_module(f"torch.export.{found.name}")
            for name in sorted(getattr(module, "__all__", ())):
                yield found.name, name, getattr(module, name)


def members(kind: type) -> list[str]:
    """What users read of a class: its public names that are torch.export's own."""
    own = [c for c in kind.__mro__ if c.__module__.startswith("torch.export")]
    return sorted({name for c in own for name in vars(c) if not name.startswith("_")})


def keywords(function: object) -> list[str]:
    """The parameters that a caller may name."""
    found = inspect.signature(function).parameters.values()
    return [p.name for p in found if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


def counterpart(path: str) -> object:
    """The object that ``path`` leads to from the package."""
    found: object = monograph
    for name in path.split("."):
        found = getattr(found, name)
    return found


def missing(theirs: object, ours: object) -> list[str]:
    """Parameters that callers name in torch's function, and that ours does not have."""
    return [name for name in keywords(theirs) if name not in keywords(ours)]


def row(module: str, name: str, theirs: object) -> tuple[str, str, str]:
    """Torch's name, ours, and what is to be said of it."""
    shown = f"{module}.{name}" if module else name
    short = name if "." in name else name.rpartition(".")[2]
    if short in REASONS:
        return shown, "", REASONS[short]
    if short in OTHERS:
        return shown, *OTHERS[short]
    path = MODULES.get(module, "") + name
    ours = counterpart(path)  # without: a gap that nobody has explained
    if inspect.isfunction(theirs) and (gone := missing(theirs, ours)):
        raise AttributeError(f"monograph.{path} does not take {', '.join(gone)}")
    said = "" if path == shown else "in the package itself"
    return shown, path, said


def rows() -> Iterator[tuple[str, str, str]]:
    """All rows, with those of the members of a class after it, where it is met first."""
    seen: set[object] = set()
    for module, name, item in public_names():
        yield row(module, name, item)
        is_told = name in REASONS or name in OTHERS
        if inspect.isclass(item) and not is_told and item not in seen:
            seen.add(item)
            for member in members(item):
                yield row(module, f"{name}.{member}", getattr(item, member, None))


def cell(path: str) -> str:
    """A name in a table."""
    return f"`{path}`" if path else "—"


def table() -> str:
    """The table, as Markdown."""
    lines = ["| `torch.export` | `monograph` | |", "| --- | --- | --- |"]
    for theirs, ours, said in rows():
        same = "same" if ours == theirs else cell(ours)
        lines.append(f"| `{theirs}` | {same} | {said} |")
    return "\n".join(lines) + "\n"


def with_table(text: str) -> str:
    """The page with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
