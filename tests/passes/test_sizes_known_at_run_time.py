"""What is decomposed asks sizes that are only known when the program runs: no answer is made up."""

import pytest
import torch

import monograph

PARTS = {
    "first of two": lambda v: v.tensor_split(2)[0],
    "second of two": lambda v: v.tensor_split(2)[1],
    "second of three": lambda v: v.tensor_split(3)[1],
    "third of three": lambda v: v.tensor_split(3)[2],
    "at indices": lambda v: v.tensor_split([1, 3])[1],
    "first half": lambda v: v[: v.shape[0] // 2],
    "second half": lambda v: v[v.shape[0] // 2 :],
    "padded to an even number": lambda v: torch.nn.functional.pad(v, (0, v.shape[0] % 2)),
    "every other": lambda v: v[::2],
    "turned": lambda v: v.roll(1),
    "repeated": lambda v: v.repeat_interleave(2),
}


@pytest.mark.parametrize("example", [1, 2, 3, 4])
@pytest.mark.parametrize("part", PARTS)
def test_as_in_eager_mode_for_any_number_of_rows(part, example):
    def model(x):
        return PARTS[part](x[x > 0])

    def given(count):
        return torch.tensor([2.0] * count + [0.0] * (5 - count))

    program = monograph.export(model, (given(example),))
    for each in (program, program.run_decompositions()):
        module = each.module()
        for count in range(1, 6):
            assert torch.equal(module(given(count)), model(given(count))), count
