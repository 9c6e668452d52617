"""The two kinds of failure: what the API answers, and what stops the process."""

from __future__ import annotations


class ApiError(Exception):
    """An error of the API: the client sees `code` and `message` in an envelope with HTTP status 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class LocalCloudError(Exception):
    """The local cloud cannot do what was asked; the text says what to do. Shown as one line, without a traceback."""


def missing(parameter: str) -> ApiError:
    """The error for a required parameter that the request does not hold."""
    return ApiError("MissingParameter", f"The request is missing a required parameter `{parameter}`.")
