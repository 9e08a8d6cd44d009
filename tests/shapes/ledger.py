"""Questions that real exports have asked, and how they were answered: ``ledger.txt``.

``PYTHONPATH=. python tests/shapes/ledger.py`` harvests them again, from exports of the models of
``bench``. An answer may only become better.
"""

from __future__ import annotations

from pathlib import Path

from monograph.shapes.decide import Decider
from monograph.shapes.expr import Expr, Scope
from monograph.shapes.text import format_expr, parse

PATH = Path(__file__).parent / "ledger.txt"
_MOST = 240


def line_of(decider: Decider, kind: str, item: Expr) -> str:
    scope = decider.scope
    facts = [f for fact in decider.facts if isinstance(f := scope.normal(fact), Expr)]
    symbols = {a.name: a for e in (item, *facts) for a in e.symbols()}
    ranges = " ".join(
        f"{n}:{a.lo}:{'' if a.hi is None else a.hi}:{decider.hints.get(n, '')}"
        for n, a in symbols.items()
    )
    verdict = getattr(decider, kind)(item).verdict.value
    shown = "; ".join(map(format_expr, facts))
    return f"{kind} | {ranges} | {shown} | {format_expr(item)} | {verdict}"


def read(line: str) -> tuple[Decider, str, Expr | int, str]:
    kind, ranges, facts, text, verdict = (part.strip() for part in line.split("|"))
    scope = Scope()
    names, hints = {}, {}
    for entry in ranges.split():
        name, lo, hi, hint = entry.split(":")
        if hint:
            hints[name] = int(hint)
        names[name] = scope.symbol(name, int(lo), int(hi) if hi else None)
    decider = Decider(scope)
    decider.hints = hints
    parsed = [parse(fact, scope, names) for fact in facts.split(";") if fact.strip()]
    decider.facts = [fact for fact in parsed if isinstance(fact, Expr)]
    return decider, kind, parse(text, scope, names), verdict


def main() -> None:
    from bench.sizes import harvest

    lines: dict[str, None] = {}
    for decider, kind, item, *_ in harvest():
        now = decider.scope.normal(item)
        if not isinstance(now, Expr) or decider.distinct:
            continue
        if any(a.lo is None for e in (now, *decider.facts) for a in e.symbols()):
            continue
        line = line_of(decider, kind, now)
        if len(line) < 400:
            lines.setdefault(line)
    chosen = sorted(lines, key=lambda text: (len(text) % 7, text))[:_MOST]
    PATH.write_text("\n".join(sorted(chosen)) + "\n")
    print(f"{len(chosen)} of {len(lines)} questions")


if __name__ == "__main__":
    main()
