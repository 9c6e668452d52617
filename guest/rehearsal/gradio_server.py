"""Serves a page as gradio 3 does: login cookie, `/config`, and a queue over a websocket, one question at a time."""

from __future__ import annotations

import asyncio
import inspect
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from guest.rehearsal.chat_page import chat_page, login_page
from guest.rehearsal.console import say
from guest.serving.login import probe_token
from guest.serving.tls import SecureCookies
from guest.unattended.visits import Visits

_COOKIE = "access-token"


def serve(
    page: Any,
    host: str,
    port: int,
    auth: Callable[[str, str], bool] | None,
    key: str | None = None,
    certificate: str | None = None,
) -> None:
    """Serve `page` (a stand-in `Blocks`) until the process is ended. A port that is taken raises OSError."""
    with socket.create_server((host, port)) as listening:
        scheme = "https" if key else "http"
        say(f"REHEARSAL, not ChatGLM. Running on local URL:  {scheme}://{host}:{listening.getsockname()[1]}")
        app = _Server(page, auth).app
        app = SecureCookies(app) if key else app
        config = uvicorn.Config(app, log_level="warning", lifespan="off", ssl_keyfile=key, ssl_certfile=certificate)
        uvicorn.Server(config).run(sockets=[listening])


class _Server:
    def __init__(self, page: Any, auth: Callable[[str, str], bool] | None) -> None:
        self._page, self._auth = page, auth
        self._sessions: set[str] = set()
        self._turn = asyncio.Lock()
        app = Starlette(
            routes=[
                Route("/", self._root),
                Route("/config", self._config),
                Route("/login", self._login, methods=["POST"]),
                Route("/run/predict", self._predict, methods=["POST"]),
                WebSocketRoute("/queue/join", self._join),
            ]
        )
        root = os.environ.get("CHATGLM_ROOT")
        self.app: Any = Visits(app, Path(root), lambda: probe_token(Path(root))) if root else app

    def _let_in(self, connection: Request | WebSocket) -> bool:
        return self._auth is None or connection.cookies.get(_COOKIE, "") in self._sessions

    async def _root(self, request: Request) -> Response:
        return HTMLResponse(chat_page(self._page.config()["title"]) if self._let_in(request) else login_page())

    async def _config(self, request: Request) -> Response:
        if not self._let_in(request):
            return JSONResponse({"detail": "Not authenticated"}, 401)
        return JSONResponse(self._page.config())

    async def _login(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        name, password = form.get("username", ""), form.get("password", "")
        if self._auth is not None and not await run_in_threadpool(self._auth, name, password):
            return JSONResponse({"detail": "Incorrect credentials."}, 400)
        session = secrets.token_hex(16)
        self._sessions.add(session)
        response = JSONResponse({"success": True})
        response.set_cookie(_COOKIE, session, httponly=True)
        return response

    async def _predict(self, request: Request) -> Response:
        """gradio's form of a call without the queue: {"fn_index": 0, "data": [question, ...]}."""
        if not self._let_in(request):
            return JSONResponse({"detail": "Not authenticated"}, 401)
        try:
            given = list((await request.json())["data"])
            question = str(given[0])
        except (ValueError, KeyError, IndexError, TypeError):
            return JSONResponse({"detail": "data must be [question]"}, 422)
        async with self._turn:
            outputs = await run_in_threadpool(lambda: list(self._answers(self._fill(question, given[1:])))[-1])
        return JSONResponse({"data": outputs, "is_generating": False})

    def _fill(self, question: str, given: list[Any]) -> list[Any]:
        """All inputs of the page's function; what was not given has the page's own values."""
        _, inputs, _ = self._page.dependencies[0]
        values = [component.value for component in inputs]
        return [question, *given, *values[1 + len(given) :]]

    def _answers(self, data: list[Any]) -> Iterator[list[Any]]:
        function, inputs, _ = self._page.dependencies[0]
        # A state lives on the server; what the browser sends in its place counts for nothing.
        given = [
            list(component.value or []) if component.kind in ("state", "chatbot") and not value else value
            for component, value in zip(inputs, data, strict=True)
        ]
        if not inspect.isgeneratorfunction(function):
            yield list(function(*given))
            return
        for outputs in function(*given):
            yield list(outputs)

    async def _join(self, socket: WebSocket) -> None:
        if not self._let_in(socket):
            await socket.close(1008)
            return
        await socket.accept()
        await socket.send_json({"msg": "send_hash"})
        await socket.receive_json()
        await socket.send_json({"msg": "estimation", "rank": 0})
        async with self._turn:
            await socket.send_json({"msg": "send_data"})
            data = (await socket.receive_json())["data"]
            await socket.send_json({"msg": "process_starts"})
            await self._run(socket, data)
        await socket.close()

    async def _run(self, socket: WebSocket, data: list[Any]) -> None:
        answers = self._answers(data)
        last: list[Any] | None = None
        try:
            while (outputs := await run_in_threadpool(next, answers, None)) is not None:
                last = outputs
                told = {"data": outputs, "is_generating": True}
                await socket.send_json({"msg": "process_generating", "output": told, "success": True})
        except Exception as error:
            # gradio prints the traceback and tells the browser that it failed.
            say(f"Traceback (most recent call last):\n{type(error).__name__}: {error}")
            failed = {"error": str(error)}
            await socket.send_json({"msg": "process_completed", "output": failed, "success": False})
            return
        finished = {"data": last or [], "is_generating": False}
        await socket.send_json({"msg": "process_completed", "output": finished, "success": True})
