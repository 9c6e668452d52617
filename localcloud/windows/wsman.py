"""WS-Management envelopes: reading requests, writing answers and faults.

Only what the remote shell of Windows (MS-WSMV) needs. The fault codes are those that Windows Remote Management reports
(winerror.h); where a code is not known for sure, the fault carries its text alone.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .http_server import Response

SHELL_RESOURCE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
ACTION_CREATE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Create"
ACTION_DELETE = "http://schemas.xmlsoap.org/ws/2004/09/transfer/Delete"
ACTION_PREFIX = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/"
ACTION_COMMAND = ACTION_PREFIX + "Command"
ACTION_SEND = ACTION_PREFIX + "Send"
ACTION_RECEIVE = ACTION_PREFIX + "Receive"
ACTION_SIGNAL = ACTION_PREFIX + "Signal"

SERVER_MAX_ENVELOPE_BYTES = 500 * 1024
"""Windows' default for MaxEnvelopeSizekb is 500."""
ENVELOPE_OVERHEAD_BYTES = 4096
"""Room for header and tags; the rest of an envelope may hold base64 data."""

_SOAP = "http://www.w3.org/2003/05/soap-envelope"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_WSMAN = "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd"
SHELL_NAMESPACE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
_FAULT_ACTION = "http://schemas.dmtf.org/wbem/wsman/1/wsman/fault"
_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?$")
_DEFAULT_TIMEOUT_SECONDS = 60.0
_SMALLEST_ENVELOPE_BYTES = 8192
_CONTENT_TYPE = {"Content-Type": "application/soap+xml;charset=UTF-8"}


class WsmanFault(Exception):  # noqa: N818 - the protocol's own word
    """A fault to answer with: SOAP code and subcode, the text, and WinRM's number when it has one."""

    def __init__(self, code: str, subcode: str, reason: str, number: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.subcode = subcode
        self.reason = reason
        self.number = number


def operation_timed_out() -> WsmanFault:
    """No output came within the client's OperationTimeout; the client asks again."""
    return WsmanFault(
        "s:Receiver", "w:TimedOut", "The WS-Management service cannot complete the operation in time.", 2150858793
    )


def no_such_shell(shell_id: str) -> WsmanFault:
    """The shell was closed, or never was."""
    return WsmanFault(
        "s:Sender", "w:InvalidSelectors", f"The request names a shell that does not exist: {shell_id}.", 2150858843
    )


@dataclass(frozen=True)
class WsmanRequest:
    """One request; timeouts in seconds, sizes in bytes."""

    action: str
    resource: str
    message_id: str
    shell_id: str
    timeout: float
    max_envelope: int
    options: Mapping[str, str]
    body: ElementTree.Element


def parse_request(envelope: bytes) -> WsmanRequest:
    """Read an envelope. Raises WsmanFault when it is none."""
    if len(envelope) > SERVER_MAX_ENVELOPE_BYTES:
        raise WsmanFault(
            "s:Sender",
            "w:EncodingLimit",
            f"The request is {len(envelope)} bytes; MaxEnvelopeSizekb allows {SERVER_MAX_ENVELOPE_BYTES}.",
        )
    if b"<!DOCTYPE" in envelope:
        raise WsmanFault("s:Sender", "w:SchemaValidationError", "SOAP does not allow a document type.")
    try:
        root = ElementTree.fromstring(envelope)  # noqa: S314 - logged-in sender, no document type
    except ElementTree.ParseError as error:
        raise WsmanFault("s:Sender", "w:SchemaValidationError", f"The request is not XML: {error}.") from None
    header = root.find(f"{{{_SOAP}}}Header")
    body = root.find(f"{{{_SOAP}}}Body")
    if header is None or body is None:
        raise WsmanFault("s:Sender", "w:SchemaValidationError", "The request is no SOAP 1.2 envelope.")
    selectors = {node.get("Name", ""): node.text or "" for node in header.iter(f"{{{_WSMAN}}}Selector")}
    return WsmanRequest(
        action=_text(header, f"{{{_ADDRESSING}}}Action"),
        resource=_text(header, f"{{{_WSMAN}}}ResourceURI"),
        message_id=_text(header, f"{{{_ADDRESSING}}}MessageID"),
        shell_id=selectors.get("ShellId", "").upper(),
        timeout=_seconds(_text(header, f"{{{_WSMAN}}}OperationTimeout")),
        max_envelope=_envelope_limit(_text(header, f"{{{_WSMAN}}}MaxEnvelopeSize")),
        options={node.get("Name", ""): node.text or "" for node in header.iter(f"{{{_WSMAN}}}Option")},
        body=body,
    )


def answer(request: WsmanRequest, action: str, body: str) -> Response:
    """A successful answer whose body is the given XML (prefix `rsp` stands for the shell's namespace)."""
    return Response(HTTPStatus.OK, _envelope(action, request.message_id, body), _CONTENT_TYPE)


def fault(relates_to: str, cause: WsmanFault) -> Response:
    """A fault answer, sent with status 500 as SOAP over HTTP demands."""
    number = cause.number
    detail = (
        ""
        if number is None
        else '<f:WSManFault xmlns:f="http://schemas.microsoft.com/wbem/wsman/1/wsmanfault"'
        f' Code="{number}" Machine="local guest"><f:Message>{escape(cause.reason)}</f:Message></f:WSManFault>'
    )
    body = (
        f"<s:Fault><s:Code><s:Value>{cause.code}</s:Value><s:Subcode><s:Value>{cause.subcode}</s:Value></s:Subcode>"
        f'</s:Code><s:Reason><s:Text xml:lang="en-US">{escape(cause.reason)}</s:Text></s:Reason>'
        f"<s:Detail>{detail}</s:Detail></s:Fault>"
    )
    return Response(HTTPStatus.INTERNAL_SERVER_ERROR, _envelope(_FAULT_ACTION, relates_to, body), _CONTENT_TYPE)


def _envelope(action: str, relates_to: str, body: str) -> bytes:
    return (
        f'<s:Envelope xml:lang="en-US" xmlns:s="{_SOAP}" xmlns:a="{_ADDRESSING}" xmlns:w="{_WSMAN}"'
        f' xmlns:x="http://schemas.xmlsoap.org/ws/2004/09/transfer" xmlns:rsp="{SHELL_NAMESPACE}">'
        f"<s:Header><a:Action>{escape(action)}</a:Action><a:MessageID>uuid:{str(uuid.uuid4()).upper()}</a:MessageID>"
        "<a:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</a:To>"
        f"<a:RelatesTo>{escape(relates_to)}</a:RelatesTo></s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def _text(header: ElementTree.Element, tag: str) -> str:
    return (header.findtext(tag) or "").strip()


def _seconds(duration: str) -> float:
    match = _DURATION.match(duration)
    if match is None:
        return _DEFAULT_TIMEOUT_SECONDS
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _envelope_limit(text: str) -> int:
    asked = int(text) if text.isdigit() else SERVER_MAX_ENVELOPE_BYTES
    return max(_SMALLEST_ENVELOPE_BYTES, min(asked, SERVER_MAX_ENVELOPE_BYTES))
