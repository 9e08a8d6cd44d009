"""Functions of the program, evaluated here and not by Python: what is not known is not done.

What is known has no effect but on what was made here: arithmetic, names, attributes that are
read, containers, functions of torch on plain arguments, and functions that consist of these. So a
part of the program can be run once more, and nothing has to be put back.
"""

from __future__ import annotations

import abc
import ast
import functools
import math
import operator
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, NamedTuple, NoReturn

import torch
from torch import nn

from monograph.capture.abstract import AbstractTensor
from monograph.capture.python.frames import is_ours
from monograph.capture.python.nodes import Syntax, syntax_of
from monograph.capture.python.sites import source_file
from monograph.capture.python.type_calls import type_of
from monograph.torch_internals import GLOBAL_HOOKS, is_function_of_torch

__all__ = ["Evaluation", "Reads", "Rest", "UnknownError", "attribute_of", "is_tensor", "rest_of"]

Item = Any  # whatever the program computes with

_builtins_of = operator.attrgetter("__builtins__")  # which not all stubs have
_MOST_STEPS = 1000  # expressions in one evaluation
_MOST_CALLS = 12  # functions that are running in each other
_GOES_ON, _BREAKS, _CONTINUES = object(), object(), object()
_MISSING, _LOST = object(), object()
_UNSUITABLE = 0x20 | 0x80 | 0x200  # generators and coroutines: they run in pieces

_SIZES = (torch.SymInt, torch.SymFloat, torch.SymBool)
_NUMBERS = (int, float, complex, bool)
_ATOMS = (
    *_NUMBERS, *_SIZES, str, bytes, type(None), type(Ellipsis), slice, torch.dtype, torch.device,
    torch.layout, torch.memory_format, torch.finfo, torch.iinfo,
)  # fmt: skip
_CONTAINERS = (tuple, list, dict, torch.Size, range)
_OF_MODULES = (nn.ModuleList, nn.Sequential, nn.ModuleDict)
_TENSORS = (AbstractTensor, torch.Tensor, nn.Parameter, nn.Buffer)

_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
    ast.Pow: operator.pow, ast.MatMult: operator.matmul, ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_, ast.BitXor: operator.xor, ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}  # fmt: skip
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_BUILTINS = (
    abs, bool, bytes, complex, dict, divmod, float, int, len, list, max, min, pow, range, round,
    slice, str, sum, tuple, type,
)  # fmt: skip
_OF_ITEMS = (all, any, enumerate, len, list, reversed, tuple, zip)
_PURE: frozenset[Any] = frozenset({
    *_BUILTINS, *(f for f in vars(math).values() if isinstance(f, types.BuiltinFunctionType)),
    torch.finfo, torch.iinfo, torch.device, torch.Size, torch.is_grad_enabled,
    torch.is_autocast_enabled, torch.is_tensor, vars(torch.jit)["is_tracing"],
    vars(torch.jit)["is_scripting"],
    torch.compiler.is_compiling, torch.compiler.is_exporting, torch.compiler.is_dynamo_compiling,
})  # fmt: skip
_THROUGH = (all, any, dict, list, max, min, sum, tuple)  # what takes a generator to its end
_OF_TORCH = ("torch.nn.functional", "torch.functional")  # modules of functions on tensors
_ATTRIBUTES = frozenset({
    "shape", "dtype", "device", "ndim", "layout", "T", "mT", "is_cuda", "is_sparse", "is_quantized",
    "requires_grad", "dim", "ndimension", "float", "half", "double", "bool", "long", "int", "short",
    "bfloat16", "is_floating_point", "is_complex",
})  # fmt: skip
_WITH_METHODS = (str, int, float, bool, torch.finfo, torch.iinfo, torch.dtype, torch.device)
_OF_DICTS = frozenset({"get", "items", "keys", "values", "copy"})
# Methods with effects, and those that read how a tensor lies, which is noted.
_NOT_PURE = frozenset({
    "retain_grad", "set_data", "backward", "_backward", "stride", "is_contiguous",
    "storage_offset", "dim_order", "is_conj", "is_neg", "item", "sym_stride", "sym_storage_offset",
})  # fmt: skip


class UnknownError(Exception):
    """It is not known what this does."""


class Reads(NamedTuple):
    """What an evaluation has read of the variables that were there: whole, or attributes only.

    ``others``: names of modules, and attributes of what was read.
    """

    whole: dict[str, object]
    attributes: dict[tuple[str, str], object]
    others: dict[tuple[int, str], tuple[Any, str, object]]

    def update(self, more: Reads) -> None:
        """What another evaluation has read, too."""
        self.whole.update(more.whole)
        self.attributes.update(more.attributes)
        self.others.update(more.others)


class Rest(NamedTuple):
    """What a function has still to do: the rest of each block, from the inside out.

    ``lost``: variables whose values before that are not known any more.
    """

    code: CodeType
    blocks: Sequence[Sequence[ast.stmt]]
    lost: frozenset[str]


def rest_of(frame: FrameType) -> Rest | None:
    """From the statement on that runs in ``frame``; None where it can be entered there no more."""
    code, at = frame.f_code, frame.f_lasti
    syntax = None if code.co_flags & _UNSUITABLE else syntax_of(code)
    if syntax is None:
        return None
    return syntax.noted_once(at, lambda syntax: _rest_at(syntax, at))


def _rest_at(syntax: Syntax, offset: int) -> Rest | None:
    code = syntax.code
    node = syntax.node_at(offset)
    while node is not None and not isinstance(node, ast.stmt):
        node = syntax.parent(node)
    if node is None or not _is_closed(syntax.function):
        return None
    lost = _assigned_in_passing(node)
    blocks: list[list[ast.stmt]] = []
    while not isinstance(node, ast.FunctionDef):
        parent = syntax.around(node)
        if not isinstance(parent, (ast.If, ast.FunctionDef)):
            return None
        block = parent.body if node in parent.body else parent.orelse if isinstance(
            parent, ast.If
        ) else []  # fmt: skip
        if node not in block:
            return None
        at = block.index(node)
        blocks.append(block[at if not blocks else at + 1 :])
        node = parent
    return Rest(code, blocks, lost) if node.name == code.co_name else None


def _assigned_in_passing(statement: ast.AST) -> frozenset[str]:
    """Variables that it assigns within expressions: they may not be what they were before it."""
    # An ``if`` has not yet run its blocks.
    parts = [*ast.walk(statement.test if isinstance(statement, ast.If) else statement)]
    targets: list[ast.AST] = [part.target for part in parts if isinstance(part, ast.NamedExpr)]
    for part in parts:
        if isinstance(part, ast.comprehension):  # from Python 3.12 on in the function itself
            targets += ast.walk(part.target)
    return frozenset(each.id for each in targets if isinstance(each, ast.Name))


class _Names:
    """The variables of a function that runs; ``reads``: where it is noted what is read.

    ``shared``: those that functions inside it see, where it was running before. ``around``: the
    variables of the function that it was made in.
    """

    def __init__(
        self,
        local: dict[str, Any],
        outer: Mapping[str, Any],
        builtins: Mapping[str, Any],
        reads: Reads,
        shared: Sequence[str] | None = None,
        around: _Names | None = None,
    ) -> None:
        self.around = around
        self.local = local
        self.shared = shared or ()
        self.outer = outer
        self.builtins = builtins
        self.reads = reads
        self.before = {} if shared is None else dict(local)

    def load(self, name: str) -> Item:
        found = self.local.get(name, _MISSING)
        if found is _LOST:
            raise UnknownError(name)
        if found is not _MISSING:
            if self.is_before(name):
                self.reads.whole[name] = found
            return found
        if self.around is not None:
            return self.around.load(name)
        for names in (self.outer, self.builtins):
            if name in names:
                self.reads.others[id(names), name] = names, name, names[name]
                return names[name]
        raise UnknownError(name)

    def is_before(self, name: str) -> bool:
        """Whether a variable still holds what it held before."""
        if self.around is not None and name not in self.local:
            return self.around.is_before(name)
        found = self.local.get(name, _MISSING)
        return name in self.before and self.before[name] is found and found is not _LOST

    def held(self, name: str) -> Item:
        """What a variable holds that is as before."""
        is_here = self.around is None or name in self.local
        return self.local[name] if is_here or self.around is None else self.around.held(name)

    def inside(self, local: dict[str, Any]) -> _Names:
        """The variables of a function that is made here."""
        return _Names(local, self.outer, self.builtins, self.reads, around=self)


@dataclass(eq=False)
class _Made:
    """A function that was made here; ``defaults``: of its parameters, by their names."""

    parameters: ast.arguments
    body: Sequence[ast.stmt]
    names: _Names
    defaults: dict[str, Any]

    def bound(self, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Its parameters."""
        told = self.parameters
        first = [each.arg for each in (*told.posonlyargs, *told.args)]
        others = {each.arg for each in (*told.args, *told.kwonlyargs)}
        found = dict(zip(first, args, strict=False))
        if told.vararg is not None:
            found[told.vararg.arg] = tuple(args[len(first) :])
        elif len(args) > len(first):
            raise UnknownError("arguments")
        rest = {name: value for name, value in kwargs.items() if name not in others}
        named = {name: value for name, value in kwargs.items() if name in others}
        if found.keys() & named.keys() or (rest and told.kwarg is None):
            raise UnknownError("arguments")
        found = self.defaults | found | named
        if told.kwarg is not None:
            found[told.kwarg.arg] = rest
        if not found.keys() >= {*first, *others}:
            raise UnknownError("arguments")
        return found


class _Iterator:
    """What gives its items once."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = [*items]

    def take(self) -> list[Any]:
        """All that it has still to give."""
        found, self._items = self._items, []
        return found


class Evaluation:
    """One evaluation. ``reads``: what it has read of the variables of the frame it begins in.

    ``decide`` answers whether a number that varies is true; ``is_new``, whether a tensor was made
    here: it may be another one's stand-in, where the program itself has the very tensor.
    """

    def __init__(
        self, decide: Callable[[Any], bool], is_new: Callable[[Any], bool] = lambda _: False
    ) -> None:
        self.decide = decide
        self.is_new = is_new
        self.reads = Reads({}, {}, {})
        self.codes: set[CodeType] = set()  # of the functions that were evaluated
        self._steps = self._depth = 0
        self._made: dict[int, object] = {}  # containers

    def is_made(self, item: object) -> bool:
        """Whether a container was made here."""
        return id(item) in self._made

    def finish(self, frame: FrameType, rest: Rest) -> object:
        """What the function of ``frame`` returns.

        Raises:
            UnknownError: where that cannot be told without effects.
            Exception: what the program raises.
        """
        local, code = dict(frame.f_locals), frame.f_code
        self.codes.add(code)
        local.update(dict.fromkeys(rest.lost, _LOST))
        shared = [name for name in code.co_cellvars if name in local]  # others have no value yet
        names = _Names(local, frame.f_globals, frame.f_builtins, self.reads, shared)
        for block in rest.blocks:
            found = self._run(block, names)
            if found is not _GOES_ON:
                return found
        return None

    # Statements ----------------------------------------------------------------------------------

    def _run(self, block: Iterable[ast.stmt], names: _Names) -> object:
        """What these statements return, or that they go on."""
        for statement in block:
            run = _RUN.get(statement.__class__)
            if run is None:
                raise UnknownError(statement.__class__.__name__)
            found = run(self, statement, names)
            if found is not _GOES_ON:
                return found
        return _GOES_ON

    def _pass(self, statement: ast.Pass, names: _Names) -> object:
        return _GOES_ON

    def _alone(self, statement: ast.Expr, names: _Names) -> object:
        self.value(statement.value, names)
        return _GOES_ON

    def _return(self, statement: ast.Return, names: _Names) -> object:
        return None if statement.value is None else self.value(statement.value, names)

    def _if(self, statement: ast.If, names: _Names) -> object:
        is_taken = self._truth(self.value(statement.test, names))
        return self._run(statement.body if is_taken else statement.orelse, names)

    def _assigned(self, statement: ast.Assign, names: _Names) -> object:
        value = self.value(statement.value, names)
        for target in statement.targets:
            self._assign(target, value, names)
        return _GOES_ON

    def _annotated(self, statement: ast.AnnAssign, names: _Names) -> object:
        if statement.value is not None:
            self._assign(statement.target, self.value(statement.value, names), names)
        return _GOES_ON

    def _assign(self, target: ast.expr, value: Item, names: _Names) -> None:
        if isinstance(target, ast.Name):
            if target.id in names.shared:
                raise UnknownError("a variable that others see")
            names.local[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = self._items(value)
            if len(items) != len(target.elts):
                raise UnknownError("unpacking")
            for each, item in zip(target.elts, items, strict=True):
                self._assign(each, item, names)
        elif isinstance(target, ast.Subscript):
            container = self.value(target.value, names)
            if type(container) not in (dict, list) or not self.is_made(container):
                raise UnknownError("it is written to")
            container[self._key(self.value(target.slice, names))] = value
        else:
            raise UnknownError(target.__class__.__name__)

    def _updated(self, statement: ast.AugAssign, names: _Names) -> object:
        if not isinstance(statement.target, ast.Name):
            raise UnknownError("it is written to")
        left = names.load(statement.target.id)
        right = self.value(statement.value, names)
        if not isinstance(left, (*_NUMBERS, *_SIZES, str, tuple)):
            raise UnknownError("it is written to")
        self._assign(statement.target, self._binary(statement.op, left, right), names)
        return _GOES_ON

    def _loop(self, statement: ast.For, names: _Names) -> object:
        for item in self._items(self.value(statement.iter, names)):
            self._assign(statement.target, item, names)
            found = self._run(statement.body, names)
            if found is _BREAKS:
                return _GOES_ON
            if found is not _GOES_ON and found is not _CONTINUES:
                return found
        return self._run(statement.orelse, names)

    def _while(self, statement: ast.While, names: _Names) -> object:
        while self._truth(self.value(statement.test, names)):
            found = self._run(statement.body, names)
            if found is _BREAKS:
                return _GOES_ON
            if found is not _GOES_ON and found is not _CONTINUES:
                return found
        return self._run(statement.orelse, names)

    def _break(self, statement: ast.Break, names: _Names) -> object:
        return _BREAKS

    def _continue(self, statement: ast.Continue, names: _Names) -> object:
        return _CONTINUES

    def _assert(self, statement: ast.Assert, names: _Names) -> object:
        if not self._truth(self.value(statement.test, names)):
            raise UnknownError("an assertion that fails")
        return _GOES_ON

    def _define(self, statement: ast.FunctionDef, names: _Names) -> object:
        """A function: it sees the variables here as they are when it is called."""
        parts = [*ast.walk(statement)]
        is_plain = not any(
            isinstance(part, (ast.Yield, ast.YieldFrom, ast.Await)) for part in parts
        )
        if statement.decorator_list or not is_plain or not _is_closed(statement):
            raise UnknownError("a function")
        made = self._function(statement.args, statement.body, names)
        self._assign(ast.Name(statement.name, ast.Store()), made, names)
        return _GOES_ON

    def _function(
        self, parameters: ast.arguments, body: Sequence[ast.stmt], names: _Names
    ) -> _Made:
        first = [each.arg for each in (*parameters.posonlyargs, *parameters.args)]
        last = first[len(first) - len(parameters.defaults) :]
        defaults = {
            name: self.value(each, names)
            for name, each in zip(last, parameters.defaults, strict=True)
        }
        for named, each in zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True):
            if each is not None:
                defaults[named.arg] = self.value(each, names)
        return _Made(parameters, body, names, defaults)

    def _attempt(self, statement: ast.Try, names: _Names) -> object:
        """What raises nothing."""
        try:
            found = self._run((*statement.body, *statement.orelse), names)
        except Exception as error:
            raise UnknownError("an exception") from error
        last = self._run(statement.finalbody, names)
        return found if last is _GOES_ON else last

    def _import(self, statement: ast.Import | ast.ImportFrom, names: _Names) -> object:
        """Of modules that are loaded."""
        for alias in statement.names:
            if isinstance(statement, ast.Import):
                whole = alias.name if alias.asname else alias.name.split(".")[0]
                if alias.name not in sys.modules or whole not in sys.modules:
                    raise UnknownError("import")
                names.local[alias.asname or whole] = sys.modules[whole]
            else:
                module = None if statement.level else sys.modules.get(statement.module or "")
                if module is None or alias.name not in vars(module):
                    raise UnknownError("import")
                names.local[alias.asname or alias.name] = vars(module)[alias.name]
        return _GOES_ON

    # Expressions ---------------------------------------------------------------------------------

    def value(self, node: ast.expr, names: _Names) -> Item:
        """The value of an expression."""
        self._steps += 1
        evaluate = _EVALUATED.get(node.__class__)
        if evaluate is None or self._steps > _MOST_STEPS:
            raise UnknownError(node.__class__.__name__)
        return evaluate(self, node, names)

    def _name(self, node: ast.Name, names: _Names) -> Item:
        return names.load(node.id)

    def _constant(self, node: ast.Constant, names: _Names) -> Item:
        return node.value

    def _both(self, node: ast.BoolOp, names: _Names) -> Item:
        is_or = isinstance(node.op, ast.Or)
        value: Item = None
        for i, each in enumerate(node.values):
            value = self.value(each, names)
            if i + 1 < len(node.values) and self._truth(value) is is_or:
                break
        return value

    def _either(self, node: ast.IfExp, names: _Names) -> Item:
        taken = self._truth(self.value(node.test, names))
        return self.value(node.body if taken else node.orelse, names)

    def _unary(self, node: ast.UnaryOp, names: _Names) -> Item:
        value = self.value(node.operand, names)
        if isinstance(node.op, ast.Not):
            return not self._truth(value)
        if not isinstance(value, (*_NUMBERS, *_SIZES)) and not is_tensor(value):
            raise UnknownError("operator")
        if isinstance(node.op, ast.USub):
            return -value
        return +value if isinstance(node.op, ast.UAdd) else ~value

    def _two(self, node: ast.BinOp, names: _Names) -> Item:
        left = self.value(node.left, names)
        return self._binary(node.op, left, self.value(node.right, names))

    def _binary(self, op: ast.operator, left: Item, right: Item) -> Item:
        for each in (left, right):
            is_plain = type(each) in (*_NUMBERS, *_SIZES, str, tuple, list, torch.Size)
            if not is_plain and not is_tensor(each):
                raise UnknownError("operator")
        return self._kept(_BINARY[op.__class__](left, right))

    def _compared(self, node: ast.Compare, names: _Names) -> Item:
        left, found = self.value(node.left, names), True
        for i, (op, right_node) in enumerate(zip(node.ops, node.comparators, strict=True)):
            right = self.value(right_node, names)
            if isinstance(op, (ast.Is, ast.IsNot)):
                if left is not right and self._may_be_one(left, right):
                    raise UnknownError("is")
                found = (left is right) is isinstance(op, ast.Is)
            elif isinstance(op, (ast.In, ast.NotIn)):
                if not _is_plain(left) or type(right) not in (str, *_CONTAINERS):
                    raise UnknownError("in")
                if type(right) is not dict and not all(map(_is_plain, right)):
                    raise UnknownError("in")
                found = (left in right) is isinstance(op, ast.In)
            elif (_is_plain(left) or is_tensor(left)) and (_is_plain(right) or is_tensor(right)):
                found = _COMPARISONS[op.__class__](left, right)
            else:
                raise UnknownError("comparison")
            if i + 1 < len(node.ops) and not self._truth(found):
                break
            left = right
        return found

    def _may_be_one(self, left: Item, right: Item) -> bool:
        """Whether two tensors may be the very same in eager mode."""
        are_tensors = is_tensor(left) and is_tensor(right)
        return are_tensors and (self.is_new(left) or self.is_new(right))

    def _attribute(self, node: ast.Attribute, names: _Names) -> Item:
        return self._read(node.value, node.attr, names)

    def _read(self, node: ast.expr, name: str, names: _Names, default: Item = _MISSING) -> Item:
        """An attribute of what ``node`` gives."""
        if not isinstance(node, ast.Name) or not names.is_before(node.id):
            return self._attribute_of(self.value(node, names), name, default)
        owner = names.held(node.id)
        if type(owner) in (*_TENSORS, *_ATOMS, *_CONTAINERS):
            return self._attribute_of(self.value(node, names), name, default)
        known = dict(self.reads.others)
        found = self._attribute_of(owner, name, default)
        if isinstance(found, types.MethodType) or len(self.reads.others) > len(known) + 1:
            names.reads.whole[node.id] = owner
            return found
        self.reads.others.clear()
        self.reads.others.update(known)
        names.reads.attributes[node.id, name] = found
        return found

    def _attribute_of(self, owner: Item, name: str, default: Item = _MISSING) -> Item:
        kind = type(owner)
        if kind in _MADE_HERE:
            raise UnknownError(name)
        if is_tensor(owner):
            if name in _ATTRIBUTES or _is_operator(name):
                return getattr(owner, name)
            is_absent = not hasattr(kind, name) and name not in owner.__dict__
            if is_absent and default is not _MISSING:
                return default
        elif kind is ModuleType or isinstance(owner, type(torch.ops.aten)):
            found = vars(owner).get(name, default)
            if found is not _MISSING:
                return found
        elif kind is dict:
            if name in _OF_DICTS:
                return getattr(owner, name)
        elif kind in (list, tuple, torch.Size):
            if name == "copy" or (kind is torch.Size and name == "numel"):
                return getattr(owner, name)
        elif kind in _WITH_METHODS:
            return getattr(owner, name)
        elif not isinstance(owner, (type, *_SIZES, torch.Tensor)):
            return self._attribute_of_object(owner, name, default)
        raise UnknownError(name)

    def _attribute_of_object(self, owner: Item, name: str, default: Item) -> Item:
        kind = type(owner)
        if _of_class(kind, "__getattribute__") is not vars(object)["__getattribute__"]:
            raise UnknownError(name)
        held = getattr(owner, "__dict__", {})
        of_class = _of_class(kind, name)
        if isinstance(of_class, property):
            if not isinstance(of_class.fget, FunctionType):
                raise UnknownError(name)
            return self.call(of_class.fget, (owner,), {})
        if hasattr(type(of_class), "__set__"):
            raise UnknownError(name)
        if name in held:
            self.reads.others[id(owner), name] = owner, name, held[name]
            return held[name]
        if isinstance(of_class, FunctionType):
            return types.MethodType(of_class, owner)
        if isinstance(of_class, staticmethod):
            return of_class.__func__
        if of_class is not _MISSING:
            if hasattr(type(of_class), "__get__"):
                raise UnknownError(name)
            return of_class
        looks = _of_class(kind, "__getattr__")
        if looks is vars(nn.Module)["__getattr__"]:
            for table in ("_parameters", "_buffers", "_modules"):
                if name in held.get(table, {}):
                    self.reads.others[id(owner), name] = owner, name, held[table][name]
                    return held[table][name]
        elif looks is not _MISSING:
            raise UnknownError(name)
        if default is _MISSING:
            raise UnknownError(name)
        return default

    def _item(self, node: ast.Subscript, names: _Names) -> Item:
        owner = self.value(node.value, names)
        key = self._key(self.value(node.slice, names))
        if type(owner) in _OF_MODULES and type(key) in (int, str, slice):
            self._modules_of(owner)
            return owner[key]
        if is_tensor(owner) or type(owner) in (*_CONTAINERS, str):
            return self._kept(owner[key])
        raise UnknownError("item")

    def _key(self, key: Item) -> Item:
        is_tuple = type(key) is tuple and all(map(_is_index, key))
        if is_tuple or _is_index(key):
            return key
        raise UnknownError("item")

    def _modules_of(self, owner: Item) -> Sequence[Any]:
        """The modules of a container."""
        held: dict[str, Any] = vars(owner)["_modules"]
        self.reads.others[id(owner), "_modules"] = owner, "_modules", dict(held)
        return tuple(held) if type(owner) is nn.ModuleDict else tuple(held.values())

    def _slice(self, node: ast.Slice, names: _Names) -> Item:
        ends = [None if e is None else self.value(e, names) for e in
                (node.lower, node.upper, node.step)]  # fmt: skip
        return slice(*ends)

    def _tuple(self, node: ast.Tuple, names: _Names) -> Item:
        return tuple(self._elements(node.elts, names))

    def _list(self, node: ast.List, names: _Names) -> Item:
        return self._kept(self._elements(node.elts, names))

    def _elements(self, nodes: Iterable[ast.expr], names: _Names) -> list[Any]:
        found: list[Any] = []
        for each in nodes:
            if isinstance(each, ast.Starred):
                found += self._items(self.value(each.value, names))
            else:
                found.append(self.value(each, names))
        return found

    def _walrus(self, node: ast.NamedExpr, names: _Names) -> Item:
        value = self.value(node.value, names)
        if names.around is not None:
            raise UnknownError("a variable that others see")
        self._assign(node.target, value, names)
        return value

    def _lambda(self, node: ast.Lambda, names: _Names) -> Item:
        return self._function(node.args, [ast.Return(node.body)], names)

    def _list_of(self, node: ast.ListComp, names: _Names) -> Item:
        return self._kept([*self._each(node.elt, node.generators, names.inside({}))])

    def _dict_of(self, node: ast.DictComp, names: _Names) -> Item:
        pair = ast.Tuple([node.key, node.value], ast.Load())
        pairs = self._each(pair, node.generators, names.inside({}))
        return self._kept({self._key(key): value for key, value in pairs})

    def _each(
        self, element: ast.expr, generators: Sequence[ast.comprehension], names: _Names
    ) -> Iterator[Any]:
        """What a comprehension gives, one by one."""
        if not generators:
            yield self.value(element, names)
            return
        first, *others = generators
        if first.is_async:
            raise UnknownError("async")
        for item in self._items(self.value(first.iter, names)):
            self._assign(first.target, item, names)
            if all(self._truth(self.value(test, names)) for test in first.ifs):
                yield from self._each(element, others, names)

    def _consumed(self, callee: Item, node: ast.GeneratorExp, names: _Names) -> Item:
        """What a function gives that takes what a generator gives."""
        items = self._each(node.elt, node.generators, names.inside({}))
        if _is_one_of(callee, (any, all)):
            return self._until(_is_one_of(callee, (any,)), items)
        return self.call(callee, [tuple(items)], {})

    def _until(self, ends: bool, items: Iterable[Any]) -> bool:
        """What ``any`` gives of them, or ``all``."""
        return next((ends for item in items if self._truth(item) is ends), not ends)

    def _text(self, node: ast.JoinedStr, names: _Names) -> Item:
        found = ""
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                value = self.value(part.value, names)
                is_plain = part.conversion == -1 and part.format_spec is None
                if not is_plain or type(value) not in (str, int, bool):
                    raise UnknownError("a text")
                found += str(value)
            else:
                found += self.value(part, names)
        return found

    def _dict(self, node: ast.Dict, names: _Names) -> Item:
        found: dict[Any, Any] = {}
        for key, each in zip(node.keys, node.values, strict=True):
            value = self.value(each, names)
            if key is None:
                if type(value) is not dict:
                    raise UnknownError("**")
                found.update(value)
            else:
                found[self._key(self.value(key, names))] = value
        return self._kept(found)

    # Calls ---------------------------------------------------------------------------------------

    def _called(self, node: ast.Call, names: _Names) -> Item:
        callee = self.value(node.func, names)
        if (callee is getattr or callee is hasattr) and not node.keywords:
            return self._asked_for(callee, node.args, names)
        only = node.args[0] if len(node.args) == 1 and not node.keywords else None
        if isinstance(only, ast.GeneratorExp) and _is_one_of(callee, _THROUGH):
            return self._consumed(callee, only, names)
        args = self._elements(node.args, names)
        kwargs: dict[str, Any] = {}
        for keyword in node.keywords:
            value = self.value(keyword.value, names)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif type(value) is dict:
                kwargs.update(value)
            else:
                raise UnknownError("**")
        return self.call(callee, args, kwargs)

    def _asked_for(self, callee: Item, args: Sequence[ast.expr], names: _Names) -> Item:
        name = self.value(args[1], names) if len(args) in (2, 3) else None
        if type(name) is not str:
            raise UnknownError("getattr")
        if callee is hasattr:
            found = self._read(args[0], name, names, default=_ABSENT)
            return found is not _ABSENT
        if len(args) == 2:
            return self._read(args[0], name, names)
        default = self.value(args[2], names)
        return self._read(args[0], name, names, default=default)

    def call(self, callee: Item, args: Sequence[Any], kwargs: dict[str, Any]) -> Item:
        """What a call gives."""
        if callee is isinstance:
            return _is_instance(*args)
        if callee is callable and len(args) == 1 and not kwargs:
            return type(args[0]) is _Made or callable(args[0])
        if isinstance(callee, _Made):
            return self._call_made(callee, args, kwargs)
        if type(callee) is functools.partial:
            # Never the same again: what it holds may have been exchanged.
            self.reads.others[id(callee), "keywords"] = callee, "keywords", object()
            return self.call(callee.func, (*callee.args, *args), {**callee.keywords, **kwargs})
        is_plain = _is_one_of(callee, (len, list, tuple)) and all(map(_is_content, args))
        is_lax = kwargs.keys() == {"strict"} and kwargs["strict"] is False
        if (not kwargs or is_lax) and not is_plain and _is_one_of(callee, _OF_ITEMS):
            return self._of_items(callee, args)
        if isinstance(callee, types.MethodType) and not is_tensor(callee.__self__):
            return self.call(callee.__func__, (callee.__self__, *args), kwargs)
        if _is_one_of(callee, (type,)) and len(args) == 1 and not kwargs:
            return type_of(args[0])
        if _is_pure(callee):
            if not all(map(_is_content, (*args, *kwargs.values()))):
                raise UnknownError("arguments")
            return self._kept(callee(*args, **kwargs))
        if isinstance(callee, nn.Module):
            return self.call(_forward_of(callee), args, kwargs)
        if not isinstance(callee, FunctionType) or is_ours(callee.__code__):
            raise UnknownError(getattr(callee, "__qualname__", "call"))
        return self._call_function(callee, args, kwargs)

    def _of_items(self, callee: Item, args: Sequence[Any]) -> Item:
        """What Python's own functions give that do no more with items than hand them on."""
        items = [self._items(each) for each in args]
        if _is_one_of(callee, (zip,)):
            return _Iterator(zip(*items, strict=False))
        if len(items) != 1:
            raise UnknownError("arguments")
        if _is_one_of(callee, (any, all)):
            return self._until(_is_one_of(callee, (any,)), items[0])
        if _is_one_of(callee, _THROUGH):
            return self._kept(callee(items[0]))
        if type(args[0]) is _Iterator and not _is_one_of(callee, (enumerate,)):
            raise UnknownError("an iterator")
        if _is_one_of(callee, (len,)):
            return len(items[0])
        return _Iterator(callee(items[0]))

    def _call_made(self, made: _Made, args: Sequence[Any], kwargs: dict[str, Any]) -> Item:
        if self._depth > _MOST_CALLS:
            raise UnknownError("call")
        self._depth += 1
        found = self._run(made.body, made.names.inside(made.bound(args, kwargs)))
        self._depth -= 1
        return None if found is _GOES_ON else found

    def _call_function(
        self, function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> Item:
        code = function.__code__
        self.codes.add(code)
        body = _body_of(code)
        if body is None or self._depth > _MOST_CALLS:
            raise UnknownError("call")
        local = dict(zip(code.co_freevars, _cells(function), strict=True))
        local |= self._bound(function, args, kwargs)
        self._depth += 1
        builtins: Mapping[str, Any] = _builtins_of(function)
        found = self._run(body, _Names(local, function.__globals__, builtins, self.reads))
        self._depth -= 1
        return None if found is _GOES_ON else found

    def _bound(
        self, function: FunctionType, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> dict[str, Any]:
        """The parameters."""
        code, defaults = function.__code__, function.__defaults__ or ()
        names, count = code.co_varnames, code.co_argcount
        found = dict(zip(names[:count], args, strict=False))
        last = count + code.co_kwonlyargcount
        if code.co_flags & 0x04:
            found[names[last]] = tuple(args[count:])
            last += 1
        elif len(args) > count:
            raise UnknownError("arguments")
        rest = {}
        for name, value in kwargs.items():
            if name in names[code.co_posonlyargcount : count + code.co_kwonlyargcount]:
                if name in found:
                    raise UnknownError("arguments")
                found[name] = value
            else:
                rest[name] = value
        if code.co_flags & 0x08:
            found[names[last]] = self._kept(rest)
        elif rest:
            raise UnknownError("arguments")
        for name, value in zip(names[count - len(defaults) : count], defaults, strict=True):
            found.setdefault(name, value)
        for name, value in (function.__kwdefaults__ or {}).items():
            found.setdefault(name, value)
        if not all(name in found for name in names[: count + code.co_kwonlyargcount]):
            raise UnknownError("arguments")
        return found

    # Values --------------------------------------------------------------------------------------

    def _kept(self, value: Item) -> Item:
        if type(value) in (dict, list):
            self._made[id(value)] = value
        return value

    def _truth(self, value: Item) -> bool:
        if isinstance(value, _SIZES):
            return self.decide(value)
        if value is None or type(value) in (*_NUMBERS, *_CONTAINERS, str):
            return bool(value)
        if is_tensor(value) or any(hasattr(type(value), n) for n in ("__bool__", "__len__")):
            raise UnknownError("truth")
        return True

    def _items(self, value: Item) -> Sequence[Any]:
        kind = type(value)
        if kind in _OF_MODULES:
            return self._modules_of(value)
        if kind is _Iterator:
            taken: list[Any] = value.take()
            return taken
        if kind in (*_CONTAINERS, *_DICT_VIEWS):
            found = [*value]
            if len(found) <= _MOST_STEPS:
                return found
        raise UnknownError("items")


_MADE_HERE = (_Made, _Iterator)


def attribute_of(owner: Item, name: str) -> object:
    """What an evaluation would read; nothing that equals anything, where it would read nothing."""
    if type(owner) is dict:
        return owner.get(name, owner)
    try:
        return Evaluation(bool)._attribute_of(owner, name, _ABSENT)
    except UnknownError:
        return object()


_ABSENT = object()
_DICT_VIEWS: tuple[type, ...] = (type({}.keys()), type({}.values()), type({}.items()))

_RUN: dict[type, Callable[[Evaluation, Any, _Names], object]] = {
    ast.Pass: Evaluation._pass, ast.Expr: Evaluation._alone, ast.Return: Evaluation._return,
    ast.If: Evaluation._if, ast.Assign: Evaluation._assigned, ast.For: Evaluation._loop,
    ast.AnnAssign: Evaluation._annotated, ast.AugAssign: Evaluation._updated,
    ast.Try: Evaluation._attempt, ast.Import: Evaluation._import,
    ast.ImportFrom: Evaluation._import, ast.While: Evaluation._while, ast.Break: Evaluation._break,
    ast.Continue: Evaluation._continue, ast.Assert: Evaluation._assert,
    ast.FunctionDef: Evaluation._define,
}  # fmt: skip
_EVALUATED: dict[type, Callable[[Evaluation, Any, _Names], Any]] = {
    ast.Name: Evaluation._name, ast.Constant: Evaluation._constant, ast.BoolOp: Evaluation._both,
    ast.IfExp: Evaluation._either, ast.UnaryOp: Evaluation._unary, ast.BinOp: Evaluation._two,
    ast.Compare: Evaluation._compared, ast.Attribute: Evaluation._attribute,
    ast.Subscript: Evaluation._item, ast.Slice: Evaluation._slice, ast.Tuple: Evaluation._tuple,
    ast.List: Evaluation._list, ast.Dict: Evaluation._dict, ast.Call: Evaluation._called,
    ast.JoinedStr: Evaluation._text, ast.NamedExpr: Evaluation._walrus,
    ast.Lambda: Evaluation._lambda, ast.ListComp: Evaluation._list_of,
    ast.DictComp: Evaluation._dict_of,
}  # fmt: skip


def is_tensor(item: object) -> bool:
    """Whether it is a tensor that does what torch's own do."""
    return type(item) in _TENSORS


def _of_class(kind: type, name: str) -> Item:
    """What a class, or one that it is made of, has under this name."""
    return next((vars(c)[name] for c in kind.__mro__ if name in vars(c)), _MISSING)


def _is_plain(item: Item) -> bool:
    """Whether comparing it runs no code of the program's."""
    if type(item) in (tuple, list, torch.Size):
        return all(map(_is_plain, item))
    return type(item) in _ATOMS or (isinstance(item, type) and type(item) is type)


def _is_index(item: Item) -> bool:
    if isinstance(item, slice):
        return all(map(_is_index, (item.start, item.stop, item.step)))
    if type(item) is list:
        return all(map(_is_index, item))
    return type(item) in _ATOMS or is_tensor(item)


def _is_content(item: Item) -> bool:
    """Whether a function of torch or of Python finds nothing of the program's in it."""
    if type(item) in (tuple, list, torch.Size):
        return all(map(_is_content, item))
    if type(item) is dict:
        return all(map(_is_content, item.values()))
    return type(item) in (*_ATOMS, range) or is_tensor(item) or isinstance(item, _DICT_VIEWS)


@functools.cache
def _is_operator(name: str) -> bool:
    """Whether a method of tensors is an operator that writes nothing."""
    is_plain = not name.endswith("_") and name not in _NOT_PURE
    return is_plain and hasattr(torch.ops.aten, name)


def _is_one_of(callee: Item, functions: tuple[Any, ...]) -> bool:
    """Whether it is one of Python's functions, or what stands for one meanwhile."""
    if isinstance(callee, FunctionType) and is_ours(callee.__code__):
        callee = getattr(callee, "__wrapped__", callee)
    return any(callee is each for each in functions)


def _is_pure(callee: Item) -> bool:
    """Whether it has no effect, beside that operators are called, where its arguments are plain."""
    if isinstance(callee, FunctionType) and is_ours(callee.__code__):  # a patch
        callee = getattr(callee, "__wrapped__", callee)
    try:
        if callee in _PURE:
            return True
    except TypeError:
        return False
    if isinstance(callee, types.MethodType):
        return is_tensor(callee.__self__)  # chosen by ``_attribute_of``
    if isinstance(callee, types.BuiltinFunctionType):
        owner, name = callee.__self__, callee.__name__
        if is_tensor(owner) or type(owner) in (*_CONTAINERS, *_WITH_METHODS):
            return True  # chosen by ``_attribute_of``
        return _is_operator(name) and is_function_of_torch(callee)
    if isinstance(callee, FunctionType) and not callee.__name__.endswith("_"):
        return callee.__module__ in _OF_TORCH
    return False


def _is_instance(item: Item, kinds: Item) -> bool:
    if type(item) in _MADE_HERE:
        raise UnknownError("isinstance")
    for kind in kinds if isinstance(kinds, tuple) else (kinds,):
        if isinstance(kind, types.UnionType):
            return _is_instance(item, kind.__args__)
        asks = _of_class(type(kind), "__instancecheck__")
        is_plain = asks is vars(type)["__instancecheck__"] or (
            asks is vars(abc.ABCMeta)["__instancecheck__"]
            and _of_class(kind, "__subclasshook__") is vars(object)["__subclasshook__"]
        )
        if not is_plain and not kind.__module__.startswith("torch"):
            raise UnknownError("isinstance")
    # A size says that it is a number of Python's, but to the program alone.
    return isinstance(item, kinds) or issubclass(type_of(item), kinds)


def _forward_of(module: nn.Module) -> Item:
    """What calling ``module`` runs, where nothing is hooked to it."""
    held = vars(module)
    hooks = [held.get(name) for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks",
                                         "_backward_pre_hooks")]  # fmt: skip
    is_own = type(module).__call__ is not nn.Module.__call__ or "forward" in held
    if any(hooks) or any(GLOBAL_HOOKS.values()) or is_own:
        raise UnknownError("hooks")
    return types.MethodType(type(module).forward, module)


def _body_of(code: CodeType) -> Sequence[ast.stmt] | None:
    syntax = None if code.co_flags & _UNSUITABLE else syntax_of(code)
    if syntax is not None and code.co_name == "<lambda>":
        return syntax.noted_once("body", _body_of_lambda)
    found = None if syntax is None else syntax.function
    return found.body if found is not None and _is_closed(found) else None


def _body_of_lambda(syntax: Syntax) -> Sequence[ast.stmt] | None:
    source = source_file(syntax.code.co_filename)
    span = None if source is None else source.body_of_lambda(syntax.code)
    found = None if span is None else syntax.at(span)
    return [ast.Return(found)] if isinstance(found, ast.expr) else None


def _is_closed(function: ast.FunctionDef | None) -> bool:
    """Whether it binds variables of its own only."""
    if function is None:
        return False
    found: bool | None = getattr(function, "_is_closed", None)
    if found is None:
        kinds = (ast.Global, ast.Nonlocal)
        found = not any(isinstance(part, kinds) for part in ast.walk(function))
        function._is_closed = found  # type: ignore[attr-defined]
    return found


def _cells(function: FunctionType) -> Iterator[Any]:
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:
            yield _empty()


def _empty() -> NoReturn:
    raise UnknownError("an empty cell")
