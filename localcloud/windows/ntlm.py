"""NTLM log-in of an HTTP connection, with pyspnego playing the Windows side.

As on Windows the offer is "Negotiate", and the log-in belongs to the connection. Channel bindings are demanded (the
stricter of the settings that Windows has), so a log-in relayed through another TLS server fails here.
"""

from __future__ import annotations

import base64
import binascii
import os
import threading
from http import HTTPStatus
from pathlib import Path
from weakref import WeakKeyDictionary

import spnego
from spnego._ntlm_raw.crypto import ntowfv1  # the only MD4 at hand: OpenSSL 3 has none
from spnego.channel_bindings import GssChannelBindings
from spnego.exceptions import SpnegoError

from guest.files import replace_file

from .certificate import MachineCertificate
from .http_server import Connection, Request, Response

_CREDENTIALS_VARIABLE = "NTLM_USER_FILE"
_CREDENTIALS_LOCK = threading.Lock()
_SCHEMES = ("Negotiate", "NTLM")


def write_credentials(path: Path, username: str, password: str, hostname: str) -> None:
    """Write pyspnego's credentials file: the password's hash, never the password.

    The smbpasswd form is used because the other form (`:USER:PASSWORD`) cannot hold a colon in the password. One line
    for each way in which a local user of a Windows machine may name the domain.
    """
    no_lm_hash = "0" * 32
    nt_hash = ntowfv1(password).hex().upper()
    lines = [
        f"{domain}{username}:500:{no_lm_hash}:{nt_hash}:[U]:LCT-00000000\n"
        for domain in ("", ".\\", f"{hostname}\\", f"{hostname.split('.')[0]}\\")
    ]
    replace_file(path, "".join(dict.fromkeys(lines)).encode("utf-8"), private=True, flushed=False)


class NtlmGate:
    """Lets a connection in after an NTLM log-in against one machine's credentials file."""

    def __init__(self, credentials: Path, certificate: MachineCertificate) -> None:
        self._credentials = credentials
        self._bindings = GssChannelBindings(
            application_data=b"tls-server-end-point:" + bytes.fromhex(certificate.fingerprint)
        )
        self._logins: WeakKeyDictionary[Connection, spnego.ContextProxy] = WeakKeyDictionary()

    def admit(self, request: Request) -> Response | None:
        """Return None when the connection is logged in, else the answer that takes the log-in a step further."""
        login = self._logins.get(request.connection)
        scheme, token = _read_token(request.headers.get("authorization", ""))
        if token is None:
            return None if login is not None and login.complete else _challenge()
        if login is not None and login.complete:
            login = None  # a second log-in on the same connection
        try:
            answer, login = self._step(login, token)
        except (SpnegoError, ValueError, KeyError):
            # SpnegoError: wrong password, unknown user, wrong channel. The others: a token that is no NTLM message.
            self._logins.pop(request.connection, None)
            return _challenge()
        self._logins[request.connection] = login
        if login.complete:
            return None
        return Response(
            HTTPStatus.UNAUTHORIZED,
            headers={"WWW-Authenticate": f"{scheme} {base64.b64encode(answer or b'').decode('ascii')}"},
        )

    def _step(self, login: spnego.ContextProxy | None, token: bytes) -> tuple[bytes | None, spnego.ContextProxy]:
        # pyspnego takes the credentials file only from the environment; every machine has its own.
        with _CREDENTIALS_LOCK:
            before = os.environ.get(_CREDENTIALS_VARIABLE)
            os.environ[_CREDENTIALS_VARIABLE] = str(self._credentials)
            try:
                if login is None:
                    login = spnego.server(
                        protocol="ntlm",
                        options=spnego.NegotiateOptions.use_ntlm,
                        channel_bindings=self._bindings,
                    )
                return login.step(token), login
            finally:
                if before is None:
                    del os.environ[_CREDENTIALS_VARIABLE]
                else:
                    os.environ[_CREDENTIALS_VARIABLE] = before


def _read_token(authorization: str) -> tuple[str, bytes | None]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme not in _SCHEMES:
        return "Negotiate", None
    try:
        return scheme, base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        return scheme, None


def _challenge() -> Response:
    return Response(HTTPStatus.UNAUTHORIZED, headers={"WWW-Authenticate": "Negotiate"})
