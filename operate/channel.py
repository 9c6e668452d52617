"""The line to the machine: one verb, one JSON document; files in pieces. Its errors are those that a person sees."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from components.certificates import KNOWN_CERTIFICATES, CertificateFile
from components.settings import PROJECT
from components.winrm_channel import (
    CertificateChangedError,
    ChannelError,
    NotPreparedError,
    UnreachableError,
    WinRmChannel,
    WrongPasswordError,
)
from operate.failures import ExitCode, OperateError
from operate.stacks import Stack

#: Bytes that have arrived so far.
Progress = Callable[[int], None]
#: One `read`: its answer is held in memory as a whole, and what broke off in it is fetched again.
PIECE_BYTES = 16 * 1024**2
_CODES = (
    (NotPreparedError, ExitCode.NOT_YET),
    (UnreachableError, ExitCode.NO_CONNECTION),
    ((WrongPasswordError, CertificateChangedError), ExitCode.TURNED_AWAY),
)


class Channel(Protocol):
    """What operating needs of the way to the machine. Every method raises OperateError."""

    def ask(self, verb: str, options: Mapping[str, Any] | None = None, *, seconds: float = 60) -> dict[str, Any]:
        """Run a verb of the machine and return its document; a verb's own complaint is raised with its hint."""

    def upload(self, path: Path, name: str, progress: Progress) -> str:
        """Bring a file into the machine's inbox, going on where an earlier attempt broke off; its path there."""

    def download(self, source: str, target: Path, size: int, progress: Progress) -> None:
        """Fetch a file of known size, going on where an earlier attempt broke off."""


class MachineChannel:
    """The WinRM channel. `is_gone` tells, when nothing answers, whether the cloud knows that there is no machine."""

    def __init__(self, winrm: WinRmChannel, is_gone: Callable[[], bool] = lambda: False) -> None:
        self._winrm = winrm
        self._is_gone = is_gone

    def ask(self, verb: str, options: Mapping[str, Any] | None = None, *, seconds: float = 60) -> dict[str, Any]:
        with self._telling():
            return self._winrm.run_verb(verb, dict(options or {}), seconds=seconds)

    def upload(self, path: Path, name: str, progress: Progress) -> str:
        with self._telling():
            return self._winrm.upload(path.read_bytes(), name, lambda done, _: progress(done))

    def download(self, source: str, target: Path, size: int, progress: Progress) -> None:
        with target.open("ab") as out:
            if out.tell() > size:
                out.truncate(0)
            while (offset := out.tell()) < size:
                wanted = min(PIECE_BYTES, size - offset)
                answer = self.ask("read", {"path": source, "offset": offset, "bytes": wanted}, seconds=600)
                data = base64.b64decode(answer["data"])
                if not data:
                    raise OperateError(f"{source} became shorter while it was fetched.", "Fetch it again.")
                out.write(data)
                out.flush()
                progress(out.tell())

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except ChannelError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
            if "which is not installed yet" in error.message:
                code = ExitCode.NOT_YET
            if code is ExitCode.NO_CONNECTION and self._is_gone():
                raise OperateError(
                    "The machine is gone: it was reclaimed or terminated.",
                    "Bring it back from its last image: chatglm restore. A run goes on with: chatglm push RUN, "
                    "chatglm train --resume RUN.",
                    ExitCode.PARKED,
                ) from None
            raise OperateError(error.message, error.hint, code) from None


def connect(stack: Stack, is_gone: Callable[[], bool] = lambda: False) -> Channel:
    """The line to the stack's machine; it is opened by the first question."""
    password = stack.config.get(f"{PROJECT}:adminPassword", "")
    certificates = CertificateFile(KNOWN_CERTIFICATES)
    channel = WinRmChannel(stack.address, password, machine=stack.machine_id, certificates=certificates)
    return MachineChannel(channel, is_gone)
