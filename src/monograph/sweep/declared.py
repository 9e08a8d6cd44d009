"""A catalogue in TOML: models by what builds them, arguments by their sizes.

.. code-block:: toml

    exporters = ["monograph"]
    forms = ["static", "dynamic"]
    stages = ["file"]

    [[models]]
    name = "tagger"
    build = "models.py:Tagger"
    with = { width = 16 }
    sizes = { batch = [2, 1, 3], length = [7, 5] }
    args = ["i64[batch, length] < 100"]
    kwargs = { mask = "bool[batch, length]" }
    expect = { onnx = "fails" }

``build`` names what is called ``with`` arguments: in a file beside this one, or in a module that is
installed. It gives a module, or a module and its arguments (a tuple), or a module and a function
from sizes to arguments and keywords.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import importlib.util
import json
import operator
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch

from monograph.ir.spec import DTYPE_NAMES
from monograph.sweep.entries import Arguments, Entry, Inputs, Model
from monograph.sweep.imports import files_behind
from monograph.sweep.results import RIGHT

__all__ = ["CatalogueError", "Declared", "Settings"]

_DTYPES = {name: dtype for dtype, name in DTYPE_NAMES.items()}
_TENSOR = re.compile(r"(?P<dtype>\w+)\[(?P<shape>[^\]]*)\](?:\s*<\s*(?P<below>\d+))?")
_BELOW = 2  # integers are drawn from 0 and 1 where nothing else is said
_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
}  # fmt: skip


class CatalogueError(ValueError):
    """What is wrong in a catalogue."""


@dataclass(frozen=True)
class Settings:
    """What a catalogue asks for, where nobody asks for something else."""

    exporters: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    seconds: float | None = None
    gigabytes: float | None = None


@dataclass(frozen=True)
class Declared:
    """What a file in TOML has. ``expected``: of models, what is known not to be right in a form or
    at a stage: an outcome, and perhaps its code.
    """

    path: Path
    settings: Settings = Settings()
    models: tuple[dict[str, Any], ...] = ()
    LIBRARY: str = ""
    NEEDS: tuple[str, ...] = ()
    expected: dict[str, dict[str, str]] = field(default_factory=dict)

    @staticmethod
    def read(path: Path) -> Declared:
        """The file.

        Raises:
            CatalogueError: it is no catalogue.
        """
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
            models = tuple(_checked(model) for model in data.pop("models", ()))
            needs, library = tuple(data.pop("needs", ())), data.pop("library", "")
            lists: dict[str, Any] = {
                key: tuple(value) if isinstance(value, list) else value
                for key, value in data.items()
            }
            settings = Settings(**lists)
        except (tomllib.TOMLDecodeError, CatalogueError, TypeError) as error:
            raise CatalogueError(f"{path}: {error}") from None
        expected = {model["name"]: dict(model.get("expect", {})) for model in models}
        return Declared(path, settings, models, library, needs, expected)

    def entries(self) -> Iterator[Entry]:
        """Its models."""
        for model in self.models:
            sizes = {name: tuple(values) for name, values in model.get("sizes", {}).items()}
            build = partial(_built, self.path.parent, model)
            yield Entry(model["name"], build, sizes, digest=self._digest(model))

    def files(self, model: Mapping[str, Any]) -> set[Path]:
        """The files that a model is made of, as far as they lie beside this one."""
        place = model["build"].partition(":")[0]
        file = _file_of(self.path.parent, place)
        return set() if file is None else files_behind(file, self.path.parent)

    def expectation(self, name: str, exporter: str, form: str, stage: str) -> str:
        """The outcome that the file expects, and perhaps its code; of several that fit, that of the
        longest key: ``static``, ``torch dynamic``, ``dynamic onnx``.
        """
        way = {exporter, form, stage}
        told = {k: v for k, v in self.expected[name].items() if way.issuperset(k.split())}
        return told[max(told, key=lambda key: len(key.split()))] if told else RIGHT

    def _digest(self, model: Mapping[str, Any]) -> str:
        told = {key: value for key, value in model.items() if key != "expect"}
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        files = sorted(self.files(model))
        for file in files:
            digest.update(file.read_bytes())
        if not files:
            digest.update(_version_of(model["build"].partition(":")[0]).encode())
        return digest.hexdigest()[:12]


def _checked(model: Mapping[str, Any]) -> dict[str, Any]:
    """What says all that is needed, and nothing that is not known."""
    known = {"name", "build", "with", "sizes", "args", "kwargs", "expect"}
    name = model.get("name", "a model without a name")
    if unknown := sorted(model.keys() - known):
        raise CatalogueError(f"{name} says {', '.join(unknown)}; known are {', '.join(known)}")
    for key in ("name", "build"):
        if not isinstance(model.get(key), str):
            raise CatalogueError(f"{name} has no {key}")
    if ":" not in model["build"]:
        raise CatalogueError(f"{name} is built by FILE.py:NAME or MODULE:NAME")
    sizes = model.get("sizes", {})
    for size, values in sizes.items():
        if not (isinstance(values, list) and values and all(type(n) is int for n in values)):
            raise CatalogueError(f"{name}: {size} is a list of sizes, that of the example first")
    for argument in [*model.get("args", []), *model.get("kwargs", {}).values()]:
        _argument(argument, {size: values[0] for size, values in sizes.items()})
    return dict(model)


# What is built ---------------------------------------------------------------------------------


def _built(folder: Path, model: Mapping[str, Any]) -> tuple[Model, Inputs]:
    place, _, name = model["build"].partition(":")
    found = cast("Model", reduce(getattr, name.split("."), _module(folder, place)))
    options = model.get("with", {})
    # A module that is there already is no factory; a class and a function are.
    made = found(**options) if options or not isinstance(found, torch.nn.Module) else found
    if not isinstance(made, tuple):
        return made, partial(_declared, model)
    if len(made) == 2 and callable(made[1]):
        return made
    kwargs = dict(made[2] or {}) if len(made) > 2 else {}
    return made[0], lambda: (made[1], kwargs)


def _declared(model: Mapping[str, Any], **sizes: int) -> Arguments:
    args = tuple(_argument(each, sizes) for each in model.get("args", []))
    return args, {name: _argument(each, sizes) for name, each in model.get("kwargs", {}).items()}


def _argument(told: object, sizes: Mapping[str, int]) -> object:
    """A tensor of ``"f32[batch, 4]"``; what ``"batch + 1"`` is; numbers; and lists of such."""
    if isinstance(told, list):
        return [_argument(each, sizes) for each in told]
    if isinstance(told, dict):
        return {name: _argument(each, sizes) for name, each in told.items()}
    if not isinstance(told, str):
        return told
    tensor = _TENSOR.fullmatch(told.strip())
    if tensor is None:
        return _number(told, sizes)
    name = tensor["dtype"]
    dtype = _DTYPES.get(name) or getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise CatalogueError(f"{name} in {told!r} is no dtype; there are {', '.join(_DTYPES)}")
    shape = [_number(size, sizes) for size in tensor["shape"].split(",") if size.strip()]
    if dtype.is_floating_point or dtype.is_complex:
        return torch.randn(shape, dtype=dtype)
    return torch.randint(0, int(tensor["below"] or _BELOW), shape).to(dtype)


def _number(text: str, sizes: Mapping[str, int]) -> int:
    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and type(node.value) is int:
            return node.value
        if isinstance(node, ast.Name) and node.id in sizes:
            return sizes[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        raise CatalogueError(
            f"{text.strip()!r} is no tensor such as 'f32[batch, 4]', and no number of the sizes "
            f"{', '.join(sizes) or '(there are none)'}"
        )

    try:
        tree = ast.parse(text.strip(), mode="eval")
    except SyntaxError:
        tree = ast.Expression(ast.Constant(None))
    return value(tree.body)


# Where it is -----------------------------------------------------------------------------------


def _file_of(folder: Path, place: str) -> Path | None:
    """The file of ``models.py`` or of the module ``package.models``, if it lies beside this one."""
    if place.endswith(".py"):
        return folder / place
    base = folder.joinpath(*place.split("."))
    return next((p for p in (base.with_suffix(".py"), base / "__init__.py") if p.exists()), None)


def _module(folder: Path, place: str) -> ModuleType:
    root = str(folder.resolve())
    if root not in sys.path:
        sys.path.insert(0, root)
    if not place.endswith(".py"):
        return importlib.import_module(place)
    path = (folder / place).resolve()
    name = f"catalogue_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(sys.modules[name])
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def _version_of(module: str) -> str:
    names: Iterable[str] = packages_distributions().get(module.partition(".")[0], ())
    for name in names:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return ""
