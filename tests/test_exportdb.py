"""Every case of ExportDB does what it declares."""

import types

import pytest
import torch

from monograph.exportdb import Case, Expect, Support, call
from monograph.exportdb.registry import case_names, load_case
from monograph.exportdb.runner import CaseFailedError, run_case


@pytest.mark.parametrize("name", case_names())
def test_case(name):
    run_case(load_case(name))


def case(**parts):
    module = types.ModuleType("some.case", "A title.\n\nWhat it shows\n\nWhat Monograph does\n")
    vars(module).update(CASE=Case(()), model=torch.nn.ReLU, inputs=lambda: call(torch.ones(2)))
    vars(module).update(parts)
    return module


@pytest.mark.parametrize(
    "parts",
    [
        {"EXPECT": Expect(operators=("sin",))},
        {"EXPECT": Expect(outputs=("USER_OUTPUT", "USER_OUTPUT"))},
        {"EXPECT": Expect(assumptions=("random",))},
        {"CASE": Case((), support=Support.UNSUPPORTED), "EXPECT": Expect(code="MG-D101")},
        {"bad_inputs": lambda: [call(torch.zeros(2))]},
        {"__doc__": "no title"},
        {"__doc__": "A title.\n\nWhat it shows\n"},
    ],
)
def test_a_false_declaration_fails(parts):
    run_case(case())
    with pytest.raises(CaseFailedError):
        run_case(case(**parts))


def test_a_wrong_program_fails():
    model = torch.nn.Dropout(0.5)
    run_case(case(model=lambda: model))
    with pytest.raises(AssertionError):
        run_case(case(model=lambda: type("M", (torch.nn.Module,), {
            "n": 0, "forward": lambda self, x: (setattr(self, "n", self.n + 1), x + self.n)[1]
        })(), more_inputs=lambda: [call(torch.ones(2))]))  # fmt: skip


def test_tags_are_a_closed_vocabulary():
    with pytest.raises(ValueError, match="unknown tags"):
        Case(("torch.unheard-of",))
