"""Expressions that depend on data, rewritten as calls of the runtime."""

from __future__ import annotations

import ast
from typing import TypeVar

from monograph.capture.python.sites import (
    ITERTOOLS,
    Site,
    called,
    has_flag,
    is_counting,
    is_folding,
    is_joining,
    is_listing,
    is_over_others,
    is_reducing,
    is_repeating,
    is_spelling_out,
    is_taking_apart,
    span_of,
)
from monograph.source.filling import number_of, text_around
from monograph.source.syntax import PREFIX, is_site, require_movable

__all__ = ["RUNTIME", "Expressions", "located", "name_of", "runtime_call", "thunk"]

RUNTIME = "the runtime of converted code"
_Node = TypeVar("_Node", bound=ast.AST)
_OF_SEQUENCES = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)  # which ask about item after item
_ITERATORS = ("range", "enumerate", "zip", "reversed", "len", "map", "iter")


def _is_of_names(node: ast.List | ast.Tuple) -> bool:
    """Whether what it joins are variables: nothing happens where they are read later."""
    starred = [item.value for item in node.elts if isinstance(item, ast.Starred)]
    return isinstance(node.ctx, ast.Load) and all(isinstance(each, ast.Name) for each in starred)


def name_of(name: str, context: ast.expr_context | None = None) -> ast.Name:
    """The name as an expression."""
    return ast.Name(name, context or ast.Load())


def runtime_call(function: str, *args: ast.expr) -> ast.Call:
    """A call of a function of the runtime."""
    target = ast.Attribute(ast.Constant(RUNTIME), function, ast.Load())
    return ast.Call(target, list(args), [])


def located(node: _Node, where: ast.AST) -> _Node:
    """``node`` and all new nodes in it, at the place of ``where``."""
    for each in ast.walk(node):
        if "lineno" in each._attributes and not hasattr(each, "lineno"):
            ast.copy_location(each, where)
    return node


def thunk(body: ast.expr) -> ast.Lambda:
    """``lambda: body``."""
    nothing = ast.arguments(posonlyargs=[], args=[], kwonlyargs=[], kw_defaults=[], defaults=[])
    return ast.Lambda(nothing, body)


def site_constant(file: str, node: ast.AST) -> ast.Constant:
    """Where a branch stands, for the runtime."""
    place: object = (file, type(node).__name__, *span_of(node))
    return ast.Constant(place)  # type: ignore[arg-type]


class Expressions(ast.NodeTransformer):
    """Expressions at sites; conditions of statements at sites come through ``condition``."""

    def __init__(self, sites: frozenset[Site], file: str) -> None:
        self.sites = sites
        self.file = file

    def visit_in(self, node: ast.AST, field: str) -> ast.AST:
        """Visit one field of ``node``."""
        setattr(node, field, self.visit(getattr(node, field)))
        return node

    def _is_site(self, node: ast.AST) -> bool:
        return is_site(node, self.sites)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """One of these, perhaps at a site."""
        return node  # has been visited as a function of its own

    visit_Lambda = visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # type: ignore[assignment] # noqa: N815

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        """One of these, perhaps at a site."""
        if not self._is_site(node):
            return self.generic_visit(node)
        body, orelse = self.visit(node.body), self.visit(node.orelse)
        for part in (node.body, node.orelse):
            require_movable(part, self.file)
        test = self.condition(node.test)
        site = site_constant(self.file, node)
        return located(runtime_call("branch", site, test, thunk(body), thunk(orelse)), node)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """One of these, perhaps at a site: its value is one of the operands."""
        if not self._is_site(node):
            return self.generic_visit(node)
        first, *rest = node.values
        for part in rest:
            require_movable(part, self.file)
        name = "last_true" if isinstance(node.op, ast.And) else "first_true"
        thunks = [thunk(self.visit(part)) for part in rest]
        site = site_constant(self.file, node)
        return located(runtime_call(name, site, self.visit(first), *thunks), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        """One of these, perhaps at a site."""
        return self.condition(node) if self._is_site(node) else self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        """One of these, perhaps at a site."""
        return self.condition(node) if self._is_site(node) else self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """One of these, perhaps at a site."""
        self.generic_visit(node)
        if self._is_site(node) and isinstance(node.ctx, ast.Load):
            return located(runtime_call("subscript", node.value, node.slice), node)
        return node

    def visit_ListComp(self, node: ast.ListComp) -> ast.AST:
        """One of these, perhaps at a site."""
        self.generic_visit(node)
        if not self._is_site(node):
            return node
        require_movable(node.elt, self.file)
        if len(node.generators) > 1:
            return located(self._in_loops(node), node)
        generator = node.generators[0]
        iterable = self.iterable(generator.iter)
        body = self._of_item(generator, node.elt)
        if not generator.ifs and isinstance(node.elt, ast.Constant) and node.elt.value is None:
            return located(runtime_call("unfilled", iterable), node)
        if not generator.ifs:
            return located(runtime_call("rows", iterable, body), node)
        made = runtime_call(
            "filtered", iterable, self._of_item(generator, self._test_of(generator)), body
        )
        return located(made, node)

    def _test_of(self, generator: ast.comprehension) -> ast.expr:
        """Whether an item is one of those that are gone on with."""
        test, *others = [self.condition(part) for part in generator.ifs]
        for part in (test, *others):
            require_movable(part, self.file)
        return runtime_call("both", test, *map(thunk, others)) if others else test

    def _in_loops(self, node: ast.ListComp) -> ast.expr:
        """``[f(x, y) for x in xs for y in ys]``: loops, one in the other, that append to a list."""
        name = f"{PREFIX}items"
        append = ast.Attribute(name_of(name), "append", ast.Load())
        made: ast.expr = ast.Call(append, [node.elt], [])
        for generator in reversed(node.generators):
            if generator.ifs:
                test, nothing = self._test_of(generator), ast.Constant(None)
                sides = (thunk(made), thunk(nothing))
                made = runtime_call("branch", ast.Constant(None), test, *sides)
            body = self._of_item(generator, made)
            never = thunk(ast.Constant(False))
            made = runtime_call("for_loop", self.iterable(generator.iter), body, never)
        both = ast.Tuple([made, name_of(name)], ast.Load())
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg(name)], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        filled = ast.Lambda(arguments, ast.Subscript(both, ast.Constant(1), ast.Load()))
        return ast.Call(filled, [ast.List([], ast.Load())], [])

    def visit_DictComp(self, node: ast.DictComp) -> ast.AST:
        """One of these, perhaps at a site: where its keys are the numbers of its items."""
        self.generic_visit(node)
        generator = node.generators[0]
        number, is_reversed = number_of(generator)
        key = None if number is None else text_around(node.key, number)
        is_number = isinstance(node.key, ast.Name) and node.key.id == number
        is_plain = len(node.generators) == 1 and not generator.ifs and not is_reversed
        if not self._is_site(node) or not is_plain or (key is None and not is_number):
            return node
        require_movable(node.value, self.file)
        iterable, body = self.iterable(generator.iter), self._of_item(generator, node.value)
        items = runtime_call("rows", iterable, body)
        around = ast.Constant(key)  # type: ignore[arg-type]
        return located(runtime_call("filled_dict", ast.Dict([], []), items, around), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """``len(x)``, ``sum(x)``, ``any``, ``all``, ``list`` or ``x.unbind()`` at a site."""
        if self._is_site(node) and is_taking_apart(node):
            return self._pieces(node)
        if self._is_site(node) and is_over_others(node):
            return self.iterable(node)
        if self._is_site(node) and is_folding(node):
            combine, items, *first = node.args
            given = (self.visit(combine), self.iterable(items), *map(self.visit, first))
            return located(runtime_call("folded", node.func, *given), node)
        if self._is_site(node) and (is_counting(node) or is_spelling_out(node)):
            return located(runtime_call("numbered", self.iterable(node)), node)
        if self._takes_rows(node):
            made = runtime_call("iterator", node.func, self.visit(node.args[0]))
            return located(made, node)
        if self._is_site(node) and is_listing(node):
            made = runtime_call("listed", node.func, self.iterable(node.args[0]))
            return located(made, node)
        if self._is_site(node) and has_flag(node):
            self.generic_visit(node)
            made = runtime_call("flagged", node.func, *node.args)
            made.keywords = node.keywords
            return located(made, node)
        if not self._is_site(node) or not is_reducing(node):
            return self.generic_visit(node)
        argument = node.args[0]
        if not isinstance(argument, ast.GeneratorExp):
            made = runtime_call("iterator", node.func, self.iterable(argument))
            return located(made, node)
        require_movable(argument.elt, self.file)
        generator = argument.generators[0]
        body = self._of_item(generator, self.condition(argument.elt))
        made = runtime_call("reduced", node.func, self.visit(generator.iter), body)
        return located(made, node)

    def _takes_rows(self, node: ast.Call) -> bool:
        """``sum(f(row) for row in x)``, or ``max``, or a list or a tuple of it."""
        if len(node.args) != 1 or not isinstance(node.args[0], ast.GeneratorExp):
            return False
        names = ("sum", "max", "min")
        is_one = isinstance(node.func, ast.Name) and node.func.id in names
        return self._is_site(node.args[0]) and not node.keywords and (is_one or is_listing(node))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """``[x] * n`` at a site."""
        self.generic_visit(node)
        if not self._is_site(node) or not is_repeating(node):
            return node
        return located(runtime_call("repeated", node.left, node.right), node)

    def visit_List(self, node: ast.List | ast.Tuple) -> ast.AST:
        """``[x, *more]``, or a tuple, at a site, or where ``more`` may be what a loop makes."""
        takes_pieces = any(
            isinstance(item, ast.Starred) and self._gives_pieces(item.value) for item in node.elts
        )
        self.generic_visit(node)
        is_converted = takes_pieces or self._is_site(node) or _is_of_names(node)
        if not is_joining(node) or not is_converted:
            return node
        parts: list[ast.expr] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                parts.append(item.value)
            elif parts and isinstance(parts[-1], ast.Tuple) and hasattr(parts[-1], "is_ours"):
                parts[-1].elts.append(item)
            else:
                parts.append(ast.Tuple([item], ast.Load()))
                parts[-1].is_ours = True  # type: ignore[attr-defined]
        kind = "list" if isinstance(node, ast.List) else "tuple"
        return located(runtime_call("joined", ast.Constant(kind), *parts), node)

    visit_Tuple = visit_List  # noqa: N815

    def _gives_pieces(self, node: ast.expr) -> bool:
        """Whether it is ``x.split(n)`` at a site."""
        return isinstance(node, ast.Call) and is_taking_apart(node) and self._is_site(node)

    def _of_item(self, generator: ast.comprehension, body: ast.expr) -> ast.Lambda:
        """``body`` as a function of the item that the generator's target takes apart."""
        item = f"{PREFIX}item"
        source = ast.List([name_of(item)], ast.Load())
        bound = ast.ListComp(body, [ast.comprehension(generator.target, source, [], 0)])
        arguments = ast.arguments(
            posonlyargs=[], args=[ast.arg(item)], kwonlyargs=[], kw_defaults=[], defaults=[]
        )
        return ast.Lambda(arguments, ast.Subscript(bound, ast.Constant(0), ast.Load()))

    visit_GeneratorExp = visit_ListComp  # type: ignore[assignment] # noqa: N815

    def condition(self, node: ast.expr) -> ast.expr:
        """A condition whose ``and``, ``or``, ``not`` and chains may be about data."""
        if isinstance(node, ast.BoolOp):
            first, *rest = node.values
            for part in rest:
                require_movable(part, self.file)
            name = "both" if isinstance(node.op, ast.And) else "any_of"
            thunks = [thunk(self.condition(part)) for part in rest]
            made: ast.expr = runtime_call(name, self.condition(first), *thunks)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            made = runtime_call("inverted", self.condition(node.operand))
        elif isinstance(node, ast.Compare) and len(node.ops) > 1:
            signs = ast.Tuple([ast.Constant(type(op).__name__) for op in node.ops], ast.Load())
            thunks = [thunk(self.visit(part)) for part in node.comparators]
            made = runtime_call("chain", signs, self.visit(node.left), *thunks)
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], _OF_SEQUENCES):
            sign = ast.Constant(type(node.ops[0]).__name__)
            sides = (self.visit(node.left), self.visit(node.comparators[0]))
            made = runtime_call("compared", sign, *sides)
        else:
            return self.visit(node)
        return located(made, node)

    def _pieces(self, node: ast.Call) -> ast.expr:
        function = node.func
        assert isinstance(function, ast.Attribute)
        args = [self.visit(arg) for arg in (function.value, *node.args)]
        made = runtime_call("pieces", ast.Constant(function.attr), *args)
        made.keywords = self._keywords(node)
        return located(made, node)

    def _keywords(self, node: ast.Call) -> list[ast.keyword]:
        return [ast.keyword(each.arg, self.visit(each.value)) for each in node.keywords]

    def iterable(self, node: ast.expr) -> ast.expr:
        """What a loop goes over: ``range(n)`` and its like may be of unknown length."""
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            if self._is_site(node):
                return self.visit(node)
            part = ast.Subscript(self.iterable(node.value), self.visit(node.slice), ast.Load())
            return located(part, node)
        if isinstance(node, ast.Call) and is_taking_apart(node):
            return self._pieces(node)
        if isinstance(node, (ast.List, ast.Tuple)) and not is_joining(node):
            return located(type(node)(list(map(self.iterable, node.elts)), node.ctx), node)
        if isinstance(node, ast.Call) and all(keyword.arg for keyword in node.keywords):
            function = node.func
            is_named = isinstance(function, ast.Name) and function.id in _ITERATORS
            if is_named or called(node) in ITERTOOLS:
                args = [self.iterable(arg) for arg in node.args]
                made = runtime_call("iterator", self.visit(function), *args)
                made.keywords = self._keywords(node)
                return located(made, node)
            if isinstance(function, ast.Attribute) and is_spelling_out(node):
                made = runtime_call("numbers", self.visit(function.value))
                return located(made, node)
        return self.visit(node)
