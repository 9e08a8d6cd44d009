"""A branch or a loop on data, rewritten with ``cond`` or ``while_loop`` in the user's own file.

Only the statements concerned change; all other text stays as it is.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import io
import re
import textwrap
import tokenize
from collections.abc import Sequence
from dataclasses import dataclass, replace

from monograph.capture.python.sites import SourceFile, Span
from monograph.source.syntax import always_leaves, assigned_in, jumps_of, own_nodes

__all__ = ["Patch", "rewritten"]


@dataclass(frozen=True)
class Patch:
    """A file as it is, and as it should be.

    ``tried``: the text that was run, where ``after`` has more than that.
    """

    file: str
    before: str
    after: str
    tried: str | None = None

    def diff(self) -> str:
        """The change as a unified diff."""
        before, after = self.before.splitlines(), self.after.splitlines()
        lines = difflib.unified_diff(before, after, self.file, self.file, lineterm="", n=1)
        return "\n".join(lines)

    def with_import(self) -> Patch:
        """With ``import monograph``, where the file lacks it."""
        tree = ast.parse(self.after)
        names = [a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names]
        if "monograph" in names or not re.search(r"\bmonograph\.", self.after):
            return self
        imports = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        ordinary = [n for n in imports if isinstance(n, ast.Import)]
        at = (ordinary or imports)[-1].end_lineno if imports else 0
        lines = self.after.splitlines(keepends=True)
        lines.insert(at or 0, "import monograph\n")
        return replace(self, after="".join(lines), tried=self.after)

    def origins(self) -> list[int]:
        """For each line of what was run: its number in the file; of a changed one, where it was."""
        before = self.before.splitlines()
        tried = (self.after if self.tried is None else self.tried).splitlines()
        found: list[int] = []
        matches = difflib.SequenceMatcher(None, before, tried, autojunk=False)
        for tag, start, _, first, last in matches.get_opcodes():
            of_each = range(last - first)
            found += [start + 1 + (i if tag == "equal" else 0) for i in of_each]
        return found


def rewritten(file: str, text: str, span: Span) -> tuple[str, str] | None:
    """``text`` with the statement that ``span`` decides rewritten, and the function's name.

    None where there is no simple form of it.
    """
    source = SourceFile(file, text)
    site = source.site_of(span) if span in source.by_span else None
    if site is None:
        return None
    node = next(n for n in source.by_span[site.span] if type(n).__name__ == site.kind)
    functions = [n for n in _ancestors(source, node) if isinstance(n, ast.FunctionDef)]
    if not functions:
        return None
    change = _Change(source, text, node, functions[0])
    made = change.make()
    if made is None:
        return None
    first, last, new = made
    lines = text.splitlines(keepends=True)
    comments = _left_out("".join(lines[first - 1 : last]), new)
    indent = " " * (len(lines[first - 1]) - len(lines[first - 1].lstrip()))
    lines[first - 1 : last] = [
        *(f"{indent}{comment}\n" for comment in comments),
        *(f"{line}\n" for line in new),
    ]
    return "".join(lines), functions[-1].name


def _left_out(old: str, new: list[str]) -> list[str]:
    """The comments of some lines that are in none of those in their place: they go before them."""
    words = tokenize.generate_tokens(io.StringIO(textwrap.dedent(old)).readline)
    found: list[str] = []
    with contextlib.suppress(tokenize.TokenError):  # a part of a statement: what was read till then
        found.extend(word.string for word in words if word.type == tokenize.COMMENT)
    return [comment for comment in found if not any(comment in line for line in new)]


def _ancestors(source: SourceFile, node: ast.AST) -> list[ast.AST]:
    found = []
    parent = source.parents.get(node)
    while parent is not None:
        found.append(parent)
        parent = source.parents.get(parent)
    return found


class _Change:
    """The new lines for one statement."""

    def __init__(
        self, source: SourceFile, text: str, node: ast.AST, function: ast.FunctionDef
    ) -> None:
        self.source = source
        self.text = text
        self.lines = text.splitlines()
        self.node = node
        self.function = function

    def make(self) -> tuple[int, int, list[str]] | None:
        """First and last line of what is replaced, and what replaces it."""
        node = self.node
        if isinstance(node, ast.If):
            return self._branch(node)
        if isinstance(node, ast.IfExp):
            return self._expression(node)
        if isinstance(node, ast.While):
            return self._loop(node)
        return self._counted(node) if isinstance(node, ast.For) else None

    # Pieces of text ----------------------------------------------------------------------------

    def _segment(self, node: ast.AST) -> str:
        return ast.get_source_segment(self.text, node) or ast.unparse(node)

    def _block(self, body: Sequence[ast.stmt], indent: int) -> list[str]:
        """The lines of some statements, at another indentation."""
        if not body:
            return []
        first, last = body[0].lineno, body[-1].end_lineno
        lines = "\n".join(self.lines[first - 1 : last])
        moved = textwrap.indent(textwrap.dedent(lines), " " * indent).splitlines()
        if isinstance(body[0], ast.If) and moved[0].lstrip().startswith("elif"):
            moved[0] = moved[0].replace("elif", "if", 1)
        return moved

    def _test(self, node: ast.expr) -> str:
        """A condition in which tensors are combined as tensors."""
        if isinstance(node, ast.BoolOp):
            return self._logic(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return f"torch.logical_not({self._test(node.operand)})"
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            sides = [node.left, *node.comparators]
            parts = [
                ast.Compare(left, [op], [right])
                for left, op, right in zip(sides, node.ops, sides[1:], strict=False)
            ]
            return " & ".join(f"({ast.unparse(part)})" for part in parts)
        return self._segment(node)

    def _logic(self, node: ast.BoolOp) -> str:
        is_and = isinstance(node.op, ast.And)
        if not any(isinstance(n, ast.Subscript) for part in node.values for n in ast.walk(part)):
            sign = " & " if is_and else " | "
            return sign.join(f"({self._test(part)})" for part in node.values)
        # An index may be out of range where the operands before it have settled the matter.
        text = self._test(node.values[-1])
        for part in reversed(node.values[:-1]):
            sides = (text, "False") if is_and else ("True", text)
            text = f"monograph.cond({self._test(part)}, lambda: {sides[0]}, lambda: {sides[1]})"
        return text

    def _indent(self) -> int:
        return int(self.node.col_offset)  # type: ignore[attr-defined]

    # Variables ---------------------------------------------------------------------------------

    def _known_before(self, line: int) -> set[str]:
        arguments = self.function.args
        every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        names = {a.arg for a in every}
        names |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
        before = [s for s in own_nodes(self.function) if isinstance(s, ast.stmt)]
        for statement in before:
            if (statement.end_lineno or 0) < line or (
                isinstance(statement, (ast.For, ast.While)) and statement.lineno < line
            ):
                names |= assigned_in([statement])
        return names

    def _read_after(self, last: int) -> set[str]:
        """Names that are read after line ``last``, or in a loop around the statement."""
        loops = [
            n for n in _ancestors(self.source, self.node) if isinstance(n, (ast.For, ast.While))
        ]
        found = set()
        for node in ast.walk(self.function):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                in_loop = any(
                    loop.lineno <= node.lineno <= (loop.end_lineno or 0) for loop in loops
                )
                if node.lineno > last or in_loop:
                    found.add(node.id)
        return found

    def _free(self, base: str) -> str:
        used = {n.id for n in ast.walk(self.function) if isinstance(n, ast.Name)}
        used |= {n.name for n in ast.walk(self.function) if isinstance(n, ast.FunctionDef)}
        name, count = base, 1
        while name in used:
            count += 1
            name = f"{base}_{count}"
        return name

    # Statements --------------------------------------------------------------------------------

    def _expression(self, node: ast.IfExp) -> tuple[int, int, list[str]] | None:
        if node.lineno != node.end_lineno:
            return None
        sides = (self._segment(node.body), self._segment(node.orelse))
        call = f"monograph.cond({self._test(node.test)}, lambda: {sides[0]}, lambda: {sides[1]})"
        line = self.lines[node.lineno - 1]
        data = line.encode()
        start, end = node.col_offset, node.end_col_offset or 0
        new = data[:start].decode() + call + data[end:].decode()
        return node.lineno, node.lineno, [new]

    def _branch(self, node: ast.If) -> tuple[int, int, list[str]] | None:
        if self.lines[node.lineno - 1].lstrip().startswith("elif"):
            return None
        jumps = jumps_of(node)
        if not jumps:
            return self._joined(node)
        block = self.function.body
        if jumps != {ast.Return} or node not in block:
            return None
        rest = block[block.index(node) + 1 :]
        return self._ended(node, rest)

    def _joined(self, node: ast.If) -> tuple[int, int, list[str]] | None:
        """``a, b = cond(test, when_true, when_false, (a, b))``."""
        indent, pad = self._indent(), " " * self._indent()
        sides = (node.body, node.orelse)
        assigned = [assigned_in(side) for side in sides]
        known = self._known_before(node.lineno)
        wanted = sorted((assigned[0] | assigned[1]) & self._read_after(node.end_lineno or 0))
        if any(name not in known and not all(name in a for a in assigned) for name in wanted):
            return None
        test = self._test(node.test)
        single = self._single_assignment(node, wanted)
        if single is not None:
            name, then, otherwise = single
            call = f"monograph.cond({test}, lambda: {then}, lambda: {otherwise})"
            return node.lineno, node.end_lineno or 0, [f"{pad}{name} = {call}"]
        passed = sorted((assigned[0] | assigned[1]) & known)
        names = self._free("when_true"), self._free("when_false")
        made = []
        for name, side in zip(names, sides, strict=True):
            made.append(f"{pad}def {name}({', '.join(passed)}):")
            made += self._block(side, indent + 4)
            made += [f"{pad}    return {_listed(wanted)}", ""]
        operands = f", {_tuple(passed)}" if passed else ""
        target = f"{', '.join(wanted)} = " if wanted else ""
        made.append(f"{pad}{target}monograph.cond({test}, {names[0]}, {names[1]}{operands})")
        return node.lineno, node.end_lineno or 0, made

    def _single_assignment(self, node: ast.If, wanted: list[str]) -> tuple[str, str, str] | None:
        if len(wanted) != 1 or len(node.body) != 1 or len(node.orelse) > 1:
            return None
        values = [wanted[0], wanted[0]]
        for i, side in enumerate((node.body, node.orelse)):
            for statement in side:
                if (
                    not isinstance(statement, ast.Assign)
                    or statement.lineno != statement.end_lineno
                ):
                    return None
                values[i] = self._segment(statement.value)
        return wanted[0], values[0], values[1]

    def _ended(self, node: ast.If, rest: list[ast.stmt]) -> tuple[int, int, list[str]] | None:
        """``return cond(test, when_true, when_false, ...)``: what follows goes into the sides."""
        indent, pad = self._indent(), " " * self._indent()
        last = (rest[-1] if rest else node).end_lineno or 0
        test = self._test(node.test)
        sides = [
            [*side, *([] if always_leaves(side) else rest)] for side in (node.body, node.orelse)
        ]
        values = [
            self._segment(side[0].value)
            for side in sides
            if len(side) == 1 and isinstance(side[0], ast.Return) and side[0].value is not None
        ]
        if len(values) == 2 and not any("\n" in value for value in values):
            call = f"monograph.cond({test}, lambda: {values[0]}, lambda: {values[1]})"
            return node.lineno, last, [f"{pad}return {call}"]
        known = self._known_before(node.lineno)
        passed = sorted(assigned_in([node, *rest]) & known)
        names = self._free("when_true"), self._free("when_false")
        made = []
        for name, own in zip(names, (node.body, node.orelse), strict=True):
            made.append(f"{pad}def {name}({', '.join(passed)}):")
            made += self._block(own, indent + 4)
            if not always_leaves(own):
                made += self._block(rest, indent + 4)
            made.append("")
        operands = f", {_tuple(passed)}" if passed else ""
        made.append(f"{pad}return monograph.cond({test}, {names[0]}, {names[1]}{operands})")
        return node.lineno, last, made

    def _loop(self, node: ast.While) -> tuple[int, int, list[str]] | None:
        if node.orelse or _leaves_loop(node):
            return None
        pad, indent = " " * self._indent(), self._indent()
        carried = sorted(assigned_in(node.body) & self._known_before(node.lineno))
        if not carried or (assigned_in(node.body) - set(carried)) & self._read_after(
            node.end_lineno or 0
        ):
            return None
        names = self._free("goes_on"), self._free("step")
        arguments = ", ".join(carried)
        made = [
            f"{pad}def {names[0]}({arguments}):",
            f"{pad}    return {self._test(node.test)}",
            "",
            f"{pad}def {names[1]}({arguments}):",
            *self._block(node.body, indent + 4),
            f"{pad}    return {_tuple(carried)[1:-1]}",
            "",
            f"{pad}{_tuple(carried)[1:-1]} = monograph.while_loop("
            f"{names[0]}, {names[1]}, {_tuple(carried)})",
        ]
        return node.lineno, node.end_lineno or 0, made

    def _counted(self, node: ast.For) -> tuple[int, int, list[str]] | None:
        """``for i in range(n)``."""
        call = node.iter
        is_range = isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
        if not is_range or not isinstance(node.target, ast.Name) or node.orelse:
            return None
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Name)
        if call.func.id != "range" or len(call.args) > 2 or _leaves_loop(node):
            return None
        pad, indent = " " * self._indent(), self._indent()
        assigned = assigned_in(node.body)
        counter = self._free("i") if node.target.id == "_" else node.target.id
        carried = sorted(assigned & self._known_before(node.lineno) - {counter})
        lost = (assigned - set(carried)) & self._read_after(node.end_lineno or 0)
        if lost or counter in assigned or counter in self._read_after(node.end_lineno or 0):
            return None
        start = self._segment(call.args[0]) if len(call.args) == 2 else "0"
        count = self._free("count")
        name = self._free("step")
        arguments = ", ".join([counter, *carried])
        made = [
            f"{pad}{count} = {self._segment(call.args[-1])}",
            "",
            f"{pad}def {name}({arguments}):",
            *self._block(node.body, indent + 4),
            f"{pad}    return {', '.join([f'{counter} + 1', *carried])}",
            "",
            f"{pad}{arguments} = monograph.while_loop(lambda {arguments}: {counter} < {count}, "
            f"{name}, {_tuple([start, *carried])})",
        ]
        return node.lineno, node.end_lineno or 0, made


def _leaves_loop(node: ast.For | ast.While) -> bool:
    inside = ast.If(ast.Constant(True), node.body, [])
    return bool(jumps_of(inside))


def _tuple(names: Sequence[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if names else "()"
