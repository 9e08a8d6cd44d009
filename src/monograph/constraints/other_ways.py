"""All ways that a program goes by its questions about sizes, where each gives the same program.

The questions of a capture, in their order, are one way through a tree. What it left at each fork
is another way, which is run along the graph of the first (``capture/following.py``), with the
sizes of that side supposed. Where the tree ends everywhere in the same program, the questions
that forked it are no matter: whatever the sizes are, they lead to one of these ends.
See docs/notes/0006.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from monograph.capture.following import Following, can_be_followed
from monograph.capture.restarts import Restart
from monograph.capture.session import Captured
from monograph.shapes.env import Guard, ShapeEnv
from monograph.shapes.questions import text_of
from monograph.shapes.supposing import give_up, rely_on_again

__all__ = ["Follow", "is_one_program"]

Follow = Callable[[Captured], Captured]  # runs the program along the graph of a capture
OtherSide = Callable[[Captured, list[Guard], Guard, dict[str, float]], dict[str, float] | None]
_MOST_WAYS = 16

Fork = tuple[str, bool]  # a question, and its answer


@dataclass(frozen=True)
class _Way:
    """``forks``: where it might have gone another way. ``hints``: sizes that go this one."""

    guards: list[Guard]
    forks: list[Guard]
    hints: dict[str, float]

    def path(self) -> list[Fork]:
        """Its questions with their answers."""
        return [(guard.asked, guard.answer) for guard in self.forks]


def is_one_program(
    captured: Captured,
    hints: dict[str, float],
    questions: list[Guard],
    follow: Follow,
    other_side: OtherSide,
) -> bool:
    """Whether ``captured`` is the program on both sides of ``questions``; then it holds for both.

    ``hints``: the sizes that it was captured with. ``other_side``: sizes for which one guard does
    not hold, and those before it do. Where it is not shown, nothing is changed.
    """
    env = captured.recorder.sizes.env
    guards = env.guards
    before = env.values.copy(), env.decider.hints.copy()
    symbols = len(env.symbols)
    ways = None
    is_open = not any(question.solved for question in questions)  # no size has become a number
    if is_open and can_be_followed(captured):
        try:
            ways = _Tree(captured, questions, follow, other_side).all_ways(hints)
        finally:
            _put_back(captured, before)
            give_up(env, symbols)  # of sizes that were divisible on another way
            env.restart(guards)
    if ways is None:
        return False
    kept = [guard for guard in guards if guard not in questions]
    demands = _demands_of(env, ways, kept)
    env.restart(guards if demands is None else kept)
    rely_on_again(env, demands or [])
    return demands is not None


def _put_back(captured: Captured, before: tuple[dict[str, float], dict[str, int]]) -> None:
    sizes = captured.recorder.sizes
    sizes.use(sizes.env)
    sizes.env.values.clear()
    sizes.env.values.update(before[0])
    sizes.env.decider.hints.clear()
    sizes.env.decider.hints.update(before[1])


class _Tree:
    def __init__(
        self,
        captured: Captured,
        questions: list[Guard],
        follow: Follow,
        other_side: OtherSide,
    ) -> None:
        self.captured = captured
        self.env = captured.recorder.sizes.env
        self.questions = questions
        self.follow = follow
        self.other_side = other_side
        self.kept = {text_of(g.test) for g in self.env.guards if g not in questions}

    def all_ways(self, hints: dict[str, float]) -> list[_Way] | None:
        """The ways of the tree; None where one of them is not shown to give the program."""
        ways = [_Way(self.env.guards, self.questions, hints)]
        open_forks = [(ways[0], at) for at in range(len(self.questions))]
        while open_forks:
            way, at = open_forks.pop(0)  # the earliest: it fails soonest
            found = self._other_way(way, at) if len(ways) < _MOST_WAYS else None
            if found is None:
                return None
            ways.append(found[0])
            open_forks += [(found[0], fork) for fork in found[1]]
        return ways

    def _other_way(self, way: _Way, at: int) -> tuple[_Way, list[int]] | None:
        """The way that is like ``way`` up to its fork ``at``, and goes the other way there.

        And its forks that are not ``way``'s: later ones, and questions that were settled where
        they came up when the first was captured (``capture/settling.py``).
        """
        fork = way.forks[at]
        self.env.restart(way.guards)
        hints = self.other_side(self.captured, way.guards, fork, way.hints)
        if hints is None:
            return None
        guards = self._guards_with(hints)
        if guards is None:
            return None
        forks = []
        for guard in guards:
            if guard.kind == "precondition" or text_of(guard.test) in self.kept:
                continue
            names = guard.symbols
            is_open = guard.kind == "branch" and guard.is_narrowing and names
            if not is_open or not all(name in self.captured.declared for name in names):
                return None
            forks.append(guard)
        found = _Way(guards, forks, hints)
        path = found.path()
        at_forks = _places([*way.path()[:at], (fork.asked, not fork.answer)], path)
        if at_forks is None:
            return None
        return found, [each for each in range(len(path)) if each not in at_forks]

    def _guards_with(self, hints: dict[str, float]) -> list[Guard] | None:
        """What a run relies on that gives the same program; None where it does not."""
        env = self.env
        env.values.update(hints)
        env.decider.hints.update({name: int(value) for name, value in hints.items()})
        env.restart([])
        try:
            found = self.follow(self.captured)
        except (Exception, Restart):  # it raises an error, or goes another way
            return None
        emission = found.recorder.emission
        is_same = isinstance(emission, Following) and emission.is_same_program(found)
        is_closed = env.symbols.keys() == self.captured.declared.keys()
        return env.guards if is_same and is_closed else None


def _places(expected: list[Fork], path: list[Fork]) -> list[int] | None:
    """Where in ``path`` these forks are, in their order; None where they are not."""
    found: list[int] = []
    for fork in expected:
        after = found[-1] + 1 if found else 0
        if fork not in path[after:]:
            return None
        found.append(path.index(fork, after))
    return found


def _demands_of(env: ShapeEnv, ways: list[_Way], kept: Iterable[Guard]) -> list[Guard] | None:
    """What has to be demanded beside ``kept``: what is true on each way, or demanded there.

    None where something is demanded on some of the ways only.
    """
    demands = {
        text_of(guard.test): guard
        for way in ways
        for guard in way.guards
        if guard.kind == "precondition"
    }
    known = {text_of(guard.test) for guard in kept}
    for way in ways:
        there = {text_of(guard.test) for guard in way.guards}
        rest = [guard for text, guard in demands.items() if text not in there]
        if rest:
            env.restart(way.guards)
            if not all(env.is_known(guard.test) for guard in rest):
                return None
    return [guard for text, guard in demands.items() if text not in known]
