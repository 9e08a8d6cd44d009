"""The registry of codes: each is raised somewhere, and asserted somewhere; no other is named."""

import os
import re
from pathlib import Path

import pytest
import torch
from torch.nn.attention.flex_attention import flex_attention

import monograph
from monograph import exportdb
from monograph.diagnostics.codes import CODES
from monograph.exportdb.runner import refusal

SOURCE = Path(monograph.__file__).parent
X = torch.linspace(-1, 2, 6).reshape(2, 3)


def named(folder, *but):
    texts = [p.read_text() for p in folder.rglob("*.py") if p.name not in but]
    return set(re.findall(r"MG-[A-Z]\d{3}", "\n".join(texts)))


def test_the_registry_is_complete():
    assert named(SOURCE, "codes.py") == set(CODES), "raised, and registered"
    assert set(CODES) <= named(Path(__file__).parents[1]), "asserted by a test"
    for code in CODES.values():
        assert code.title[0] == code.title[0].lower() or code.title.startswith(("Python", "None"))
        assert not code.why.endswith(".")


def labels(x):
    found = []
    for row in x:
        if row.sum() > 0:
            found.append("large")
    return len(found)


EMITTED = {
    "MG-C114": (labels, (X,), {"strict": True}),
    "MG-C120": (lambda q: flex_attention(q, q, q), (torch.ones(1, 1, 4, 8),), {}),
    "MG-D104": (lambda x: torch.linalg.lstsq(x, x), (X,), {}),
    "MG-M105": (lambda x: x.clone().resize_(5, 5), (X,), {}),
    "MG-O101": (lambda x: x @ x, (X,), {}),
    "MG-P101": (lambda rows: next(rows), ((row for row in X),), {}),
    "MG-P104": (lambda x: x.to_sparse(), (X,), {}),
}


@pytest.mark.parametrize("code", EMITTED)
def test_emitted_with_the_users_line(code):
    f, args, options = EMITTED[code]
    with pytest.raises(monograph.MonographError) as caught:
        monograph.export(f, args, **options)
    assert caught.value.code == code
    assert caught.value.what
    assert code == "MG-P101" or caught.value.where.file == __file__


def test_of_exported_programs():
    program = monograph.export(lambda x: x + 1, (X,))
    with pytest.raises(monograph.InputError) as caught:
        program.module()(X.double())
    assert caught.value.code == "MG-I102"
    with pytest.raises(monograph.ExportError) as refused:
        program(X)
    assert refused.value.code == "MG-P105"
    assert monograph.InternalError("x").code == "MG-X101"


# Each code has a case that shows it, and a text ---------------------------------------------------

SNAPSHOTS = Path(__file__).parents[1] / "snapshots" / "codes"
SHOWN = sorted(set(CODES) - {"MG-X101"})  # a mistake of ours is no pattern of programs


@pytest.mark.parametrize("code", SHOWN)
def test_its_case_shows_it(code):
    entry = exportdb.get(CODES[code].case)
    assert code in (entry.expect.code, entry.expect.strict_code)
    error = refusal(entry, code)
    assert error is not None
    assert entry.rewrites or entry.sections["Use instead"], "its page says what to write instead"
    is_told = error.patch or error.hint or "eager mode too" in error.why
    assert is_told, "and so does the message"
    assert str(error).endswith(f"more: monograph db show {entry.name}")
    text = re.sub(r"\S*?(\w+\.py)(:\d+)?", r"\1", str(error))
    text = re.sub(r"(?m)^( *)@@ .*$", r"\1@@", text) + "\n"
    snapshot = SNAPSHOTS / f"{code}.txt"
    if os.environ.get("MONOGRAPH_UPDATE_SNAPSHOTS") == "1":
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(text)
    assert text == snapshot.read_text()
    assert len(text.splitlines()) < 40


def test_every_code_of_a_case_is_registered():
    for entry in exportdb.cases():
        assert {entry.expect.code, entry.expect.strict_code} - {None} <= set(CODES)
    assert {path.stem for path in SNAPSHOTS.iterdir()} == set(SHOWN)
