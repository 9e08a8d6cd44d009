"""The server of the page: for this machine alone, and for who has its token."""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request as Asked
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from monograph.workbench.page import page, static
from monograph.workbench.requests import Request
from monograph.workbench.saves import Files, text_of
from monograph.workbench.worker import Worker

__all__ = ["Workbench", "address", "listening", "serve", "server_of"]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_MOST_BYTES = 64 << 20


class Workbench:
    """One file, a process that exports it, and the page that shows both.

    ``name``: what of the file. ``beside``: other files and names, to compare with. ``seconds``: how
    long an export may take.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        *,
        beside: Sequence[tuple[Path, str]] = (),
        seconds: float = 60.0,
    ) -> None:
        self.path = str(path.resolve())
        self.name = name
        self.beside = [(str(other.resolve()), of_it) for other, of_it in beside]
        self.seconds = seconds
        self.token = secrets.token_urlsafe(24)
        self.worker = Worker()
        self.files = Files([self.path])

    def application(self) -> Starlette:
        """What answers requests."""
        routes = [
            Route("/", self._page),
            Route("/static/{name}", self._static),
            Route("/changes", self._changes),
            Route("/file", self._file),
            Route("/export", self._export, methods=["POST"]),
            Route("/save", self._save, methods=["POST"]),
            Route("/compare", self._compare, methods=["POST"]),
        ]
        return Starlette(
            routes=[Mount(f"/{self.token}", routes=routes)],
            middleware=[Middleware(_Door, token=self.token)],
            lifespan=self._lifespan,
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        starting = asyncio.create_task(self.worker.start())
        try:
            yield
        finally:
            starting.cancel()
            await self.close()

    async def close(self) -> None:
        """End what goes on: streams come to their end, and so do processes."""
        self.files.is_over = True
        await self.worker.close()

    async def _page(self, _: Asked) -> Response:
        text = "" if self.path.endswith(".pt2") else text_of(self.path)
        start: dict[str, object] = {
            "path": self.path,
            "name": self.name,
            "text": text,
            "beside": self.beside,
        }
        return Response(page(Path(self.path).name, start), media_type="text/html", headers=_HEADERS)

    async def _static(self, asked: Asked) -> Response:
        found = static(asked.path_params["name"])
        if found is None:
            return PlainTextResponse("", 404)
        text, kind = found
        return Response(text, media_type=kind, headers=_HEADERS)

    async def _export(self, asked: Asked) -> Response:
        try:
            given = await _json(asked)
            beside = given.get("beside")
            path = self.path if beside is None else self.beside[int(str(beside))][0]
            request = Request.of(given, path)
        except (ValueError, IndexError) as error:
            return PlainTextResponse(str(error), 400)

        async def lines() -> AsyncIterator[str]:
            try:
                async for message in self.worker.ask(request, self.seconds):
                    if message.kind == "imported":
                        self.files.add(json.loads(message.text))
                    yield f'{{"kind": "{message.kind}", "value": {message.text}}}\n'
            except ChildProcessError as error:
                yield json.dumps({"kind": "end", "value": str(error)}) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=_HEADERS)

    async def _changes(self, _: Asked) -> Response:
        async def lines() -> AsyncIterator[str]:
            async for changed in self.files.changes():
                yield json.dumps(changed) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=_HEADERS)

    async def _file(self, asked: Asked) -> Response:
        file = asked.query_params.get("path", "")
        if file not in self.files:
            return PlainTextResponse("", 404)
        return PlainTextResponse(text_of(file), headers=_HEADERS)

    async def _save(self, asked: Asked) -> Response:
        """Write the file, if it is as the page believes."""
        given = await _json(asked)
        file, before, after = (str(given.get(key, "")) for key in ("file", "before", "after"))
        if file not in self.files:
            return PlainTextResponse("this file is not one of the model's", 404)
        if not self.files.write(file, before, after):
            return PlainTextResponse("the file has changed on disk", 409)
        return JSONResponse({}, headers=_HEADERS)

    async def _compare(self, asked: Asked) -> Response:
        given = await _json(asked)
        before, after = (str(given.get(key, "")).splitlines() for key in ("before", "after"))
        rows = await asyncio.to_thread(_differences, before, after)
        return JSONResponse(rows, headers=_HEADERS)


def _differences(before: list[str], after: list[str]) -> list[list[str]]:
    """Two texts as one: lines with their marks (`` ``, ``-``, ``+``)."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    rows: list[list[str]] = []
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            rows += [[" ", line] for line in before[a:b]]
        else:
            rows += [["-", line] for line in before[a:b]]
            rows += [["+", line] for line in after[c:d]]
    return rows


async def _json(asked: Asked) -> dict[str, object]:
    """The body of a request.

    Raises:
        ValueError: it is no dictionary.
    """
    found = json.loads(await asked.body())
    if not isinstance(found, dict):
        raise ValueError("a dictionary is wanted")
    return found


class _Door:
    """Nothing is served to who asks by another host's name, from another page, or without token."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.token = app, token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._may(scope):
            await self.app(scope, receive, send)
        else:
            await PlainTextResponse("", 403)(scope, receive, send)

    def _may(self, scope: Scope) -> bool:
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        host = headers.get("host", "").rpartition(":")[0]
        origin = headers.get("origin")
        given = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        return (
            host in ("127.0.0.1", "localhost")
            and origin in (None, f"http://{headers['host']}")
            and int(headers.get("content-length") or 0) <= _MOST_BYTES
            and secrets.compare_digest(given.encode(), self.token.encode())
        )


class _Server(uvicorn.Server):
    """A server whose streams end before it waits for them."""

    def __init__(self, workbench: Workbench) -> None:
        super().__init__(
            uvicorn.Config(
                workbench.application(),
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=2,
                server_header=False,
            )
        )
        self.workbench = workbench

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """No more of it."""
        await self.workbench.close()
        await super().shutdown(sockets)


def serve(workbench: Workbench, port: int, announce: Callable[[str], None]) -> None:
    """Serve until interrupted. ``port`` 0: any that is free. ``announce`` gets the address."""
    with listening(port) as door:
        announce(address(workbench, door))
        server_of(workbench).run(sockets=[door])


def listening(port: int) -> socket.socket:
    """A socket of this machine alone."""
    door = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    door.bind(("127.0.0.1", port))
    door.listen()
    return door


def address(workbench: Workbench, door: socket.socket) -> str:
    """Where the page is."""
    return f"http://127.0.0.1:{door.getsockname()[1]}/{workbench.token}/"


def server_of(workbench: Workbench) -> uvicorn.Server:
    """The server, to be run with a socket."""
    return _Server(workbench)
