"""OpenAI's chat completions and models under /v1, for programs that know them. Prompts are written to no log.

An ASGI application for Starlette as it comes with the machine's gradio (0.27) and as it is now.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Protocol

from starlette.applications import Starlette
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from guest.serving.api_answer import DONE, Envelope, Growing, event, model_document, names
from guest.serving.api_errors import ApiError
from guest.serving.api_gate import Gate
from guest.serving.api_request import ChatRequest, read_request

MOST_BODY_BYTES = 1 << 20


class Part(Protocol):
    """How an answer stands: its text and tokens so far, those of the prompt; `finished` is stop, length or empty."""

    @property
    def text(self) -> str: ...
    @property
    def made(self) -> int: ...
    @property
    def prompt(self) -> int: ...
    @property
    def finished(self) -> str: ...


class Answerer(Protocol):
    """What answers: the engine, upstream's loop, or a rehearsal."""

    def served(self) -> str:
        """The name of what is served: base, or RUN/checkpoint-N."""

    def answer(self, request: ChatRequest) -> Iterator[Part]:
        """The answer as it grows; the last part says why it ended. Raises ApiError."""


def make_api(answerer: Answerer, gate: Gate, origins: Sequence[str] = ()) -> Starlette:
    """The application. `origins` are web pages that may ask from a browser; none may unless it is named."""

    async def completions(request: Request) -> Response:
        asked = read_request(await _json(request))
        known = names(answerer.served())
        if asked.model not in known:
            raise ApiError(
                404,
                f"The model {asked.model!r} is not served; there is {', '.join(known)}.",
                code="model_not_found",
                parameter="model",
            )
        parts = answerer.answer(asked)
        # Trouble with the first part (too long, a full line) still has a status of its own.
        first = await run_in_threadpool(next, parts, None)
        if first is None:
            raise ApiError(500, "The model gave no answer.", kind="server_error")
        envelope = Envelope(asked.model)
        if asked.stream:
            stream = _events(envelope, asked, first, parts)
            return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        last = first
        try:
            async for part in iterate_in_threadpool(parts):
                last = part
                if await request.is_disconnected():
                    break
        finally:
            _close(parts)
        return JSONResponse(envelope.whole(last.text, last.finished or "stop", last.prompt, last.made))

    async def models(request: Request) -> Response:  # noqa: ARG001
        return JSONResponse({"object": "list", "data": [model_document(name) for name in names(answerer.served())]})

    async def model(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in names(answerer.served()):
            raise ApiError(404, f"The model {name!r} is not served.", code="model_not_found", parameter="model")
        return JSONResponse(model_document(name))

    async def missing(request: Request) -> Response:
        raise ApiError(404, f"There is no {request.method} {request.url.path} here.", code="unknown_url")

    def guarded(endpoint: Any) -> Any:
        async def checked(request: Request) -> Response:
            try:
                address = request.client.host if request.client else ""
                gate.admit(request.headers.get("authorization", ""), address)
                return await endpoint(request)  # type: ignore[no-any-return]
            except ApiError as error:
                return _refusal(error)

        return checked

    everything = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    routes = [
        Route("/v1/chat/completions", guarded(completions), methods=["POST"]),
        Route("/v1/models", guarded(models), methods=["GET"]),
        Route("/v1/models/{name:path}", guarded(model), methods=["GET"]),
        Route("/v1/{path:path}", guarded(missing), methods=everything),
    ]
    allowed = Middleware(
        CORSMiddleware, allow_origins=list(origins), allow_methods=["GET", "POST"], allow_headers=["*"], max_age=600
    )
    return Starlette(routes=routes, middleware=[allowed] if origins else [])


async def _events(envelope: Envelope, asked: ChatRequest, first: Part, parts: Iterator[Part]) -> AsyncIterator[bytes]:
    growing, last = Growing(asked.stops), first
    try:
        yield envelope.part({"role": "assistant", "content": ""})
        if new := growing.more(first.text, finished=bool(first.finished)):
            yield envelope.part({"content": new})
        async for last in iterate_in_threadpool(parts):
            if new := growing.more(last.text, finished=bool(last.finished)):
                yield envelope.part({"content": new})
        yield envelope.part({}, last.finished or "stop")
        if asked.usage_in_stream:
            yield envelope.last(last.prompt, last.made)
        yield DONE
    except ApiError as error:
        yield event(error.as_dict())
    finally:
        # A client that leaves ends here too: its place in the batch is free at the next step.
        _close(parts)


def _close(parts: Iterator[Part]) -> None:
    # A generator whose thread is still in it refuses, and will find that it was left.
    with contextlib.suppress(ValueError, AttributeError):
        parts.close()  # type: ignore[attr-defined]


async def _json(request: Request) -> Any:
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > MOST_BODY_BYTES:
            raise ApiError(413, f"The body is longer than {MOST_BODY_BYTES} bytes.", code="request_too_large")
    try:
        return json.loads(body)
    except ValueError:
        raise ApiError(400, "The body is not JSON.", code="invalid_json") from None


def _refusal(error: ApiError) -> Response:
    headers = {"Retry-After": str(error.retry_seconds)} if error.retry_seconds else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(error.as_dict(), status_code=error.status, headers=headers)
