"""The API before the page, on one port."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("starlette")
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from guest.serving.front import with_api


def said(text: str) -> Any:
    return lambda _: PlainTextResponse(text)


def page() -> Starlette:
    open_to_all = Middleware(CORSMiddleware, allow_origins=["*"])
    return Starlette(routes=[Route("/{path:path}", said("page"))], middleware=[open_to_all])


class Blocks:
    """As much of gradio's Blocks as is used: it starts its server and blocks its thread."""

    def __init__(self) -> None:
        self.application, self.blocked = page(), False

    def launch(self, *, prevent_thread_lock: bool = False, **_: Any) -> tuple[Any, str, None]:
        TestClient(self.application).get("/")  # it is up, and has built its middleware
        assert prevent_thread_lock
        return self.application, "http://127.0.0.1", None

    def block_thread(self) -> None:
        self.blocked = True


def test_what_begins_with_v1_is_the_apis_and_all_else_the_pages() -> None:
    blocks = Blocks()
    api = Starlette(routes=[Route("/v1/{path:path}", said("api")), Route("/v1", said("api"))])
    with_api(lambda self, **more: self.launch(**more), lambda: api, lambda inner: inner)(blocks, server_port=1)
    client = TestClient(blocks.application)
    answers = {path: client.get(path).text for path in ("/", "/v1", "/v1/models", "/v1x", "/config")}
    assert answers == {"/": "page", "/v1": "api", "/v1/models": "api", "/v1x": "page", "/config": "page"}
    assert blocks.blocked


def test_the_pages_openness_to_other_web_pages_is_not_the_apis() -> None:
    blocks = Blocks()
    api = Starlette(routes=[Route("/v1/{path:path}", said("api"))])
    with_api(lambda self, **more: self.launch(**more), lambda: api, lambda inner: inner)(blocks)
    client = TestClient(blocks.application)
    origin = {"Origin": "https://evil.example"}
    assert client.get("/", headers=origin).headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-origin" not in client.get("/v1/models", headers=origin).headers
