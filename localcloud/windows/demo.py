"""Plays the demo of a machine: its page, and the supervisor that switches it on and off.

The machine's verbs and its training switch the demo through two files (`guest.serving.state`), and so they do here:
this module reads the wishes and writes the state as the real supervisor does. It does not run the real one, which would
cost two more processes a machine for a page that has nothing to show. The login is the real one's code.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import os
import secrets
import ssl
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from guest.files import write_json
from guest.machine import Machine
from guest.process import Identity
from guest.rehearsal.chat_page import answer_body, chat_page, login_page
from guest.rehearsal.model import simulated_answer
from guest.serving import state, tls
from guest.serving.api_gate import Gate
from guest.serving.choice import served_choice
from guest.serving.login import Login, renew_probe_token
from guest.serving.settings import DemoSettings
from guest.unattended.decision import API, DEMO
from guest.unattended.visits import NOTICE_PATH, note_question, notice, with_notice

from .demo_api import PREFIX, DemoApi
from .http_server import HttpServer, Request, Response

HEALTH_PATH = "/health"
_LOGIN_PATH = "/login"
_PREDICT_PATH = "/run/predict"
_COOKIE = "local-guest-session"
_MAX_BODY_BYTES = 64 * 1024
_POLL_SECONDS = 0.2
_GAVE_UP = 3
_HTML = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
CheckLogin = Callable[[str, str], bool]
Bind = Callable[[HttpServer, int, ssl.SSLContext | None], Awaitable[None]]


class DemoPage:
    """Answers HTTP on the demo's port while the demo is on."""

    def __init__(
        self,
        check_login: CheckLogin,
        model: str,
        root: Path | None = None,
        api: DemoApi | None = None,
        *,
        secure: bool = False,
    ) -> None:
        """`root` is the machine's folder, where each question is noted; `secure` says that it is served over TLS."""
        self._secure = secure
        self._check_login = check_login
        self._root, self._api = root, api
        self._model = model
        self._sessions: set[str] = set()

    async def handle(self, request: Request) -> Response:
        """Answer one request; `/health` needs no login and tells nothing but that the page is here and simulated."""
        if request.path == HEALTH_PATH:
            told = {"simulated": True, "state": state.ANSWERING, "model": self._model}
            return Response(HTTPStatus.OK, json.dumps(told).encode("ascii"), _JSON)
        if self._api is not None and request.path.startswith(PREFIX):
            answer = self._api.handle(request)
            if request.method == "POST" and answer.status < HTTPStatus.BAD_REQUEST:
                self._note(API)
            return answer
        if self._root is not None and request.path == NOTICE_PATH:
            return Response(HTTPStatus.OK, json.dumps(notice(self._root), ensure_ascii=False).encode(), _JSON)
        if request.path == _LOGIN_PATH and request.method == "POST":
            return await self._log_in(request)
        if not await self._is_logged_in(request):
            # Without a challenge: a browser would open a dialog of its own in front of the page's form.
            return Response(HTTPStatus.UNAUTHORIZED, login_page().encode(), _HTML)
        if request.path == _PREDICT_PATH and request.method == "POST":
            self._note(DEMO)
            return self._predict(request)
        return Response(HTTPStatus.OK, with_notice(chat_page(self._model).encode()), _HTML)

    def _note(self, kind: str) -> None:
        if self._root is not None:
            note_question(self._root, kind)

    def _predict(self, request: Request) -> Response:
        """Take gradio's form of a call: {"data": [question, ...]}."""
        try:
            question = str(json.loads(request.body)["data"][0])
        except (ValueError, KeyError, IndexError, TypeError):
            return Response(HTTPStatus.UNPROCESSABLE_ENTITY, b'{"detail": "data must be [question]"}', _JSON)
        return Response(HTTPStatus.OK, answer_body([[question, simulated_answer(question, self._model)]]), _JSON)

    async def _log_in(self, request: Request) -> Response:
        form = parse_qs(request.body.decode("utf-8", "replace"))
        user, password = form.get("username", [""])[0], form.get("password", [""])[0]
        # The password's hash is slow on purpose: it must not hold up the other machines.
        if not await asyncio.to_thread(self._check_login, user, password):
            return Response(HTTPStatus.UNAUTHORIZED, login_page().encode(), _HTML)
        session = secrets.token_urlsafe()
        self._sessions.add(session)
        cookie = f"{_COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/{'; Secure' if self._secure else ''}"
        return Response(HTTPStatus.SEE_OTHER, headers={"Location": "/", "Set-Cookie": cookie})

    async def _is_logged_in(self, request: Request) -> bool:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return False
            return await asyncio.to_thread(self._check_login, user, password)
        given = [part.strip().partition("=")[2] for part in request.headers.get("cookie", "").split(";")]
        return any(hmac.compare_digest(session, value) for session in self._sessions for value in given)


class DemoSupervisor:
    """Carries out the wishes of `state/demo-wanted.json`, and tells in `state/demo.json` how the demo is.

    `load` waits as long as the loading of a model is said to take; `bind` puts a server on the machine's address.
    """

    def __init__(
        self, machine: Machine, settings: Mapping[str, Any], host: str, bind: Bind, load: Callable[[], Awaitable[None]]
    ) -> None:
        self._machine = machine
        self._root = machine.root
        self._settings = DemoSettings(
            host=host,
            port=int(settings["demoPort"]),
            user=str(settings["demoUser"]),
            password_hash=str(settings["demoPasswordHash"]),
            precision=str(settings["precision"]),
            served_model=str(settings["servedModel"]),
            api_key_hash=str(settings.get("apiKeyHash", "")),
            tls=bool(settings.get("demoTls", False)),
        )
        self._bind = bind
        self._load = load
        self._server: HttpServer | None = None
        self._wish: int | None = None
        self._lacks_certificate = False
        self.installed = False

    async def run(self) -> None:
        """Supervise until cancelled."""
        # The state on the disk may be that of another machine, or of the time before a power cut.
        self._wish = state.wanted(self._root)[1]
        self._tell(state.STOPPED)
        while True:
            wanted, wish = state.wanted(self._root)
            if wish != self._wish or (self._lacks_certificate and tls.certificate(self._root)):
                self._wish = wish
                await self.stop()
                if wanted == state.STOPPED:
                    self._tell(state.STOPPED)
                elif self.installed:
                    await self._start()
                else:
                    self._tell(state.FAILED, failures=_GAVE_UP, error="The web demo is not installed yet.")
            await asyncio.sleep(_POLL_SECONDS)

    async def _start(self) -> None:
        model = served_choice(self._machine)
        self._lacks_certificate = self._settings.tls and tls.certificate(self._root) is None
        if self._lacks_certificate:
            self._tell(state.STARTING, model=model, error=f"The demo is not served: {tls.WAITS}.")
            return
        self._tell(state.STARTING, model=model)
        await self._load()
        api = DemoApi(Gate(self._settings.api_key_hash), model)
        page = DemoPage(
            Login(self._settings, renew_probe_token(self._root)), model, self._root, api, secure=self._settings.tls
        )
        server = HttpServer(page.handle, max_body_bytes=_MAX_BODY_BYTES)
        await self._bind(server, self._settings.port, tls.server_context(self._root) if self._settings.tls else None)
        self._server = server
        self._tell(state.ANSWERING, model=model)

    async def stop(self) -> None:
        """Take the page off the network."""
        self._lacks_certificate = False
        if self._server is not None:
            await self._server.stop()
            self._server = None

    def _tell(self, what: str, *, model: str | None = None, failures: int = 0, error: str = "") -> None:
        document = {
            "state": what,
            "simulated": True,
            "url": self._settings.local_url,
            "model": model,
            "failures": failures,
            "wish": self._wish,
            "error": {"message": error, "logTail": ""} if error else None,
            "supervisor": Identity.of(os.getpid()).as_dict(),
            "child": None,
        }
        write_json(self._root / "state" / "demo.json", document)
