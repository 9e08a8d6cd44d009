"""Where the flat inputs of a program come from: parameters, buffers, constants, arguments."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.fx import Node

from monograph.capture.operators.tensor_subclasses import is_wrapper, parts_of
from monograph.capture.python.frames import caller_line
from monograph.diagnostics import PythonFeatureError, SourceLine
from monograph.ir.structure import Key, Structure, flatten

if TYPE_CHECKING:
    from monograph.capture.aliasing import Value

__all__ = [
    "Argument",
    "Origin",
    "Program",
    "Root",
    "State",
    "by_name",
    "flatten_arguments",
    "positional",
    "root_of",
]


@dataclass(eq=False, slots=True)
class Origin:
    """A tensor that enters the graph from outside.

    ``kind`` is ``parameter``, ``buffer``, ``constant`` or ``input``; ``target`` is its dotted
    name in the module (or ``lifted_tensor_0``), for an input its path.
    """

    kind: str
    target: str
    tensor: torch.Tensor
    node: Node
    value: Value
    persistent: bool = True
    fresh: bool = False  # made by the program itself (torch.tensor(...)): no state
    mutated: bool = False
    is_seen_by_autograd: bool = False  # some write to it was not under no_grad or through .data
    read_at: SourceLine | None = None


class State:
    """The modules, parameters and buffers of a module tree, found in one walk.

    ``modules`` lists each module once, with its first path. ``parameters`` and ``buffers`` list
    every name, so that a tensor with two names is there twice. A parameter that consists of
    other tensors is these: buffers, by their names in it.
    """

    def __init__(self, root: nn.Module) -> None:
        self.modules: list[tuple[str, nn.Module]] = []
        self.parameters: list[tuple[str, nn.Parameter]] = []
        self.buffers: list[tuple[str, torch.Tensor]] = []
        self.transient: set[str] = set()  # buffers that a state dict does not hold
        self.untrained: list[tuple[str, str]] = []  # parameters that are buffers here
        self.unheld: list[tuple[str, torch.Tensor]] = []  # buffers that no program can hold
        seen: set[int] = set()
        for path, module in root.named_modules(remove_duplicate=False):
            if (place := id(module)) not in seen:
                seen.add(place)
                self.modules.append((path, module))
            prefix = f"{path}." if path else ""
            for name, parameter in module._parameters.items():
                if type(parameter) is nn.Parameter:
                    self.parameters.append((prefix + name, parameter))
                elif parameter is not None:
                    self._add(prefix + name, parameter)
            for name, buffer in module._buffers.items():
                if buffer is None:
                    continue
                path_of_it = prefix + name
                is_plain = type(buffer) is torch.Tensor
                parts = ((path_of_it, buffer),) if is_plain else [*parts_of(path_of_it, buffer)]
                is_odd = buffer.layout is not torch.strided or buffer.is_quantized
                if is_plain and (is_odd or buffer.is_nested):
                    self.unheld += parts
                    continue
                self.buffers += parts
                if name in module._non_persistent_buffers_set:
                    self.transient.update(path_of_part for path_of_part, _ in parts)

    def _add(self, name: str, parameter: nn.Parameter) -> None:
        if not is_wrapper(type(parameter)):
            self.parameters.append((name, parameter))
            return
        if parameter.requires_grad:
            self.untrained.append((name, type(parameter).__name__))
        self.buffers += parts_of(name, parameter)


@dataclass
class Root:
    """The modules that a callable works on: ``module`` owns names, ``call`` runs it.

    For a function, ``module`` holds the modules that it closes over, under their names there.
    """

    module: nn.Module
    call: Callable[..., Any]
    signature: inspect.Signature | None
    is_module: bool
    training: bool | None

    def can_take(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether the arguments fit the program's parameters."""
        try:
            if self.signature is not None:
                self.signature.bind(*args, **kwargs)
        except TypeError:
            return False
        return True


Program = Callable[..., Any]


def root_of(f: Program) -> Root:
    """Find the module behind ``f``: itself, a bound method's owner, or what it closes over."""
    if isinstance(f, (torch.jit.ScriptModule, torch.jit.ScriptFunction)):
        raise PythonFeatureError(
            f"a torch.jit.{'ScriptModule' if isinstance(f, nn.Module) else 'ScriptFunction'} is "
            "code of TorchScript, and not exported by itself",
            where=caller_line(),
            hint="export the module or function that it was made of.",
        )
    if isinstance(f, nn.Module):
        return Root(f, f, _signature(f.forward), True, f.training)
    if isinstance(f, type) or not callable(f):
        raise PythonFeatureError(
            f"export needs a module, a function or a method, but got {type(f).__name__}"
            + (f" (the class {f.__name__} itself)" if isinstance(f, type) else ""),
            where=caller_line(),
            hint="pass an instance: export(Model(), args).",
        )
    owner = getattr(f, "__self__", None)
    if isinstance(owner, nn.Module):
        return Root(owner, f, _signature(f), True, owner.training)
    holder = nn.Module()
    for name, module in _modules_behind(f):
        if module not in holder.children():
            holder.add_module(name, module)
    training = {m.training for m in holder.children()}
    return Root(holder, f, _signature(f), False, training.pop() if len(training) == 1 else None)


def _signature(f: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return None


def _modules_behind(f: Callable[..., object], depth: int = 0) -> Iterator[tuple[str, nn.Module]]:
    """Modules that a function reaches: by closure, global name, partial argument, attribute."""
    if depth > 3:
        return
    if isinstance(f, functools.partial):
        yield from _modules_behind(f.func, depth + 1)
        values: dict[str, Any] = {**{f"arg{i}": a for i, a in enumerate(f.args)}, **f.keywords}
    elif isinstance(f, types.FunctionType):
        cells = zip(f.__code__.co_freevars, f.__closure__ or (), strict=True)
        values = {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
        for name in f.__code__.co_names:
            if name in f.__globals__:
                values[name] = f.__globals__[name]
    elif isinstance(f, types.MethodType):
        yield from _modules_behind(f.__func__, depth + 1)
        values = dict(vars(f.__self__)) if hasattr(f.__self__, "__dict__") else {}
    elif hasattr(f, "__dict__"):
        values = dict(vars(f))
        yield from _modules_behind(type(f).__call__, depth + 1)
    else:
        return
    for name, value in values.items():
        if isinstance(value, nn.Module):
            yield name, value
        elif isinstance(value, types.MethodType) and isinstance(value.__self__, nn.Module):
            yield name, value.__self__
        elif isinstance(value, (types.FunctionType, functools.partial)) and value is not f:
            yield from _modules_behind(value, depth + 1)


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


@dataclass
class Argument:
    """One leaf of the call's arguments: its path, its placeholder's name, its example.

    ``parts`` are those of its name (``("past", "0", "keys")``); ``source`` is how the program
    would write it (``past[0].keys``).
    """

    path: str
    name: str
    example: Any
    parts: tuple[str, ...] = ()
    source: str = ""

    @property
    def dotted(self) -> str:
        """``past.0.keys``."""
        return ".".join(self.parts)


@dataclass
class Arguments:
    """The flattened call: ``args`` and ``kwargs`` as two structures and their leaves."""

    args: Structure
    kwargs: Structure
    leaves: list[Argument] = field(default_factory=list)

    def dictionaries(self, signature: inspect.Signature | None) -> dict[str, tuple[Key, ...]]:
        """The dictionaries whose order the program may see, by their paths, with their keys.

        Among the keyword arguments are those that a program takes as ``**kwargs``.
        """
        found = dict(self.args.dictionaries("*args")) | dict(self.kwargs.dictionaries("*kwargs"))
        named = _names_of_parameters(signature)
        extra = tuple(key for key in found.pop("*kwargs", ()) if key[1] not in named)
        return found | {"*kwargs": extra} if len(extra) > 1 else found

    def source_of(self, path: str) -> str:
        """How the program writes the container at ``path``, in terms of its parameters."""
        inside = next((a for a in self.leaves if a.path.startswith(path + "[")), None)
        if path == "*kwargs" or inside is None:
            return path
        return inside.source.removesuffix(inside.path.removeprefix(path))

    def order(self, keys: Mapping[str, tuple[Key, ...]]) -> None:
        """Note that these dictionaries must have ``keys`` in this order."""
        self.args = self.args.with_order(keys, "*args")
        self.kwargs = self.kwargs.with_order(keys, "*kwargs")


def positional(args: object) -> tuple[Any, ...]:
    """The positional arguments of a call, which may come as a named tuple or as a list.

    Raises:
        PythonFeatureError: they come as anything else, a tensor say.
    """
    if not isinstance(args, (tuple, list)):
        raise PythonFeatureError(
            f"args must be a tuple of the positional arguments, but got {type(args).__name__}",
            where=caller_line(),
            hint="for one argument write (x,).",
        )
    return tuple(args)


def by_name(kwargs: Mapping[str, Any] | None) -> dict[str, Any]:
    """The keyword arguments of a call.

    Raises:
        PythonFeatureError: they come as anything but a mapping.
    """
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise PythonFeatureError(
            f"kwargs must be a dict of the keyword arguments, but got {type(kwargs).__name__}",
            where=caller_line(),
            hint='write {"name": value}.',
        )
    return dict(kwargs or {})


def flatten_arguments(root: Root, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    """Take the call's arguments apart; leaves are named after the parameters they bind to."""
    positional, args_structure = flatten(args, "*args")
    named, kwargs_structure = flatten(kwargs, "*kwargs")
    names = positional_names(root.signature, len(args))
    found = Arguments(args_structure, kwargs_structure)
    leaf = iter(positional)
    for name, (suffix, _), child in zip(
        names, args_structure.keys, args_structure.children, strict=True
    ):
        start = "*args" + suffix
        for path, parts in zip(child.paths(start), child.names((name,)), strict=True):
            source = name + path.removeprefix(start)
            found.leaves.append(Argument(path, "_".join(parts), next(leaf), parts, source))
    for path, parts, example in zip(
        kwargs_structure.paths("*kwargs"), kwargs_structure.names(), named, strict=True
    ):
        start = f"*kwargs[{parts[0]!r}]" if parts else ""
        source = "".join((*parts[:1], path.removeprefix(start)))
        found.leaves.append(Argument(path, "_".join(parts), example, parts, source))
    return found


def _names_of_parameters(signature: inspect.Signature | None) -> frozenset[str]:
    """The parameters that are told apart by their names; all of them, if none takes the rest."""
    parameters = signature.parameters.values() if signature else ()
    return frozenset(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)


def positional_names(signature: inspect.Signature | None, count: int) -> list[str]:
    """The names that the first ``count`` positional arguments bind to."""
    names: list[str] = []
    for parameter in signature.parameters.values() if signature else ():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            names.append(parameter.name)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            names.extend(f"{parameter.name}_{i}" for i in range(max(count - len(names), 0)))
    names = names[:count]
    names.extend(f"arg_{i}" for i in range(len(names), count))
    return names
