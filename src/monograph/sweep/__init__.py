"""A sweep: many models, each exported with several exporters, and compared with eager mode."""

from monograph.sweep.catalogue import Catalogue, Listing
from monograph.sweep.entries import Entry, Inputs
from monograph.sweep.executors import Executor, LocalExecutor
from monograph.sweep.plan import Plan
from monograph.sweep.report import Report, Way
from monograph.sweep.results import KINDS, Outcome, Row
from monograph.sweep.servers import Lost
from monograph.sweep.store import Store
from monograph.sweep.tasks import EAGER, FORMS, Ask, Limits, Task

__all__ = [
    "EAGER",
    "FORMS",
    "KINDS",
    "Ask",
    "Catalogue",
    "Entry",
    "Executor",
    "Inputs",
    "Limits",
    "Listing",
    "LocalExecutor",
    "Lost",
    "Outcome",
    "Plan",
    "Report",
    "Row",
    "Store",
    "Task",
    "Way",
]
