"""ExportDB: which program patterns can be exported, kept as files that run."""

from monograph.exportdb.case import TAGS, Call, Case, Expect, Support, call
from monograph.exportdb.registry import Entry, cases, get
from monograph.exportdb.searching import Hit

__all__ = [
    "TAGS",
    "Call",
    "Case",
    "Entry",
    "Expect",
    "Hit",
    "Support",
    "call",
    "cases",
    "get",
    "search",
]


def search(text: str) -> list[Hit]:
    """The cases that fit words, a code, or an error message; best first."""
    from monograph.exportdb import searching
    from monograph.exportdb.table import recorded

    return searching.search(text, cases(), recorded())
