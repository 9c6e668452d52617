"""Notices to people: the webhooks of WeCom, DingTalk, Feishu, Slack, and plain JSON, signed as each asks for.

A notice never stands in the way of what it tells of: whatever its receiver does, sending ends within seconds and
raises nothing. Addresses hold keys, so that only their hosts are ever told.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.phrases import joined, phrase

WECOM, DINGTALK, FEISHU, SLACK, JSON = "wecom", "dingtalk", "feishu", "slack", "json"
KINDS = (WECOM, DINGTALK, FEISHU, SLACK, JSON)
#: The kinds that know a signature; WeCom's and Slack's secret is the address itself.
SIGNED = (DINGTALK, FEISHU, JSON)
#: Within these seconds a receiver answers, or is given up. Nothing waits longer for one.
TIMEOUT_SECONDS = 5.0
#: In so many seconds at most so many notices: the robots of WeCom and DingTalk take 20 a minute.
WINDOW_SECONDS, IN_WINDOW = 600.0, 10
#: What was told is not told again within so many seconds.
REPEAT_SECONDS = 3600.0
_LOCAL = ("127.0.0.1", "localhost", "::1")
_ANSWER_BYTES = 4096


@dataclass(frozen=True)
class Webhook:
    """One receiver. Address and secret are never shown: `repr` and `str` leave them out."""

    kind: str
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.kind} ({urllib.parse.urlsplit(self.url).hostname})"


@dataclass(frozen=True)
class Notice:
    """What is told: of which stack, in both languages; `document` goes to receivers of plain JSON as well."""

    stack: str
    english: str
    chinese: str
    document: Mapping[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return f"ChatGLM {self.stack}\n{self.chinese}\n{self.english}"


@dataclass(frozen=True)
class Delivery:
    """What became of a notice at one receiver; `error` is empty where it was taken, and holds no secret."""

    to: str
    error: str = ""


def parse_webhooks(text: str) -> list[Webhook]:
    """The receivers in a setting: KIND ADDRESS [SECRET], separated by semicolons or line ends.

    Raises GuestError that tells every mistake at once, by number: the text itself is a secret.
    """
    found: list[Webhook] = []
    mistakes: list[str] = []
    entries = [entry.split() for entry in text.replace("\n", ";").split(";") if entry.strip()]
    for number, words in enumerate(entries, 1):
        mistake = _mistake(number, words)
        if mistake:
            mistakes.append(mistake)
        else:
            found.append(Webhook(*words))
    if mistakes:
        raise GuestError(
            phrase("{mistakes}.", mistakes=joined("; ", mistakes)),
            phrase(
                "Each is KIND ADDRESS [SECRET], several are separated by semicolons: pulumi config "
                "set --secret chatglm:webhooks 'dingtalk "
                "https://oapi.dingtalk.com/robot/send?access_token=... SEC...'"
            ),
        )
    return found


def _mistake(number: int, words: Sequence[str]) -> str:
    kind = words[0]
    if kind not in KINDS:
        return phrase("webhook {number} has no kind: {kinds}", number=number, kinds=", ".join(KINDS))
    if not 2 <= len(words) <= 3:
        return phrase(
            "webhook {number} ({kind}) has {count} words after its kind, not an address and perhaps a secret",
            number=number,
            kind=kind,
            count=len(words) - 1,
        )
    try:
        address = urllib.parse.urlsplit(words[1])
        host, _ = address.hostname, address.port
    except ValueError:
        host = None
    if not host or address.scheme not in ("https", "http"):
        return phrase("webhook {number} ({kind}) has no https:// address", number=number, kind=kind)
    if address.scheme == "http" and host not in _LOCAL:
        return phrase(
            "webhook {number} ({kind}) has an address without encryption, where anyone on the way reads its key",
            number=number,
            kind=kind,
        )
    if len(words) == 3 and kind not in SIGNED:
        return phrase(
            "webhook {number} ({kind}) has a secret, which {kind} does not know: its address is the secret",
            number=number,
            kind=kind,
        )
    return ""


def request_of(webhook: Webhook, notice: Notice, now: float) -> urllib.request.Request:
    """The request that the receiver understands, signed as it asks for; `now` in seconds since 1970.

    DingTalk (custom robots, signature): milliseconds and the signature in the address, HMAC-SHA256 of
    "timestamp\\nsecret" by the secret. Feishu (custom bots, signature): seconds and the signature in the body, HMAC of
    nothing by "timestamp\\nsecret". Plain JSON: the body's HMAC in a header, as GitHub's webhooks have it.
    """
    url, headers = webhook.url, {"Content-Type": "application/json; charset=utf-8"}
    body: dict[str, Any]
    if webhook.kind == FEISHU:
        body = {"msg_type": "text", "content": {"text": notice.text}}
        if webhook.secret:
            stamp = str(int(now))
            body |= {"timestamp": stamp, "sign": _base64(hmac_of(f"{stamp}\n{webhook.secret}", b""))}
    elif webhook.kind == SLACK:
        body = {"text": notice.text}
    elif webhook.kind == JSON:
        body = {**notice.document, "stack": notice.stack, "english": notice.english, "chinese": notice.chinese}
    else:
        body = {"msgtype": "text", "text": {"content": notice.text}}
    data = json.dumps(body, ensure_ascii=False).encode("utf-8")
    if webhook.kind == DINGTALK and webhook.secret:
        stamp = str(int(now * 1000))
        sign = _base64(hmac_of(webhook.secret, f"{stamp}\n{webhook.secret}".encode()))
        url += ("&" if "?" in url else "?") + urllib.parse.urlencode({"timestamp": stamp, "sign": sign})
    if webhook.kind == JSON and webhook.secret:
        headers["X-Hub-Signature-256"] = f"sha256={hmac_of(webhook.secret, data).hex()}"
    # The scheme was checked when the setting was read.
    return urllib.request.Request(url, data=data, headers=headers, method="POST")  # noqa: S310


def hmac_of(key: str, message: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.new(key.encode("utf-8"), message, hashlib.sha256).digest()


def deliver(webhook: Webhook, notice: Notice, now: float, timeout: float = TIMEOUT_SECONDS) -> Delivery:
    """Send one notice to one receiver. Raises nothing."""
    try:
        # What is on this computer is not asked for through anybody else's.
        own = urllib.parse.urlsplit(webhook.url).hostname in _LOCAL
        proxies = [urllib.request.ProxyHandler({})] if own else []
        opener = urllib.request.build_opener(_NoRedirect, *proxies)
        with opener.open(request_of(webhook, notice, now), timeout=timeout) as response:
            return Delivery(str(webhook), _refusal(webhook.kind, response.read(_ANSWER_BYTES)))
    except urllib.error.HTTPError as error:
        return Delivery(str(webhook), phrase("it answered {code}", code=error.code))
    except TimeoutError:
        return Delivery(str(webhook), _late(timeout))
    except OSError as error:
        reason = getattr(error, "reason", error)
        late = isinstance(reason, TimeoutError)
        # The reason's own words could hold the address.
        kind = type(reason).__name__
        return Delivery(str(webhook), _late(timeout) if late else phrase("it cannot be reached ({kind})", kind=kind))
    except Exception as error:  # a receiver may answer anything, and a notice may harm nothing
        return Delivery(str(webhook), phrase("its answer makes no sense ({kind})", kind=type(error).__name__))


def _late(timeout: float) -> str:
    return phrase("it did not answer within {seconds:.0f} s", seconds=timeout)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected notice would be asked for with GET, and perhaps elsewhere: the redirection is the answer."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _refusal(kind: str, answer: bytes) -> str:
    """What the robots say with a 200: WeCom and DingTalk in `errcode`, Feishu in `code`; 0 is good."""
    try:
        told = json.loads(answer)
    except ValueError:
        return ""
    code = told.get("code" if kind == FEISHU else "errcode") if isinstance(told, dict) else None
    if kind in (WECOM, DINGTALK, FEISHU) and code not in (None, 0):
        words = str(told.get("errmsg") or told.get("msg") or "")
        if "sign" in words.lower():
            return phrase("it refused with {code}: its signature does not fit", code=code)
        return phrase("it refused with {code}", code=code)
    return ""


class Notifier:
    """Sends notices to all receivers, not too many and none twice; what was sent is kept in a file, for the next run.

    `state` may be None, where nothing outlives the run. `clock` tells seconds since 1970.
    """

    def __init__(
        self, webhooks: Sequence[Webhook], state: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._webhooks = list(webhooks)
        self._state = state
        self._clock = clock
        self._sent: list[tuple[float, str]] = []

    def send(self, notice: Notice) -> list[Delivery]:
        """Send to every receiver; what became of it at each. Empty where nothing was sent."""
        now = self._clock()
        digest = hashlib.sha256(notice.text.encode("utf-8")).hexdigest()[:16]
        sent = [(at, one) for at, one in self._read() if 0 <= now - at < REPEAT_SECONDS]
        recent = sum(now - at < WINDOW_SECONDS for at, _ in sent)
        if not self._webhooks or recent >= IN_WINDOW or any(one == digest for _, one in sent):
            return []
        self._write([*sent, (now, digest)])
        return [deliver(webhook, notice, now) for webhook in self._webhooks]

    def _read(self) -> list[tuple[float, str]]:
        if self._state is None:
            return self._sent
        rows = (read_json(self._state) or {}).get("sent")
        try:
            return [(float(at), str(digest)) for at, digest in rows or ()]
        except (TypeError, ValueError):
            return []

    def _write(self, sent: list[tuple[float, str]]) -> None:
        self._sent = sent
        if self._state is not None:
            try:
                write_json(self._state, {"sent": [list(row) for row in sent]})
            except OSError:
                return  # a full disk must not keep anybody from being told


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
