"""Sizes as keys: a number that varies is looked up in a dictionary or a set.

Python finds a key by its hash, so there the number would have to be that of the example. Where the
container is seen in the program's source and the number is only looked up, it is enough to know
which of the keys it is, or that it is none of them: these are questions like any other.

A text that is made of a size and is a key, ``cache[f"{n}_{device}"]``, holds a text of its own in
the place of the number, which no other size has: whether it is one of the keys is asked before.
"""

from __future__ import annotations

import ast
import itertools
import re
import weakref
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType

import torch

from monograph.capture.python.nodes import Syntax, syntax_of
from monograph.capture.python.static_values import UNKNOWN, value_of
from monograph.shapes.env import ShapeEnv
from monograph.shapes.expr import Expr, interval
from monograph.shapes.questions import Test, both, equal, not_less

__all__ = ["is_counted", "is_looked_up", "text_as_key", "with_numbers"]

_MOST_KEYS = 16
_LOOK_UPS = ("get", "pop", "setdefault", "__getitem__", "__setitem__", "__contains__")
_CONTAINERS = (dict, set, frozenset, defaultdict, OrderedDict)
_COUNT = re.compile(r"(?<!\d)\d+")  # a number as a text has it
_VARYING = (torch.SymInt, torch.SymFloat)
_NUMBERS = (int, float, *_VARYING)
_FEW = 6


def is_looked_up(number: torch.SymInt | torch.SymFloat, frame: FrameType) -> bool:
    """Ask which of the keys ``number`` is, where ``frame`` looks it up in a container.

    Returns whether it does: the hash may then be that of the example. A number that no example
    gives has none.
    """
    if number.node.env.hint(number.node.content) is None:
        return False
    found = _look_up_at(frame)
    if found is None:
        return False
    keys, wanted = found
    candidates = _candidates(keys, number, wanted)
    if candidates is None:
        return False
    env: ShapeEnv = number.node.env
    # A table of some sizes is for those of its keys; one of ``n % 3`` is for all sizes.
    decide = env.decide_for_python if _is_of_few(env, number.node.content) else env.decide
    for test in candidates:
        if decide(test):
            break
    return True


def _is_of_few(env: ShapeEnv, content: object) -> bool:
    """Whether a number has few values, whatever the sizes are: ``n % 3``, or ``int(n > 4)``."""
    if not isinstance(content, Expr):
        return False
    lo, hi = interval(content)
    if lo is not None and hi is not None and hi - lo < _FEW:
        return True
    return env.is_known(not_less(content, 0)) and env.is_known(not_less(_FEW - 1, content))


def _candidates(
    keys: Iterable[object], number: torch.SymInt | torch.SymFloat, wanted: object
) -> list[Test] | None:
    """For each of ``keys`` what makes it the key that is ``wanted``; None if there are too many.

    Where ``wanted`` is not known, ``number`` is compared with the numbers in them, one by one.
    """
    if isinstance(wanted, tuple):
        tests = [_is_same(key, wanted) for key in keys]
    else:
        numbers = dict.fromkeys(_Identical(leaf) for leaf in _leaves(keys))
        tests = [_is_same(each.held, number) for each in numbers]
    found = [test for test in tests if test is not False]
    return None if len(found) > _MOST_KEYS or None in found else found  # type: ignore[return-value]


class _Identical:
    """A number as a key: one that varies is itself alone."""

    def __init__(self, held: object) -> None:
        self.held = held

    def __hash__(self) -> int:
        return id(self.held) if isinstance(self.held, _VARYING) else hash(self.held)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Identical):
            return False
        if isinstance(self.held, _VARYING) or isinstance(other.held, _VARYING):
            return self.held is other.held
        return self.held == other.held


def _is_same(key: object, wanted: object) -> Test | None:
    """When ``key`` is what is ``wanted``; None where that is not known."""
    if isinstance(key, tuple) and isinstance(wanted, tuple):
        if len(key) != len(wanted):
            return False
        test: Test = True
        for pair in zip(key, wanted, strict=True):
            part = _is_same(*pair)
            if part is None:
                return None
            test = both(test, part)
        return test
    if not isinstance(key, _VARYING) and not isinstance(wanted, _VARYING):
        return bool(key is wanted or key == wanted)
    if not isinstance(key, _NUMBERS) or not isinstance(wanted, _NUMBERS):
        return False
    compared = wanted == key if isinstance(wanted, _VARYING) else key == wanted
    return compared.node.content if isinstance(compared, torch.SymBool) else bool(compared)


def is_counted(frame: FrameType) -> bool:
    """Whether of what ``frame`` makes now nothing but its ``len`` is asked."""
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    return syntax is not None and node is not None and _is_measured(syntax, node)


def _is_measured(syntax: Syntax, node: ast.AST, through: str = "") -> bool:
    user = syntax.around(node)
    if isinstance(user, ast.Call):
        return isinstance(user.func, ast.Name) and user.func.id == "len" and node in user.args
    if through or not isinstance(user, ast.Assign) or len(user.targets) > 1:
        return False
    target = user.targets[0]
    if not isinstance(target, ast.Name):
        return False
    readers = syntax.readers_of(target.id)
    return bool(readers) and all(_is_measured(syntax, each, target.id) for each in readers)


def _leaves(keys: Iterable[object]) -> Iterator[float | torch.SymInt | torch.SymFloat]:
    for key in keys:
        if isinstance(key, (tuple, frozenset)):
            yield from _leaves(key)
        elif isinstance(key, _NUMBERS):
            yield key


def _look_up_at(frame: FrameType) -> tuple[Iterable[object], object] | None:
    """The keys of the container that ``frame`` looks something up in, and what it looks for.

    What it puts there is looked up as well. None where it does not look anything up.
    """
    syntax = syntax_of(frame.f_code)
    node = None if syntax is None else syntax.node_at(frame.f_lasti)
    place = _place_of_look_up(node)
    if place is None:
        return None
    container, wanted = place
    keys = _keys_of(container, frame)
    return None if keys is None else (keys, UNKNOWN if wanted is None else _written(wanted, frame))


def _place_of_look_up(node: ast.AST | None) -> tuple[ast.expr, ast.expr | None] | None:
    """The container that something is looked up in, and what that is."""
    if isinstance(node, ast.Subscript):
        return node.value, node.slice
    if isinstance(node, ast.Compare):
        if len(node.ops) != 1 or not isinstance(node.ops[0], (ast.In, ast.NotIn)):
            return None
        return node.comparators[0], node.left
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr not in _LOOK_UPS:
            return None
        return node.func.value, node.args[0] if node.args else None
    return None


def _keys_of(container: ast.expr, frame: FrameType) -> Iterable[object] | None:
    if isinstance(container, (ast.Dict, ast.Set)):
        written = container.keys if isinstance(container, ast.Dict) else container.elts
        keys = [UNKNOWN if key is None else _written(key, frame) for key in written]
        return None if UNKNOWN in keys else keys
    found = value_of(container, frame)
    return found if type(found) in _CONTAINERS else None  # type: ignore[return-value]


def _written(key: ast.expr, frame: FrameType) -> object:
    if isinstance(key, ast.Tuple):
        parts = [_written(each, frame) for each in key.elts]
        return UNKNOWN if UNKNOWN in parts else tuple(parts)
    return value_of(key, frame)


# Texts of sizes --------------------------------------------------------------------------------

_STAND_IN = re.compile(
    "\N{MATHEMATICAL LEFT ANGLE BRACKET}[^\N{MATHEMATICAL RIGHT ANGLE BRACKET}]*."
)


class SizeText:
    """What stands for a size in a text that is a key: the same in each capture of a program."""

    __slots__ = ("__weakref__", "size", "text")

    def __init__(self, size: Expr) -> None:
        self.size = size
        self.text = f"\N{MATHEMATICAL LEFT ANGLE BRACKET}{size}\N{MATHEMATICAL RIGHT ANGLE BRACKET}"
        _in_use[self.text] = self


_in_use: weakref.WeakValueDictionary[str, SizeText] = weakref.WeakValueDictionary()


def text_as_key(env: ShapeEnv, size: Expr, frame: FrameType, node: ast.AST) -> str | None:
    """What stands for ``size`` in the text that ``node`` of ``frame`` makes, if that is a key only.

    Asks first whether it is a number in one of the keys, or another size that has been one: then
    that is its text. None where it is no key, or there are too many to ask for.
    """
    syntax = syntax_of(frame.f_code)
    found = None if syntax is None else _containers_of(syntax, node, frame)
    if found is None:
        return None
    written = dict.fromkeys(itertools.chain(*map(_texts_in, found)))
    numbers = dict.fromkeys(itertools.chain(*map(_counts_in, written)))
    if len(numbers) + len(env.size_texts) > _MOST_KEYS:
        return None
    for number in numbers:
        if env.decide(equal(size, int(number)), may_settle=False):
            return number
    for other in env.size_texts:
        if env.decide(equal(size, other), may_settle=False):
            return env.size_texts[other].text
    made = env.size_texts[size] = SizeText(size)
    return made.text


def with_numbers(key: str, values: Mapping[str, float]) -> str:
    """A key of a dictionary with the numbers of a call for what stands for them."""

    def number(found: re.Match[str]) -> str:
        held = _in_use.get(found[0])
        if held is None:
            return found[0]
        size = held.size.scope.normal(held.size)
        return str(size.evaluate(values) if isinstance(size, Expr) else size)

    return _STAND_IN.sub(number, key)


def _counts_in(text: str) -> list[str]:
    """The numbers in a key, but for the numbers of what stands for sizes."""
    return [n for n in _COUNT.findall(_STAND_IN.sub("", text)) if str(int(n)) == n]


def _texts_in(keys: Iterable[object]) -> Iterator[str]:
    for key in keys:
        if isinstance(key, (tuple, frozenset)):
            yield from _texts_in(key)
        elif isinstance(key, str):
            yield key


def _containers_of(
    syntax: Syntax, node: ast.AST, frame: FrameType, variable: str = ""
) -> list[Iterable[object]] | None:
    """The keys of all containers that a text is looked up in; None where it goes anywhere else."""
    while True:
        user = syntax.around(node)
        if not _goes_on_in(user, node):
            break
        assert user is not None
        node = user
    if isinstance(user, ast.Assign) and len(user.targets) == 1:
        target = user.targets[0]
        if variable or not isinstance(target, ast.Name):
            return None
        found = list[Iterable[object]]()
        for reader in syntax.readers_of(target.id):
            containers = _containers_of(syntax, reader, frame, target.id)
            if containers is None:
                return None
            found += containers
        return found
    looked_up = _place_of_look_up(user)
    if looked_up is None or looked_up[1] is not node:
        return None
    keys = _keys_of(looked_up[0], frame)
    return None if keys is None else [keys]


def _goes_on_in(user: ast.AST | None, node: ast.AST) -> bool:
    """Whether what is around ``node`` is a longer text, or several things."""
    if isinstance(user, ast.BinOp):
        return isinstance(user.op, ast.Add)
    if isinstance(user, ast.Call):
        return isinstance(user.func, ast.Name) and user.func.id == "str" and node in user.args
    return isinstance(user, (ast.JoinedStr, ast.FormattedValue, ast.Tuple))
