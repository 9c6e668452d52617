"""The API, asked by the official client, by plain HTTP, and in the form in which a desktop program asks."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("starlette")
uvicorn = pytest.importorskip("uvicorn")
openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")

from guest.serving.api import make_api  # noqa: E402
from guest.serving.api_errors import line_full, too_long  # noqa: E402
from guest.serving.api_gate import Gate, key_hash  # noqa: E402
from guest.serving.api_request import ChatRequest  # noqa: E402
from tests.waiting import HANG_SECONDS  # noqa: E402

KEY = "sk-tests-tests-tests-tests"


@dataclass(frozen=True)
class Said:
    text: str
    made: int
    prompt: int
    finished: str = ""


@dataclass
class Parrot:
    """Says what it was asked, a letter at a time, and remembers what came to it."""

    choice: str = "base"
    asked: list[ChatRequest] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    on: threading.Event = field(default_factory=threading.Event)
    endless: bool = False

    def served(self) -> str:
        return self.choice

    def answer(self, request: ChatRequest) -> Iterator[Said]:
        self.asked.append(request)
        if request.question == "long":
            raise too_long(5000, 4096)
        if request.question == "full":
            raise line_full("32 requests wait already.")
        try:
            text = f"你好, {request.question}!"
            for count in range(1, len(text) + 1):
                yield Said(text[:count], count, 7)
            while self.endless:
                yield Said(text, len(text), 7)
                time.sleep(0.001)
            yield Said(text, len(text), 7, "stop")
        finally:
            self.left.set()


class Served:
    def __init__(self, answerer: Parrot, origins: tuple[str, ...] = ()) -> None:
        self.answerer = answerer
        application = make_api(answerer, Gate(key_hash(KEY)), origins)
        self._server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    def client(self, key: str = KEY) -> Any:
        return openai.OpenAI(api_key=key, base_url=self.url, max_retries=0, http_client=httpx_client())

    def end(self) -> None:
        self._server.should_exit = True
        self._thread.join()


def httpx_client() -> Any:
    # openai's own way of making one reads the environment's proxies.
    return openai.DefaultHttpxClient(trust_env=False)


@pytest.fixture
def api() -> Iterator[Served]:
    served = Served(Parrot())
    yield served
    served.end()


def ask(api: Served, content: Any = "hi", **more: Any) -> Any:
    messages = more.pop("messages", [{"role": "user", "content": content}])
    return api.client().chat.completions.create(model="chatglm-6b", messages=messages, **more)


def test_the_official_client_gets_an_answer_with_its_counts(api: Served) -> None:
    answer = ask(api)
    assert answer.choices[0].message.content == "你好, hi!"
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (7, 7, 14)
    assert answer.object == "chat.completion"


def test_the_official_client_gets_a_stream_that_adds_up(api: Served) -> None:
    parts = list(ask(api, stream=True, stream_options={"include_usage": True}))
    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert text == "你好, hi!"
    assert parts[0].choices[0].delta.role == "assistant"
    assert [part.choices[0].finish_reason for part in parts if part.choices][-1] == "stop"
    assert parts[-1].usage.total_tokens == 14
    assert len({part.id for part in parts}) == 1


def test_all_parameters_reach_the_model(api: Served) -> None:
    ask(api, temperature=0.2, top_p=0.5, max_tokens=9, stop=["x", "y"], seed=3)
    asked = api.answerer.asked[-1]
    assert (asked.temperature, asked.top_p, asked.longest, asked.stops, asked.seed) == (0.2, 0.5, 9, ("x", "y"), 3)
    ask(api)
    asked = api.answerer.asked[-1]
    assert (asked.temperature, asked.top_p, asked.longest, asked.stops, asked.seed) == (0.95, 0.7, None, (), None)


def test_the_models_are_listed_under_their_names(api: Served) -> None:
    api.answerer.choice = "adv/checkpoint-3000"
    client = api.client()
    assert [model.id for model in client.models.list()] == ["chatglm-6b", "adv/checkpoint-3000"]
    assert client.models.retrieve("adv/checkpoint-3000").owned_by == "THUDM"
    with pytest.raises(openai.NotFoundError, match="gpt-4"):
        client.chat.completions.create(model="gpt-4", messages=[{"role": "user", "content": "hi"}])


def test_a_wrong_key_learns_nothing(api: Served) -> None:
    for key in ("sk-wrong-wrong-wrong-wrong", ""):
        with pytest.raises(openai.OpenAIError):
            api.client(key or "x").models.list()
    assert httpx.get(f"{api.url}/models", trust_env=False).status_code == 401
    assert api.answerer.asked == []


def test_an_address_that_guesses_keys_must_wait_whatever_it_sends(api: Served) -> None:
    for _ in range(10):
        with pytest.raises(openai.AuthenticationError):
            api.client("sk-guessed-guessed-guessed").models.list()
    with pytest.raises(openai.RateLimitError) as seen:
        api.client().models.list()
    assert 0 < int(seen.value.response.headers["retry-after"]) <= 61


def test_more_than_sixty_requests_a_minute_are_too_many() -> None:
    now = 0.0
    gate = Gate(key_hash(KEY), lambda: now)
    for _ in range(60):
        gate.admit(f"Bearer {KEY}", "a")
    with pytest.raises(Exception, match="Too many requests"):
        gate.admit(f"Bearer {KEY}", "a")
    gate.admit(f"Bearer {KEY}", "b")
    now = 61.0
    gate.admit(f"Bearer {KEY}", "a")


def test_messages_that_are_too_long_and_a_full_line_have_openais_codes(api: Served) -> None:
    with pytest.raises(openai.BadRequestError) as long:
        ask(api, "long", stream=True)
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.RateLimitError) as full:
        ask(api, "full")
    assert full.value.code == "queue_full"


@pytest.mark.parametrize(
    ("given", "parameter"),
    [
        ({"n": 2}, "n"), ({"logprobs": True}, "logprobs"), ({"presence_penalty": 1}, "presence_penalty"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"temperature": 3}, "temperature"), ({"top_p": -1}, "top_p"), ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 5}, "stop"), ({"messages": []}, "messages"),
        ({"messages": [{"role": "assistant", "content": "a"}]}, "messages"),
        ({"messages": [{"role": "king", "content": "a"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
         "messages[0].content"),
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_supported_is_named(api: Served, given: dict[str, Any], parameter: str) -> None:
    with pytest.raises(openai.BadRequestError) as seen:
        ask(api, **given)
    assert seen.value.param == parameter
    assert api.answerer.asked == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_request_is_told_so(api: Served, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{api.url}/chat/completions", content=body, headers=headers, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_json"


def test_an_address_that_is_not_served_is_told_so(api: Served) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    answer = httpx.post(f"{api.url}/embeddings", json={}, headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_a_client_that_leaves_frees_its_place(api: Served) -> None:
    api.answerer.endless = True
    stream = ask(api, stream=True)
    next(iter(stream))
    stream.close()
    assert api.answerer.left.wait(HANG_SECONDS)


def test_browsers_may_ask_from_named_pages_only() -> None:
    served = Served(Parrot(), ("https://chat.example",))
    try:
        for origin, allowed in (("https://chat.example", "https://chat.example"), ("https://evil.example", None)):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST",
                       "Access-Control-Request-Headers": "authorization"}  # fmt: skip
            answer = httpx.options(f"{served.url}/chat/completions", headers=headers, trust_env=False)
            assert answer.headers.get("access-control-allow-origin") == allowed
    finally:
        served.end()


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_curl_gets_the_events_as_openais_documents_show_them(api: Served) -> None:
    body = json.dumps({"model": "chatglm-6b", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    command = ["curl", "-sS", "-N", "--noproxy", "*", f"{api.url}/chat/completions", "-H",
               "Content-Type: application/json", "-H", f"Authorization: Bearer {KEY}", "-d", body]  # fmt: skip
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    events = said.strip().split("\n\n")
    assert all(event.startswith("data: ") for event in events)
    assert events[-1] == "data: [DONE]"
    parts = [json.loads(event.removeprefix("data: ")) for event in events[:-1]]
    assert "".join(part["choices"][0]["delta"].get("content", "") for part in parts) == "你好, hi!"


def test_a_desktop_programs_request_is_served(api: Served) -> None:
    """As such programs send it: every parameter, content in parts, a system role, its own headers."""
    body = {
        "model": "chatglm-6b", "stream": True, "stream_options": {"include_usage": True}, "temperature": 0.7,
        "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "max_tokens": 512, "n": 1, "user": "someone",
        "messages": [
            {"role": "system", "content": "Answer briefly."},
            {"role": "user", "content": [{"type": "text", "text": "first"}]},
            {"role": "assistant", "content": "one"},
            {"role": "user", "content": "second"},
            {"role": "user", "content": "third"},
        ],
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {KEY}", "HTTP-Referer": "https://app.example", "X-Title": "App"}
    answer = httpx.post(f"{api.url}/chat/completions", json=body, headers=headers, trust_env=False)
    assert answer.status_code == 200
    asked = api.answerer.asked[-1]
    assert asked.rounds == (("Answer briefly.\n\nfirst", "one"),)
    assert asked.question == "second\nthird"


def test_no_prompt_is_printed_anywhere(api: Served, capfd: pytest.CaptureFixture[str]) -> None:
    ask(api, "a secret of mine")
    with pytest.raises(openai.BadRequestError):
        ask(api, "a secret of mine", n=2)
    said = capfd.readouterr()
    assert "secret of mine" not in said.out + said.err
