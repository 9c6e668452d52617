"""What every way to the machine has in common: verbs with one JSON document, uploads in pieces, errors in words."""

from __future__ import annotations

import base64
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Protocol

from guest import paths
from words import heard, phrase

#: What `powershell -File` ends with when there is no such file (0xFFFD0000): the user data has not run yet.
NO_SCRIPT = (-196608, 0xFFFD0000)


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
    """The machine did what was asked, and says that it failed. `id` names the trouble, empty where it named none."""

    def __init__(self, message: str, hint: str = "", id: str = "") -> None:
        super().__init__(message, hint)
        self.id = id


class Channel(Protocol):
    """What is needed of a way to the machine; the full one is `VerbChannel`."""

    def run_verb(
        self,
        verb: str,
        options: dict[str, Any] | None = None,
        *,
        seconds: float = 120,
        lines: Iterable[bytes] | None = None,
    ) -> dict[str, Any]: ...

    def run_script(self, script: str, *, seconds: float = 120) -> tuple[int, bytes]: ...

    def upload(self, content: bytes, name: str) -> str: ...

    def close(self) -> None: ...


class VerbChannel(ABC):
    """A way to one machine. Every method raises ChannelErrors."""

    #: Bytes of a file in one line of input, and in one command. A broken upload goes on in the midst of a command.
    line_bytes: ClassVar[int]
    piece_bytes: ClassVar[int]

    @abstractmethod
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

    @abstractmethod
    def run_script(self, script: str, *, seconds: float = 120) -> tuple[int, bytes]:
        """Run a PowerShell script that ends with `Write-Packed CODE TEXT`; returns the code and the text in UTF-8.

        Raises TooLongError where the answer was cut, UnreachableError where the command did not run.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connection."""

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

    def _send(self, content: bytes, name: str, start: int, progress: Callable[[int, int], None] | None) -> None:
        for at in range(start, len(content), self.piece_bytes):
            end = min(at + self.piece_bytes, len(content))
            pieces = (content[first : min(first + self.line_bytes, end)] for first in range(at, end, self.line_bytes))
            lines = (base64.b64encode(piece) + b"\r\n" for piece in pieces)
            self.run_verb("receive", {"name": name, "offset": at}, lines=lines, seconds=900)
            if progress:
                progress(end, len(content))
        self.run_verb("receive", {"name": name, "sha256": hashlib.sha256(content).hexdigest()})


def encode_options(options: dict[str, Any]) -> str:
    """A verb's options in one word that means nothing to a shell on the way."""
    return "base64:" + base64.b64encode(json.dumps(options).encode("utf-8")).decode("ascii")


#: The form of what verbs answer; those of a machine that tells none are of the first.
SCHEMA = 1


def read_document(verb: str, out: bytes, err: bytes, exit_code: int) -> dict[str, Any]:
    """The one JSON object that a verb printed. Raises NotPreparedError, or VerbFailedError with the machine's
    words, or where it answers in a form of another version."""
    if exit_code in NO_SCRIPT:
        raise NotPreparedError(phrase("The machine has not begun to install itself yet."))
    try:
        document = json.loads(out.decode("ascii", "replace"))
    except ValueError:
        document = None
    if not isinstance(document, dict):
        text = (err or out).decode("utf-8", "replace").strip()[-500:]
        raise VerbFailedError(
            phrase(
                "{verb} printed no JSON object (exit code {exit_code}): {text}",
                verb=verb,
                exit_code=exit_code,
                text=text,
            ),
            phrase("Look at the log."),
        )
    if exit_code != 0:
        error = document.get("error")
        told: dict[str, Any] = error if isinstance(error, dict) else {"message": error}
        trouble = str(told.get("id") or "")
        raise VerbFailedError(heard(told) or phrase("{verb} failed.", verb=verb), heard(told, "hint"), trouble)
    if document.get("schema", SCHEMA) != SCHEMA:
        raise VerbFailedError(
            phrase(
                "{verb} answered in form {form}, and this version of the project knows {known}: another version set "
                "the machine up.",
                verb=verb,
                form=repr(document["schema"]),
                known=SCHEMA,
            ),
            phrase("Use that version here, or park the machine and restore it with this one."),
        )
    return document
