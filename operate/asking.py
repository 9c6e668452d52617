"""Asks the machine's API from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from line.pinned import PinnedAdapter
from operate.errors import ExitCode, OperateError, parked
from operate.queries import read_text
from operate.stacks import Stack
from words import phrase

_CONNECT_SECONDS = 10
#: The first token of an answer waits for those who asked before.
_ANSWER_SECONDS = 600
MODEL = "chatglm-6b"

Message = dict[str, str]


@dataclass(frozen=True)
class Api:
    """Where the API is, its key, and for an https address the fingerprint of the one certificate that is trusted."""

    url: str
    key: str
    fingerprint: str = ""

    def stream(self, messages: list[Message], **options: Any) -> Iterator[str]:
        """The answer piece by piece. Raises OperateError with the machine's own words."""
        session = requests.Session()
        # A rehearsal's proxy is for Tencent's API alone.
        session.trust_env = False
        if self.url.startswith("https:"):
            # By this one fingerprint alone, whoever signed the certificate.
            session.verify = False
            session.mount("https://", PinnedAdapter(self.fingerprint))
        body = {"model": MODEL, "stream": True, "messages": messages, **options}
        try:
            with session.post(
                f"{self.url}/chat/completions",
                json=body,
                headers={"Authorization": f"Bearer {self.key}"},
                stream=True,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            ) as answer:
                if answer.status_code != requests.codes.ok:
                    raise _refused(answer)
                yield from _pieces(answer)
        except requests.exceptions.SSLError:
            raise OperateError(
                phrase("{url} shows another certificate than the last pulumi up saw: nothing was sent.", url=self.url),
                phrase(
                    "Run pulumi up, which asks the machine itself. "
                    "If it is said again after that, somebody is in between."
                ),
                ExitCode.TURNED_AWAY,
            ) from None
        except requests.RequestException as error:
            raise OperateError(
                phrase("The API at {url} does not answer ({name}).", url=self.url, name=type(error).__name__),
                phrase("chatglm status says whether the demo is up; your address must be in chatglm:operatorCidrs."),
                ExitCode.NO_CONNECTION,
            ) from None


def find_api(stack: Stack) -> Api:
    """The stack's API. Raises OperateError when it has no machine, or one of an earlier version."""
    url = stack.outputs.get("apiUrl")
    if not url:
        if not stack.address:
            raise parked(stack.state)
        raise OperateError(
            phrase("This stack's last update knew no API."),
            phrase("Run pulumi up once with this version of the program."),
        )
    fingerprint = str(stack.outputs.get("demoFingerprint") or "")
    if str(url).startswith("https:") and not fingerprint:
        raise OperateError(
            phrase("The certificate of the machine's demo is not known here yet (chatglm:demoTls)."),
            phrase("Run pulumi up with chatglm:waitReady true: it makes one, or learns the machine's."),
            ExitCode.NOT_YET,
        )
    return Api(str(url), find_key(stack), fingerprint)


def find_key(stack: Stack) -> str:
    """The API's key, from the outputs of the stack's last update."""
    command = ("stack", "output", "apiKey", "--show-secrets", "--stack", stack.name)
    return read_text(stack.project, stack.environment, *command).strip()


def _pieces(answer: requests.Response) -> Iterator[str]:
    for line in answer.iter_lines():
        event = line.decode("utf-8")
        if not event.startswith("data: ") or event == "data: [DONE]":
            continue
        told = json.loads(event.removeprefix("data: "))
        if "error" in told:
            raise OperateError(str(told["error"]["message"]), phrase("Ask again in a minute."))
        for choice in told["choices"]:
            if piece := choice["delta"].get("content"):
                yield piece


def _refused(answer: requests.Response) -> OperateError:
    try:
        message = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = phrase(
            "The machine answered {status_code}, which is not the API's form.", status_code=answer.status_code
        )
    hint = phrase("Run pulumi up: the machine has another key.") if answer.status_code == 401 else ""
    return OperateError(message, hint)
