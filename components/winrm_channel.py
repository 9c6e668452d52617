"""The way to the machine: its verbs and uploads over WinRM, HTTPS with a pinned certificate, NTLM, nothing in clear.

The client is pywinrm. The certificate is trusted at the first connection that a right password follows, and held from
then on; the machine refuses log-ins that were meant for another TLS server (channel binding), so somebody in between
can neither read nor use the log-in.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
import winrm
from requests.adapters import HTTPAdapter
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMOperationTimeoutError,
    WinRMTransportError,
)

from components.bootstrap import paths
from components.certificates import CertificateStore

PORT = 5986
USER = "Administrator"
#: What `powershell -File` ends with when there is no such file (0xFFFD0000): the user data has not run yet.
_NO_SCRIPT = (-196608, 0xFFFD0000)
#: Bytes of a file in one Send: twice base64 it stays below the 500 KB that Windows takes in one message. Measured
#: (bench/upload_overhead.py): smaller ones are slower, larger ones and several shells at once are not faster.
SEND_BYTES = 180_000
#: Bytes of a file in one command, which costs the start of a process. A broken upload goes on in the midst of one.
PIECE_BYTES = 32_000_000
#: What Windows sends at most in one message (its default MaxEnvelopeSizekb of 500); pywinrm asks for a third of it.
_ENVELOPE_BYTES = 512_000


class ChannelError(Exception):
    """The machine cannot be spoken to; `message` tells what is wrong, `hint` what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())
        self.message, self.hint = message, hint


class UnreachableError(ChannelError):
    """Nothing answers, or the connection broke."""


class NotPreparedError(UnreachableError):
    """WinRM answers, but the user data has not put its scripts there yet."""


class WrongPasswordError(ChannelError):
    """The machine refuses the password."""


class CertificateChangedError(ChannelError):
    """The machine shows another certificate than the first time."""


class VerbFailedError(ChannelError):
    """The machine did what was asked, and says that it failed."""


class _PinnedAdapter(HTTPAdapter):
    """HTTPS to a server with exactly this certificate, whoever signed it."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, assert_fingerprint=self._fingerprint, **kwargs)


class WinRmChannel:
    """One machine, by address; `machine` (its instance id) is the name under which its certificate is held.

    Every method raises ChannelErrors. `timeout` in seconds is for one message, not for a verb.
    """

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
        return _read_document(verb, out, err, exit_code)

    def upload(self, content: bytes, name: str, progress: Callable[[int, int], None] | None = None) -> str:
        """Put `content` into the machine's inbox under `name`, going on where a broken upload stopped.

        The machine compares the SHA-256 at the end. Returns the path on the machine; `progress` gets bytes and total.
        """
        done = min(int(self.run_verb("receive", {"name": name})["bytes"]), len(content))
        try:
            self._send(content, name, done, progress)
        except VerbFailedError:
            # What was there before was of another content, or arrived damaged: the machine has thrown it away.
            self._send(content, name, 0, progress)
        return f"{paths.ROOT}\\inbox\\{name}"

    def close(self) -> None:
        """Close the connection."""
        if self._protocol is not None:
            self._protocol.transport.close_session()
            self._protocol = None

    def _send(self, content: bytes, name: str, start: int, progress: Callable[[int, int], None] | None) -> None:
        for at in range(start, len(content), PIECE_BYTES):
            end = min(at + PIECE_BYTES, len(content))
            pieces = (content[first : min(first + SEND_BYTES, end)] for first in range(at, end, SEND_BYTES))
            lines = (base64.b64encode(piece) + b"\r\n" for piece in pieces)
            self.run_verb("receive", {"name": name, "offset": at}, lines=lines, seconds=900)
            if progress:
                progress(end, len(content))
        self.run_verb("receive", {"name": name, "sha256": hashlib.sha256(content).hexdigest()})

    def _run(
        self, command: str, arguments: list[str], lines: Iterable[bytes] | None, seconds: float
    ) -> tuple[bytes, bytes, int]:
        protocol = self._connect()
        ends = time.monotonic() + seconds
        shell = protocol.open_shell()
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
        raise UnreachableError("The machine did not answer in time.", "Try again; look at its status.")

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
            session.mount("https://", _PinnedAdapter(shown))
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
                "The machine refuses Administrator's password.", "Is chatglm:adminPassword the one it was made with?"
            ) from None
        except requests.exceptions.SSLError as error:
            self.close()
            if "ingerprint" in str(error):
                raise _changed(self._address) from None
            raise UnreachableError(f"TLS with {self._address} fails: {error}") from None
        except (requests.exceptions.RequestException, WinRMTransportError, WinRMError, OSError) as error:
            self.close()
            raise UnreachableError(
                f"{self._address}:{self._port} does not answer ({_reason(error)}).",
                "Is your own address in chatglm:operatorCidrs?",
            ) from None


def _changed(address: str) -> CertificateChangedError:
    return CertificateChangedError(
        f"The machine at {address} shows another certificate than before.",
        "Somebody may stand between you and it. If you replaced the certificate yourself, remove its entry from the "
        "file of known certificates.",
    )


def _reason(error: Exception) -> str:
    """The innermost cause, which is the one that tells something."""
    seen: BaseException = error
    while (inner := seen.__cause__ or seen.__context__) is not None:
        seen = inner
    return str(getattr(seen, "strerror", None) or seen or type(seen).__name__)


def _call_of(verb: str, options: dict[str, Any], *, has_input: bool) -> list[str]:
    """Arguments of powershell.exe; nothing in them means anything to a shell on the way."""
    encoded = "base64:" + base64.b64encode(json.dumps(options).encode("utf-8")).decode("ascii")
    start = ["-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass"]
    if not has_input:
        return [*start, "-File", paths.ENTRY, verb, encoded]
    # PowerShell reads its standard input for a command that names $input, and not for a script file.
    command = f"$input | & '{paths.ENTRY}' {verb} '{encoded}'"
    return [*start, "-EncodedCommand", base64.b64encode(command.encode("utf-16-le")).decode("ascii")]


def _mark_last(lines: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    held: bytes | None = None
    for line in lines:
        if held is not None:
            yield held, False
        held = line
    yield held or b"", True


def _read_document(verb: str, out: bytes, err: bytes, exit_code: int) -> dict[str, Any]:
    if exit_code in _NO_SCRIPT:
        raise NotPreparedError("The machine has not begun to install itself yet.")
    try:
        document = json.loads(out.decode("ascii", "replace"))
    except ValueError:
        text = (err or out).decode("utf-8", "replace").strip()[-500:]
        raise VerbFailedError(f"{verb} printed no JSON (exit code {exit_code}): {text}", "Look at the log.") from None
    if exit_code != 0 or not isinstance(document, dict):
        error = document.get("error", {}) if isinstance(document, dict) else {}
        raise VerbFailedError(str(error.get("message", f"{verb} failed.")), str(error.get("hint", "")))
    return document
