"""What users do wrong is answered with their line, the cause, and what to write."""

import traceback
from pathlib import Path

import mistakes
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
    for part in wanted.says:
        assert part in text, text
    assert len(text.splitlines()) <= 20, text
    assert (Path(mistakes.__file__).name in text) == wanted.has_line, text
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert mistakes.__file__ in files
    lines = text.splitlines()
    assert len(lines) == len(set(filter(None, lines))) + lines.count(""), "said once"
