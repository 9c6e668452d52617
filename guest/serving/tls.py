"""The demo's own key and certificate, where `demoTls` wants HTTPS: they come over the channel, and are shown from here.

Key and certificate stand in one file of PEM, which only SYSTEM and Administrators read. They are made on the operator's
side, as nothing on this machine makes certificates. Without them the demo is not served at all.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from guest.errors import GuestError
from guest.files import move, read_json, replace_file
from guest.installation import STATUS
from guest.machine import this_machine
from guest.phrases import phrase
from guest.serving.settings import read_settings

#: Name under which the operator's side uploads them.
UPLOAD = "demo-tls.pem"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)
#: OpenSSL's X509_V_FLAG_NO_CHECK_TIME. Who trusts exactly one certificate gains nothing from its end: it is renewed by
#: the next update, and a clock that is wrong must not let the machine take its own demo for a stranger's.
_NO_CHECK_TIME = 0x200000

WAITS = phrase("it waits for its key and certificate, without which nothing is served (chatglm:demoTls)")
WHAT_TO_DO = phrase("Run pulumi up where the machine's WinRM (port 5986) can be reached: they come that way alone.")


def certificate_file(root: Path) -> Path:
    return root / "state" / UPLOAD


def certificate(root: Path) -> str | None:
    """The certificate in PEM, without its key; None where there is none that could be served with."""
    path = certificate_file(root)
    try:
        found = _CERTIFICATE.search(path.read_text(encoding="ascii"))
        _load(path)
    except (OSError, ValueError):
        return None
    return found[0] if found else None


def server_context(root: Path) -> ssl.SSLContext:
    """TLS settings of the demo's server. One that is renewed is shown from the next connection on, without a restart.

    Raises OSError (ssl.SSLError is one) where there is no key.
    """
    path = certificate_file(root)
    shown: tuple[object, ssl.SSLContext] = (_stamp(path), _load(path))

    def choose(connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _asked: ssl.SSLContext) -> None:
        nonlocal shown
        try:
            stamp = _stamp(path)
            if stamp != shown[0]:
                shown = (stamp, _load(path))
        except OSError:
            pass  # in the midst of being replaced, or gone: what was shown stays
        connection.context = shown[1]

    context = _load(path)
    context.sni_callback = choose  # asked at each connection, whether or not it names a server
    return context


class SecureCookies:
    """An ASGI layer that marks every cookie as one for HTTPS alone: one of gradio's two for a log-in is not, and a
    browser that is led to plain HTTP on this address would show it to whoever listens on the way."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def marking(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [_secured(*pair) for pair in message.get("headers") or ()]}
            await send(message)

        await self._inner(scope, receive, marking)


def _secured(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    marked = any(part.strip().lower() == b"secure" for part in value.split(b";"))
    return (name, value) if name.lower() != b"set-cookie" or marked else (name, value + b"; Secure")


def trusting(pem: str) -> ssl.SSLContext:
    """TLS settings of a client that trusts exactly this certificate, whatever name it carries."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=pem)
    context.verify_flags |= _NO_CHECK_TIME
    return context


def own_trust(root: Path) -> ssl.SSLContext | None:
    """That of the machine's own questions to its demo; None where it has no certificate."""
    pem = certificate(root)
    return trusting(pem) if pem else None


def is_waited_for(root: Path) -> bool:
    """Whether the demo stays off for want of its key. Raises GuestError where the settings cannot be read."""
    return read_settings(root).tls and certificate(root) is None


def keep(_: Mapping[str, Any]) -> dict[str, Any]:
    """Take what was uploaded as `UPLOAD`; the demo's supervisor, which looks for it, starts a demo that waits."""
    root = this_machine().root
    came = root / "inbox" / UPLOAD
    try:
        content = came.read_bytes()
    except OSError:
        raise GuestError(phrase("No key and certificate of the demo have come."), WHAT_TO_DO) from None
    finally:
        for left in (came, came.with_name(f"{UPLOAD}.part")):
            left.unlink(missing_ok=True)
    _require_rights(root)
    path = certificate_file(root)
    new = path.with_name(f"{UPLOAD}.new")
    try:
        replace_file(new, content, private=True)
        _load(new)
        move(new, path)
    except ssl.SSLError:
        raise GuestError(phrase("What came is no key with its certificate."), WHAT_TO_DO) from None
    finally:
        new.unlink(missing_ok=True)
    return {"certificate": certificate(root)}


def _require_rights(root: Path) -> None:
    """Raise GuestError where the installation could not close its folder to all but SYSTEM and Administrators."""
    for step in (read_json(root / "state" / STATUS) or {}).get("steps") or ():
        for warning in step.get("warnings") or ():
            if warning.get("id") == "windows.rights":
                raise GuestError(
                    phrase("The rights of {root} could not be set, so others could read the key.", root=root),
                    phrase("Look at the step windows, then run pulumi up."),
                )


def _load(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(path)
    return context


def _stamp(path: Path) -> object:
    told = path.stat()
    return told.st_mtime_ns, told.st_size, told.st_ino


VERBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"certificate": keep}
