"""Of many generated cases some run each time, and the others with ``-m slow``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest

# Files that put each of many programs (of the catalogue, of a table) through each of some tests: of
# the cases one in so many runs each time. All of them took two fifths of the time of all tests.
SAMPLED = {
    "capture/test_asked_of_gradients.py": 2,
    "capture/test_branches_in_transforms.py": 3,
    "capture/test_copies_that_are_views.py": 2,
    "capture/test_drawn_in_place.py": 3,
    "capture/test_failures_that_are_caught.py": 2,
    "capture/test_layouts.py": 3,
    "capture/test_number_functions.py": 3,
    "capture/test_views.py": 2,
    "capture/test_windows_and_addresses.py": 3,
    "capture/test_writes_and_gradients.py": 2,
    "constraints/test_between_calls.py": 2,
    "constraints/test_sides_that_fix_sizes.py": 2,
    "control/test_asked_in_passing.py": 2,
    "control/test_lengths_of_tensors.py": 2,
    "inference/test_numbers_of_sizes.py": 3,
    "inference/test_opinfo.py": 2,
    "inference/test_rules.py": 2,
    "interop/test_files.py": 3,
    "interop/test_integers_of_sizes_leave.py": 3,
    "interop/test_to_torch.py": 3,
    "ir/test_letting_go.py": 2,
    "ir/test_verify.py": 2,
    "passes/test_decompositions.py": 3,
    "passes/test_unflatten.py": 3,
    "source/test_items_of_lists_are_no_copies.py": 2,
    "source/test_lists_joined.py": 2,
    "source/test_pieces_of_products.py": 2,
    "source/test_rows_of_dtypes.py": 2,
    "tests/test_graph_module.py": 2,
    "tests/test_variants.py": 2,
}
FEW = 6  # cases of a test that run in any case


def some_of(cases: Iterable[object], every: int = 2) -> list[object]:
    """``cases``, of which one in ``every`` runs each time: of pairs, now this half, now that."""
    return [
        case
        if (i + i // every) % every == 0
        else pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow)
        for i, case in enumerate(cases)
    ]


def mark_sampled(items: Sequence[pytest.Item]) -> None:
    """Leave most cases of the tests in ``SAMPLED`` to ``-m slow``.

    Each test of a file begins with another case, so that what some leave out others run.
    """
    cases: dict[tuple[str, str], list[pytest.Item]] = defaultdict(list)
    for item in items:
        path = item.path.as_posix()
        name = next((name for name in SAMPLED if path.endswith("/" + name)), None)
        if name is not None and hasattr(item, "callspec"):
            cases[name, item.originalname].append(item)
    for first, ((name, _), several) in enumerate(cases.items()):
        every = SAMPLED[name] if len(several) > FEW else 1
        for i, item in enumerate(several):
            if (i + i // every + first) % every:
                item.add_marker(pytest.mark.slow)
