"""Places in a source file: which statement it was that asked a question."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from types import CodeType

from monograph.capture.python.excerpts import Excerpts

__all__ = [
    "ASKING",
    "ITERTOOLS",
    "Site",
    "SourceFile",
    "Span",
    "called",
    "codes_in",
    "has_flag",
    "is_copying",
    "is_counting",
    "is_extending",
    "is_folding",
    "is_joining",
    "is_listing",
    "is_made",
    "is_over_others",
    "is_reducing",
    "is_repeating",
    "is_spelling_out",
    "is_taking_apart",
    "note_made",
    "note_patched",
    "position",
    "replaced",
    "source_file",
    "span_of",
]

Span = tuple[int, int, int, int]  # first line, last line, first column, last column


ASKING = "Asking"  # the kind of a simple statement in which something asks about sizes
_WHOLE = (ast.If, ast.While, ast.For, ast.IfExp, ast.ListComp)
_SIMPLE = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr, ast.If, ast.Match, ast.For,
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """A statement or expression that depends on data; ``kind`` is the name of its AST class.

    Or ``ASKING``: then the statement is kept as it is, and run with each answer.
    """

    kind: str
    span: Span


def span_of(node: ast.AST) -> Span:
    """Where ``node`` stands."""
    return (node.lineno, node.end_lineno, node.col_offset, node.end_col_offset)  # type: ignore[attr-defined]


def places_of(node: ast.AST) -> tuple[Span, ...]:
    """Where ``node`` stands, and where Python says it does, if that is elsewhere.

    The call of a method begins with its name, where that is on another line than its object begins.
    """
    found = span_of(node)
    method = node.func if isinstance(node, ast.Call) else None
    if not isinstance(method, ast.Attribute) or method.end_lineno == found[0]:
        return (found,)
    start = (method.end_col_offset or 0) - len(method.attr)
    return found, (method.end_lineno or 0, found[1], start, found[3])


def replaced(text: str, changes: Collection[tuple[Span, str]]) -> str:
    """``text`` with what stands at these places, none inside another, written otherwise."""
    lines = [line.encode() for line in text.splitlines(keepends=True)]  # columns count bytes
    ordered = sorted(changes, key=lambda c: (c[0][0], c[0][2]), reverse=True)
    for (first, last, start, end), new in ordered:
        head, tail = lines[first - 1][:start], lines[last - 1][end:]
        lines[first - 1 : last] = [head + new.encode() + tail]
    return b"".join(lines).decode()


def position(code: CodeType, instruction: int) -> Span | None:
    """What the instruction at this offset was compiled from."""
    for i, found in enumerate(code.co_positions()):
        if i == instruction // 2:
            return None if None in found else found  # type: ignore[return-value]
    return None


def codes_in(code: CodeType) -> Iterator[CodeType]:
    """``code`` and all code inside it."""
    yield code
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from codes_in(const)


def note_made(codes: Iterable[CodeType]) -> None:
    """These were compiled from files whose functions they stand for: their places are right."""
    _made.update((id(code), code) for code in codes)


def is_made(code: CodeType) -> bool:
    """Whether ``code`` is one of ours, made of a file's."""
    return id(code) in _made


_made: dict[int, CodeType] = {}  # by identity: equal code may stand in several files


def note_patched(code: CodeType, original: CodeType) -> None:
    """``code`` differs from ``original`` in instructions, which stand for the same source."""
    if is_made(original):
        note_made([code])
    _patched[id(code)] = code, original


_patched: dict[int, tuple[CodeType, CodeType]] = {}


class SourceFile:
    """A parsed file."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.excerpts = Excerpts(text)
        self._known: dict[CodeType, bool] = {}
        self._lambdas: dict[int, list[Span]] = {}  # their bodies, by line

    @functools.cached_property
    def tree(self) -> ast.Module:
        """The whole file; nothing where it is no Python."""
        try:
            return ast.parse(self.text, self.name)
        except (SyntaxError, ValueError):
            return ast.Module([], [])

    @functools.cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node around each node."""
        nodes = ast.walk(self.tree)
        return {child: node for node in nodes for child in ast.iter_child_nodes(node)}

    @functools.cached_property
    def by_span(self) -> dict[Span, list[ast.AST]]:
        """The expressions and statements at each place, from the outside in."""
        found: dict[Span, list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.expr, ast.stmt)):
                for place in places_of(node):
                    found.setdefault(place, []).append(node)
        return found

    def has(self, code: CodeType) -> bool:
        """Whether the file still holds ``code`` as it was compiled."""
        if id(code) in _patched:
            code = _patched[id(code)][1]
        if code not in self._known:
            self._known[code] = self._compiles_to(code)
        return self._known[code]

    def check(self, codes: Collection[CodeType]) -> None:
        """Find out for all of ``codes`` at once whether the file has them: one compilation."""
        new = [code for code in codes if code not in self._known]
        try:
            part = self.part({code.co_firstlineno for code in new})
        except (SyntaxError, ValueError):
            return
        found = list(codes_in(compile(part, self.name, "exec", dont_inherit=True)))
        for code in new:
            if any(same_code(candidate, code) for candidate in found):
                self._known[code] = True

    def part(self, lines: Collection[int], *, taken: bool = False) -> ast.Module:
        """The file with the functions around these lines alone, and all its imports.

        ``taken``: the caller changes what it gets.
        """
        return self.excerpts.part(lines, taken=taken)

    def body_of_lambda(self, code: CodeType) -> Span | None:
        """Where the body of the lambda stands that ``code`` (or what was made of it) comes from.

        Several may begin in one line.
        """
        line = code.co_firstlineno
        if line not in self._lambdas:
            nodes = ast.walk(self.part({line}))
            found = [n for n in nodes if isinstance(n, ast.Lambda) and n.lineno == line]
            self._lambdas[line] = [span_of(node.body) for node in found]
        places = [p for p in code.co_positions() if None not in p and p[2:] != (0, 0)]
        around = [body for body in self._lambdas[line] if all(_is_inside(p, body) for p in places)]
        return min(around, key=lambda body: (body[1] - body[0], body[3] - body[2]), default=None)

    def _compiles_to(self, code: CodeType) -> bool:
        for _ in range(2):
            try:
                part = self.part({code.co_firstlineno})
            except (SyntaxError, ValueError):
                return False
            compiled = compile(part, self.name, "exec", dont_inherit=True)
            if any(same_code(found, code) for found in codes_in(compiled)):
                return True
            self.excerpts.read_whole()
        return False

    def site_of(self, span: Span, *, is_tested: bool = False) -> Site | None:
        """The statement (or expression) that the piece of source at ``span`` decides.

        ``is_tested``: what it gives is asked for its truth, not what it is made of.
        """
        nodes = self.by_span.get(span)
        if not nodes:
            return None
        node: ast.AST = nodes[0]
        span = span_of(node)
        if isinstance(node, _WHOLE) or self._is_taken(node):
            return _site(node)  # Python gives some jumps the place of the whole statement
        if isinstance(node, ast.Expr) and is_extending(node.value):
            return Site("Call", span)
        if isinstance(node, ast.stmt):
            return _only_choice(node)
        logical: ast.AST | None = None
        alone = None if is_tested else self._read_alone(node)
        if alone is not None:
            return Site(alone, span)
        taker = self._taker(node)
        if taker is not None:
            return _site(taker)
        while node in self.parents:
            if isinstance(node, (ast.BoolOp, ast.IfExp)) or _is_logical(node):
                logical = node
            parent = self.parents[node]
            if isinstance(parent, (ast.If, ast.While, ast.IfExp)) and node is parent.test:
                return _site(parent)
            if isinstance(parent, (ast.For, ast.comprehension)) and node is parent.iter:
                if isinstance(parent, ast.comprehension):
                    parent = self.parents[parent]
                return _site(parent)
            if isinstance(parent, ast.comprehension):
                return _site(self.parents[parent])
            if isinstance(node, ast.stmt) or isinstance(parent, ast.Lambda):
                break
            node = parent
        if logical is None and isinstance(nodes[0], ast.Call) and has_flag(nodes[0]):
            return Site("Call", span)
        return None if logical is None else _site(logical)

    def asking_site(self, span: Span) -> Site | None:
        """The whole statement around the piece of source at ``span``, which asks in passing.

        What catches exceptions is one, where they come of what is asked; and what it leaves.
        """
        nodes = self.by_span.get(span)
        node: ast.AST | None = nodes[0] if nodes else None
        if isinstance(node, (ast.Try, ast.With)):
            while _is_left(node) and isinstance(self.parents[node], _BLOCKS):
                node = self.parents[node]
            return Site(ASKING, span_of(node))
        while node is not None and not isinstance(node, ast.stmt):
            around = self.parents.get(node)
            if isinstance(around, ast.Lambda):
                return Site(ASKING, span_of(node)) if node is around.body else None
            node = around
        return Site(ASKING, span_of(node)) if isinstance(node, _SIMPLE) else None

    def _read_alone(self, node: ast.AST) -> str | None:
        """The kind of an expression that is rewritten wherever it stands."""
        if isinstance(node, ast.Call):
            is_site = is_reducing(node) or is_copying(node) or is_extending(node)
            is_site |= (is_taking_apart(node) and self._is_kept(node)) or is_folding(node)
            is_site |= (is_counting(node) or is_spelling_out(node)) and self._becomes_tensor(node)
            return "Call" if is_site else None
        if isinstance(node, ast.Subscript):
            return "Subscript"
        if is_joining(node):
            return type(node).__name__
        return "BinOp" if is_repeating(node) else None

    def _is_taken(self, node: ast.AST) -> bool:
        """Whether ``sum``, ``max``, ``min``, ``list`` or ``tuple`` takes all that it generates."""
        around = self.parents.get(node)
        if not isinstance(node, ast.GeneratorExp) or not isinstance(around, ast.Call):
            return False
        takes_all = is_reducing(around) or is_listing(around)
        return takes_all and called(around) not in ("any", "all", "len")

    def _is_kept(self, node: ast.expr) -> bool:
        """Whether a variable gets it (or ``zip``, by way of ``map``) that is only gone through."""
        around = self.parents.get(node)
        while isinstance(around, ast.IfExp) and node is not around.test:
            node, around = around, self.parents.get(around)
        reverses = False
        while isinstance(around, ast.Subscript) and _reverses(around) and node is around.value:
            reverses, node, around = True, around, self.parents.get(around)
        if (reverses and self._is_gone_through(node)) or self._joins(node):
            return True
        if isinstance(around, ast.Call) and called(around) in _JOINING:
            return True
        if isinstance(around, ast.Subscript) and node is around.value:
            return not isinstance(around.slice, ast.Slice)
        if isinstance(around, ast.Lambda):
            mapping = self.parents.get(around)
            is_mapped = isinstance(mapping, ast.Call) and called(mapping) == "map"
            starred = self.parents.get(mapping) if is_mapped else None  # type: ignore[arg-type]
            return isinstance(starred, ast.Starred) and self._is_gone_through(starred)
        reads = self._reads_of_variable(node)
        return reads is not None and all(map(self._is_gone_through, reads))

    def _reads_of_variable(self, value: ast.expr) -> list[ast.Name] | None:
        """Where the variable is read that ``value`` is assigned to; None if it is to none."""
        around = self.parents.get(value)
        place = around
        if isinstance(around, ast.Tuple):  # ``a, b = value, another``
            place = self.parents.get(around)
        if not isinstance(place, ast.Assign) or len(place.targets) != 1:
            return None
        target: ast.AST = place.targets[0]
        if isinstance(around, ast.Tuple):
            every = [*around.elts, *getattr(target, "elts", ())]
            is_alike = isinstance(target, ast.Tuple) and len(every) == 2 * len(around.elts)
            if not is_alike or any(isinstance(each, ast.Starred) for each in every):
                return None
            target = target.elts[around.elts.index(value)]  # type: ignore[attr-defined]
        if not isinstance(target, ast.Name):
            return None
        function = self.function_of(span_of(value))
        nodes = [] if function is None else ast.walk(function)
        uses = [n for n in nodes if isinstance(n, ast.Name) and n.id == target.id]
        reads = [n for n in uses if isinstance(n.ctx, ast.Load)]
        if not self._is_in_a_loop(place):  # what the name was before is no matter
            end = (place.end_lineno or 0, place.end_col_offset or 0)
            reads = [n for n in reads if (n.lineno, n.col_offset) >= end]
        return reads

    def _is_gone_through_once(self, node: ast.Call) -> bool:
        """Whether a variable gets ``zip`` (or its like) of parts, and one loop goes over it."""
        if called(node) not in _ITERATORS or not all(map(self._is_taken_apart, node.args)):
            return False
        reads = self._reads_of_variable(node) or []
        around = self.parents.get(reads[0]) if len(reads) == 1 else None
        if not isinstance(around, (ast.For, ast.comprehension)) or reads[0] is not around.iter:
            return False
        loop: ast.AST = around
        if isinstance(around, ast.comprehension):
            loop = self.parents[around]
            if loop.generators[0] is not around:  # type: ignore[attr-defined]
                return False
        function = self._around_once(node)
        return function is not None and function is self._around_once(loop)

    def _around_once(self, node: ast.AST) -> ast.AST | None:
        """The function around ``node``; None where that does ``node`` again and again."""
        around = self.parents.get(node)
        while around is not None and not isinstance(around, (ast.FunctionDef, ast.Lambda)):
            if isinstance(around, (ast.For, ast.While, ast.comprehension, *_COMPREHENSIONS)):
                return None
            around = self.parents.get(around)
        return around

    def _is_taken_apart(self, node: ast.expr) -> bool:
        if not isinstance(node, ast.Call):
            return isinstance(node, ast.Subscript) and self._is_taken_apart(node.value)
        is_over_others = called(node) in _ITERATORS and all(map(self._is_taken_apart, node.args))
        return is_over_others or is_taking_apart(node) or is_counting(node)

    def _is_in_a_loop(self, node: ast.AST | None) -> bool:
        while node is not None and not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            if isinstance(node, (ast.For, ast.While)):
                return True
            node = self.parents.get(node)
        return False

    def _is_gone_through(self, node: ast.expr) -> bool:
        """Whether its items are asked for, one after the other or by number, and nothing else."""
        around = self.parents.get(node)
        if isinstance(around, (ast.For, ast.comprehension)):
            return node is around.iter
        if isinstance(around, ast.Subscript):
            return node is around.value
        is_called = isinstance(around, ast.Call) and called(around) in _GOING_THROUGH
        return is_called or self._joins(node)

    def _joins(self, node: ast.expr) -> bool:
        """Whether another list gets its items: ``x.extend(node)``, or ``[y, *node]``."""
        around = self.parents.get(node)
        if isinstance(around, ast.Starred):
            return is_joining(self.parents[around])
        return around is not None and is_extending(around) and node in around.args  # type: ignore[attr-defined]

    def _becomes_tensor(self, node: ast.expr) -> bool:
        """Whether its numbers (or some of them) index a tensor, or are what one is made of."""
        around = self.parents.get(node)
        while isinstance(around, ast.Subscript) and node is around.value:
            node, around = around, self.parents.get(around)
        if isinstance(around, ast.Call):
            return node in around.args and called(around) in _MAKERS
        if isinstance(around, ast.Starred):
            return self._joins(node)
        if isinstance(around, (ast.Tuple, ast.List)):
            node, around = around, self.parents.get(around)
        return isinstance(around, ast.Subscript) and node is around.slice

    def _taker(self, node: ast.AST) -> ast.Call | None:
        """The ``list(...)``, ``tuple``, ``sum``, ``len`` or ``reduce`` that goes over ``node``."""
        inner, around = node, self.parents.get(node)
        if isinstance(around, ast.Call) and is_folding(around) and node is around.args[1]:
            return around
        while isinstance(around, ast.Call) and called(around) in _OVER_OTHERS:
            inner, around = around, self.parents.get(around)
        if isinstance(inner, ast.Call) and self._is_gone_through_once(inner):
            return inner
        if not isinstance(around, ast.Call) or inner not in around.args:
            return None
        is_sum = is_reducing(around) and called(around) in ("sum", "len")
        return around if is_sum or is_listing(around) else None

    def function_of(self, span: Span) -> ast.AST | None:
        """The outermost function around ``span``."""
        found = None
        node: ast.AST | None = self.by_span[span][0]
        while node is not None:
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                found = node
            node = self.parents.get(node)
        return found


def _is_inside(part: tuple[int | None, ...], whole: Span) -> bool:
    (first, last, start, end), (top, bottom, left, right) = part, whole
    return (top, left) <= (first, start) and (last, end) <= (bottom, right)


def is_reducing(node: ast.Call) -> bool:
    """Whether it is ``len``, ``sum``, ``max`` or ``min`` of one thing, or ``any`` or ``all`` of a

    generator.
    """
    if not isinstance(node.func, ast.Name) or len(node.args) != 1 or node.keywords:
        return False
    if node.func.id in ("len", "sum", "max", "min"):
        return not isinstance(node.args[0], ast.Starred)
    argument = node.args[0]
    is_plain = isinstance(argument, ast.GeneratorExp) and len(argument.generators) == 1
    return is_plain and node.func.id in ("any", "all") and not argument.generators[0].ifs  # type: ignore[attr-defined]


def is_listing(node: ast.Call) -> bool:
    """Whether it is ``list(x)`` or ``tuple(x)``."""
    is_plain = isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords
    return is_plain and called(node) in ("list", "tuple")


def is_copying(node: ast.Call) -> bool:
    """Whether it is ``list(x)`` or ``tuple(x)`` of a variable, or of what a call gives."""
    taken = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
    return is_listing(node) and isinstance(node.args[0], taken)


def is_extending(node: ast.AST) -> bool:
    """Whether it is ``x.extend(y)``."""
    is_method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    if not is_method or node.func.attr != "extend" or node.keywords:  # type: ignore[attr-defined]
        return False
    return len(node.args) == 1 and not isinstance(node.args[0], ast.Starred)  # type: ignore[attr-defined]


def is_folding(node: ast.Call) -> bool:
    """Whether it is ``functools.reduce(f, x)``, or with what it begins with."""
    is_plain = not any(isinstance(arg, ast.Starred) for arg in node.args) and not node.keywords
    return is_plain and called(node) == "reduce" and len(node.args) in (2, 3)


def is_joining(node: ast.AST) -> bool:
    """Whether it is ``[x, *more]``, or a tuple of the kind."""
    if not isinstance(node, (ast.List, ast.Tuple)) or not isinstance(node.ctx, ast.Load):
        return False
    return any(isinstance(item, ast.Starred) for item in node.elts)


def has_flag(node: ast.Call) -> bool:
    """Whether it is given a flag that may be a truth about sizes: ``is_causal=n > 1``.

    By position only where it is seen to be a truth: ``x.median(1, n > 3)``.
    """
    return any(map(_is_truth, node.args)) or any(
        keyword.arg in _FLAGS and not isinstance(keyword.value, ast.Constant)
        for keyword in node.keywords
    )


def _is_truth(node: ast.expr) -> bool:
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return is_not or isinstance(node, (ast.Compare, ast.BoolOp))


# What the truths are called among the arguments of operators.
_FLAGS = frozenset({
    "accumulate", "adjoint", "align_corners", "antialias", "assume_unique", "batch_first",
    "bidirectional", "causal", "ceil_mode", "center", "count_include_pad", "descending",
    "enable_gqa", "full", "hermitian", "include_self", "invert", "is_causal", "keepdim", "keepdims",
    "largest", "left", "log_input", "log_target", "normalized", "onesided", "periodic", "reverse",
    "right", "sorted", "stable", "swap", "train", "training", "transpose", "unbiased",
    "unitriangular", "upper",
})  # fmt: skip


def _reverses(node: ast.Subscript) -> bool:
    """Whether it is ``x[::-1]``."""
    return ast.unparse(node.slice) == "::-1"


def is_taking_apart(node: ast.Call) -> bool:
    """Whether it is ``x.unbind()``, ``x.split(n)`` or ``x.chunk(n)``, or ``torch.unbind(x)``."""
    is_plain = not any(isinstance(arg, ast.Starred) for arg in node.args)
    is_named = isinstance(node.func, ast.Attribute) and node.func.attr in _PIECES
    return is_plain and is_named and all(keyword.arg for keyword in node.keywords)


_PIECES = ("unbind", "split", "chunk")
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_ITERATORS = ("enumerate", "zip", "reversed")
ITERTOOLS = ("accumulate", "chain", "count", "from_iterable", "islice", "pairwise")
_OVER_OTHERS = ("enumerate", "zip", "reversed", "map", "iter", *ITERTOOLS)
_JOINING = ("stack", "cat", "concat", "hstack", "vstack")
_GOING_THROUGH = (*_JOINING, "zip", "enumerate", "reversed", "len", "sum", "list", "tuple")


def called(node: ast.Call) -> str | None:
    """The name of what is called."""
    function = node.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def is_over_others(node: ast.Call) -> bool:
    """Whether it is ``zip(x, y)``, ``enumerate(x)`` or ``reversed(x)``."""
    return isinstance(node.func, ast.Name) and called(node) in _ITERATORS


def is_counting(node: ast.Call) -> bool:
    """Whether it is ``range(n)``."""
    is_plain = isinstance(node.func, ast.Name) and not node.keywords
    return is_plain and called(node) == "range"


def is_spelling_out(node: ast.Call) -> bool:
    """Whether it is ``x.tolist()``."""
    is_bare = not node.args and not node.keywords
    return is_bare and isinstance(node.func, ast.Attribute) and node.func.attr == "tolist"


# Those of ``made_tensors.py``, and the method.
_MAKERS = frozenset({
    "tensor", "as_tensor", "new_tensor", "Tensor", "FloatTensor", "DoubleTensor", "HalfTensor",
    "BFloat16Tensor", "LongTensor", "IntTensor", "ShortTensor", "CharTensor", "ByteTensor",
    "BoolTensor",
})  # fmt: skip


def is_repeating(node: ast.AST) -> bool:
    """Whether it may be ``[x, y] * n``, or ``n * [x, y]``, or a tuple so often."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
        return False
    return not isinstance(node.left, ast.Constant) and not isinstance(node.right, ast.Constant)


_BLOCKS = (ast.Try, ast.With, ast.For, ast.While)


def _is_left(statement: ast.AST) -> bool:
    """Whether a jump in it may leave it."""
    stack: list[tuple[ast.AST, bool]] = [(statement, False)]
    while stack:
        node, in_loop = stack.pop()
        if isinstance(node, ast.Return):
            return True
        if isinstance(node, (ast.Break, ast.Continue)) and not in_loop:
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            inside = in_loop or isinstance(node, (ast.For, ast.While))
            stack += [(child, inside) for child in ast.iter_child_nodes(node)]
    return False


def _only_choice(statement: ast.stmt) -> Site | None:
    """The expression of a simple statement that chooses, if there is one such."""
    kinds = (ast.IfExp, ast.BoolOp, ast.ListComp, ast.GeneratorExp)
    found = [n for n in ast.walk(statement) if isinstance(n, kinds) or _is_logical(n)]
    return _site(found[0]) if found else None


def _is_logical(node: ast.AST) -> bool:
    is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    return is_not or (isinstance(node, ast.Compare) and len(node.ops) > 1)


def _site(node: ast.AST) -> Site:
    return Site(type(node).__name__, span_of(node))


def same_code(left: CodeType, right: CodeType) -> bool:
    """Whether two code objects come from the same place and do the same."""
    if (left.co_name, left.co_firstlineno) != (right.co_name, right.co_firstlineno):
        return False
    if left.co_freevars != right.co_freevars:
        return False
    # Test runners rewrite assertions: such code differs from the file's.
    rewritten = any(name.startswith("@py") for name in (*right.co_names, *right.co_varnames))
    return rewritten or _content(left) == _content(right)


def _content(code: CodeType) -> tuple[object, ...]:
    constants = [_in_words(c) for c in code.co_consts if not isinstance(c, CodeType)]
    return code.co_code, code.co_names, constants


def _in_words(constant: object) -> object:
    """``0`` is not ``False``; the items of a set are in any order."""
    return set(map(repr, constant)) if isinstance(constant, frozenset) else repr(constant)


def source_file(name: str) -> SourceFile | None:
    """The file as it is read now, or None where its source is not at hand."""
    text = "".join(linecache.getlines(name))
    if not text.strip():
        return None
    texts = _read.setdefault(name, {})
    if text not in texts:
        if len(texts) == _MOST_TEXTS:  # the second oldest: the oldest is the file as it is
            del texts[list(texts)[1]]
        texts[text] = SourceFile(name, text)
    return texts[text]


_MOST_TEXTS = 3
_read: dict[str, dict[str, SourceFile]] = {}  # by name, then by text: a file may change
