"""The forms in which a program goes on: of torch, in files, and back."""

import io

import torch

import monograph


def saved(program):
    """The program as a file."""
    file = io.BytesIO()
    monograph.save(program, file)
    file.seek(0)
    return file


FORMS = {
    "to_torch": lambda program: program.to_torch(),
    "back": lambda program: monograph.from_torch(program.to_torch()),
    "file": lambda program: monograph.load(saved(program)),
    "file read by torch": lambda program: torch.export.load(saved(program)),
}
