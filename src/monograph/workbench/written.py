"""The page as a file: what was exported once, to be looked at without a server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from monograph.workbench.page import report
from monograph.workbench.requests import Request
from monograph.workbench.saves import text_of
from monograph.workbench.worker import Worker

__all__ = ["write_report"]


def write_report(path: Path, name: str, output: Path, *, seconds: float) -> str:
    """Write the page of a file to ``output``; returns what came of the export."""
    file = str(path.resolve())
    request = Request(file, name)
    answer, printed = asyncio.run(_answer(request, seconds))
    text = "" if file.endswith(".pt2") else text_of(file)
    start: dict[str, object] = {
        "path": file,
        "name": name,
        "text": text,
        "answer": answer,
        "printed": printed,
        "request": request.as_dict(),
    }
    output.write_text(report(path.name, start))
    return str(answer["outcome"])


async def _answer(request: Request, seconds: float) -> tuple[dict[str, object], str]:
    """What is known in the end, and what was printed."""
    worker = Worker()
    news: dict[str, object] = {}
    printed = ""
    try:
        async for message in worker.ask(request, seconds):
            value = json.loads(message.text)
            if message.kind == "news":
                news = value
            elif message.kind == "printed":
                printed += value
            elif message.kind == "end" and (value or news.get("outcome") in (None, "loaded")):
                news = {**news, "outcome": "stopped", "how": value}
    finally:
        await worker.close()
    return news, printed
