"""The exporters that a case is given to."""

from monograph.exportdb.exporters.adapters import EXPORTERS, Exported, Exporter

__all__ = ["EXPORTERS", "Exported", "Exporter"]
