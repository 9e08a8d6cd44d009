"""Where code loads globals is found without ``dis``, and is what ``dis`` says."""

import dis
from types import CodeType

import pytest

from monograph.capture.python import evaluation, saved, type_calls
from monograph.capture.python.sites import codes_in

LONG = compile(
    "def long():\n" + "".join(f"    global_{i}, global_{i}()\n" for i in range(300)), "long", "exec"
)


def by_dis(code: CodeType) -> list[tuple[int, int, str, bool]]:
    """The same by Python's own tables."""
    instructions = list(dis.get_instructions(code))
    ends = [each.offset for each in instructions[1:]] + [len(code.co_code)]
    found, start = [], 0
    for each, end in zip(instructions, ends, strict=True):
        if each.opname == "LOAD_GLOBAL":
            found.append((start, end, str(each.argval), bool((each.arg or 0) & 1)))
        if each.opname != "EXTENDED_ARG":
            start = end
    return found


@pytest.mark.parametrize("module", [LONG, evaluation, saved, type_calls, dis])
def test_globals_are_where_dis_says(module) -> None:
    file = None if isinstance(module, CodeType) else module.__file__
    whole = module if file is None else compile(open(file).read(), file, "exec")  # noqa: SIM115
    codes = list(codes_in(whole))
    assert any(by_dis(code) for code in codes)
    for code in codes:
        assert list(type_calls._globals_loaded(code)) == by_dis(code)
