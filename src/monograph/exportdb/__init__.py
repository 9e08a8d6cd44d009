"""ExportDB: which program patterns can be exported, kept as files that run."""

from monograph.exportdb.case import TAGS, Call, Case, Expect, Support, call
from monograph.exportdb.registry import Entry, cases, get

__all__ = ["TAGS", "Call", "Case", "Entry", "Expect", "Support", "call", "cases", "get"]
