"""Finding cases by words, by a code, or by the text of an error message of any exporter."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from monograph.diagnostics.codes import CODES
from monograph.exportdb.registry import Entry
from monograph.exportdb.table import Table

__all__ = ["Hit", "fields_of", "index_of", "index_of_texts", "search", "words_of"]

# What a word is worth by where it stands.
_WEIGHTS = {"name": 6.0, "title": 5.0, "code": 8.0, "tags": 3.0, "prose": 1.5, "source": 1.0,
            "message": 1.0}  # fmt: skip
_SHORT = ("name", "title")  # worth less, the more words there are
_CODE = 50.0
_STOP = frozenset(
    {"a", "an", "and", "are", "as", "at", "be", "by", "class", "def", "for", "forward", "import"}
    | {"in", "is", "it", "nn", "not", "of", "on", "or", "return", "self", "that", "the", "this"}
    | {"to", "torch", "with", "x"}
)
_SAME = {
    "dependent": "data", "value": "data", "values": "data",
    "guardondatadependentsymnode": "data", "ifs": "if", "branch": "if",
    "conditional": "if", "loops": "loop", "while": "loop", "for": "loop", "shapes": "size",
    "shape": "size", "dynamic": "vary", "varies": "vary", "sizes": "size", "mutation": "write",
    "mutate": "write", "inplace": "write", "gradient": "autograd", "kv": "cache", "moe": "expert",
    "mixture": "expert", "experts": "expert",
}  # fmt: skip


@dataclass(frozen=True)
class Hit:
    """A case, and how well it fits."""

    entry: Entry
    score: float


def words_of(text: str) -> list[str]:
    """The words of a text, as they are compared: lower case, without endings and fillers."""
    found = []
    for word in re.findall(r"[A-Za-z]+(?:-[A-Z]\d+)?|\d{3,}", text):
        for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", word) if len(word) < 40 else []:
            lower = part.lower()
            if lower not in _STOP and len(lower) > 1:
                lower = _SAME.get(lower, lower)
                found.append(lower[:-1] if len(lower) > 3 and lower.endswith("s") else lower)
    return found


def fields_of(entry: Entry, tables: Iterable[Table]) -> dict[str, str]:
    """The texts of a case, by what they are."""
    messages = []
    for table in tables:
        outcomes = table.data["cases"].get(entry.name, {}).get("outcomes", {})
        messages += [o.get("exception", "") + " " + o.get("message", "") for o in outcomes.values()]
    return {
        "name": entry.name.replace("_", " "),
        "title": entry.title,
        "code": f"{entry.expect.code or ''} {entry.expect.strict_code or ''}",
        "tags": " ".join(entry.case.tags),
        "prose": " ".join(entry.sections.values()),
        "source": entry.source_of(),
        "message": " ".join(messages),
    }


def index_of(entries: Iterable[Entry], tables: Iterable[Table] = ()) -> dict[str, dict[int, float]]:
    """For each word the cases that have it, by their number, and what it is worth there."""
    tables = list(tables)
    return index_of_texts([fields_of(entry, tables) for entry in entries])


def index_of_texts(texts: Sequence[Mapping[str, str]]) -> dict[str, dict[int, float]]:
    """The same for any texts: each in parts, by the names that ``fields_of`` gives them."""
    found: dict[str, dict[int, float]] = {}
    for number, fields in enumerate(texts):
        for name, content in fields.items():
            words = set(words_of(content))
            worth = _WEIGHTS[name] / (1 + 0.05 * len(words)) if name in _SHORT else _WEIGHTS[name]
            for word in words:
                places = found.setdefault(word, {})
                places[number] = max(places.get(number, 0.0), worth)
    for places in found.values():
        rarity = math.log(1 + len(texts) / len(places))
        for number, worth in places.items():
            places[number] = round(worth * rarity, 2)
    return found


def search(text: str, entries: Iterable[Entry], tables: Iterable[Table] = ()) -> list[Hit]:
    """The cases that fit ``text``, best first.

    A rare word counts for more than a frequent one (inverse document frequency), a word that is
    misspelt for less than one that is not; a code of an error finds its cases.
    """
    chosen = list(entries)
    index = index_of(chosen, tables)
    scores = [0.0] * len(chosen)
    for code in set(re.findall(r"MG-[A-Z]\d+", text.upper())):
        for number, entry in enumerate(chosen):
            if code in (entry.expect.code, entry.expect.strict_code):
                scores[number] += _CODE + _CODE * (code in CODES and CODES[code].case == entry.name)
    for word in set(words_of(re.sub(r"(?i)MG-[A-Z]\d+", " ", text))):
        meant, worth = _closest(word, index)
        for number, score in index.get(meant, {}).items():
            scores[number] += worth * score
    hits = [Hit(e, s) for e, s in zip(chosen, scores, strict=True) if s > 0]
    return sorted(hits, key=lambda hit: (-hit.score, hit.entry.name))


def _closest(word: str, known: Iterable[str]) -> tuple[str, float]:
    """The word of the catalogue that is meant, and how surely."""
    if word in known:
        return word, 1.0
    found = difflib.get_close_matches(word, known, 1, cutoff=0.8)
    return (found[0], 0.6) if found else (word, 0.0)
