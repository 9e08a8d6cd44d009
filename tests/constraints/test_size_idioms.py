"""Chains of what models do with sizes: right wherever eager runs, from a batch of 2 and of 1."""

import random
import sys
from pathlib import Path

import pytest
import torch

import monograph

sys.path.insert(0, str(Path(__file__).parent.parent / "shared"))
from size_idioms import CHOOSING, EXAMPLES, IDIOMS, SIZES, VARYING, chain


def drawn(seed, count):
    """Chains of two or three idioms, none of which chooses between programs by a size."""
    draw = random.Random(seed)
    for _ in range(count):
        kind = draw.choice(list(IDIOMS))
        names = [name for name in IDIOMS[kind] if name not in CHOOSING]
        yield kind, tuple(draw.choice(names) for _ in range(draw.choice([2, 2, 3])))


def result(f, x):
    """What eager mode gives; None where it refuses."""
    try:
        return f(x)
    except (RuntimeError, ValueError, ArithmeticError, IndexError):
        return None


def check(kind, names):
    program = chain(*(IDIOMS[kind][name] for name in names))
    shapes = (dict.fromkeys(VARYING[kind], monograph.Dim.DYNAMIC),)
    for example in EXAMPLES[kind]:
        if result(program, torch.randn(example)) is None:
            continue
        module = monograph.export(program, (torch.randn(example),), dynamic_shapes=shapes).module()
        for sizes in (example, *SIZES[kind]):
            x = torch.randn(sizes)
            expected = result(program, x)
            if expected is not None:
                torch.testing.assert_close(
                    module(x), expected, rtol=1e-4, atol=1e-4, equal_nan=True
                )


@pytest.mark.parametrize(("kind", "names"), drawn(1, 16))
def test_a_sample_of_chains(kind, names):
    check(kind, names)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "names"), drawn(2, 300))
def test_chains(kind, names):
    check(kind, names)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for k, named in IDIOMS.items() for n in named if n not in CHOOSING]
)
def test_each_alone(kind, name):
    check(kind, (name,))


def test_examples_run():
    for kind, idioms in IDIOMS.items():
        for name, idiom in idioms.items():
            assert result(idiom, torch.randn(EXAMPLES[kind][0])) is not None, name
