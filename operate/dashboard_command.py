"""`chatglm dashboard`: the page to look at."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import webbrowser
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from operate.errors import ExitCode, OperateError
from operate.options import AsJson, StackName
from operate.output import Output
from operate.session import Session, session, telling
from tencent.errors import CloudError
from words import phrase

if TYPE_CHECKING:
    from guest.unattended.events import Event

dashboard = typer.Typer()
#: Prices change seldom, and each look at them is several calls.
_BILL_SECONDS = 60.0
#: Somebody may have updated the stack meanwhile; asking the engine takes a second.
_STACK_SECONDS = 30.0


@dashboard.command("dashboard")
def show_dashboard(
    stack: StackName = None,
    as_json: AsJson = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8686,
    seconds: Annotated[float, typer.Option("--every", min=0.5, help="Seconds between two looks.")] = 3.0,
    stay: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
) -> None:
    """One page on this computer: life cycle, installation, demo, GPU, training, cost. Ctrl-C ends it.

    Example: chatglm dashboard --stack local
    """
    with telling(Output(as_json)):
        # Imported here: only this command serves a page.
        import uvicorn

        from operate.dashboard.server import make_app

        listener = _listen(port)
    taken = listener.getsockname()[1]
    with session(stack, as_json) as here:
        app = make_app(Looking(here), taken, seconds)
        url = f"http://127.0.0.1:{taken}/"
        here.output.line({"url": url}, phrase("The page is at {url} (this computer only). Ctrl-C ends it.", url=url))
        if not (stay or as_json):
            threading.Timer(0.5, webbrowser.open, (url,)).start()
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise OperateError(
            phrase("127.0.0.1:{port} cannot be used ({strerror}).", port=port, strerror=error.strerror),
            phrase("Name another: --port 0."),
            ExitCode.BAD_INPUT,
        ) from None
    listener.listen()
    return listener


class Looking:
    """One look after the other: the status each time, the bill now and then."""

    def __init__(self, here: Session) -> None:
        self._here = here
        self._opened = time.monotonic()
        self._bill: Any = None
        self._billed: float | None = None
        self._events: list[Event] = []
        self._logged: float | None = None

    def __call__(self) -> dict[str, Any]:
        from operate import cost, status
        from operate.dashboard.view import view

        self._reopen()
        stack = self._here.stack
        cloud = self._here.cloud() if stack.access else None
        found = status.gather(stack, cloud, self._here.channel)
        due = self._billed is None or time.monotonic() - self._billed > _BILL_SECONDS
        if cloud is not None and due:
            with contextlib.suppress(CloudError, OperateError):
                self._bill, self._billed = cost.read_bill(stack, cloud), time.monotonic()
        return view(found, self._bill, self._gpu(found), self._read_events())

    def _read_events(self) -> list[Event]:
        """The event log, read anew now and then: it asks the engine twice, and the machine."""
        from operate.guard_commands import read_all

        if self._logged is None or time.monotonic() - self._logged > _STACK_SECONDS:
            self._logged = time.monotonic()
            with contextlib.suppress(OperateError):
                self._events = read_all(self._here)[0]
        return self._events

    def _reopen(self) -> None:
        from operate.stacks import open_stack

        if time.monotonic() - self._opened > _STACK_SECONDS:
            with contextlib.suppress(OperateError):
                self._here = replace(self._here, stack=open_stack(self._here.stack.name))
            self._opened = time.monotonic()

    def _gpu(self, found: Any) -> Any:
        if found.guest is None or found.phase != "ready":
            return None
        try:
            return self._here.channel().ask("gpu").get("gpu")
        except OperateError:
            return None
