"""Sizes in a graph: which nodes give the symbols, and the nodes that compute with them."""

from __future__ import annotations

import math
import operator
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import torch
from torch.fx import Node

from monograph.capture.python.evaluation import UnknownError
from monograph.capture.python.exception_handlers import caught_by, may_be_caught
from monograph.capture.python.frames import frames_of_user, is_ours, line_of_frame
from monograph.capture.python.nodes import subscripts
from monograph.capture.python.number_functions import NUMBERS_OF_NUMPY
from monograph.capture.python.sites import span_of
from monograph.capture.python.truths import is_or_zero, only_tells
from monograph.capture.restarts import (
    NarrowedError,
    NeedsIndexing,
    NeedsKinds,
    NeedsTexts,
    is_asked_by_program,
    is_printed,
    key_wanted,
    refused,
    restart,
)
from monograph.diagnostics import DataDependentError, ExportError, SourceLine, UndecidedError
from monograph.ir.spec import TensorSpec
from monograph.shapes.env import Guard, Rounded, ShapeEnv
from monograph.shapes.expr import Atom, Expr, Int, Values
from monograph.shapes.floats import ROUNDINGS, FloatExpr, Real, float_value
from monograph.shapes.questions import (
    All,
    Compare,
    CompareFloats,
    OneOf,
    Some,
    Test,
    brief,
    equal,
    holds,
    negated,
    symbols_of,
    text_of,
    truth,
)
from monograph.shapes.symnode import expression_of, symbolic
from monograph.shapes.text import Tree, tree_of

if TYPE_CHECKING:
    from monograph.capture.recorder import Recorder
    from monograph.capture.settling import Settling
    from monograph.inference.fakes import Outcome

__all__ = ["OPERATORS", "SIZES", "Operand", "Sizes", "float_operator", "in_sizes"]

aten = torch.ops.aten

Operand = Node | int | float  # of a node that computes with sizes
SIZES = frozenset({
    torch.SymInt, torch.SymFloat, torch.SymBool, *NUMBERS_OF_NUMPY, Expr, FloatExpr,
})  # that vary  # fmt: skip
_MOST_CALLS = 3  # that have led to a question, and may be what is run with each answer
_LONG = 8  # parts of an expression that is not computed again

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "neg": operator.neg, "max": torch.sym_max,
    "min": torch.sym_min, "isqrt": math.isqrt, "bitwise_and": operator.and_,
    "bitwise_or": operator.or_, "bitwise_xor": operator.xor,
}  # fmt: skip
_FLOAT_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow, "neg": operator.neg,
    "abs": operator.abs, "float": torch.sym_float, "max": torch.sym_max, "min": torch.sym_min,
    "round": round,
}  # fmt: skip


def _quotient(item: Expr, size: Expr) -> Int | None:
    """What ``size``, a product of several factors, is to be multiplied by to be ``item``."""
    if size.const or item.const or len(size.terms) > 1 or len(size.terms[0][0]) < 2:
        return None
    (monomial, factor), terms = size.terms[0], []
    for others, count in item.terms:
        left = Counter(others)
        left.subtract(monomial)
        if count % factor or min(left.values()) < 0:
            return None
        terms.append((tuple(sorted(left.elements())), count // factor))
    const = sum(count for others, count in terms if not others)
    return size.scope.make(tuple(sorted(t for t in terms if t[0])), const)


def float_operator(name: str) -> Callable[..., Any]:
    """The function that a node calls for an operation on floats."""
    found: Callable[..., Any] = _FLOAT_OPERATORS.get(name) or getattr(math, name)
    return found


_NAMES = {
    operator.add: "add", operator.sub: "sub", operator.mul: "mul", operator.floordiv: "floordiv",
    operator.mod: "mod", operator.pow: "pow", operator.neg: "neg", torch.sym_max: "sym_max",
    torch.sym_min: "sym_min", math.isqrt: "isqrt", operator.truediv: "truediv",
    operator.abs: "abs", torch.sym_float: "sym_float", round: "round", math.floor: "floor",
    math.ceil: "ceil", math.trunc: "trunc", operator.and_: "and", operator.or_: "or",
    operator.xor: "xor", operator.ge: "ge", operator.eq: "eq", operator.ne: "ne",
    operator.lt: "lt", operator.le: "le", operator.gt: "gt", torch.sym_not: "sym_not",
    torch.sym_ite: "sym_ite",
}  # fmt: skip


# Torch's own functions, which something else stands in for while a program is captured.
def _asking(frame: FrameType | None) -> tuple[FrameType | None, bool]:
    """Who asks for a truth, and whether that is the truth of a size."""
    is_of_size = False
    while frame is not None and (is_ours(frame.f_code) or frame.f_code in _TRUTHS):
        is_of_size = is_of_size or frame.f_code is _TRUTHS[0]
        frame = frame.f_back
    return frame, is_of_size


_TRUTHS = tuple(kind.__bool__.__code__ for kind in (torch.SymInt, torch.SymBool))


class Nodes(NamedTuple):
    """Which nodes stood for what, at some time."""

    bindings: dict[str, Any]
    numbers: dict[Node, Any]
    nodes: dict[Any, Any]


class Sizes:
    """The shape environment of a capture, and the nodes that stand for its expressions.

    It is the environment's ``Listener``.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.here: Callable[[], SourceLine | None] = recorder.here
        self.use(ShapeEnv())
        self.bindings: dict[str, Any] = {}  # symbol -> (node, dimension), a node, or a tree
        self.whole: dict[Expr, tuple[Node, int]] = {}  # sizes of inputs that give no symbol
        self.unbound: dict[str, Expr] = {}  # symbols whose node is about to be recorded
        self.checks: list[tuple[Test, str | None]] = []  # that wait for their symbols' nodes
        self.numbers: dict[Node, Any] = {}  # what ``.item()`` of a node gave
        self.outer: Callable[[str], Any] = _has_no_source  # a symbol that nothing here gives
        self.settling: Settling | None = None  # of questions where they come up
        self.is_of_trial = False  # what a function has still to do is evaluated, by ``settling``
        self.is_for_all = False  # a capture of fewer sizes is of no use
        self._nodes: dict[Any, Any] = {}

    def use(self, env: ShapeEnv) -> None:
        """Take ``env`` for the sizes: its questions come here."""
        self.env = env
        env.listener = self

    # Where symbols come from -----------------------------------------------------------------

    def bind_sizes(self, spec: TensorSpec, node: Node) -> None:
        """The sizes of ``node`` give their symbols, alone or in ``a*x + b``."""
        for i, size in enumerate(spec.shape):
            if not isinstance(size, Expr) or len(size.terms) != 1:
                continue
            monomial, slope = size.terms[0]
            atom = size.scope.atoms[monomial[0]]
            if len(monomial) != 1 or atom.kind != "symbol":
                continue
            is_plain = slope == 1 and not size.const
            if atom.name not in self.bindings or (is_plain and atom.name not in self._plain()):
                self.bindings[atom.name] = (node, i, slope, size.const)
                self._nodes.pop(atom, None)
            self.unbound.pop(atom.name, None)

    def _plain(self) -> set[str]:
        return {
            name for name, found in self.bindings.items()
            if not isinstance(found, tuple) or found[2:] == (1, 0)
        }  # fmt: skip

    def bind_number(self, symbol: Expr | FloatExpr, node: Node) -> None:
        """``node`` is the number itself."""
        name = symbol.name if isinstance(symbol, FloatExpr) else symbol.atoms()[0].name
        self.bindings[name] = node
        self.unbound.pop(name, None)

    def stands_for(self, item: Expr | FloatExpr, node: Node) -> None:
        """``node`` is the value of an expression; of a symbol, its source."""
        self._nodes[item] = node
        if isinstance(item, FloatExpr):
            if item.op == "symbol":
                self.bind_number(item, node)
        elif len(item.symbols()) == 1 and item.scope.bare(item.symbols()[0]) is item:
            self.bind_number(item, node)

    def fresh(self, source: str, lo: int | None = 0, hi: int | None = None) -> Expr:
        """A symbol for an integer that is only known when the program runs."""
        env = self.env
        return env.symbol(env.numbered("u"), None, source, lo, hi, is_unbacked=True)

    def adopt(self, before: int, outcome: Outcome) -> bool:
        """Forget symbols that an operator's fake implementation has made for itself alone.

        Returns whether there are others: its results will give them.
        """
        made = {s.name for s in list(self.env.symbols.values())[before:]} & set(self.unbound)
        used: set[str] = set()
        for spec in outcome.specs():
            used |= {a.name for n in spec.shape if isinstance(n, Expr) for a in n.symbols()}
        for name in made - used:
            del self.unbound[name]
            self.checks = [c for c in self.checks if name not in symbols_of(c[0])]
        return bool(made & used)

    def on_unbacked(self, name: str, symbol: Expr) -> None:
        """A node that gives the symbol is about to be recorded."""
        self.unbound[name] = symbol

    def bind_results(self, spec: TensorSpec, node: Node) -> None:
        """A result may give symbols that were made for it, and checks that waited for them."""
        if self.unbound and spec.scope is not None:
            self.bind_sizes(spec, node)
        if self.checks and not self.unbound:
            waiting, self.checks = self.checks, []
            for test, message in waiting:
                self.assert_at_run_time(test, message)

    def once(self, key: object, make: Callable[[], Expr]) -> Expr:
        """What ``make`` gave the first time; forgotten with the branch that it was made in."""
        if key not in self._nodes:
            self._nodes[key] = make()
        return self._nodes[key]

    # Inside a branch -------------------------------------------------------------------------

    def mark(self) -> Nodes:
        """Which nodes stand for what, for ``go_back``."""
        return Nodes(dict(self.bindings), dict(self.numbers), dict(self._nodes))

    def go_back(self, mark: Nodes) -> Nodes:
        """Forget the nodes that were made since ``mark``; returns the mark of before."""
        before = self.mark()
        self.bindings, self.numbers = dict(mark.bindings), dict(mark.numbers)
        self._nodes = dict(mark.nodes)
        return before

    # Nodes -----------------------------------------------------------------------------------

    def node_of(self, item: Real) -> Operand:
        """A node for an expression, a float or a symbol; plain numbers are themselves."""
        if isinstance(item, FloatExpr):
            return self._float_node(item)
        if not isinstance(item, Expr):
            return item
        found = self._nodes.get(item)
        if found is None:
            size = self.whole.get(item)
            found = self._of_wholes(item) if size is None else self._sized(*size)
            self._nodes[item] = found
        elif found.__class__ is tuple:
            found = self._nodes[item] = self._sized(*found)
        return found

    def _of_wholes(self, item: Expr) -> Operand:
        """A multiple of a size that gives no symbol is computed of it, another from symbols."""
        for size, place in self.whole.items():
            rest = _quotient(item, size)
            if rest is not None:
                return self._call(operator.mul, (self.node_of(rest), self._sized(*place)), item)
        return self._build(tree_of(item), item)

    def note_long(self, spec: TensorSpec, node: Node) -> None:
        """Long sizes of a result are read of it where they are needed, not computed again."""
        for i, size in enumerate(spec.shape):
            if size.__class__ is Expr and size.weight > _LONG and size not in self._nodes:
                self._nodes[size] = (node, i)

    def _build(self, tree: Tree, item: Expr | None = None) -> Operand:
        if isinstance(tree, int):
            return tree
        found = self._nodes.get(tree)
        if found is not None:
            return found
        if isinstance(tree, Atom):
            found = self._atom_node(tree)
        else:
            args = tuple(self._build(arg) for arg in tree.args)
            found = self._computed(OPERATORS[tree.name], args, item)
        self._nodes[tree] = found
        return found

    def _atom_node(self, atom: Atom) -> Operand:
        if atom.kind == "symbol":
            return self._symbol_node(atom.name)
        item = atom.args[0]
        assert isinstance(item, Expr)
        is_size = self._nodes.get(item.scope.bare(atom)).__class__ is tuple
        return self.node_of(item.scope.bare(atom) if is_size else item)

    def _symbol_node(self, name: str) -> Operand:
        source = self.bindings.get(name)
        if source is None:
            definition = self.env.definitions.get(name)
            if definition is None:
                return self.outer(name)
            if isinstance(definition, Rounded):
                number = self.node_of(definition.number)
                symbol = self.env.symbols[name].expr
                return self._call(ROUNDINGS[definition.how], (number,), symbol)
            old, step, offset = definition
            base = self._symbol_node_of(old)
            if offset:
                base = self._computed(operator.sub, (base, offset))
            return self._computed(operator.floordiv, (base, step))
        if isinstance(source, Node):
            is_truth = isinstance(source.meta["val"], Compare)  # which is no number elsewhere
            if not is_truth:
                return source
            return self._call(torch.sym_ite, (source, 1, 0), self.env.symbols[name].expr)
        node, dim, slope, const = source
        size: Operand = self._sized(node, dim)
        if const:
            size = self._computed(operator.sub, (size, const))
        return size if slope == 1 else self._computed(operator.floordiv, (size, slope))

    def _symbol_node_of(self, atom: Atom) -> Operand:
        return self._build(atom)

    def _sized(self, node: Node, dim: int) -> Node:
        key = (node, dim)
        found = self._nodes.get(key)
        if found is None:
            value = node.meta["val"].shape[dim]
            found = self._nodes[key] = self.recorder.emission.append(
                aten.sym_size.int, (node, dim), {}, value
            )
        made: Node = found
        return made

    def _computed(
        self, target: Callable[..., Any], args: tuple[Operand, ...], item: Real | None = None
    ) -> Operand:
        """A node for a number; where it is known by now, it is no node, and files have none."""
        if not any(isinstance(arg, Node) for arg in args):
            found: Operand = target(*args)
            return found
        value = _value_of_call(target, args) if item is None else item
        return value if isinstance(value, int) else self._call(target, args, value)

    def _call(
        self, target: Callable[..., object], args: tuple[Operand, ...], item: Real | Test | None
    ) -> Node:
        if item is None:
            item = _value_of_call(target, args)
        name = _NAMES.get(target) or target.__name__
        return self.recorder.emission.append_named(name, target, args, item)

    def _float_node(self, item: FloatExpr) -> Operand:
        found = self._nodes.get(item)
        if found is not None:
            return found
        if item.op == "symbol":
            return self.bindings[item.name]
        args = tuple(self.node_of(arg) for arg in item.args)
        found = self._nodes[item] = self._call(float_operator(item.op), args, item)
        return found

    def test_node(self, test: Test) -> Node | bool:
        """A node for the truth of ``test``."""
        if isinstance(test, bool):
            return test
        if isinstance(test, Compare):
            truth = self._truth_node(test)
            if truth is not None:
                return truth
            left, right = test.sides()
            sign = {"ge": operator.ge, "eq": operator.eq, "ne": operator.ne}[test.kind]
            return self._call(sign, (self.node_of(left), self.node_of(right)), test)
        if isinstance(test, CompareFloats):
            if test.op.startswith("not "):
                return self._call(torch.sym_not, (self.test_node(negated(test)),), test)
            args = (self.node_of(test.left), self.node_of(test.right))
            return self._call(getattr(operator, test.op), args, test)
        if isinstance(test, OneOf):
            if not test.is_one:
                return self._call(torch.sym_not, (self.test_node(negated(test)),), test)
            return self._combined(Some(tuple(equal(test.expr, value) for value in test.values)))
        return self._combined(test)

    def _truth_node(self, test: Compare) -> Node | None:
        """The node of a truth that was read from a tensor, where ``test`` is that truth."""
        atoms = [a.name for a in test.expr.symbols()]
        source = self.bindings.get(atoms[0]) if len(atoms) == 1 else None
        if not isinstance(source, Node):
            return None
        if source.meta["val"] == test:
            return source
        if source.meta["val"] == negated(test):
            return self._call(torch.sym_not, (source,), test)
        return None

    def _combined(self, test: All | Some) -> Node | bool:
        combine = operator.and_ if isinstance(test, All) else operator.or_
        total = self.test_node(test.parts[0])
        for count, part in enumerate(test.parts[1:], 2):
            so_far = type(test)(test.parts[:count])
            total = self._call(combine, (total, self.test_node(part)), so_far)
        return total

    def assert_at_run_time(self, test: Test, message: str | None) -> None:
        """Record a check of what only the values can tell."""
        assert not isinstance(test, Some) or test.parts
        if self.unbound and any(name in self.unbound for name in symbols_of(test)):
            self.checks.append((test, message))
            return
        text = message or f"Runtime assertion failed for expression {brief(test)}"
        node = self.test_node(test)
        self.recorder.emission.append_named(
            "_assert_scalar", aten._assert_scalar.default, (node, text), None
        )

    def require_kind(self, item: object) -> None:
        """Who gets ``item`` goes by whether it is an integer or a float: let that be asked."""
        content = expression_of(item)
        if isinstance(content, FloatExpr) and content.may_be_integer():
            restart(self.recorder, NeedsKinds())

    # Questions -------------------------------------------------------------------------------

    def is_no_matter(self) -> bool:
        """Whether the truth of a size is asked, for ``n or 0``, which is that size in any case."""
        frame, is_of_size = _asking(sys._getframe(1))
        return is_of_size and frame is not None and is_or_zero(frame.f_code, frame.f_lasti)

    def only_tells(self) -> bool:
        """Whether a warning alone is what the truth of a comparison decides of."""
        frame, _ = _asking(sys._getframe(1))
        return frame is not None and only_tells(frame)

    def is_inside(self) -> bool:
        """Whether a side of a branch, or the body of a loop, is captured."""
        return self.env.supposed is not True or self.recorder.aliases.region is not None

    def settled(self, test: Test, answer: bool) -> bool | None:
        """The answer that the program goes on with, whatever it is; None where it matters."""
        return None if self.settling is None else self.settling.settled(test, answer)

    def calls(self) -> tuple[SourceLine, ...]:
        """The calls that have led to the line that is running, the innermost first."""
        return tuple(map(line_of_frame, frames_of_user(2)[1 : _MOST_CALLS + 1]))

    def narrows(self, guard: Guard) -> None:
        """The program is about to rely on ``guard``, which excludes sizes that it might take."""
        is_demanded = guard.kind == "precondition" or guard.excludes_zero_alone()
        if self.is_for_all and not is_demanded:
            restart(self.recorder, NarrowedError())

    # Questions that nobody can answer --------------------------------------------------------

    def _by_example(self, error: ExportError, item: Expr | FloatExpr | Test) -> float | None:
        """What an expression or a test is for the example inputs, if the capture is to go on."""
        if self.recorder.context.collected is None:
            return None
        names = _names_in(item)
        values: dict[str, Any] = {}
        for name in names:
            node = self.bindings.get(name)
            found = self.env.hint(self.env.symbols[name].expr) if node is None else (
                self.recorder.knowledge.example(node)
            )  # fmt: skip
            if found is None:
                return None
            values[name] = found
        self.recorder.context.collected.append(error)
        if isinstance(item, FloatExpr):
            return float_value(item, values)
        return item.evaluate(values) if isinstance(item, Expr) else holds(item, values)

    def _answers(self, test: Test) -> list[bool]:
        """Whether ``test`` holds for the example; both answers if nobody knows."""
        values: dict[str, Any] = dict(self.env.values)
        for name in _names_in(test):
            node = self.bindings.get(name)
            number = self.recorder.knowledge.number(node) if isinstance(node, Node) else None
            if number is not None:
                values[name] = number
        try:
            return [holds(test, values)]
        except (KeyError, ZeroDivisionError, ValueError, OverflowError):
            return [True, False]

    def unknown(self, item: Expr | FloatExpr) -> float:
        """The value for the examples, where the capture goes on with these; else an error."""
        self._ask_tables(_names_in(item))
        error = self._refusal(item)
        context = self.recorder.context
        frames = frames_of_user() if context.is_running and not context.indexes else []
        if frames and subscripts(frames[0]):
            restart(self.recorder, NeedsIndexing())
        found = self._by_example(error, item)
        if found is not None:
            return found
        raise refused(self.recorder, error)

    def example(self, names: list[str]) -> Values | None:
        """What symbols that have no number are for the examples, if that is cheap to tell."""
        found: dict[str, Any] = {}
        for name in names:
            node = self.bindings.get(name)
            value = self.recorder.knowledge.number(node) if isinstance(node, Node) else None
            if value is None:
                return None
            found[name] = value
        return found

    def is_caught(self) -> bool:
        """Whether the program may catch what is raised now."""
        if not self.recorder.context.is_running:
            return False
        frames = list(frames_of_user(2))
        is_in_try = any(frame.f_code.co_exceptiontable for frame in frames)
        return is_in_try and may_be_caught(frames)

    def caught_at(self) -> SourceLine | None:
        """The statement of the program by which it would."""
        if not self.recorder.context.is_running:
            return None
        found = caught_by(frames_of_user(2))
        if found is None:
            return None
        frame, statement = found
        code = frame.f_code
        span = span_of(statement)
        return SourceLine(code.co_filename, statement.lineno, code.co_name, span=span)

    def is_so_in_example(self, test: Test) -> bool | None:
        """Whether ``test`` holds for the examples, of numbers that have none; None: not told."""
        values = dict(self.env.values)
        for name in symbols_of(test):
            if name in values:
                continue
            bound, value = self.bindings.get(name), None
            if isinstance(bound, Node):
                value = self.recorder.knowledge.number(bound)
            elif isinstance(bound, tuple) and isinstance(bound[0], Node):
                node, dim, slope, offset = bound
                size = self.recorder.knowledge.size(node, dim)
                value = None if size is None else (size - offset) // slope
            if value is None:
                return None
            values[name] = value
        try:
            return truth(test, values)
        except (ValueError, ArithmeticError):
            return None

    def _refusal(self, item: Real | Test) -> DataDependentError:
        """What to say where Python needs the very number, or the truth."""
        from monograph.diagnostics.hints import instead_of

        where = self.recorder.here()
        names = _names_in(item)
        symbols = [self.env.symbols[name] for name in names]
        sources = "; ".join(f"{s.source}, {s.where}" for s in symbols if s.is_unbacked)
        expression = where.expression() if where else None
        error = DataDependentError(
            (f"`{expression}`" if expression else "Python")
            + f" needs a number that is only known when the program runs ({sources})",
            code="MG-D102",
            where=where,
            hint=instead_of(expression, "MG-D102"),
        )
        error.origins = self._lines_to(names, where)
        return error

    def on_text(self, item: Real | Test) -> str | None:
        """``str(n)`` in the program: any text where it is printed, else that of the number."""
        if self.is_of_trial:
            raise UnknownError("a text")  # nothing is fixed for it there
        if not self.recorder.context.is_running or not is_asked_by_program() or is_printed():
            return None
        if any(self.env.symbols[name].is_unbacked for name in _names_in(item)):
            raise refused(self.recorder, self._refusal(item))
        if isinstance(item, Expr):
            spells = self.recorder.context.spells_sizes
            as_key = None if spells else key_wanted(self.env, item)
            if as_key is None and self.env.size_texts:  # this number may be one of them
                restart(self.recorder, NeedsTexts())
            return as_key or str(self.env.fix(item, "a text is made of this size"))
        if isinstance(item, FloatExpr):
            self.require_kind(item)
            return str(symbolic(self.env, item).node.guard_float("", 0))
        return None if isinstance(item, (int, float)) else str(self.env.decide(item))

    def _lines_to(self, names: Iterable[str], where: SourceLine | None) -> list[SourceLine]:
        """The lines that have led to these symbols."""
        from monograph.capture.provenance import lines_to

        return lines_to(self._nodes_of(names), where)

    def _ask_tables(self, names: Iterable[str]) -> None:
        """Capture again, where tables that the constructor has computed tell such a number."""
        self.recorder.knowledge.ask_tables(self._nodes_of(names))

    def _nodes_of(self, names: Iterable[str]) -> list[Node]:
        found = [self.bindings.get(name) for name in names]
        nodes = [each[0] if isinstance(each, tuple) else each for each in found]
        return [node for node in nodes if isinstance(node, Node)]

    def undecided(self, test: Test) -> bool:
        """The answer for the examples, where the capture goes on with these; else an error."""
        recorder, env = self.recorder, self.env
        where = recorder.here()
        names = [n for n in symbols_of(test) if env.symbols[n].is_unbacked]
        self._ask_tables(names)
        sources = "; ".join(
            f"{n} is {env.symbols[n].source}"
            + (f" ({env.symbols[n].where})" if env.symbols[n].where else "")
            for n in names
        )
        expression = where.expression() if where else None
        asked = text_of(test)
        error = UndecidedError(
            (
                f"`{expression}` needs to know whether "
                if expression
                else "Python needs to know whether "
            )
            + f"{asked} holds, which is only known when the program runs ({sources})",
            where=where,
            asked=asked,
            checks={
                env.in_users_words(test if answer else negated(test)): answer
                for answer in self._answers(test)
            },
        )
        error.origins = self._lines_to(names, where)
        found = self._by_example(error, test)
        if found is not None:
            return bool(found)
        raise refused(recorder, error)


def _names_in(item: Real | Test) -> list[str]:
    """The symbols of an expression or a test."""
    if isinstance(item, FloatExpr):
        return item.symbols()
    if isinstance(item, Expr):
        return [atom.name for atom in item.symbols()]
    return [] if isinstance(item, (int, float)) else symbols_of(item)


def _value_of_call(target: Callable[..., Any], args: tuple[Operand, ...]) -> Int | None:
    """The expression of a node that was made on the way to another."""
    values: list[Any] = [arg.meta["val"] if isinstance(arg, Node) else arg for arg in args]
    scope = next((v.scope for v in values if isinstance(v, Expr)), None)
    if scope is None:
        return None
    if target is torch.sym_max:
        return scope.maximum(*values)
    if target is torch.sym_min:
        return scope.minimum(*values)
    if target is math.isqrt:
        return scope.isqrt(*values)
    arithmetic = (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod,
                  operator.pow, operator.neg)  # fmt: skip
    return target(*values) if target in arithmetic else None


def in_sizes(item: object) -> bool:
    """Whether ``item`` is a size, a float or a truth that varies."""
    return type(item) in SIZES


def _has_no_source(name: str) -> NoReturn:
    raise ExportError(f"the size {name} is given by no input of the program")
