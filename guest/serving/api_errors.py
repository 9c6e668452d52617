"""Errors in OpenAI's form: programs that know its API show them to their user as they stand."""

from __future__ import annotations

from typing import Any

#: Seconds after which one may come back where the line is full.
_LINE_SECONDS = 10


class ApiError(Exception):
    """`status` is HTTP's; `kind` and `code` are OpenAI's words, `parameter` names what was wrong in the request."""

    def __init__(
        self, status: int, message: str, *, kind: str = "invalid_request_error", code: str | None = None,
        parameter: str | None = None, retry_seconds: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind
        self.code, self.parameter, self.retry_seconds = code, parameter, retry_seconds

    def as_dict(self) -> dict[str, Any]:
        told = {"message": self.message, "type": self.kind, "param": self.parameter, "code": self.code}
        return {"error": told}


def wrong(parameter: str, message: str) -> ApiError:
    """What the request says of `parameter` cannot be served."""
    return ApiError(400, message, code="invalid_value", parameter=parameter)


def unsupported(parameter: str, message: str) -> ApiError:
    return ApiError(400, message, code="unsupported_parameter", parameter=parameter)


def line_full(why: str) -> ApiError:
    return ApiError(
        429, f"{why} Try again later.", kind="rate_limit_error", code="queue_full", retry_seconds=_LINE_SECONDS
    )


def too_long(tokens: int, most: int) -> ApiError:
    return ApiError(
        400,
        f"This model's context is {most} tokens; the messages have {tokens}. Shorten them.",
        code="context_length_exceeded",
        parameter="messages",
    )
