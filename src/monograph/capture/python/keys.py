"""Sizes as keys: a number that varies is looked up in a dictionary or a set.

Python finds a key by its hash, so there the number would have to be that of the example. Where the
container is seen in the program's source and the number is only looked up, it is enough to know
which of the keys it is, or that it is none of them: these are questions like any other.

A text that is made of a size and is a key, ``cache[f"{n}_{device}"]``, holds a text of its own in
the place of the number: whether the whole text is one of the keys is asked before.
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
from monograph.shapes.expr import Expr, Int, interval
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


# What a text consists of: texts that are known, sizes, and what is not seen.
_Parts = list[str | Expr | None]
_COUNTED = f"(-?[0-9]+|{_STAND_IN.pattern})"

_in_use: weakref.WeakValueDictionary[str, SizeText] = weakref.WeakValueDictionary()


def text_as_key(env: ShapeEnv, size: Expr, frame: FrameType, node: ast.AST) -> str | None:
    """What stands for ``size`` in the text that ``node`` of ``frame`` makes, if that is a key only.

    Asks first whether the text is one of the keys: then it is the text that it has there. None
    where it is no key, or there are too many to ask for.
    """
    syntax = syntax_of(frame.f_code)
    found = None if syntax is None else _containers_of(syntax, node, frame)
    if syntax is None or found is None:
        return None
    written = list(dict.fromkeys(itertools.chain(*map(_texts_in, found))))
    parts = _parts_of(_whole_of(syntax, node), frame)
    if None not in parts and size in parts and _are_told_apart(parts):
        answer = _text_by_parts(env, size, parts, written)
    elif _stand_alone(parts) or not written:
        answer = _text_alone(env, size, written)
    else:
        return None
    if answer is not _OWN:
        return answer
    if size not in env.size_texts:
        env.size_texts[size] = SizeText(size)
    return env.size_texts[size].text


_OWN = "a text of its own"


def _text_by_parts(env: ShapeEnv, size: Expr, parts: _Parts, written: list[str]) -> str | None:
    """The same, where all is known that the text consists of: it is compared as a whole."""
    if len(written) > _MOST_KEYS:
        return None
    holes = [part for part in parts if isinstance(part, Expr)]
    pattern = re.compile("".join(re.escape(p) if isinstance(p, str) else _COUNTED for p in parts))
    for key in written:
        match = pattern.fullmatch(key)
        if match is None:
            continue
        test: Test = True
        for hole, text in zip(holes, match.groups(), strict=True):
            there = _size_in_key(text)
            test = False if there is None else both(test, equal(hole, there))
        if test is False or not env.decide(test, may_settle=False):
            continue
        texts = {t for hole, t in zip(holes, match.groups(), strict=True) if hole == size}
        return texts.pop() if len(texts) == 1 else None
    return _OWN


def _text_alone(env: ShapeEnv, size: Expr, written: list[str]) -> str | None:
    """The same, where the rest of the text is not known: each number in a key may be the one."""
    numbers = dict.fromkeys(itertools.chain(*map(_counts_in, written)))
    if not written:
        return _OWN
    if len(numbers) + len(env.size_texts) > _MOST_KEYS or not _differ(env, env.size_texts):
        return None
    for number in numbers:
        if env.decide(equal(size, int(number)), may_settle=False):
            return number
    for other in env.size_texts:
        if env.decide(equal(size, other), may_settle=False):
            return env.size_texts[other].text
    return _OWN


def _differ(env: ShapeEnv, sizes: Iterable[Expr]) -> bool:
    """Whether no two of ``sizes`` are equal: a number then has one text only."""
    return all(
        env.is_known(equal(*pair, is_equal=False)) for pair in itertools.combinations(sizes, 2)
    )


def _size_in_key(text: str) -> Int | None:
    """The size that is written so in a key."""
    if text.lstrip("-").isdecimal():
        return int(text) if str(int(text)) == text else None
    held = _in_use.get(text)
    return None if held is None else held.size


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
    node = _whole_of(syntax, node, or_tuple=True)
    user = syntax.around(node)
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


def _whole_of(syntax: Syntax, node: ast.AST, *, or_tuple: bool = False) -> ast.AST:
    """The longest text that ``node`` is a part of, or the tuple that this is in."""
    while True:
        user = syntax.around(node)
        if user is None or not (
            _goes_on_in(user, node) or (or_tuple and isinstance(user, ast.Tuple))
        ):
            return node
        node = user


def _goes_on_in(user: ast.AST, node: ast.AST) -> bool:
    """Whether what is around ``node`` is a longer text."""
    if isinstance(user, ast.BinOp):
        return isinstance(user.op, ast.Add)
    if isinstance(user, ast.Call):
        return _makes_text(user) and node in user.args
    return isinstance(user, (ast.JoinedStr, ast.FormattedValue))


def _makes_text(node: ast.Call) -> bool:
    is_str = isinstance(node.func, ast.Name) and node.func.id == "str"
    return is_str and len(node.args) == 1 and not node.keywords


def _parts_of(node: ast.AST, frame: FrameType) -> _Parts:
    """What a text is made of by ``node``."""
    if isinstance(node, ast.JoinedStr):
        return _joined(_parts_of(value, frame) for value in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined(_parts_of(side, frame) for side in (node.left, node.right))
    if isinstance(node, ast.FormattedValue):
        if node.format_spec is not None or node.conversion == ord("a"):
            return [None]
        return _parts_in(_shown(node.value, frame), in_quotes=node.conversion == ord("r"))
    if isinstance(node, ast.Call) and _makes_text(node):
        return _parts_in(_shown(node.args[0], frame))
    text = value_of(node, frame) if isinstance(node, ast.expr) else None
    return [text if type(text) is str else None]


def _shown(node: ast.expr, frame: FrameType) -> object:
    """What a text is made of: as written, or ``x.size(1)``, ``x.shape[-2:]`` and lists of these."""
    if isinstance(node, (ast.List, ast.Tuple)):
        items = [_shown(each, frame) for each in node.elts]
        if any(item is UNKNOWN for item in items):
            return UNKNOWN
        return items if isinstance(node, ast.List) else tuple(items)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
        sizes, part = _shown(node.value, frame), node.slice
        bounds = [
            None if b is None else _number(b, frame) for b in (part.lower, part.upper, part.step)
        ]
        if not isinstance(sizes, torch.Size) or UNKNOWN in bounds or bounds[2] == 0:
            return UNKNOWN
        return sizes[slice(*bounds)]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        asked = value_of(node.func.value, frame)
        if node.func.attr != "size" or node.keywords or not isinstance(asked, torch.Tensor):
            return UNKNOWN
        if not node.args:
            return asked.shape
        at = _number(node.args[0], frame)
        if len(node.args) > 1 or not isinstance(at, int) or not -asked.dim() <= at < asked.dim():
            return UNKNOWN
        return asked.shape[at]
    return value_of(node, frame)


def _number(node: ast.expr, frame: FrameType) -> object:
    """A number that does not vary: ``2``, ``-2``, or a variable that is one."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        found = _number(node.operand, frame)
        return -found if isinstance(found, int) else UNKNOWN
    found = value_of(node, frame)
    return found if type(found) is int else UNKNOWN


_BRACKETS = {list: ("[", "]"), tuple: ("(", ")"), torch.Size: ("torch.Size([", "])")}
_PLAIN = (int, float, bool, type(None), torch.dtype, torch.device)


def _parts_in(value: object, *, in_quotes: bool = False) -> _Parts:
    """What Python makes of ``value`` as a text."""
    if isinstance(value, torch.SymInt):
        content = value.node.content
        return [content if isinstance(content, Expr) else str(content)]
    if type(value) is str:
        return [repr(value) if in_quotes else value]
    if type(value) in _PLAIN:
        return [repr(value) if in_quotes else str(value)]
    if not isinstance(value, (list, tuple)) or type(value) not in _BRACKETS:
        return [None]
    opening, closing = _BRACKETS[type(value)]
    items = [_parts_in(item, in_quotes=True) for item in value]
    commas: list[_Parts] = [[", "]] * (2 * len(items) - 1) if items else []
    commas[::2] = items
    if type(value) is tuple and len(value) == 1:
        commas.append([","])
    return _joined([[opening], *commas, [closing]])


def _joined(several: Iterable[_Parts]) -> _Parts:
    """One text after the other."""
    found: _Parts = []
    for part in itertools.chain(*several):
        if isinstance(part, str) and found and isinstance(found[-1], str):
            found[-1] += part
        elif part != "":
            found.append(part)
    return found


def _are_told_apart(parts: _Parts) -> bool:
    """Whether it is seen in the text where one number ends and the next one starts."""
    return re.search("\0[0-9]*\0", _with_holes(parts)) is None


def _stand_alone(parts: _Parts) -> bool:
    """Whether no number has other digits beside it."""
    return re.search("\0[0-9\0]|[0-9]\0", _with_holes(parts)) is None


def _with_holes(parts: _Parts) -> str:
    return "".join(part if isinstance(part, str) else "\0" for part in parts)
