"""The line to the machine: one verb, one JSON document; files in pieces. Its errors are those that a person sees."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from components.settings import PROJECT
from line.certificates import CertificateFile, known_certificates
from line.channel import (
    CertificateChangedError,
    ChannelError,
    NotPreparedError,
    UnreachableError,
    VerbFailedError,
    WrongPasswordError,
)
from line.tat import TatChannel
from line.winrm import WinRmChannel
from operate import stacks
from operate.errors import ExitCode, OperateError
from operate.stacks import Stack
from words import phrase

T = TypeVar("T")
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
    """The WinRM channel, and where it does not lead to the machine, questions over its automation agent (TAT).

    `is_gone` tells, when nothing answers, whether the cloud knows that there is no machine; `find_agent` gives the way
    over TAT, `with_its_password` the channel with the password of the machine's launch, where the stack's of today is
    another; `say` tells what of these is taken.
    """

    def __init__(
        self,
        winrm: WinRmChannel,
        is_gone: Callable[[], bool] = lambda: False,
        find_agent: Callable[[], TatChannel | None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
        with_its_password: Callable[[], WinRmChannel | None] = lambda: None,
    ) -> None:
        self._winrm = winrm
        self._with_its_password = with_its_password
        self._is_gone, self._find_agent, self._say = is_gone, find_agent, say
        self._agent: TatChannel | None = None

    def ask(self, verb: str, options: Mapping[str, Any] | None = None, *, seconds: float = 60) -> dict[str, Any]:
        with self._telling():
            if self._agent is not None:
                return self._agent.run_verb(verb, dict(options or {}), seconds=seconds)
            try:
                return self._let_in(lambda winrm: winrm.run_verb(verb, dict(options or {}), seconds=seconds))
            except NotPreparedError:
                raise
            except (UnreachableError, WrongPasswordError, CertificateChangedError) as error:
                # What the agent answers cannot be forged by whoever stands between here and the machine.
                self._agent = self._find_agent()
                if self._agent is None:
                    raise
                self._say(phrase("{message} Asking Tencent's automation agent (TAT) instead.", message=error.message))
                return self._agent.run_verb(verb, dict(options or {}), seconds=seconds)

    def upload(self, path: Path, name: str, progress: Progress) -> str:
        with self._telling():
            return self._let_in(lambda winrm: winrm.upload(path.read_bytes(), name, lambda done, _: progress(done)))

    def download(self, source: str, target: Path, size: int, progress: Progress) -> None:
        with target.open("ab") as out:
            if out.tell() > size:
                out.truncate(0)
            while (offset := out.tell()) < size:
                wanted = min(PIECE_BYTES, size - offset)
                answer = self.ask("read", {"path": source, "offset": offset, "bytes": wanted}, seconds=600)
                data = base64.b64decode(answer["data"])
                if not data:
                    raise OperateError(
                        phrase("{source} became shorter while it was fetched.", source=source),
                        phrase("Fetch it again."),
                    )
                out.write(data)
                out.flush()
                progress(out.tell())

    def _let_in(self, use: Callable[[WinRmChannel], T]) -> T:
        """Use the channel; a machine that refuses today's password may take the one of its launch."""
        try:
            return use(self._winrm)
        except WrongPasswordError:
            other = self._with_its_password()
            if other is None:
                raise
        self._winrm, self._with_its_password = other, lambda: None
        answer = use(other)
        self._say(
            phrase(
                "chatglm:adminPassword was changed since this machine was launched, which still has the one of its "
                "launch: that one is used. The new one takes effect at the next launch."
            )
        )
        return answer

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except ChannelError as error:
            code = next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)
            if isinstance(error, VerbFailedError) and error.id == "python.missing":
                code = ExitCode.NOT_YET
            if code is ExitCode.NO_CONNECTION and self._is_gone():
                raise OperateError(
                    phrase("The machine is gone: it was reclaimed or terminated."),
                    phrase(
                        "Bring it back from its last image: chatglm restore. A run goes on with: chatglm "
                        "push RUN, chatglm train --resume RUN."
                    ),
                    ExitCode.PARKED,
                ) from None
            raise OperateError(error.message, error.hint, code) from None


def connect(
    stack: Stack,
    is_gone: Callable[[], bool] = lambda: False,
    find_agent: Callable[[], TatChannel | None] = lambda: None,
    say: Callable[[str], None] = lambda _: None,
) -> Channel:
    """The line to the stack's machine; it is opened by the first question."""
    password = stack.config.get(f"{PROJECT}:adminPassword", "")
    certificates = CertificateFile(known_certificates())

    def channel(password: str) -> WinRmChannel:
        return WinRmChannel(stack.address, password, machine=stack.machine_id, certificates=certificates)

    def with_its_password() -> WinRmChannel | None:
        try:
            launched = stacks.read_secret(stack, "adminPassword")
        except OperateError:  # the last update was of a version that did not tell it
            return None
        return channel(launched) if launched not in ("", password) else None

    return MachineChannel(channel(password), is_gone, find_agent, say, with_its_password)
