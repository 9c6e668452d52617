"""Waits until a new machine's demo answers, gives it its second stage, and tells how far it is.

Knows nothing of Pulumi: the caller passes a function that shows progress. What fails is told with the step, the error
and what to do; the machine stays for a look, and the next wait starts the installation again where it stopped.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from components.bootstrap import paths
from components.certificates import CertificateStore
from components.winrm_channel import (
    ChannelError,
    UnreachableError,
    VerbFailedError,
    WinRmChannel,
    WrongPasswordError,
)
from guest.serving.state import answers

#: A second stage that the machine still waits for after so long is sent again.
_RESEND_SECONDS = 60.0
#: How long a failed installation may take to start again after it was asked to.
_RETRY_SECONDS = 120.0


_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


class Channel(Protocol):
    """What is needed of the way to the machine; see `WinRmChannel`."""

    def run_verb(self, verb: str, options: dict[str, Any] | None = None, *, seconds: float = 120) -> dict[str, Any]: ...

    def upload(self, content: bytes, name: str) -> str: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Ready:
    """The demo answers. `seconds` is how long it was waited; `status` is the machine's own, the last one."""

    status: Mapping[str, Any]
    seconds: float


class BootstrapFailedError(ChannelError):
    """The installation failed in a step; the machine is still there."""

    def __init__(self, step: str, error: str, hint: str, log_tail: str = "") -> None:
        super().__init__(f"The installation failed in the step {step}: {error}", hint)
        self.step, self.error, self.log_tail = step, error, log_tail


class ReadyTimeoutError(ChannelError):
    """The machine was not ready in time; it goes on by itself."""


@dataclass(frozen=True)
class Patience:
    """Times of the waiting in seconds. `login` is how long a wrong password is borne after it was seen first.

    A restored machine answers WinRM before Windows has taken over the new password. Windows locks an account after
    ten wrong log-ins, so within that time only four are tried.
    """

    poll: float = 5
    login: float = 180
    page: float = 10


def wait_ready(
    address: str,
    password: str,
    *,
    machine: str,
    demo_port: int,
    timeout_minutes: float,
    second_stage: bytes | None,
    certificates: CertificateStore,
    progress: Callable[[str], None],
    patience: Patience = Patience(),
    channel: Channel | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Ready:
    """Wait until the machine's own status says ready and its demo answers at `demo_port` from here.

    `machine` is the instance id, `second_stage` is pushed when the machine has not got it (None: it fetches it itself).
    `progress` gets a line whenever there is something new to say. Raises BootstrapFailedError, ReadyTimeoutError,
    WrongPasswordError, CertificateChangedError or UnreachableError (nothing ever answered).
    """
    way = channel or WinRmChannel(address, password, machine=machine, certificates=certificates)
    wait = _Wait(way, machine, f"http://{address}:{demo_port}/", second_stage, progress, patience, clock, sleep)
    try:
        return wait.run(60 * timeout_minutes)
    finally:
        way.close()


class _Wait:
    """One waiting: what was seen and done so far."""

    def __init__(
        self,
        channel: Channel,
        machine: str,
        url: str,
        second_stage: bytes | None,
        progress: Callable[[str], None],
        patience: Patience,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._channel, self._machine, self._url = channel, machine, url
        self._second_stage, self._progress, self._patience = second_stage, progress, patience
        self._clock, self._sleep = clock, sleep
        self._said = ""
        self._sent: float | None = None
        self._refused: float | None = None
        self._retried: tuple[float, object] | None = None
        self._status: dict[str, Any] | None = None
        self._trouble: ChannelError | None = None

    def run(self, seconds: float) -> Ready:
        start = self._clock()
        while True:
            pause = self._patience.poll
            try:
                if self._look():
                    return Ready(self._status or {}, self._clock() - start)
            except WrongPasswordError as error:
                pause = self._bear(error)
            except UnreachableError as error:
                self._trouble = error
                self._say("The machine starts." if self._status is None else "The machine does not answer just now.")
            if self._clock() - start + pause > seconds:
                raise self._late(seconds / 60)
            self._sleep(pause)

    def _look(self) -> bool:
        """One look at the machine; True when all is well. Raises ChannelErrors."""
        status = self._channel.run_verb("status")
        self._refused = self._trouble = None
        # The status on a restored disk is that of the machine before, until the installation has looked around.
        if status.get("machine") not in (None, "", self._machine):
            self._say("The machine starts from its image.")
            return False
        self._status = status
        phase = status.get("phase")
        if phase == "failed":
            self._failed(status)
            return False
        self._say(describe(status))
        if phase == "ready":
            if answers(self._url, self._patience.page):
                return True
            self._say(f"The machine is ready, but {self._url} does not answer from here.")
            self._trouble = UnreachableError(
                f"The machine is ready, but {self._url} does not answer from here.",
                "Is your own address in chatglm:operatorCidrs?",
            )
            return False
        self._push(status)
        return False

    def _push(self, status: Mapping[str, Any]) -> None:
        """Send the second stage at once, and again when the machine still waits for it long after."""
        if self._second_stage is None:
            return
        wanted = _SHA256.search(str(status.get("waitsFor")))
        if wanted and wanted[0] != hashlib.sha256(self._second_stage).hexdigest():
            raise BootstrapFailedError(
                "second stage",
                f"the machine waits for {wanted[0][:12]}..., which this version of the project does not make",
                "Run `pulumi up` with the version that launched the machine, or launch it anew.",
            )
        now = self._clock()
        again = bool(status.get("waitsFor")) and self._sent is not None and now - self._sent > _RESEND_SECONDS
        if self._sent is None or again or "broken" in str(status.get("waitsFor")):
            self._say("Sending the second stage.")
            self._channel.upload(self._second_stage, paths.SECOND_STAGE_NAME)
            self._sent = now

    def _failed(self, status: Mapping[str, Any]) -> None:
        """A failure from before this waiting is tried once more; any other ends it."""
        if self._retried is None and self._sent is None:
            self._say("The installation had failed; it is started again where it stopped.")
            try:
                self._channel.run_verb("retry")
            except VerbFailedError as error:
                self._say(f"It does not start again: {error.message}")
            else:
                self._retried = (self._clock(), status.get("updated"))
                return
        if self._retried is not None:
            since, updated = self._retried
            if status.get("updated") == updated and self._clock() - since < _RETRY_SECONDS:
                return
        raise _bootstrap_failed(status)

    def _bear(self, error: WrongPasswordError) -> float:
        """How long to wait before the next log-in. Raises the error when it was borne long enough."""
        now = self._clock()
        self._refused = now if self._refused is None else self._refused
        if now - self._refused >= self._patience.login:
            raise error
        self._say("The machine does not know the password yet.")
        return max(self._patience.login / 3, self._patience.poll)

    def _late(self, minutes: float) -> ChannelError:
        if self._status is None and self._trouble is not None:
            return UnreachableError(
                f"Nothing answered for {minutes:.0f} minutes: {self._trouble.message}", self._trouble.hint
            )
        if self._trouble is not None:
            return ReadyTimeoutError(
                f"Not ready after {minutes:.0f} minutes: {self._trouble.message}", self._trouble.hint
            )
        told = describe(self._status) if self._status else "the machine still starts from its image"
        return ReadyTimeoutError(
            f"The demo does not answer after {minutes:.0f} minutes: {told}",
            "The machine goes on by itself; `pulumi up` waits again, up to chatglm:readyTimeoutMinutes.",
        )

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._progress(text)


def _bootstrap_failed(status: Mapping[str, Any]) -> BootstrapFailedError:
    failed: Mapping[str, Any] = next((step for step in status.get("steps", []) if step.get("state") == "failed"), {})
    error = failed.get("error") or {}
    message = str(error.get("message") or status.get("message") or "no reason was told")
    hint = f"{error.get('hint') or ''} The machine stays for a look; `pulumi up` tries again.".strip()
    return BootstrapFailedError(str(failed.get("title", "?")), message, hint, str(error.get("logTail") or ""))


def describe(status: Mapping[str, Any]) -> str:
    """The status in one line: the step that is at work, how far each download is, what is waited for."""
    parts = []
    steps = status.get("steps", [])
    done = sum(1 for step in steps if step.get("state") == "done")
    if steps:
        parts.append(f"{done} of {len(steps)} steps done")
    parts += [_describe_step(step) for step in steps if step.get("state") in ("running", "waiting", "failed")]
    if status.get("waitsFor"):
        parts.append(f"waits for {status['waitsFor']}")
    if not parts or status.get("phase") == "ready":
        parts.append(str(status.get("message") or "The installation starts."))
    return "; ".join(parts)


def _describe_step(step: Mapping[str, Any]) -> str:
    figures = []
    if step.get("percent") is not None and step.get("totalBytes"):
        figures.append(f"{step['percent']} % of {step['totalBytes'] / 1e9:.1f} GB")
    if step.get("rateBytesPerSecond"):
        figures.append(f"{step['rateBytesPerSecond'] / 1e6:.1f} MB/s")
    if step.get("secondsLeft"):
        figures.append(f"{max(round(step['secondsLeft'] / 60), 1)} min left")
    if (step.get("attempt") or 0) > 1:
        figures.append(f"try {step['attempt']}")
    error = step.get("error")
    if error:
        figures.append(str(error.get("message")))
    return f"{step.get('title')}: {', '.join(figures) or step.get('state')}"
