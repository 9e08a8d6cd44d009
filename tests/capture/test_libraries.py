"""What a program changes of installed packages is put back, though they are walked only once."""

import gc
import importlib
import itertools
import os
import sys
import weakref

import pytest
import torch
from torch import nn

import monograph
from monograph.capture.python import libraries, walk
from monograph.capture.python.snapshot import Snapshot
from monograph.testing.untouched import unchanged

X = torch.randn(2, 3)
SOURCE = """
import functools

from torch import nn

class Base(nn.Module):
    steps = []
    flag = False

    def table(self, known={}):
        return known

class Setting:
    def __init__(self):
        self.values = {"a": 1}

class Other:
    level = 1

SETTING = Setting()
REGISTRY = {"base": Base}
NAMES = ["x"]
COUNT = 0

@functools.lru_cache
def cached(x):
    return x

def remembering():
    known = []
    def remember(x):
        known.append(x)
        return known
    return remember

remember = remembering()

def counted():
    global COUNT
    COUNT += 1

counted.called = 0
"""
_numbers = itertools.count()


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A package that counts as installed."""
    name = f"library_of_this_test_{next(_numbers)}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(libraries, "_places", lambda: (str(tmp_path) + os.sep,))
    yield importlib.import_module(name)
    del sys.modules[name]


CHANGES = {
    "global": lambda lib: lib.counted(),
    "new global": lambda lib: setattr(lib, "NEW", 1),
    "list": lambda lib: lib.NAMES.append("y"),
    "list, to empty": lambda lib: lib.NAMES.clear(),
    "dict": lambda lib: lib.REGISTRY.update(more=1),
    "dict, another value": lambda lib: lib.REGISTRY.update(base=lib.Setting),
    "dict, another key": lambda lib: lib.REGISTRY.update(other=lib.REGISTRY.pop("base", 0)),
    "object": lambda lib: setattr(lib.SETTING, "more", 1),
    "container in an object": lambda lib: lib.SETTING.values.clear(),
    "class attribute": lambda lib: setattr(lib.Base, "flag", True),
    "container in a class": lambda lib: lib.Base.steps.append(1),
    "class that nobody uses": lambda lib: setattr(lib.Other, "level", 2),
    "attribute of a function": lambda lib: setattr(lib.counted, "called", 1),
    "default": lambda lib: lib.Base.table(None).update(a=1),
    "closure": lambda lib: lib.remember(1),
}


GROWING = {"list", "dict, another key", "container in a class", "closure"}


class Model(nn.Module):
    """Reaches a library through its own class and through a base class."""

    def __init__(self, lib, change):
        super().__init__()
        self.change = [change, lib]

    def forward(self, x):
        change, lib = self.change
        change(lib)
        return x + 1


def _model(lib, change):
    kind = type("Derived", (Model, lib.Base), {"__module__": __name__})
    return kind(lib, change)


def _export(model):
    monograph.export(model, (X,))


def _export_or_refuse(model, change):
    """A container that goes on changing from call to call is refused; that is put back, too."""
    if change in GROWING:
        with pytest.raises(monograph.MutationError, match="MG-M107"):
            _export(model)
    else:
        _export(model)


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_put_back(library, change):
    """At the first export, and when the library has been walked before."""
    model = _model(library, CHANGES[change])
    for _ in range(3):
        with unchanged(model, vars(library), library.Base, library.Other, library.counted):
            _export_or_refuse(model, change)


@pytest.mark.parametrize("change", CHANGES)
def test_changes_are_seen_between_exports(library, change):
    """What the user has changed since is how it was before the next export."""
    plain = _model(library, lambda lib: None)
    _export(plain)
    CHANGES[change](library)
    again = _model(library, CHANGES[change])
    last = "" if change == "dict, another key" else change  # the key has its new name by now
    for model, made in ((plain, ""), (again, last), (plain, ""), (again, last)):
        with unchanged(model, vars(library), library.Base, library.Other, library.counted):
            _export_or_refuse(model, made)


def test_a_program_that_undoes_what_the_user_did(library):
    """The state is then the one that was remembered, and not the one that was found."""
    _export(_model(library, lambda lib: None))
    library.Base.flag = True
    library.NAMES.append("z")

    def undo(lib):
        lib.Base.flag = False
        lib.NAMES.pop()

    _export_or_refuse(_model(library, undo), "list")  # one item less after each call
    assert library.Base.flag
    assert library.NAMES == ["x", "z"]


def test_changes_are_listed_once(library):
    program = monograph.export(_model(library, CHANGES["global"]), (X,))
    again = monograph.export(_model(library, CHANGES["global"]), (X,))
    assert [str(a) for a in again.assumptions] == [str(a) for a in program.assumptions]
    names = [name for name, _ in program.named_buffers()]
    assert len(names) == len(set(names)) == 1, "what counts is a buffer, once"


def test_a_library_is_walked_once(library, monkeypatch):
    _export(_model(library, lambda lib: None))
    looked_at = []
    original = walk.Walk.add_globals

    def add_globals(self, name, namespace):
        looked_at.append(name)
        original(self, name, namespace)

    monkeypatch.setattr(walk.Walk, "add_globals", add_globals)
    _export(_model(library, lambda lib: None))
    assert library.__name__ not in looked_at
    library.NAMES.append("new")
    _export(_model(library, lambda lib: None))
    assert library.__name__ in looked_at


class Mine:
    pass


@pytest.fixture
def _only_new_objects():
    """What is there already is not looked through each time that garbage is collected."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("_only_new_objects")
@pytest.mark.parametrize("place", ["registry", "closure", "class", "patch"])
@pytest.mark.parametrize("made", ["tensor", "object", "function"])
def test_nothing_of_the_users_is_kept_alive(library, place, made):
    """A library that holds something of the user's is walked each time."""
    mine = {"tensor": torch.ones(3), "object": Mine(), "function": lambda: 1}[made]
    if place == "registry":
        library.REGISTRY["mine"] = mine
    elif place == "closure":
        library.remember(mine)
    elif place == "class":
        library.Base.steps.append(mine)
    else:
        library.Base.patched = mine
    _export(_model(library, lambda lib: None))
    is_gone = weakref.ref(mine)
    del mine
    library.REGISTRY.clear()
    library.remember(None).clear()
    library.Base.steps.clear()
    library.Base.patched = None
    gc.collect()
    assert is_gone() is None


def test_what_is_not_installed_is_not_remembered():
    Snapshot([], _export)
    roots = [region.root for region in libraries._regions.values()]
    assert __name__ not in {getattr(root, "name", None) for root in roots}
    assert Model not in {getattr(root, "kind", None) for root in roots}
