"""The page's server: loopback only, reads only. Whoever else asks, or asks for another host's page, is refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from words import later

STATIC = Path(__file__).with_name("static")
LANGUAGES = ("en", "zh")
#: Nothing from elsewhere, no script but the page's own file, in nobody's frame.
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

Look = Callable[[], dict[str, Any]]


class OwnHostOnly:
    """Refuses requests for another name: that is how a page elsewhere would try to read this one (DNS rebinding)."""

    def __init__(self, app: ASGIApp, port: int) -> None:
        self._app = app
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
        if host not in self._hosts:
            await PlainTextResponse(later("This page is for this computer only.\n"), status_code=421)(
                scope, receive, send
            )
            return
        await self._app(scope, receive, self._with_headers(send))

    @staticmethod
    def _with_headers(send: Send) -> Send:
        async def wrapped(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        return wrapped


class Looker:
    """Looks again and again while somebody watches, and tells every watcher; a failed look is told, not raised."""

    def __init__(self, look: Look, seconds: float) -> None:
        self._look, self._seconds = look, seconds
        self._changed = asyncio.Condition()
        self._number = 0
        self._last: dict[str, Any] = {}
        self._watchers = 0
        self._task: asyncio.Task[None] | None = None

    async def watch(self) -> AsyncIterator[dict[str, Any]]:
        """Each look from now on, the last one first."""
        self._watchers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._go_on())
        seen = 0
        try:
            while True:
                async with self._changed:
                    await self._changed.wait_for(lambda: self._number > seen)  # noqa: B023 - read at once
                    seen, last = self._number, self._last
                yield last
        finally:
            self._watchers -= 1

    async def once(self) -> dict[str, Any]:
        return await asyncio.to_thread(self._try)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _go_on(self) -> None:
        while True:
            if self._watchers:
                found = await self.once()
                async with self._changed:
                    self._number, self._last = self._number + 1, found
                    self._changed.notify_all()
            await asyncio.sleep(self._seconds)

    def _try(self) -> dict[str, Any]:
        try:
            return self._look()
        except Exception as error:  # the page stays and says it
            return {"version": 1, "failure": f"{type(error).__name__}: {error}"}


def make_app(look: Look, port: int, seconds: float = 3.0) -> Starlette:
    """The page. `look` may block; `port` is where it is served, `seconds` the time between two looks."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        app.state.looker = Looker(look, seconds)
        yield
        await app.state.looker.stop()

    async def page(request: Request) -> Response:
        return HTMLResponse((STATIC / "index.html").read_text(encoding="utf-8").replace("LANGUAGE", language(request)))

    async def words(request: Request) -> Response:
        return JSONResponse(json.loads((STATIC / f"words.{language(request)}.json").read_text(encoding="utf-8")))

    async def state(request: Request) -> Response:
        return JSONResponse(await request.app.state.looker.once())

    async def events(request: Request) -> Response:
        async def stream() -> AsyncIterator[str]:
            async for found in request.app.state.looker.watch():
                yield f"data: {json.dumps(found, ensure_ascii=False, default=str)}\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    return Starlette(
        routes=[
            Route("/", page, methods=["GET"]),
            Route("/words", words, methods=["GET"]),
            Route("/state", state, methods=["GET"]),
            Route("/events", events, methods=["GET"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[Middleware(OwnHostOnly, port=port)],
        lifespan=lifespan,
    )


def language(request: Request) -> str:
    """The language asked for in the address, else the browser's first that the page has, else Chinese."""
    asked = request.query_params.get("lang", "")
    if asked in LANGUAGES:
        return asked
    for part in request.headers.get("accept-language", "").split(","):
        name = part.strip().lower()[:2]
        if name in LANGUAGES:
            return name
    return "zh"
