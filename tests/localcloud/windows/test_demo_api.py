"""The API that a simulated machine plays."""

from __future__ import annotations

import json
from typing import Any

import pytest

from guest.serving.api_gate import Gate, key_hash
from localcloud.windows.demo_api import DemoApi
from localcloud.windows.http_server import Connection, Request, Response

KEY = "sk-tests-tests-tests-tests"


def ask(path: str, body: Any = None, key: str = KEY) -> Response:
    headers = {"authorization": f"Bearer {key}"}
    method = "GET" if body is None else "POST"
    api = DemoApi(Gate(key_hash(KEY)), "adv/checkpoint-9")
    return api.handle(Request(method, path, headers, json.dumps(body).encode(), Connection("127.0.0.1")))


def question(**more: Any) -> dict[str, Any]:
    return {"model": "chatglm-6b", "messages": [{"role": "user", "content": "你好"}], **more}


def test_it_says_that_its_answers_are_simulated() -> None:
    said = json.loads(ask("/v1/chat/completions", question()).body)
    assert said["choices"][0]["message"]["content"].startswith("[Simulated answer of a rehearsal")


def test_it_streams_in_the_real_form() -> None:
    answer = ask("/v1/chat/completions", question(stream=True, stream_options={"include_usage": True}))
    events = answer.body.decode().strip().split("\n\n")
    assert events[-1] == "data: [DONE]"
    assert json.loads(events[-2].removeprefix("data: "))["usage"]["total_tokens"] > 0


def test_it_lists_the_models() -> None:
    listed = json.loads(ask("/v1/models").body)["data"]
    assert [model["id"] for model in listed] == ["chatglm-6b", "adv/checkpoint-9"]


@pytest.mark.parametrize(
    ("path", "body", "key", "status"),
    [
        ("/v1/models", None, "wrong", 401),
        ("/v1/embeddings", {}, KEY, 404),
        ("/v1/chat/completions", {}, KEY, 400),
        ("/v1/chat/completions", question(model="gpt-4"), KEY, 404),
    ],
)
def test_it_refuses_as_the_real_one_does(path: str, body: Any, key: str, status: int) -> None:
    answer = ask(path, body, key)
    assert answer.status == status
    assert json.loads(answer.body)["error"]["message"]
