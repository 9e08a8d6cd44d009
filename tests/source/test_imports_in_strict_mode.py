"""What a module prints and writes while it is imported is not what the program does."""

import importlib
import sys

import torch

import monograph


def test_a_module_that_writes_a_file(tmp_path, monkeypatch):
    lines = "\n".join(
        [
            "from pathlib import Path",
            "print('imported')",
            "with open(Path(__file__).with_suffix('.txt'), 'w') as file:",
            "    file.write('written')",
            "FACTOR = 3",
        ]
    )
    (tmp_path / "module_that_writes.py").write_text(lines)
    monkeypatch.syspath_prepend(tmp_path)

    def f(x):
        return x * importlib.import_module("module_that_writes").FACTOR

    program = monograph.export(f, (torch.ones(2),), strict=True)
    sys.modules.pop("module_that_writes")
    assert (tmp_path / "module_that_writes.txt").read_text() == "written"
    torch.testing.assert_close(program.module()(torch.ones(2)), torch.full((2,), 3.0))
