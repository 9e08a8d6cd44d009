"""ExportDB: which program patterns can be exported, kept as files that run."""

from monograph.exportdb.case import TAGS, Call, Case, Expect, Support, call

__all__ = ["TAGS", "Call", "Case", "Expect", "Support", "call"]
