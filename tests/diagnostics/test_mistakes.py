"""What users do wrong is answered with their line, the cause, and what to write."""

import sys
import traceback
from pathlib import Path

import advice
import mistakes
import mistakes_at_calls  # noqa: F401
import mistakes_in_programs  # noqa: F401
import pytest

import monograph


@pytest.mark.parametrize("name", mistakes.MISTAKES)
def test_a_mistake_is_explained(name):
    wanted = mistakes.MISTAKES[name]
    with pytest.raises(Exception, match=r".") as caught:
        wanted.make()
    error = caught.value
    text = str(error)
    is_ours = isinstance(error, monograph.MonographError)
    assert (error.code if is_ours else type(error).__name__) == wanted.code, text
    assert not is_ours or not advice.wording_of(error)
    for part in wanted.says:
        assert part in text, text
    assert len(text.splitlines()) <= 20, text
    file = sys.modules[wanted.make.__module__].__file__
    assert (Path(file).name in text) == wanted.has_line, text
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert file in files
    lines = text.splitlines()
    assert len(lines) == len(set(filter(None, lines))) + lines.count(""), "said once"


ADVISED = [name for name, wanted in mistakes.MISTAKES.items() if wanted.instead is not None]


@pytest.mark.parametrize("name", ADVISED)
def test_what_is_advised_works(name):
    mistakes.MISTAKES[name].instead()
