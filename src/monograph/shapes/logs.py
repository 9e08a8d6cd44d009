"""What happens to sizes, in Python's own logging: the logger ``monograph.shapes``.

``MONOGRAPH_LOGS=symbols,guards,facts`` shows each symbol as it is made, each guard and each fact
on standard error, and at the end the summary; ``all`` shows everything.
"""

from __future__ import annotations

import logging
import os

__all__ = ["log", "show_what_is_asked_for"]

log = logging.getLogger("monograph.shapes")


class _Kinds(logging.Filter):
    """Lets the kinds pass that were asked for: the first word of each message."""

    def __init__(self, kinds: set[str]) -> None:
        super().__init__()
        self.kinds = kinds | {"summary"}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = str(record.msg).partition(":")[0]
        return "all" in self.kinds or kind in self.kinds


def show_what_is_asked_for() -> None:
    """Follow the environment variable ``MONOGRAPH_LOGS``, once."""
    asked = os.environ.get("MONOGRAPH_LOGS", "")
    if not asked or any(isinstance(f, _Kinds) for h in log.handlers for f in h.filters):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    handler.addFilter(_Kinds({word.strip() for word in asked.split(",")}))
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
