"""The engine behind page and API: prefixes switched while it runs, requests in words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.engine.decoder import Decoder
from guest.serving import live
from guest.serving.api_errors import ApiError
from guest.serving.api_request import ChatRequest, read_request
from guest.serving.engine import EngineModel, ServedEngine
from tools import tiny_model

pytest.importorskip("starlette")
from guest.serving.answerers import EngineAnswerer, UpstreamAnswerer


class Letters:
    def __init__(self, decoder: Decoder) -> None:
        self._shape = decoder.shape

    def encode(self, text: str) -> list[int]:
        return [*(4 + ord(letter) % 300 for letter in text), self._shape.gmask, self._shape.begin]

    def decode(self, tokens: list[int]) -> str:
        return "".join(chr(97 + token % 26) for token in tokens)


BASE = {"choice": "base", "arguments": []}


def tuned(folder: Path, table: Any = None) -> dict[str, Any]:
    """The serving settings of a run's checkpoint."""
    tiny_model.write_checkpoint(folder / "checkpoint-5", table)
    arguments = folder / "arguments.json"
    arguments.write_text(json.dumps({"ptuning_checkpoint": str(folder / "checkpoint-5")}), encoding="utf-8")
    return {"choice": "run/checkpoint-5", "arguments": [str(arguments)]}


@pytest.fixture
def engine(torch: Any, decoder: Decoder, tmp_path: Path) -> Iterator[ServedEngine]:
    (tmp_path / "state").mkdir()
    made = ServedEngine(tmp_path, decoder, Letters(decoder), None, BASE)
    yield made
    made.scheduler.close()


def asked(content: str = "hello", **more: Any) -> ChatRequest:
    messages = [{"role": "user", "content": content}]
    return read_request({"model": "chatglm-6b", "messages": messages, "temperature": 0, "max_tokens": 12, **more})


def answer(engine: ServedEngine, **more: Any) -> Any:
    return list(EngineAnswerer(engine.conversation, engine.served).answer(asked(**more)))[-1]


def test_a_run_is_served_and_given_back_without_reading_the_model_again(engine: ServedEngine, tmp_path: Path) -> None:
    plain = answer(engine).text
    engine.serve(tuned(tmp_path))
    assert engine.served() == "run/checkpoint-5"
    assert answer(engine).text != plain
    engine.serve(BASE)
    assert answer(engine).text == plain


def test_what_is_asked_for_in_the_file_is_served_and_what_cannot_be_is_refused(
    engine: ServedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guest.serving.engine._POLL_SECONDS", 0.01)
    wanted: list[dict[str, Any]] = [tuned(tmp_path)]
    ended = threading.Event()
    thread = threading.Thread(target=engine.follow, args=(lambda: wanted[0], ended))
    thread.start()
    while engine.served() != "run/checkpoint-5":
        pass
    wanted[0] = {"choice": "other/checkpoint-1", "arguments": [str(tmp_path / "missing.json")]}
    while "refused" not in (live.running(tmp_path) or {}):
        pass
    told = live.running(tmp_path) or {}
    assert (told["choice"], told["refused"]) == ("run/checkpoint-5", "other/checkpoint-1")
    ended.set()
    thread.join()


def test_the_api_counts_tokens_and_ends_at_the_length(engine: ServedEngine) -> None:
    last = answer(engine)
    assert (last.prompt, last.made, last.finished) == (7, 12, "length")


def test_the_api_says_when_the_messages_are_too_long(engine: ServedEngine) -> None:
    with pytest.raises(ApiError, match="context is 1022 tokens; the messages have 1202") as seen:
        answer(engine, content="x" * 1200)
    assert seen.value.code == "context_length_exceeded"


def test_the_api_says_when_the_engine_has_failed(engine: ServedEngine) -> None:
    engine.scheduler._error = RuntimeError("gone")
    with pytest.raises(ApiError) as seen:
        answer(engine)
    assert (seen.value.status, seen.value.code) == (503, "engine_failed")


def test_upstreams_page_treats_it_as_a_model(engine: ServedEngine) -> None:
    model = EngineModel(engine.conversation).quantize(4).half().cuda().eval()
    *_, (text, history) = model.stream_chat(None, "hi", [], max_length=40)
    assert history == [("hi", text)]


def test_where_upstreams_loop_serves_the_api_asks_that_one_by_one(decoder: Decoder) -> None:
    class Model:
        def stream_chat(self, tokenizer: Any, query: str, history: Any, **options: Any) -> Iterator[tuple[str, Any]]:
            self.options = options
            for end in range(1, 6):
                yield "abcdef"[:end], [*history, (query, "abcdef"[:end])]

    model = Model()
    answerer = UpstreamAnswerer(model, Letters(decoder), lambda: "base")
    last = list(answerer.answer(asked(stop="d")))[-1]
    assert (last.text, last.finished, last.prompt) == ("abc", "stop", 7)
    assert model.options == {"max_length": 19, "do_sample": False}
