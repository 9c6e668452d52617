"""A machine that is neither up nor gone: what is passing is waited for, what is off is started, what hangs is said."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.facts import PASSING_STATES, Instance
from words import phrase

#: Tencent names no time for a start, a stop or a reboot; the plug-in waits six minutes for a stop, fifteen for a start.
PATIENCE = timedelta(minutes=15)


class PowerError(Exception):
    """The machine cannot be brought into a state in which it can be used; the text says why and what to do."""


@dataclass(frozen=True)
class Power:
    """The switch of a machine. Every verb raises PowerError, and CloudError where the cloud cannot be asked."""

    cloud: Cloud
    log: Callable[[str], None]
    poll_seconds: float = 2.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def settle(self, instance_id: str) -> Instance | None:
        """Wait until the machine is neither starting nor stopping; None where it is gone."""
        end = self.clock() + PATIENCE.total_seconds()
        told = ""
        while True:
            machine = self.cloud.instance(instance_id)
            if machine is None or machine.state not in PASSING_STATES:
                return machine
            if self.clock() > end:
                raise PowerError(
                    phrase(
                        "{instance_id} has been {state} for over {minutes} minutes, which no start, stop or "
                        "reboot takes: it is stuck. Look at it in the console and reboot it there by force; "
                        "where that does not help, open a ticket with Tencent. Then run the same command "
                        "again.",
                        instance_id=instance_id,
                        state=machine.state,
                        minutes=PATIENCE.seconds // 60,
                    )
                )
            if machine.state != told:
                told = machine.state
                self.log(
                    phrase("{instance_id} is {told}; waiting until that is over.", instance_id=instance_id, told=told)
                )
            self.sleep(self.poll_seconds)

    def bring_up(self, instance_id: str) -> None:
        """Start the machine if it is shut down, once whatever is passing has passed."""
        machine = self.settle(instance_id)
        if machine is None or machine.state != "STOPPED":
            return
        self.log(
            phrase("{instance_id} is shut down, which costs as much as running: starting it.", instance_id=instance_id)
        )
        try:
            self.cloud.start(instance_id)
        except CloudError as error:
            raise PowerError(
                phrase(
                    "{instance_id} is shut down and could not be started. {reason} It costs as much as a "
                    "running one. Start it in the console, or park it: pulumi config set chatglm:state "
                    "parked, then pulumi up.",
                    instance_id=instance_id,
                    reason=error.reason,
                )
            ) from None
        started = self.settle(instance_id)
        if started is not None and started.state == "STOPPED":
            raise PowerError(
                phrase(
                    "{instance_id} was started and is shut down again. Look at it in the console.",
                    instance_id=instance_id,
                )
            )
