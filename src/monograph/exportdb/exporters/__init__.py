"""The exporters that a case is given to."""

from monograph.exportdb.exporters.adapters import EXPORTERS, Exported, Exporter
from monograph.exportdb.exporters.stages import STAGES, available_stages

__all__ = ["EXPORTERS", "STAGES", "Exported", "Exporter", "available_stages"]
