"""The way to the machine: its verbs and uploads over WinRM, HTTPS with a pinned certificate, NTLM, nothing in clear.

The client is pywinrm. The certificate is trusted at the first connection that a right password follows, and held from
then on; the machine refuses log-ins that were meant for another TLS server (channel binding), so somebody in between
can neither read nor use the log-in.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import requests
import winrm
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
)

from guest import paths
from line.certificates import CertificateStore
from line.channel import (
    CertificateChangedError,
    UnreachableError,
    VerbChannel,
    WrongPasswordError,
    encode_options,
    read_document,
)
from line.packed import PACK, unpack
from line.pinned import PinnedAdapter
from words import phrase

PORT = 5986
_START = ("-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass")
USER = "Administrator"
#: What Windows sends at most in one message (its default MaxEnvelopeSizekb of 500); pywinrm asks for a third of it.
_ENVELOPE_BYTES = 512_000


class _MachinesAdapter(PinnedAdapter):
    """`asked_for_login` tells whether the server ever did: one that takes anybody in is not the machine."""

    asked_for_login = False

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        response = super().send(*args, **kwargs)
        self.asked_for_login = self.asked_for_login or response.status_code == 401
        return response


class WinRmChannel(VerbChannel):
    """One machine, by address; `machine` (its instance id) is the name under which its certificate is held.

    Every method raises ChannelErrors. `timeout` in seconds is for one message, not for a verb.
    """

    # Twice base64 a line stays below the 500 KB that Windows takes in one message. Measured (bench/upload_overhead.py):
    # smaller ones are slower, larger ones and several shells at once are not faster.
    line_bytes = 180_000
    # Each command costs the start of a process.
    piece_bytes = 32_000_000

    def __init__(
        self,
        address: str,
        password: str,
        *,
        machine: str,
        certificates: CertificateStore,
        port: int = PORT,
        timeout: int = 30,
    ) -> None:
        self._address, self._password, self._port = address, password, port
        self._machine, self._certificates = machine, certificates
        self._timeout = timeout
        self._protocol: Any = None
        self._adapter: _MachinesAdapter | None = None
        self._fingerprint = ""

    def run_verb(
        self,
        verb: str,
        options: dict[str, Any] | None = None,
        *,
        seconds: float = 120,
        lines: Iterable[bytes] | None = None,
    ) -> dict[str, Any]:
        """Run a verb of chatglm.ps1 and return its document; `lines` go to its standard input.

        Raises VerbFailedError with the machine's own message, or UnreachableError when it takes longer than `seconds`.
        """
        arguments = _call_of(verb, options or {}, has_input=lines is not None)
        with self._speaking():
            out, err, exit_code = self._run("powershell.exe", arguments, lines, seconds)
        return read_document(verb, out, err, exit_code)

    def run_script(self, script: str, *, seconds: float = 120) -> tuple[int, bytes]:
        with self._speaking():
            out, err, exit_code = self._run("powershell.exe", [*_START, *_encoded(PACK + script)], None, seconds)
        return unpack(out or err, exit_code)

    def close(self) -> None:
        """Close the connection."""
        if self._protocol is not None:
            self._protocol.transport.close_session()
            self._protocol = None

    def _run(
        self, command: str, arguments: list[str], lines: Iterable[bytes] | None, seconds: float
    ) -> tuple[bytes, bytes, int]:
        protocol = self._connect()
        ends = time.monotonic() + seconds
        shell = protocol.open_shell()
        self._demand_login()
        self._hold_certificate()
        try:
            # Input that comes through messages must not be read as if typed at a console.
            ident = protocol.run_command(shell, command, arguments, console_mode_stdin=lines is None)
            try:
                if lines is not None:
                    for line, last in _mark_last(lines):
                        protocol.send_command_input(shell, ident, line, end=last)
                return self._collect(shell, ident, ends)
            finally:
                protocol.cleanup_command(shell, ident)
        finally:
            # Not its session: pywinrm would build the next one by itself, without the pinned certificate.
            protocol.close_shell(shell, close_session=False)

    def _collect(self, shell: str, command: str, ends: float) -> tuple[bytes, bytes, int]:
        out, err = bytearray(), bytearray()
        while time.monotonic() < ends:
            try:
                more_out, more_err, exit_code, done = self._protocol.get_command_output_raw(shell, command)
            except WinRMOperationTimeoutError:
                continue  # nothing was printed yet
            out += more_out
            err += more_err
            if done:
                return bytes(out), bytes(err), int(exit_code)
        raise UnreachableError(phrase("The machine did not answer in time."), phrase("Try again; look at its status."))

    def _connect(self) -> Any:
        if self._protocol is None:
            shown = self._fetch_fingerprint()
            held = self._certificates.get(self._machine)
            if held not in (None, shown):
                raise _changed(self._address)
            self._fingerprint = shown
            protocol = winrm.Protocol(
                f"https://{self._address}:{self._port}/wsman",
                transport="ntlm",
                username=USER,
                password=self._password,
                # The name in the certificate means nothing here; the fingerprint is checked instead.
                server_cert_validation="ignore",
                read_timeout_sec=self._timeout,
                operation_timeout_sec=max(self._timeout - 10, 1),
                proxy=None,
            )
            protocol.max_env_sz = _ENVELOPE_BYTES
            session = protocol.transport.build_session()
            # A proxy is for the cloud's API (a rehearsal's leads to the local cloud), never for the machine.
            session.trust_env = False
            session.proxies = {}
            self._adapter = _MachinesAdapter(shown)
            session.mount("https://", self._adapter)
            self._protocol = protocol
        return self._protocol

    def _fetch_fingerprint(self) -> str:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with (
            socket.create_connection((self._address, self._port), timeout=self._timeout) as raw,
            context.wrap_socket(raw) as wrapped,
        ):
            certificate = wrapped.getpeercert(binary_form=True) or b""
        return hashlib.sha256(certificate).hexdigest()

    def _demand_login(self) -> None:
        if self._adapter is None or not self._adapter.asked_for_login:
            self.close()
            raise UnreachableError(
                phrase(
                    "{address}:{port} lets everybody in without a password, so it is not the machine; "
                    "nothing was sent.",
                    address=self._address,
                    port=self._port,
                ),
                phrase("Is the address still the machine's? Run pulumi up, or look in the console."),
            )

    def _hold_certificate(self) -> None:
        # Only after a log-in: whoever cannot check the password does not become the machine.
        if self._certificates.get(self._machine) is None:
            self._certificates.put(self._machine, self._fingerprint)

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Turn what the libraries raise into this module's errors; a broken connection is made anew next time."""
        try:
            yield
        except InvalidCredentialsError:
            self.close()
            raise WrongPasswordError(
                phrase("The machine refuses Administrator's password."),
                phrase("Is chatglm:adminPassword the one it was made with?"),
            ) from None
        except requests.exceptions.SSLError as error:
            self.close()
            if "ingerprint" in str(error):
                raise _changed(self._address) from None
            raise UnreachableError(
                phrase("TLS with {address} fails: {error}", address=self._address, error=error)
            ) from None
        except (ElementTree.ParseError, KeyError, AttributeError, StopIteration, binascii.Error) as error:
            # pywinrm takes answers apart without a check of their form.
            self.close()
            raise UnreachableError(
                phrase(
                    "What {address}:{port} answers is not WinRM ({name}: {error}).",
                    address=self._address,
                    port=self._port,
                    name=type(error).__name__,
                    error=error,
                ),
                phrase("Does another program listen there, or a proxy stand between?"),
            ) from None
        except (
            requests.exceptions.RequestException,
            http.client.HTTPException,
            WinRMTransportError,
            WinRMError,
            WinRMOperationTimeoutError,
            OSError,
        ) as error:
            self.close()
            raise UnreachableError(
                phrase(
                    "{address}:{port} does not answer ({reason}).",
                    address=self._address,
                    port=self._port,
                    reason=_reason(error),
                ),
                phrase("Is your own address in chatglm:operatorCidrs?"),
            ) from None


def _changed(address: str) -> CertificateChangedError:
    return CertificateChangedError(
        phrase("The machine at {address} shows another certificate than before.", address=address),
        phrase(
            "Somebody may stand between you and it. If you replaced the certificate yourself, "
            "remove its entry from the file of known certificates."
        ),
    )


def _reason(error: Exception) -> str:
    """The innermost cause, which is the one that tells something."""
    seen: BaseException = error
    while (inner := seen.__cause__ or seen.__context__) is not None:
        seen = inner
    return str(getattr(seen, "strerror", None) or seen or type(seen).__name__)


def _call_of(verb: str, options: dict[str, Any], *, has_input: bool) -> list[str]:
    """Arguments of powershell.exe; nothing in them means anything to a shell on the way."""
    encoded = encode_options(options)
    if not has_input:
        return [*_START, "-File", paths.ENTRY, verb, encoded]
    # PowerShell reads its standard input for a command that names $input, and not for a script file.
    return [*_START, *_encoded(f"$input | & '{paths.ENTRY}' {verb} '{encoded}'")]


def _encoded(command: str) -> list[str]:
    return ["-EncodedCommand", base64.b64encode(command.encode("utf-16-le")).decode("ascii")]


def _mark_last(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    held: bytes | None = None
    for line in lines:
        if held is not None:
            yield held, False
        held = line
    yield held or b"", True
