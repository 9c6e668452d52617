"""Calls to the cloud's API, with the official plug-in's rules for trying again.

The rules (which codes, how long) are those of the provider's `common/common.go`. The official plug-in waits half
a second to ten seconds between two tries; here the wait is short and fixed, so that a rehearsal is quick.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from localcloud.plugin.configuration import Configuration
from tencent.access import AssumedRole
from tencent.errors import CloudError
from tencent.session import Keys, Session

VERSIONS = {
    "cvm": "2017-03-12",
    "cbs": "2017-03-12",
    "vpc": "2017-03-12",
    "tag": "2018-08-13",
    "sts": "2018-08-13",
}
RETRYABLE_CODES = frozenset(
    {
        "ClientError.NetworkError",
        "ClientError.HttpStatusCodeError",
        "RequestLimitExceeded",
        "ResourceInUse",
        "ResourceUnavailable",
        "ResourceBusy",
    }
)
INTERNAL_ERROR = "InternalError"
REQUEST_TIMEOUT_SECONDS = 300
POLL_VARIABLE = "LOCALCLOUD_PLUGIN_POLL_SECONDS"

Result = TypeVar("Result")


class ApiError(Exception):
    """The API's refusal of one call."""

    def __init__(self, code: str, message: str, request_id: str) -> None:
        super().__init__(f"[TencentCloudSDKError] Code={code}, Message={message}, RequestId={request_id}")
        self.code = code

    def is_one_of(self, codes: Iterable[str]) -> bool:
        """Whether the code, or its part before the dot, is among `codes`."""
        wanted = frozenset(codes)
        return self.code in wanted or self.code.split(".", 1)[0] in wanted


class OperationError(Exception):
    """An operation failed for a reason other than one refused call."""


class NotYet(Exception):  # noqa: N818 - not an error: it asks for another try
    """Raised inside `Api.poll` when the cloud is still busy; the text is the error when time runs out."""


@dataclass
class Patience:
    """How long to go on trying, and how long to wait between two tries. All times in seconds."""

    read_window: float = field(default_factory=lambda: _minutes("TENCENTCLOUD_READ_RETRY_TIMEOUT", 3))
    write_window: float = field(default_factory=lambda: _minutes("TENCENTCLOUD_WRITE_RETRY_TIMEOUT", 5))
    interval: float = field(default_factory=lambda: float(os.environ.get(POLL_VARIABLE, "0.2")))
    clock: Callable[[], float] = time.monotonic
    cancelled: threading.Event = field(default_factory=threading.Event)
    wait: Callable[[float], None] | None = None  # tests put a clock of their own here

    def pause(self, seconds: float | None = None) -> None:
        """Waits until the next try; raises OperationError when the engine cancelled the operation."""
        if self.wait is not None:
            self.wait(self.interval if seconds is None else seconds)
        elif self.cancelled.wait(self.interval if seconds is None else seconds):
            raise OperationError("the operation was cancelled while it waited for the cloud")


class Api:
    """One configured way to the cloud."""

    def __init__(self, configuration: Configuration, patience: Patience | None = None) -> None:
        self.region = configuration.region
        self.patience = patience or Patience()
        self._configuration = configuration
        self._session = Session(configuration.access, self._assume, configuration.gateway)
        self._local = threading.local()  # the SDK's connections are not made for several threads

    def call(self, service: str, action: str, **parameters: Any) -> dict[str, Any]:
        """One call, one try: the response's fields. Raises ApiError."""
        return self._call(self._client(service, self._keys()), action, parameters)

    def check_account(self) -> None:
        """Raises OperationError where the configuration does not want to work in this account."""
        allowed, forbidden = self._configuration.allowed_account_ids, self._configuration.forbidden_account_ids
        if not allowed and not forbidden:
            return
        account = self.read("sts", "GetCallerIdentity")["AccountId"]
        if (allowed and account not in allowed) or account in forbidden:
            raise OperationError(f"TencentCloud account ID not allowed: {account}")

    def log_in(self) -> None:
        """Takes on the roles of the configuration. Raises OperationError."""
        if self._session.is_temporary:
            self._keys()

    def _keys(self) -> Keys:
        try:
            return self._session.keys()
        except (ApiError, CloudError) as error:
            raise OperationError(f"Get auth from assume role failed. Reason: {error}") from error

    def _assume(self, keys: Keys, role: AssumedRole) -> dict[str, Any]:
        def attempt() -> dict[str, Any]:
            return self._call(self._new_client("sts", keys), "AssumeRole", role.request())

        return self.retried(self.patience.read_window, attempt, INTERNAL_ERROR)

    def _call(self, client: Any, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

        try:
            response = client.call(action, without_nones(**parameters))
        except TencentCloudSDKException as error:
            text = _text(error.get_message())
            code, told = _as_in_go(error.get_code() or "ClientError", text)
            raise ApiError(code, told, error.get_request_id() or "") from error
        try:
            fields: dict[str, Any] = json.loads(response)["Response"]
        except (ValueError, KeyError, TypeError) as error:
            raise ApiError("ClientError.ParseJsonError", f"Fail to parse json content: {error}", "") from error
        if "Error" in fields:  # the SDK looks for it only when the content type has no charset
            refusal = fields["Error"]
            raise ApiError(refusal["Code"], refusal["Message"], fields.get("RequestId", ""))
        return fields

    def read(self, service: str, action: str, **parameters: Any) -> dict[str, Any]:
        """A call that changes nothing: tried again for the read window, on internal errors too."""
        return self.retried(self.patience.read_window, lambda: self.call(service, action, **parameters), INTERNAL_ERROR)

    def write(self, service: str, action: str, *, also: Iterable[str] = (), **parameters: Any) -> dict[str, Any]:
        """A call that changes something: tried again for the write window on retryable codes and `also`."""
        return self.retried(self.patience.write_window, lambda: self.call(service, action, **parameters), *also)

    def retried(self, window: float, attempt: Callable[[], Result], *more_codes: str) -> Result:
        """Tries until it works, fails for good, or `window` seconds have passed."""
        codes = RETRYABLE_CODES | frozenset(more_codes)

        def once() -> Result:
            try:
                return attempt()
            except ApiError as error:
                if error.is_one_of(codes):
                    raise _Again from error
                raise

        return self.poll(window, once)

    def poll(self, window: float, attempt: Callable[[], Result]) -> Result:
        """Repeats `attempt` while it raises NotYet. When `window` seconds have passed, that is the error."""
        deadline = self.patience.clock() + window
        while True:
            try:
                return attempt()
            except NotYet as reason:
                if self.patience.clock() >= deadline:
                    cause = reason.__cause__
                    raise cause if isinstance(cause, ApiError) else OperationError(str(reason)) from None
            self.patience.pause()

    def pages(self, service: str, action: str, key: str, limit: int, *, text: bool = False, **parameters: Any) -> Any:
        """Every element of a list that comes in pages. With `text`, numbers are sent as text, as vpc wants them."""
        found: list[Any] = []
        while True:
            place = {"Offset": len(found), "Limit": limit}
            sent = {name: str(value) for name, value in place.items()} if text else place
            page = self.read(service, action, **parameters, **sent).get(key) or []
            found += page
            if len(page) < limit:
                return found

    def _client(self, service: str, keys: Keys) -> Any:
        clients: dict[str, Any] = self._local.__dict__.setdefault("clients", {})
        if service not in clients:
            clients[service] = self._new_client(service, keys)
        return clients[service]

    def _new_client(self, service: str, keys: Keys) -> Any:
        # Imported late: these cost a third of the plug-in's start, and a preview may need no call.
        from tencentcloud.common.common_client import CommonClient
        from tencentcloud.common.credential import Credential
        from tencentcloud.common.profile.client_profile import ClientProfile
        from tencentcloud.common.profile.http_profile import HttpProfile

        configuration = self._configuration
        http = HttpProfile(
            protocol="http",
            endpoint=f"{service}.{configuration.domain}",
            reqTimeout=REQUEST_TIMEOUT_SECONDS,
            proxy=configuration.gateway,
            keepAlive=True,
        )
        profile = ClientProfile(httpProfile=http, language="en-US", request_client="localcloud-plugin")
        credential = Credential(keys.secret_id, keys.secret_key, keys.token or None)
        client = CommonClient(service, VERSIONS[service], credential, self.region, profile)
        client.request.conn._session.mount("http://", prompt_adapter())
        return client


class _Again(NotYet):
    """A retryable refusal; its cause is the ApiError."""


def prompt_adapter() -> Any:
    """A transport that sends small packets at once, to a proxy too.

    urllib3 leaves Nagle's algorithm on for proxies: a request in two packets then waits 40 ms for the first one's
    acknowledgement, which is most of the time that a call to a cloud on this machine takes.
    """
    from requests.adapters import HTTPAdapter

    class PromptAdapter(HTTPAdapter):  # type: ignore[misc, unused-ignore]
        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            options["socket_options"] = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
            return super().proxy_manager_for(proxy, **options)

    return PromptAdapter()


def without_nones(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: what is not given is not sent."""
    return {name: value for name, value in fields.items() if value is not None}


def _as_in_go(code: str, text: str) -> tuple[str, str]:
    """Code and message that Go's SDK, in which the official plug-in is written, has for a failure of Python's.

    It looks for an error in the body before it looks at the status (`TryReadErr` of its common/http/response.go), so an
    answer that is no JSON is not tried again, whatever its status.
    """
    if code == "ClientNetworkError":
        return "ClientError.NetworkError", text
    if code != "ServerNetworkError":
        return code, text
    try:
        refusal = (json.loads(text).get("Response") or {}).get("Error")
    except (ValueError, AttributeError) as error:
        return "ClientError.ParseJsonError", f"Fail to parse json content: {text}, because: {error}"
    return (refusal["Code"], refusal["Message"]) if refusal else ("ClientError.HttpStatusCodeError", text)


def _minutes(variable: str, default: int) -> float:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise OperationError(f"{variable} is {text!r}, and must be a whole number of minutes")
    return int(text) * 60.0


def _text(message: object) -> str:
    return message.decode("utf-8", "replace") if isinstance(message, bytes) else str(message)
