"""A request for a chat completion, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from guest.serving.api_errors import ApiError, unsupported, wrong
from guest.serving.api_messages import Round, rounds_of

#: Upstream's own; OpenAI's are 1 and 1.
DEFAULT_TEMPERATURE, DEFAULT_TOP_P = 0.95, 0.7
MOST_STOPS = 4
#: Values with which a parameter says nothing, so that programs which always send it are served.
_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "n": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "audio": (),
    "prediction": (),
}


@dataclass(frozen=True)
class ChatRequest:
    """`longest` is None where the request leaves the answer's length open."""

    model: str
    rounds: tuple[Round, ...]
    question: str
    temperature: float
    top_p: float
    longest: int | None
    stops: tuple[str, ...]
    seed: int | None
    stream: bool
    usage_in_stream: bool


def read_request(body: Any) -> ChatRequest:
    """Raises ApiError for the first thing that is wrong or not supported. What is unknown is passed over."""
    if not isinstance(body, dict):
        raise ApiError(400, "The body must be a JSON object.", code="invalid_json")
    for name, neutral in _NEUTRAL.items():
        given = body.get(name)
        if given is not None and given not in neutral:
            raise unsupported(name, f"{name} is not supported by ChatGLM-6B here; leave it out.")
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise wrong("model", "model must name a model; GET /v1/models lists them.")
    rounds, question = rounds_of(body.get("messages"))
    longest = _number(body, "max_completion_tokens", None, 1, 1 << 20, whole=True)
    if longest is None:
        longest = _number(body, "max_tokens", None, 1, 1 << 20, whole=True)
    seed = _number(body, "seed", None, -(1 << 63), 1 << 63, whole=True)
    options = body.get("stream_options") or {}
    if not isinstance(options, dict):
        raise wrong("stream_options", "stream_options must be an object.")
    return ChatRequest(
        model=model,
        rounds=tuple(rounds),
        question=question,
        temperature=float(_number(body, "temperature", DEFAULT_TEMPERATURE, 0, 2) or 0),
        top_p=float(_number(body, "top_p", DEFAULT_TOP_P, 0, 1) or 0),
        longest=None if longest is None else int(longest),
        stops=_stops(body.get("stop")),
        seed=None if seed is None else int(seed),
        stream=_flag(body, "stream"),
        usage_in_stream=bool(options.get("include_usage")),
    )


def _number(
    body: Mapping[str, Any], name: str, default: float | None, least: float, most: float, *, whole: bool = False
) -> float | None:
    given = body.get(name)
    if given is None:
        return default
    fits = isinstance(given, int if whole else (int, float)) and not isinstance(given, bool)
    if not fits or not least <= given <= most:
        kind = "a whole number" if whole else "a number"
        raise wrong(name, f"{name} must be {kind} from {least:g} to {most:g}, not {given!r}.")
    return given  # type: ignore[no-any-return]


def _flag(body: Mapping[str, Any], name: str) -> bool:
    given = body.get(name)
    if given is not None and not isinstance(given, bool):
        raise wrong(name, f"{name} must be true or false, not {given!r}.")
    return bool(given)


def _stops(given: Any) -> tuple[str, ...]:
    stops = [given] if isinstance(given, str) else given or []
    if not isinstance(stops, list) or not all(isinstance(stop, str) for stop in stops) or len(stops) > MOST_STOPS:
        raise wrong("stop", f"stop must be a text, or a list of at most {MOST_STOPS} texts.")
    return tuple(stop for stop in stops if stop)
