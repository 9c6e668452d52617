"""Asks the demo one question the way a browser does: log in, read the page's configuration, join the queue.

gradio 3 tells in `/config` which components a function takes, so that both of upstream's pages, and their versions, can
be asked without knowing their order. Needs the `websockets` package, which comes with gradio.
"""

from __future__ import annotations

import http.cookiejar
import json
import secrets
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

from guest.errors import GuestError
from guest.serving.login import PROBE_USER

_SHORT_ANSWER = 64
_HINT = "Look at the log named demo."


def ask(url: str, token: str, question: str, timeout: float = 180) -> str:
    """The demo's answer, as HTML or text. Raises GuestError when there is none."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(cookies))
    try:
        login = urllib.parse.urlencode({"username": PROBE_USER, "password": token}).encode()
        opener.open(f"{url}/login", login, timeout=30).close()
        with opener.open(f"{url}/config", timeout=30) as response:
            config = json.load(response)
        answer = _through_queue(url, config, question, cookies, timeout)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise GuestError(f"The demo could not be asked: {error!r}.", _HINT) from None
    if not answer.strip():
        raise GuestError("The demo's answer is empty.", _HINT)
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
    url: str, config: Mapping[str, Any], question: str, cookies: http.cookiejar.CookieJar, timeout: float
) -> str:
    from websockets.sync.client import connect  # type: ignore[import-not-found]

    session = secrets.token_hex(8)
    header = "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)
    address = url.replace("http", "ws", 1) + "/queue/join"
    answer = ""
    with connect(address, additional_headers={"Cookie": header}, open_timeout=30) as socket:
        while True:
            message = json.loads(socket.recv(timeout))
            kind = message["msg"]
            if kind == "send_hash":
                socket.send(json.dumps({"fn_index": 0, "session_hash": session}))
            elif kind == "send_data":
                data = arguments(config, question)
                socket.send(json.dumps({"fn_index": 0, "session_hash": session, "data": data}))
            elif kind == "process_generating":
                answer = last_answer(config, message["output"]["data"])
            elif kind == "process_completed":
                if not message.get("success", True):
                    raise ValueError(f"the page's function failed: {message.get('output')}")
                output = message["output"].get("data") or []
                # A generator's end repeats nothing; what it gave last is the answer.
                return answer or last_answer(config, output)
