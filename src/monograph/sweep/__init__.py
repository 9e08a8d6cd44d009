"""A sweep: many models, each exported with several exporters, and compared with eager mode."""

from monograph.sweep.catalogue import Catalogue, Entry, Inputs, Listing
from monograph.sweep.plan import Plan
from monograph.sweep.report import Report
from monograph.sweep.results import KINDS, Outcome, Row, Store
from monograph.sweep.runners import LocalRunner, Runner
from monograph.sweep.tasks import EAGER, FORMS, Limits, Task

__all__ = [
    "EAGER",
    "FORMS",
    "KINDS",
    "Catalogue",
    "Entry",
    "Inputs",
    "Limits",
    "Listing",
    "LocalRunner",
    "Outcome",
    "Plan",
    "Report",
    "Row",
    "Runner",
    "Store",
    "Task",
]
