"""Puts the API before gradio's page, on the same port: what begins with /v1 is the API's, all else the page's.

Before both stands what sees who asks (guest/unattended/visits.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PREFIX = "/v1"


class Front:
    """An ASGI application that hands on by path."""

    def __init__(self, api: Any, page: Any) -> None:
        self._api, self._page = api, page

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope.get("path", "")
        is_api = scope["type"] == "http" and (path == PREFIX or path.startswith(f"{PREFIX}/"))
        await (self._api if is_api else self._page)(scope, receive, send)


def put_before(page: Any, api: Any | None, see: Callable[[Any], Any]) -> None:
    """Let a running Starlette (or FastAPI) application serve the API too, if there is one, and see who asks.

    It stands before the page's middleware: gradio's lets any web page ask, and knows no key.
    """
    inner = page.middleware_stack or page.build_middleware_stack()
    page.middleware_stack = see(inner if api is None else Front(api, inner))


def with_api(launch: Callable[..., Any], make: Callable[[], Any], see: Callable[[Any], Any]) -> Callable[..., Any]:
    """gradio's `launch`, which also serves the API that `make` gives (None: there is none) when the page is up.

    `see` puts a layer around it all.
    """

    def launch_both(self: Any, *args: Any, **kwargs: Any) -> Any:
        launched = launch(self, *args, **{**kwargs, "prevent_thread_lock": True})
        put_before(launched[0], make(), see)
        if not kwargs.get("prevent_thread_lock"):
            self.block_thread()
        return launched

    return launch_both
