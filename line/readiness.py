"""Waits until a machine's demo answers: gives it its second stage and changed settings, and tells how far it is.

Knows nothing of Pulumi: the caller passes a function that shows progress. What fails is told with the step, the error
and what to do; the machine stays for a look, and the next wait starts the installation again where it stopped. Where
WinRM does not answer for long, Tencent's automation agent is asked, if there is one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from guest.serving.state import answers
from guest.serving.tls import trusting
from line import demo_certificate, rescue
from line.certificates import CertificateStore
from line.channel import (
    Channel,
    ChannelError,
    NotPreparedError,
    UnreachableError,
    VerbFailedError,
    WrongPasswordError,
)
from line.delivery import Delivery, Supplies
from line.outcome import BootstrapFailedError, Ready, ReadyTimeoutError, bootstrap_failed
from line.progress import describe
from line.tat import TatChannel
from line.winrm import WinRmChannel
from words import phrase

#: How long a failed installation may take to start again after it was asked to.
_RETRY_SECONDS = 120.0
#: So many bad answers one after the other are no accident.
_BAD_ANSWERS = 5


@dataclass(frozen=True)
class Patience:
    """Times of the waiting in seconds. `login` is how long a wrong password is borne after it was seen first.

    A restored machine answers WinRM before Windows has taken over the new password. Windows locks an account after
    ten wrong log-ins, so within that time only four are tried. `silence` is how long WinRM may not answer before the
    automation agent is asked, `agent` the time between two questions to it.
    """

    poll: float = 5
    login: float = 180
    page: float = 10
    silence: float = 300
    agent: float = 30

    @classmethod
    def paced(cls, poll: float) -> Patience:
        """The same patience for a machine whose time runs faster: `poll` says how much."""
        return cls(poll=poll, silence=60 * poll, agent=6 * poll)


def wait_ready(
    address: str,
    password: str,
    *,
    machine: str,
    demo_port: int,
    timeout_minutes: float,
    supplies: Supplies,
    certificates: CertificateStore,
    progress: Callable[[str], None],
    patience: Patience = Patience(),
    channel: Channel | None = None,
    find_agent: Callable[[], TatChannel | None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Ready:
    """Wait until the machine's own status says ready and its demo answers at `demo_port` from here.

    `machine` is the instance id. `progress` gets a line whenever there is something new to say. `find_agent` gives the
    way over TAT, None where no agent answers. Raises BootstrapFailedError, ReadyTimeoutError, WrongPasswordError,
    CertificateChangedError or UnreachableError (nothing ever answered).
    """
    way = channel or WinRmChannel(address, password, machine=machine, certificates=certificates)
    place = f"{address}:{demo_port}"
    wait = _Wait(way, machine, place, supplies, progress, patience, find_agent, clock, sleep, secrets=(password,))
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
        place: str,
        supplies: Supplies,
        progress: Callable[[str], None],
        patience: Patience,
        find_agent: Callable[[], TatChannel | None],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        secrets: tuple[str, ...],
    ) -> None:
        self._channel, self._machine, self._place = channel, machine, place
        self._supplies, self._progress, self._patience = supplies, progress, patience
        self._find_agent, self._clock, self._sleep, self._secrets = find_agent, clock, sleep, secrets
        self._said = ""
        self._delivery = Delivery(supplies, place.rpartition(":")[0], self._say, clock)
        self._refused: float | None = None  # since when the password is refused
        self._shut_out: WrongPasswordError | None = None  # it was refused for so long that it is not tried again
        self._silent: float | None = None  # since when WinRM does not answer
        self._asked_agent: float | None = None
        self._started_again: tuple[float, object] | None = None  # when, and what the status said then
        self._retried: tuple[float, object] | None = None
        self._revived: float | None = None
        self._bad_answers = 0
        self._status: dict[str, Any] | None = None
        self._trouble: ChannelError | None = None

    def run(self, seconds: float) -> Ready:
        start = self._clock()
        while True:
            pause = self._patience.poll
            try:
                if self._shut_out:
                    raise UnreachableError(self._shut_out.message, self._shut_out.hint)
                if self._look(self._channel):
                    return self._ready(start)
            except WrongPasswordError as error:
                pause = self._bear(error)
            except UnreachableError as error:
                self._trouble = error
                self._say(
                    phrase("The machine starts.")
                    if self._status is None
                    else phrase("The machine does not answer just now.")
                )
                if self._look_over_tat():
                    self._delivery.notes.append(_over_tat_only(error))
                    return self._ready(start)
            except VerbFailedError as error:
                self._bear_answer(error)
            if self._clock() - start + pause > seconds:
                raise self._late(seconds / 60)
            self._sleep(pause)

    def _ready(self, start: float) -> Ready:
        return Ready(self._status or {}, self._clock() - start, tuple(dict.fromkeys(self._delivery.notes)))

    def _look(self, channel: Channel) -> bool:
        """One look at the machine; True when all is well. Raises ChannelErrors."""
        status = channel.run_verb("status")
        if channel is self._channel:
            self._refused = self._silent = None
        self._trouble, self._bad_answers = None, 0
        # The status on a restored disk is that of the machine before, until the installation has looked around.
        if status.get("machine") not in (None, "", self._machine):
            self._say(phrase("The machine starts from its image."))
            return False
        first, self._status = self._status is None, status
        phase = status.get("phase")
        if self._delivery.configure(channel, status, is_first=first):
            return False
        if phase == "failed":
            self._failed(channel, status)
            return False
        if phase != "ready" and (status.get("heartbeat") or {}).get("stale"):
            self._revive(channel, status)
            return False
        self._revived = None
        if channel is self._channel and self._delivery.certify(channel, status):
            return False
        # A machine that is ready says that its demo answers, also where that waits for its key.
        if phase != "ready" or demo_certificate.told_by(status) != "":
            self._say(describe(status))
        if phase == "ready":
            if channel is self._channel:
                self._delivery.tell_receivers(channel, status)
            return self._is_answering()
        self._delivery.push(channel, status)
        return False

    def _is_answering(self) -> bool:
        """Whether the demo answers from here; over HTTPS with the machine's own certificate alone, where it is to."""
        certificate = demo_certificate.told_by(self._status or {})
        url = f"{'http' if certificate is None else 'https'}://{self._place}/"
        if certificate == "":
            waits = phrase("The demo waits for its key and certificate, which go over WinRM alone.")
            self._say(waits)
            self._trouble = UnreachableError(waits, phrase("Is port 5986 open to you?"))
            return False
        if answers(url, self._patience.page, trusting(certificate) if certificate else None):
            return True
        told = phrase("The machine is ready, but {url} does not answer from here.", url=url)
        self._say(told)
        self._trouble = UnreachableError(told, phrase("Is your own address in chatglm:operatorCidrs?"))
        return False

    # --- what goes wrong ---------------------------------------------------------------------------------------

    def _failed(self, channel: Channel, status: Mapping[str, Any]) -> None:
        """A failure from before this waiting is tried once more; any other ends it."""
        if self._retried is None and not self._delivery.has_begun:
            self._say(phrase("The installation had failed; it is started again where it stopped."))
            try:
                channel.run_verb("retry")
            except VerbFailedError as error:
                self._say(phrase("It does not start again: {message}", message=error.message))
            else:
                self._retried = (self._clock(), status.get("updated"))
                return
        if self._retried is not None:
            since, updated = self._retried
            if status.get("updated") == updated and self._clock() - since < _RETRY_SECONDS:
                return
        raise bootstrap_failed(status)

    def _revive(self, channel: Channel, status: Mapping[str, Any]) -> None:
        """Start an installation again that should be at work and does not write any more; once, then it is said."""
        now = self._clock()
        if self._revived is None:
            self._revived = now
            self._say(phrase("The installation has stopped without a word; it is started again."))
            channel.run_verb("retry", {"force": True})
        elif now - self._revived > _RETRY_SECONDS:
            seconds = (status.get("heartbeat") or {}).get("seconds")
            silent = (
                phrase("has not written since Windows started")
                if seconds is None
                else phrase("last wrote {seconds:.0f} s ago", seconds=seconds)
            )
            raise BootstrapFailedError(
                str(status.get("step") or phrase("at work")),
                phrase("the installation {silent}, and does not start again", silent=silent),
                phrase(
                    "Look at the log: chatglm logs bootstrap. Restarting the machine in the console starts it, too."
                ),
            )

    def _bear(self, error: WrongPasswordError) -> float:
        """How long to wait before the next log-in. Raises the error after long enough, where no agent helps."""
        now = self._clock()
        self._trouble = error
        self._refused = now if self._refused is None else self._refused
        if now - self._refused >= self._patience.login:
            if self._find_agent() is None:
                raise error
            self._say(phrase("The machine refuses the password; going on over Tencent's automation agent (TAT)."))
            self._shut_out, self._silent = error, now - self._patience.silence
            return self._patience.poll
        self._say(phrase("The machine does not know the password yet."))
        return max(self._patience.login / 3, self._patience.poll)

    def _bear_answer(self, error: VerbFailedError) -> None:
        """One bad answer is borne: a script may be in the midst of being replaced. Several in a row are the reason."""
        self._bad_answers += 1
        self._trouble = error
        if self._bad_answers >= _BAD_ANSWERS:
            raise error
        self._say(phrase("The machine gave a bad answer; asking again. {message}", message=error.message))

    # --- without WinRM -----------------------------------------------------------------------------------------

    def _look_over_tat(self) -> bool:
        """Ask the automation agent, where WinRM has been silent for long; True when the machine is ready."""
        now = self._clock()
        self._silent = now if self._silent is None else self._silent
        waited = None if self._asked_agent is None else now - self._asked_agent
        if now - self._silent < self._patience.silence or (waited is not None and waited < self._patience.agent):
            return False
        self._asked_agent = now
        agent = self._find_agent()
        if agent is None:
            self._say(phrase("Neither WinRM nor Tencent's automation agent (TAT) answers on the machine yet."))
            return False
        try:
            if self._look(agent):
                # Once, what is there may be set right: a ready machine with a closed port has not opened it.
                self._start_again(agent)
                return self._has_begun_again()
        except NotPreparedError:
            self._start_again(agent)
        except UnreachableError as error:
            self._say(str(error))
        except VerbFailedError as error:
            self._bear_answer(error)
        return False

    def _start_again(self, agent: TatChannel) -> None:
        """Once: have the installation open the channel anew."""
        if self._started_again is not None:
            return
        self._started_again = (self._clock(), _moment(self._status))
        sighting = rescue.look(agent, self._secrets)
        for line in sighting.lines():
            self._say(phrase("Seen over TAT: {line}", line=line))
        rescue.start_again(
            agent, sighting, user_data=self._supplies.user_data, manifest=self._supplies.manifest, say=self._say
        )

    def _has_begun_again(self) -> bool:
        """Whether what the machine says is of the installation that was started again, and not of the one before."""
        since, moment = self._started_again or (0.0, None)
        return _moment(self._status) != moment or self._clock() - since > _RETRY_SECONDS

    def _late(self, minutes: float) -> ChannelError:
        if self._status is None and self._trouble is not None:
            hint = f"{self._trouble.hint} {phrase(rescue.WHAT_IS_LEFT)}".strip()
            return UnreachableError(
                phrase(
                    "Nothing answered for {minutes:.0f} minutes: {message}",
                    minutes=minutes,
                    message=self._trouble.message,
                ),
                hint,
            )
        if self._trouble is not None:
            return ReadyTimeoutError(
                phrase(
                    "Not ready after {minutes:.0f} minutes: {message}", minutes=minutes, message=self._trouble.message
                ),
                self._trouble.hint,
            )
        told = describe(self._status) if self._status else phrase("the machine still starts from its image")
        return ReadyTimeoutError(
            phrase("The demo does not answer after {minutes:.0f} minutes: {told}", minutes=minutes, told=told),
            phrase("The machine goes on by itself; `pulumi up` waits again, up to chatglm:readyTimeoutMinutes."),
        )

    def _say(self, text: str) -> None:
        if text != self._said:
            self._said = text
            self._progress(text)


def _moment(status: Mapping[str, Any] | None) -> object:
    """What tells one writing of the status from another."""
    return status and (status.get("beat"), status.get("updated"))


def _over_tat_only(error: UnreachableError) -> str:
    return phrase(
        "The machine is ready, but WinRM cannot be reached from here: {message} Status, logs "
        "and settings go over Tencent's automation agent instead, at some seconds a "
        "question; data sets and runs need port 5986.",
        message=error.message,
    )
