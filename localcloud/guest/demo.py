"""The page on the demo's port: it has the demo's login, says that it is simulated, and answers no question."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs

from .http_server import Request, Response

HEALTH_PATH = "/health"
_LOGIN_PATH = "/login"
_COOKIE = "local-guest-session"
_HTML = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>ChatGLM-6B (simulated / 模拟)</title></head>
<body data-simulated="true">
<h1>本机为模拟环境，不是真实的 ChatGLM-6B</h1>
<p>这台机器由本地云模拟：没有 Windows，没有 GPU，也没有模型，因此不会回答问题。</p>
<h1 lang="en">This machine is simulated; it is not the real ChatGLM-6B</h1>
<p lang="en">The local cloud plays this machine: no Windows, no GPU, no model are here; it answers no question.</p>
{body}
</body></html>
"""
_FORM = """<form method="post" action="/login">
<label>用户名 / user <input name="username" autocomplete="username"></label>
<label>密码 / password <input name="password" type="password" autocomplete="current-password"></label>
<button>登录 / log in</button></form>"""
_INSIDE = "<p>模型 / model: <code>{model}</code></p>"

CheckLogin = Callable[[str, str], bool]


def check_password(password: str, stored: str) -> bool:
    """Whether a password has the hash of the manifest, `pbkdf2_sha256$ROUNDS$SALT$HASH`. Slow, as it should be."""
    _, rounds, salt, expected = stored.split("$")
    wanted = base64.b64decode(expected)
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds), len(wanted))
    return hmac.compare_digest(made, wanted)


class DemoPage:
    """Answers HTTP on the demo's port while the demo is on."""

    def __init__(self, check_login: CheckLogin, model: str) -> None:
        self._check_login = check_login
        self._model = model
        self._sessions: set[str] = set()

    async def handle(self, request: Request) -> Response:
        """Answer one request; `/health` needs no login and tells nothing but that the page is here and simulated."""
        if request.path == HEALTH_PATH:
            state = {"simulated": True, "state": "answering", "model": self._model}
            return Response(HTTPStatus.OK, json.dumps(state).encode("ascii"), _JSON)
        if request.path == _LOGIN_PATH and request.method == "POST":
            return await self._log_in(request)
        if not await self._is_logged_in(request):
            challenge = {"WWW-Authenticate": 'Basic realm="ChatGLM-6B (simulated)", charset="UTF-8"'}
            return Response(HTTPStatus.UNAUTHORIZED, _PAGE.format(body=_FORM).encode(), {**_HTML, **challenge})
        return Response(HTTPStatus.OK, _PAGE.format(body=_INSIDE.format(model=self._model)).encode(), _HTML)

    async def _log_in(self, request: Request) -> Response:
        form = parse_qs(request.body.decode("utf-8", "replace"))
        user, password = form.get("username", [""])[0], form.get("password", [""])[0]
        if not await asyncio.to_thread(self._check_login, user, password):
            return Response(HTTPStatus.UNAUTHORIZED, _PAGE.format(body=_FORM).encode(), _HTML)
        session = secrets.token_urlsafe()
        self._sessions.add(session)
        cookie = f"{_COOKIE}={session}; HttpOnly; SameSite=Strict; Path=/"
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
