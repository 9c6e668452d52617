"""Plays the API of a machine: the real one's checks and forms, with simulated answers, each sent at once."""

from __future__ import annotations

import json
from http import HTTPStatus

from guest.rehearsal.model import simulated_answer
from guest.serving.api_answer import DONE, Envelope, model_document, names
from guest.serving.api_errors import ApiError
from guest.serving.api_gate import Gate
from guest.serving.api_request import read_request

from .http_server import Request, Response

PREFIX = "/v1/"
_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}
_EVENTS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}


class DemoApi:
    """Answers what begins with /v1/."""

    def __init__(self, gate: Gate, served: str) -> None:
        self._gate, self._served = gate, served

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        try:
            self._gate.admit(request.headers.get("authorization", ""), request.connection.peer)
            return self._answer(request)
        except ApiError as error:
            headers = {**_JSON, **({"Retry-After": str(error.retry_seconds)} if error.retry_seconds else {})}
            return Response(error.status, json.dumps(error.as_dict()).encode(), headers)

    def _answer(self, request: Request) -> Response:
        known = names(self._served)
        if request.method == "GET" and request.path == "/v1/models":
            listed = {"object": "list", "data": [model_document(name) for name in known]}
            return Response(HTTPStatus.OK, json.dumps(listed).encode(), _JSON)
        if request.method != "POST" or request.path != "/v1/chat/completions":
            raise ApiError(404, f"There is no {request.method} {request.path} here.", code="unknown_url")
        try:
            body = json.loads(request.body)
        except ValueError:
            raise ApiError(400, "The body is not JSON.", code="invalid_json") from None
        asked = read_request(body)
        if asked.model not in known:
            raise ApiError(404, f"The model {asked.model!r} is not served.", code="model_not_found", parameter="model")
        text = simulated_answer(asked.question, self._served)
        # A rehearsal's tokenizer makes a token of every letter.
        prompt, made = len(asked.question), len(text)
        envelope = Envelope(asked.model)
        if not asked.stream:
            whole = envelope.whole(text, "stop", prompt, made)
            return Response(HTTPStatus.OK, json.dumps(whole, ensure_ascii=False).encode(), _JSON)
        events = [envelope.part({"role": "assistant", "content": ""}), envelope.part({"content": text})]
        events.append(envelope.part({}, "stop"))
        if asked.usage_in_stream:
            events.append(envelope.last(prompt, made))
        return Response(HTTPStatus.OK, b"".join([*events, DONE]), _EVENTS)
