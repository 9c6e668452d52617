"""Asks the demo the way a browser does: log in, read the page's configuration, join the queue.

gradio 3 tells in `/config` which components a function takes, so that both of upstream's pages, and their versions, can
be asked without knowing their order. Needs the `websockets` package, which comes with gradio.
"""

from __future__ import annotations

import http.cookiejar
import importlib
import json
import secrets
import socket
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from guest.errors import GuestError
from guest.phrases import phrase
from guest.serving.login import PROBE_USER
from guest.unattended.visits import PROBE_HEADER

_SHORT_ANSWER = 64
_HINT = phrase("Look at the log named demo.")


class NobodyError(Exception):
    """Nothing listens on the demo's port."""


class StrangerError(Exception):
    """Something answers on the demo's port that does not know this machine's token."""


class Visitor:
    """One login to the page at `url`, with the machine's own token; `trust` is for an https address."""

    def __init__(self, url: str, token: str, timeout: float = 30, trust: ssl.SSLContext | None = None) -> None:
        self._url, self._token, self._timeout, self._trust = url, token, timeout, trust
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=trust),
            urllib.request.HTTPCookieProcessor(self._cookies),
        )

    def enter(self) -> dict[str, Any]:
        """Log in and return the page's configuration.

        Raises NobodyError where nothing listens and StrangerError where what listens is not this machine's demo.
        """
        login = urllib.parse.urlencode({"username": PROBE_USER, "password": self._token}).encode()
        try:
            self._opener.open(f"{self._url}/login", login, timeout=self._timeout).close()
            with self._opener.open(f"{self._url}/config", timeout=self._timeout) as response:
                config: dict[str, Any] = json.load(response)
                if not config["components"] or not config["dependencies"]:
                    raise KeyError("components")
                return config
        except urllib.error.HTTPError as error:
            error.close()
            raise StrangerError(phrase("it answers {code} to the demo's login", code=error.code)) from None
        except urllib.error.URLError as error:
            if isinstance(error.reason, ConnectionRefusedError):
                raise NobodyError(str(error.reason)) from None
            raise StrangerError(
                phrase("it does not speak the demo's language ({reason})", reason=error.reason)
            ) from None
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise StrangerError(phrase("it does not speak the demo's language ({error!r})", error=error)) from None

    def ask(self, config: Mapping[str, Any], question: str, timeout: float) -> str:
        """The page's answer through its queue; raises OSError, ValueError, KeyError or IndexError for none."""
        header = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self._cookies)
        # Told apart from people's: the machine's own question is no use of it.
        headers = {"Cookie": header, PROBE_HEADER: self._token}
        return _through_queue(self._url, config, question, headers, timeout, self._trust)


def ask(url: str, token: str, question: str, timeout: float = 180, trust: ssl.SSLContext | None = None) -> str:
    """The demo's answer, as HTML or text. Raises GuestError when there is none."""
    visitor = Visitor(url, token, trust=trust)
    try:
        answer = visitor.ask(visitor.enter(), question, timeout)
    except (OSError, ValueError, KeyError, IndexError, NobodyError, StrangerError) as error:
        raise GuestError(phrase("The demo could not be asked: {error!r}.", error=error), _HINT) from None
    if not answer.strip():
        raise GuestError(phrase("The demo's answer is empty."), _HINT)
    return answer


def arguments(config: Mapping[str, Any], question: str) -> list[Any]:
    """What the page's first function is given: the question in the text box, a short answer asked for, no history."""
    components = {component["id"]: component for component in config["components"]}
    given: list[Any] = []
    for number in config["dependencies"][0]["inputs"]:
        component = components[number]
        value = component.get("props", {}).get("value")
        if component["type"] == "textbox":
            given.append(question)
        elif component["type"] == "slider":
            # The first slider of both pages is the maximal length, far above the others.
            given.append(min(value, _SHORT_ANSWER))
        else:
            given.append([] if component["type"] == "chatbot" else None)
    return given


def last_answer(config: Mapping[str, Any], output: list[Any]) -> str:
    """The answer in the chat box among the function's outputs."""
    kinds = {component["id"]: component["type"] for component in config["components"]}
    position = [kinds[number] for number in config["dependencies"][0]["outputs"]].index("chatbot")
    return str(output[position][-1][1] or "")


def _through_queue(
    url: str,
    config: Mapping[str, Any],
    question: str,
    headers: Mapping[str, str],
    timeout: float,
    trust: ssl.SSLContext | None,
) -> str:
    connect: Any = importlib.import_module("websockets.sync.client").connect
    broken: Any = importlib.import_module("websockets.exceptions").WebSocketException
    session = secrets.token_hex(8)
    host = urllib.parse.urlsplit(url)
    answer = ""
    try:
        line = socket.create_connection((host.hostname or "", host.port or 0), timeout=30)
        # In TLS already where it has to be: versions of websockets name that option differently.
        line = trust.wrap_socket(line, server_hostname=host.hostname) if trust and host.scheme == "https" else line
        address = f"ws://{host.netloc}/queue/join"
        with connect(address, sock=line, additional_headers=headers, open_timeout=30, close_timeout=1) as queue:
            while True:
                message = json.loads(queue.recv(timeout))
                kind = message["msg"]
                if kind == "send_hash":
                    queue.send(json.dumps({"fn_index": 0, "session_hash": session}))
                elif kind == "send_data":
                    data = arguments(config, question)
                    queue.send(json.dumps({"fn_index": 0, "session_hash": session, "data": data}))
                elif kind == "process_generating":
                    answer = last_answer(config, message["output"]["data"])
                elif kind == "process_completed":
                    if not message.get("success", True):
                        raise ValueError(f"the page's function failed: {message.get('output')}")
                    output = message["output"].get("data") or []
                    # A generator's end repeats nothing; what it gave last is the answer.
                    return answer or last_answer(config, output)
    except broken as error:
        raise ValueError(f"the page's queue broke off: {error}") from None
