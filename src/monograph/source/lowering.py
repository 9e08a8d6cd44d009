"""Statements that depend on data, rewritten as calls of the runtime.

Only the statements that were found to depend on data are touched. A branch becomes two functions
that share the variables of the function around them (``nonlocal``), and a call that runs one of
them, or captures both. Where a branch may leave its block (``return``, ``break``, ``continue``),
what follows the branch is moved into it, so that every path ends where the block ends.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Sequence

from monograph.capture.python.sites import ASKING, Site, Span, is_extending, span_of
from monograph.source.expressions import (
    RUNTIME,
    Expressions,
    located,
    name_of,
    runtime_call,
    site_constant,
    thunk,
)
from monograph.source.filling import fills_of
from monograph.source.syntax import (
    JUMPS,
    LOOPS,
    PREFIX,
    SCOPES,
    ExplicitSuper,
    Replaced,
    always_leaves,
    assigned_in,
    cannot_move,
    choices_of,
    is_asking,
    is_site,
    jumps_of,
    own_nodes,
    require_movable,
    returns_in,
)

__all__ = ["RUNTIME", "lower"]


def lower(
    tree: ast.Module, sites: frozenset[Site], ending: frozenset[Span], file: str
) -> ast.Module:
    """``tree``, which is changed, where the statements at ``sites`` are calls of the runtime.

    What follows the branches at ``ending`` is moved into them, so that no variable has to be one
    thing after both sides.

    Raises:
        ControlFlowError: MG-C115, for a statement that cannot be moved into a function.
    """
    made: ast.Module = _Functions(sites, ending, file).visit(tree) if sites else tree
    ast.fix_missing_locations(made)
    return made


class _Functions(ast.NodeTransformer):
    """Finds the functions that hold a site."""

    def __init__(self, sites: frozenset[Site], ending: frozenset[Span], file: str) -> None:
        self.sites = sites
        self.ending = ending
        self.file = file

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        own = [n for n in own_nodes(node) if is_site(n, self.sites) or is_asking(n, self.sites)]
        if own:
            lowering = _Lowering(self.sites, self.ending, self.file, node)
            node.body = lowering.function_body(node.body)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        self.generic_visit(node)
        is_run_with_each = Site(ASKING, span_of(node.body)) in self.sites
        place = site_constant(self.file, node.body)
        Expressions(self.sites, self.file).visit_in(node, "body")
        if is_run_with_each:
            require_movable(node.body, self.file)
            node.body = located(runtime_call("asking", place, thunk(node.body)), node.body)
        return node


# Statements ----------------------------------------------------------------------------------


class _Boundary:
    """Where a path ends: the end of a function, or of a loop's body (or of a ``with`` block).

    Inside a loop's body a jump sets flags, and ends the body.
    """

    def __init__(self, number: int | None = None, is_loop: bool = False) -> None:
        self.number = number
        self.is_loop = is_loop
        self.breaks = self.continues = self.returns = False

    def flag(self, kind: str) -> str:
        return f"{PREFIX}{kind}_{self.number}"

    def jump(self, node: ast.stmt, in_loop: bool) -> list[ast.stmt] | None:
        """The statements for a jump; None where it stays as it is."""
        if self.number is None or (in_loop and not isinstance(node, ast.Return)):
            return None
        made: list[ast.stmt] = []
        if isinstance(node, ast.Break):
            self.breaks = True
            made.append(_assign(self.flag("break"), ast.Constant(True)))
        elif isinstance(node, ast.Continue) and not self.is_loop:
            self.continues = True
            made.append(_assign(self.flag("continue"), ast.Constant(True)))
        elif isinstance(node, ast.Return):
            self.returns = True
            made.append(_assign(self.flag("value"), node.value or ast.Constant(None)))
            made.append(_assign(self.flag("return"), ast.Constant(True)))
        made.append(ast.Return(None))
        return [ast.copy_location(s, node) for s in made]


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([name_of(name, ast.Store())], value)


class _Unannotated(ast.NodeTransformer):
    """``x: int = 3`` as ``x = 3``: a variable that a part shares may have no annotation there."""

    def visit(self, node: ast.AST) -> ast.AST:
        return node if isinstance(node, SCOPES) else super().visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if not isinstance(node.target, ast.Name):
            return node
        made = ast.Pass() if node.value is None else ast.Assign([node.target], node.value)
        return ast.copy_location(made, node)


class _Lowering:
    """Rewrites the body of one function."""

    def __init__(
        self, sites: frozenset[Site], ending: frozenset[Span], file: str, function: ast.FunctionDef
    ) -> None:
        self.sites = sites
        self.ending = ending
        self.file = file
        self.function = function
        self.count = 0
        own = own_nodes(function)
        self.globals = {n for s in own if isinstance(s, ast.Global) for n in s.names}
        self.outside = {n for s in own if isinstance(s, ast.Nonlocal) for n in s.names}
        self.holds_functions = any(isinstance(node, SCOPES) for node in own)  # they outlive a call
        self.shared: set[str] = set()  # variables of the function that its parts share
        self.made_ending: set[int] = set()
        self.kept: list[ast.AST] = []  # so that no identity is used twice
        self.made_dynamic: set[int] = set()  # statements of our own that may depend on data
        self.asked: set[Span] = set()  # statements that are being run with each answer
        self.expressions = Expressions(sites, file)

    def fresh(self) -> int:
        self.count += 1
        return self.count

    def function_body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """The whole body; its docstring and declarations stay in front."""
        made = self.block(body, [], _Boundary())
        shared = sorted(self.shared - self.outside)
        if not shared:
            return made
        # Never run: it makes these names variables of the function.
        binding = ast.Assign([name_of(n, ast.Store()) for n in shared], ast.Constant(None))
        unreached = ast.If(ast.Constant(False), [binding], [])
        is_documented = (
            isinstance(made[0], ast.Expr)
            and isinstance(made[0].value, ast.Constant)
            and isinstance(made[0].value.value, str)
        )
        at = 1 if is_documented else 0
        while at < len(made) and isinstance(made[at], (ast.Global, ast.Nonlocal)):
            at += 1
        return [*made[:at], located(unreached, self.function), *made[at:]]

    # Blocks: ``after`` is what follows the block up to the boundary ---------------------------

    def block(
        self, body: Sequence[ast.stmt], after: list[ast.stmt], boundary: _Boundary
    ) -> list[ast.stmt]:
        made: list[ast.stmt] = []
        for i, statement in enumerate(body):
            rest = list(body[i + 1 :])
            if is_asking(statement, self.sites) and span_of(statement) not in self.asked:
                is_end, lowered = self._asking(statement, [*rest, *after], boundary)
                made += lowered
                if is_end:
                    return made
                continue
            statement = self._as_statement(statement)
            if isinstance(statement, ast.If):
                if self._is_dynamic(statement) and self._ends(statement, boundary):
                    made += self._ending_branch(statement, [*rest, *after], boundary)
                    return made
                if self._is_dynamic(statement):
                    made += self._branch(statement, boundary)
                    continue
                statement = copy.copy(statement)
                statement.test = self.expressions.visit(copy.deepcopy(statement.test))
                orelse = statement.orelse
                statement.body = self.block(statement.body, [*rest, *after], boundary)
                statement.orelse = self.block(orelse, [*rest, *after], boundary)
                made.append(statement)
            elif isinstance(statement, LOOPS):
                if self._is_dynamic(statement) or self._holds_dynamic_jump(statement.body):
                    statement, before, follow = self._filling(statement)
                    made += before
                    made += self._loop(statement, [*follow, *rest, *after], boundary)
                    if made and isinstance(made[-1], ast.Return):
                        return made
                    made += follow
                    continue
                made.append(self._plain_loop(statement, boundary))
            elif isinstance(statement, (ast.With, ast.Try)) and self._holds_dynamic_jump(
                statement.body
            ):
                made += self._left_early(statement, [*rest, *after], boundary)
                return made
            elif isinstance(statement, ast.Match):
                statement = copy.copy(statement)
                statement.subject = self.expressions.visit(copy.deepcopy(statement.subject))
                statement.cases = [copy.copy(case) for case in statement.cases]
                for case in statement.cases:
                    case.body = self.block(case.body, [*rest, *after], boundary)
                made.append(statement)
            elif isinstance(statement, (ast.With, ast.Try)):
                made.append(self._container(statement, boundary))
            else:
                made += self._simple(statement, boundary)
                if isinstance(statement, (*JUMPS, ast.Raise)):
                    return made
        return made

    def _as_statement(self, node: ast.stmt) -> ast.stmt:
        """``x = a if c else b`` at a site, as an ``if`` statement.

        So is ``x = f(a if c else b)``, where ``a`` and ``b`` are no one thing. And ``x.extend(y)``
        is a loop that appends, ``while (k := f(k)):`` one that is left in its body.
        """
        if isinstance(node, ast.Expr) and is_extending(node.value):
            return self._appending(node) if is_site(node.value, self.sites) else node
        if isinstance(node, ast.While) and self._is_dynamic(node) and not node.orelse:
            assigns = any(isinstance(each, ast.NamedExpr) for each in ast.walk(node.test))
            return self._leaving(node) if assigns else node
        choice = self._choice(node)
        if choice is None:
            return node
        if isinstance(choice, ast.BoolOp):
            first, *rest = choice.values
            others = rest[0] if len(rest) == 1 else ast.BoolOp(choice.op, rest)
            located(others, choice)
            parts = [others, first] if isinstance(choice.op, ast.And) else [first, others]
            test = first
        else:
            test, parts = choice.test, [choice.body, choice.orelse]
        sides = [[Replaced(choice, part).of(node)] for part in parts]
        made = self._dynamic(ast.If(test, *sides), choice)
        if self._is_ending(choice):
            self.made_ending.add(id(made))
        return made

    def _appending(self, node: ast.Expr) -> ast.stmt:
        call = copy.deepcopy(node.value)
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        item = f"{PREFIX}appended_{self.fresh()}"
        (items,), call.args, call.func.attr = call.args, [name_of(item)], "append"
        loop = ast.For(name_of(item, ast.Store()), items, [ast.Expr(call)], [])
        return self._dynamic(loop, node)

    def _leaving(self, node: ast.While) -> ast.stmt:
        """Its test changes what goes round, as only the body of a loop does."""
        test = copy.deepcopy(node.test)
        is_all = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And)
        leaving: list[ast.stmt] = []
        for each in test.values if is_all else [test]:  # type: ignore[attr-defined]
            ended = located(ast.UnaryOp(ast.Not(), each), each)
            leaving.append(self._dynamic(ast.If(ended, [ast.Break()], []), each))
        always = located(ast.Constant(True), node.test)
        return self._dynamic(ast.While(always, [*leaving, *node.body], []), node)

    def _choice(self, node: ast.stmt) -> ast.IfExp | ast.BoolOp | None:
        """The expression in ``node`` by which it becomes an ``if`` statement."""
        value = getattr(node, "value", None)
        kinds = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return, ast.Expr)
        if not isinstance(node, kinds) or value is None:
            return None
        is_whole = isinstance(value, ast.IfExp) and not isinstance(node, ast.AugAssign)
        if is_whole and is_site(value, self.sites):
            return value
        return next(
            (
                choice
                for choice in choices_of(value)
                if is_site(choice, self.sites) and self._is_ending(choice)
            ),
            None,
        )

    def _ends(self, node: ast.If, boundary: _Boundary) -> bool:
        """Whether what follows a branch is moved into it."""
        leaves = bool(jumps_of(node))
        wanted = leaves or id(node) in self.made_ending or self._is_ending(node)
        if not isinstance(boundary, _Inside):
            return wanted
        if leaves:
            raise cannot_move(node, "a block (`try`, `with`) that it leaves", self.file)
        return False

    def _is_ending(self, node: ast.AST) -> bool:
        return hasattr(node, "end_lineno") and span_of(node) in self.ending

    def _is_dynamic(self, node: ast.AST) -> bool:
        return id(node) in self.made_dynamic or is_site(node, self.sites)

    def _holds_dynamic_jump(self, body: Sequence[ast.stmt]) -> bool:
        """Whether a branch at a site leaves ``body`` (by ``break``, or ``return``)."""
        stack: list[tuple[ast.AST, bool]] = [(s, False) for s in body]
        while stack:
            node, in_loop = stack.pop()
            if self._is_ending(node):
                return True
            if isinstance(node, ast.If) and self._is_dynamic(node):
                kinds = jumps_of(node)
                if ast.Return in kinds or (not in_loop and kinds & {ast.Break, ast.Continue}):
                    return True
            if isinstance(node, LOOPS) and self._is_dynamic(node) and returns_in(node):
                return True
            if isinstance(node, SCOPES):
                continue
            inside = in_loop or isinstance(node, LOOPS)
            stack.extend((child, inside) for child in ast.iter_child_nodes(node))
        return False

    def _simple(
        self, statement: ast.stmt, boundary: _Boundary, in_loop: bool = False
    ) -> list[ast.stmt]:
        if isinstance(statement, JUMPS):
            if isinstance(statement, ast.Return) and statement.value is not None:
                value = self.expressions.visit(copy.deepcopy(statement.value))
                statement = ast.copy_location(ast.Return(value), statement)
            jumped = boundary.jump(statement, in_loop)
            return [statement] if jumped is None else jumped
        if isinstance(statement, SCOPES):
            return [statement]
        return [self.expressions.visit(copy.deepcopy(statement))]

    def _plain_loop(self, loop: ast.For | ast.While, boundary: _Boundary) -> ast.stmt:
        """A loop that Python runs; ``return`` inside it may belong to a boundary around it."""
        made = copy.copy(loop)
        if isinstance(made, ast.For):
            made.iter = self.expressions.visit(copy.deepcopy(made.iter))
        else:
            made.test = self.expressions.visit(copy.deepcopy(made.test))
        made.body = self._nested(made.body, boundary, in_loop=True)
        made.orelse = self._nested(made.orelse, boundary)
        return made

    def _nested(
        self, body: list[ast.stmt], boundary: _Boundary, in_loop: bool = False
    ) -> list[ast.stmt]:
        """A block whose end is not the boundary's: nothing can be moved out of it."""
        inner = _Inside(boundary, in_loop)
        return self.block(body, [], inner)

    def _container(self, statement: ast.With | ast.Try, boundary: _Boundary) -> ast.stmt:
        made = copy.copy(statement)
        made.body = self._nested(made.body, boundary)
        if isinstance(made, ast.Try):
            made.orelse = self._nested(made.orelse, boundary)
            made.finalbody = self._nested(made.finalbody, boundary)
            made.handlers = [copy.copy(h) for h in made.handlers]
            for handler in made.handlers:
                handler.body = self._nested(handler.body, boundary)
        else:
            made.items = [copy.copy(item) for item in made.items]
            for item in made.items:
                item.context_expr = self.expressions.visit(copy.deepcopy(item.context_expr))
        return made

    # Branches ---------------------------------------------------------------------------------

    def _branch(self, node: ast.If, boundary: _Boundary) -> list[ast.stmt]:
        """A branch whose sides end at its end."""
        number = self.fresh()
        then = self._closure(f"then_{number}", self._nested(node.body, boundary), node)
        otherwise = self._closure(f"else_{number}", self._nested(node.orelse, boundary), node)
        test = self.expressions.condition(copy.deepcopy(node.test))
        site = site_constant(self.file, node)
        call = runtime_call("branch", site, test, name_of(then.name), name_of(otherwise.name))
        return [then, otherwise, located(ast.Expr(call), node.test)]

    def _ending_branch(
        self, node: ast.If, rest: list[ast.stmt], boundary: _Boundary
    ) -> list[ast.stmt]:
        """A branch that may leave the block: each side goes on to the boundary."""
        number = self.fresh()
        sides = []
        for name, body in (("then", node.body), ("else", node.orelse)):
            whole = list(body) if always_leaves(body) else [*body, *rest]
            lowered = self.block(whole, [], boundary)
            sides.append(self._closure(f"{name}_{number}", lowered, node))
        test = self.expressions.condition(copy.deepcopy(node.test))
        site = site_constant(self.file, node)
        call = runtime_call("branch", site, test, *(name_of(side.name) for side in sides))
        call.keywords = self._last(boundary)
        return [*sides, located(ast.Return(call), node.test)]

    def _last(self, boundary: _Boundary) -> list[ast.keyword]:
        """What tells the runtime that the function ends here: its variables are no matter then."""
        is_last = boundary.number is None and not self.outside and not self.holds_functions
        return [ast.keyword("is_last", ast.Constant(True))] if is_last else []

    def _asking(
        self, node: ast.stmt, rest: list[ast.stmt], boundary: _Boundary
    ) -> tuple[bool, list[ast.stmt]]:
        """A statement that is run with each answer to what it asks; whether the block ends so."""
        span, number = span_of(node), self.fresh()
        is_inside = isinstance(boundary, _Inside)
        leaves = bool(jumps_of(ast.If(ast.Constant(True), [node], [])))
        is_end = leaves or span in self.ending
        if is_inside and leaves:
            raise cannot_move(node, "a block that it leaves", self.file)
        is_end &= not is_inside
        self.asked.add(span)
        try:
            if is_end:
                lowered = self.block([node, *rest], [], boundary)
            else:
                lowered = self._nested([node], boundary)
        finally:
            self.asked.discard(span)
        body = self._closure(f"then_{number}", lowered, node)
        call = runtime_call("asking", site_constant(self.file, node), name_of(body.name))
        call.keywords = self._last(boundary) if is_end else []
        last: ast.stmt = ast.Return(call) if is_end else ast.Expr(call)
        return is_end, [body, located(last, node)]

    def _closure(
        self, name: str, body: list[ast.stmt], where: ast.AST, argument: str | None = None
    ) -> ast.FunctionDef:
        """A function that shares the variables of the function around it."""
        body = [self._movable(statement) for statement in body]
        assigned = sorted(assigned_in(body) - self.globals)
        self.shared.update(assigned)
        head: list[ast.stmt] = [ast.Nonlocal(assigned)] if assigned else []
        used_globals = sorted(assigned_in(body) & self.globals)
        head += [ast.Global(used_globals)] if used_globals else []
        arguments = ast.arguments(
            posonlyargs=[],
            args=[ast.arg(argument)] if argument else [],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
        )
        made = ast.FunctionDef(PREFIX + name, arguments, [*head, *(body or [ast.Pass()])], [], None)
        return located(made, where)

    def _movable(self, statement: ast.stmt) -> ast.stmt:
        require_movable(statement, self.file)
        plain = _Unannotated().visit(statement)
        return ExplicitSuper(self.function).visit(plain)

    # Loops ------------------------------------------------------------------------------------

    def _loop(
        self, node: ast.For | ast.While, after: list[ast.stmt], outer: _Boundary
    ) -> list[ast.stmt]:
        number = self.fresh()
        if isinstance(node, ast.For) and not after and self._only_yields(node):
            return self._yielding(node, number)
        boundary = _Boundary(number, is_loop=True)
        argument = f"{PREFIX}item_{number}" if isinstance(node, ast.For) else None
        body = list(node.body)
        if isinstance(node, ast.For):
            assert argument is not None
            body.insert(0, located(ast.Assign([node.target], name_of(argument)), node.target))
        lowered = self._closure(f"body_{number}", self.block(body, [], boundary), node, argument)
        jumps = (("break", boundary.breaks), ("return", boundary.returns))
        flags = [boundary.flag(kind) for kind, used in jumps if used]
        made: list[ast.stmt] = [located(_assign(f, ast.Constant(False)), node) for f in flags]
        if boundary.returns:
            undefined = ast.Attribute(ast.Constant(RUNTIME), "UNDEFINED", ast.Load())
            made.append(located(_assign(boundary.flag("value"), undefined), node))
        made.append(lowered)
        stop = thunk(_any_of(flags))
        if isinstance(node, ast.For):
            iterable = self.expressions.iterable(copy.deepcopy(node.iter))
            call = runtime_call("for_loop", iterable, name_of(lowered.name), stop)
            where: ast.AST = node.iter
        else:
            test = thunk(self.expressions.condition(copy.deepcopy(node.test)))
            call = runtime_call("while_loop", test, name_of(lowered.name), stop)
            where = node.test
        made.append(located(ast.Expr(call), where))
        follow: list[ast.stmt] = list(node.orelse)
        if node.orelse and flags:
            finished = ast.If(ast.UnaryOp(ast.Not(), _any_of(flags)), list(node.orelse), [])
            follow = [self._dynamic(finished, node)]
        if not boundary.returns:
            return made + self.block(follow, after, outer)
        value = ast.Return(name_of(boundary.flag("value")))
        left = ast.If(name_of(boundary.flag("return")), [located(value, node)], [])
        made += self.block([*follow, self._dynamic(left, node), *after], [], outer)
        if not isinstance(made[-1], ast.Return):
            made.append(located(ast.Return(None), node))
        return made

    def _filling(
        self, node: ast.For | ast.While
    ) -> tuple[ast.For | ast.While, list[ast.stmt], list[ast.stmt]]:
        """``node`` as a loop that appends where it fills a list, and what stands around it."""
        fills = fills_of(node, self.function) if isinstance(node, ast.For) else []
        before: list[ast.stmt] = []
        follow: list[ast.stmt] = []
        if fills:
            node = copy.copy(node)
            node.body = list(node.body)
        for fill in fills:
            made = f"{PREFIX}filled_{self.fresh()}"
            append = ast.Attribute(name_of(made), "append", ast.Load())
            appended = ast.Expr(ast.Call(append, [fill.statement.value], []))
            node.body[node.body.index(fill.statement)] = located(appended, fill.statement)
            before.append(located(_assign(made, ast.List([], ast.Load())), node))
            items = (name_of(fill.name), name_of(made))
            if fill.is_dict:
                around = ast.Constant(fill.key)  # type: ignore[arg-type]
                given = runtime_call("filled_dict", *items, around)
            else:
                given = runtime_call("filled", *items, ast.Constant(fill.is_reversed))
            follow.append(located(_assign(fill.name, given), node))
        return node, before, follow

    def _only_yields(self, node: ast.For) -> bool:
        """Whether a generator ends with a loop that gives an item at the end of each iteration.

        Then the items may be made where they are asked for.
        """
        own = own_nodes(self.function)
        yields = [n for n in own if isinstance(n, (ast.Yield, ast.YieldFrom, ast.Await))]
        *before, last = node.body
        is_last = span_of(self.function.body[-1]) == span_of(node) and not node.orelse
        is_plain = all(
            isinstance(n, (ast.Assign, ast.AugAssign, ast.Assert, ast.Expr)) for n in before
        )
        is_yield = isinstance(last, ast.Expr) and isinstance(last.value, ast.Yield)
        if len(yields) != 1 or not (is_last and is_plain and is_yield):
            return False
        return not any(isinstance(n, ast.Return) for n in own)

    def _has_a_state(self, node: ast.For) -> bool:
        """Whether an iteration knows of others: by a variable that goes from one to the next."""
        known = {n.arg for n in ast.walk(self.function.args) if isinstance(n, ast.arg)}
        known |= assigned_in([n for n in self.function.body if span_of(n) != span_of(node)])
        return bool((known | self.outside | self.globals) & assigned_in([node]))

    def _yielding(self, node: ast.For, number: int) -> list[ast.stmt]:
        """``for x in xs: yield f(x)``, the end of a generator, as ``return map(f, xs)``."""
        *before, last = node.body
        assert isinstance(last, ast.Expr)
        assert isinstance(last.value, ast.Yield)
        item, name = f"{PREFIX}item_{number}", f"{PREFIX}yielded_{number}"
        bound = located(ast.Assign([node.target], name_of(item)), node.target)
        value = last.value.value or ast.Constant(None)
        given = located(ast.Return(value), last)
        iterable = self.expressions.iterable(copy.deepcopy(node.iter))
        if self._has_a_state(node):
            body = self.block([bound, *before, given], [], _Boundary())
            step = self._closure(f"yielded_{number}", body, node, item)
            made = runtime_call("yielded", name_of(step.name), iterable, ast.Constant(True))
            return [step, located(ast.Return(made), node.iter)]
        function = copy.copy(self.function)
        function.name, function.decorator_list, function.returns = name, [], None
        function.args = ast.arguments(
            posonlyargs=[], args=[ast.arg(item)], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        function.body = self.block([bound, *before, given], [], _Boundary())
        call = runtime_call("yielded", name_of(name), iterable, ast.Constant(False))
        return [located(function, node), located(ast.Return(call), node.iter)]

    def _left_early(
        self, node: ast.With | ast.Try, after: list[ast.stmt], outer: _Boundary
    ) -> list[ast.stmt]:
        """A ``with`` or ``try`` block that a branch may leave: flags, looked at after the block."""
        if isinstance(node, ast.Try) and node.orelse:
            raise cannot_move(node, "a `try` block with `else` that it leaves", self.file)
        number = self.fresh()
        boundary = _Boundary(number)
        body = self._closure(f"inside_{number}", self.block(node.body, [], boundary), node)
        hollow = copy.copy(node)
        hollow.body = []
        statement = self._container(hollow, outer)
        statement.body = [  # type: ignore[attr-defined]
            located(ast.Expr(ast.Call(name_of(body.name), [], [])), node)
        ]
        made: list[ast.stmt] = []
        follow: list[ast.stmt] = []
        jumps: list[tuple[bool, str, ast.stmt]] = [
            (boundary.returns, "return", ast.Return(name_of(boundary.flag("value")))),
            (boundary.breaks, "break", ast.Break()),
            (boundary.continues, "continue", ast.Continue()),
        ]
        for is_used, kind, jump in jumps:
            if is_used:
                flag = boundary.flag(kind)
                made.append(located(_assign(flag, ast.Constant(False)), node))
                left = ast.If(name_of(flag), [located(jump, node)], [])
                follow.append(self._dynamic(left, node))
        if boundary.returns:
            undefined = ast.Attribute(ast.Constant(RUNTIME), "UNDEFINED", ast.Load())
            made.append(located(_assign(boundary.flag("value"), undefined), node))
        made += [body, statement, *self.block([*follow, *after], [], outer)]
        if not isinstance(made[-1], ast.Return) and not isinstance(outer, _Inside):
            made.append(located(ast.Return(None), node))
        return made

    def _dynamic(self, statement: ast.If | ast.For | ast.While, where: ast.AST) -> ast.stmt:
        located(statement, where)
        self.made_dynamic.add(id(statement))
        self.kept.append(statement)
        return statement


class _Inside(_Boundary):
    """A block inside a compound statement: the same boundary, but the block's end is not it."""

    def __init__(self, boundary: _Boundary, in_loop: bool) -> None:
        super().__init__()
        self.outer = boundary
        self.in_loop = in_loop or getattr(boundary, "in_loop", False)

    def jump(self, node: ast.stmt, in_loop: bool) -> list[ast.stmt] | None:
        return self.outer.jump(node, in_loop or self.in_loop)


def _any_of(flags: list[str]) -> ast.expr:
    if not flags:
        return ast.Constant(False)
    if len(flags) == 1:
        return name_of(flags[0])
    return runtime_call("any_of", name_of(flags[0]), *(thunk(name_of(f)) for f in flags[1:]))
