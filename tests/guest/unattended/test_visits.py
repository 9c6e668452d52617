"""Who asks the page and the API: people's questions are use, the machine's own and an open page are not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from guest.files import read_json, write_json
from guest.unattended.visits import PROBE_HEADER, Visits, asked_file, notice_file, probing_file, with_notice
from tests.waiting import wait_until

TOKEN = "the probe's token"


def page(root: Path) -> Starlette:
    """As much of the demo as is asked."""

    async def join(socket: WebSocket) -> None:
        if socket.query_params.get("stranger"):
            await socket.close(1008)
            return
        await socket.accept()
        await socket.send_json(read_json(probing_file(root)) or {})
        await socket.close()

    async def answer(request: Request) -> Response:
        return JSONResponse({}, 401 if request.headers.get("stranger") else 200)

    async def look(_: Request) -> Response:
        return HTMLResponse("<html><body>a page</body></html>")

    return Starlette(
        routes=[
            Route("/", look),
            Route("/config", answer),
            WebSocketRoute("/queue/join", join),
            Route("/run/predict", answer, methods=["POST"]),
            Route("/v1/chat/completions", answer, methods=["POST"]),
            Route("/v1/models", answer),
        ]
    )


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(Visits(page(tmp_path), tmp_path, lambda: TOKEN)) as made:
        yield made


def marks(root: Path) -> dict[str, Any]:
    return {key: value for key, value in (read_json(asked_file(root)) or {}).items() if key != "schema"}


def test_each_question_is_noted_by_what_was_asked(client: TestClient, tmp_path: Path) -> None:
    client.post("/run/predict")
    first = marks(tmp_path)
    assert set(first) == {"demo"}
    client.post("/v1/chat/completions")
    assert set(marks(tmp_path)) == {"demo", "api"}
    assert marks(tmp_path)["demo"] == first["demo"]


def test_a_question_through_the_queue_is_noted(client: TestClient, tmp_path: Path) -> None:
    with client.websocket_connect("/queue/join") as socket:
        socket.receive_json()
    assert set(marks(tmp_path)) == {"demo"}


def test_an_open_page_and_a_list_of_models_are_no_use(client: TestClient, tmp_path: Path) -> None:
    for path in ("/", "/config", "/v1/models", "/chatglm-notice"):
        assert client.get(path).status_code == 200
    assert marks(tmp_path) == {}


def test_who_is_not_let_in_has_asked_nothing(client: TestClient, tmp_path: Path) -> None:
    client.post("/v1/chat/completions", headers={"stranger": "1"})
    client.post("/run/predict", headers={"stranger": "1"})
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/queue/join?stranger=1"):
        pass
    assert marks(tmp_path) == {}


def test_the_machines_own_question_is_told_apart_while_it_lasts(client: TestClient, tmp_path: Path) -> None:
    with client.websocket_connect("/queue/join", headers={PROBE_HEADER: TOKEN}) as socket:
        assert socket.receive_json()["asking"] is True
    # The application may end a moment after its socket.
    wait_until(lambda: (read_json(probing_file(tmp_path)) or {})["asking"] is False)
    assert marks(tmp_path) == {}


def test_a_wrong_token_is_a_persons(client: TestClient, tmp_path: Path) -> None:
    with client.websocket_connect("/queue/join", headers={PROBE_HEADER: "guessed"}) as socket:
        socket.receive_json()
    assert set(marks(tmp_path)) == {"demo"}


def test_the_page_shows_the_notice(client: TestClient, tmp_path: Path) -> None:
    shown = client.get("/")
    assert shown.text.startswith("<html><body>a page<script>")
    assert shown.text.endswith("</script></body></html>")
    assert int(shown.headers["content-length"]) == len(shown.content)
    assert client.get("/chatglm-notice").json() == {"text": ""}
    write_json(notice_file(tmp_path), {"text": "10 分钟后停放"})
    assert client.get("/chatglm-notice").json() == {"text": "10 分钟后停放"}


def test_a_page_without_an_end_shows_it_too() -> None:
    assert with_notice(b"<p>").startswith(b"<p><script>")
