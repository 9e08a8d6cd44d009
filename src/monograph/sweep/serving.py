"""``python -m monograph.sweep.serving FOLDER LIBRARY``: imports a library, forks for each task.

Tasks are lines of JSON on standard input, outcomes lines on standard output; the first line is the
listing of the library.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

import torch

from monograph.exportdb.exporters import available_stages
from monograph.sweep.catalogue import Catalogue, Listing
from monograph.sweep.children import end_with_parent, in_a_child
from monograph.sweep.tasks import Task
from monograph.sweep.trials import warm


def serve(folder: str, library: str) -> None:
    """Answer until the input ends."""
    end_with_parent()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what libraries print is no answer
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    catalogue = Catalogue(Path(folder))
    try:
        listing = catalogue.listing(library)
        catalogue.warm(library)
    except Exception as error:
        listing = Listing(problem=f"{type(error).__name__}: {error}")
    listing = replace(listing, torch=torch.__version__, stages=tuple(available_stages()))
    logging.disable(logging.NOTSET)
    _answer(answers, asdict(listing))
    is_warm: set[tuple[str, str]] = set()
    for line in sys.stdin:
        task = Task.of(json.loads(line))
        if (task.exporter, task.stage) not in is_warm:
            warm(task.exporter, task.stage)
            is_warm.add((task.exporter, task.stage))
        with contextlib.suppress(Exception):
            catalogue.prepare(task.library, task.name)
        outcome = in_a_child(catalogue, task)
        _answer(answers, asdict(outcome))


def _answer(answers: TextIO, value: object) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


if __name__ == "__main__":
    serve(*sys.argv[1:])
