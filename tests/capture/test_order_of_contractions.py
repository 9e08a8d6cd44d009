"""``einsum`` asks a library for an order, where it is installed: any of them is right."""

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest
import torch

from monograph import Dim, export

D = Dim.DYNAMIC
R = torch.randn


def contract_path(equation, *operands, **options):
    """The two smallest first, as a library would: by the very numbers."""
    costs = [int(torch.Size(operand.shape).numel()) for operand in operands]
    path, left = [], list(costs)
    while len(left) > 1:
        first, second = sorted(sorted(range(len(left)), key=left.__getitem__)[:2])
        path.append((first, second))
        left.append(left.pop(second) + left.pop(first))
    return path, costs


@pytest.fixture(autouse=True)
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    contract = ModuleType("opt_einsum.contract")
    contract.contract_path = contract_path  # type: ignore[attr-defined]
    library = SimpleNamespace(
        enabled=True, strategy="auto", is_available=lambda: True, get_opt_einsum=lambda: contract
    )
    monkeypatch.setitem(sys.modules, contract.__name__, contract)
    monkeypatch.setattr(torch.backends, "opt_einsum", library)
    yield
    assert contract.contract_path is contract_path


def _three(b: int, n: int, m: int) -> tuple[torch.Tensor, ...]:
    return R(b, n, 4), R(b, m, 4), R(b, m, 5)


BY_LETTERS = "bnd,bmd,bme->bne"
PROGRAMS = {
    "letters": lambda q, k, v: torch.einsum(BY_LETTERS, q, k, v),
    "numbers": lambda q, k, v: torch.einsum(q, [0, 1, 2], k, [0, 3, 2], v, [0, 3, 4], [0, 1, 4]),
    "one list": lambda q, k, v: torch.einsum(BY_LETTERS, [q, k, v]),
    "dots": lambda q, k, v: torch.einsum("...nd,...md,...me->...ne", q, k, v),
    "four": lambda q, k, v: torch.einsum("bnd,bmd,bme,bn->be", q, k, v, q[..., 0]),
    "joined": lambda q, k, v: torch.einsum(
        BY_LETTERS, q, torch.cat([k, k[:, :1]], 1), torch.cat([v[:, :1], v], 1)
    ),
    "on a side": lambda q, k, v: torch.einsum(BY_LETTERS, q[:, ::2] if len(q) > 1 else q, k, v),
}
EXAMPLES = [(2, 3, 4), (1, 3, 4), (2, 9, 1), (1, 1, 7)]
OTHERS = [_three(*sizes) for sizes in [(1, 1, 1), (3, 9, 2), (2, 1, 7), (1, 12, 3)]]


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("sizes", EXAMPLES, ids=str)
def test_sizes_vary(name: str, sizes: tuple[int, int, int]) -> None:
    specs = ({0: D, 1: D},) * 3
    _agrees(PROGRAMS[name], _three(*sizes), specs, OTHERS)


def test_sizes_that_only_a_run_knows() -> None:
    def program(q, k, v):
        return torch.einsum("nd,md,me->ne", q[q[:, 0] > 0], k, v)

    args = [(R(n, 4), R(m, 4), R(m, 5)) for n, m in [(5, 4), (1, 3), (8, 2)]]
    _agrees(program, args[0], ({0: D},) * 3, args)


def _agrees(program, args, specs, others) -> None:
    """In values: how the result lies depends on the order, in eager mode too."""
    exported = export(program, args, dynamic_shapes=specs)
    for call in (args, *others):
        want = program(*call)
        torch.testing.assert_close(exported.module()(*call), want, rtol=1e-4, atol=1e-4)
