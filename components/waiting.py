"""`pulumi up` ends when the demo answers: the waiting for a machine, inside an update."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import pulumi

import guest  # noqa: F401 - Pulumi takes the program's folder off the path before main runs; see the late imports
from components.cloud import Cloud
from components.cloud_errors import CloudError
from components.lifecycle import Plan
from components.machine import Machine
from components.settings import Settings

if TYPE_CHECKING:
    from components.bootstrap.render import Rendered

#: Seconds between two looks at the machine; a rehearsal, whose time runs faster, looks more often.
POLL_VARIABLE = "CHATGLM_POLL_SECONDS"
_POLLS_A_LOOK = 6


class NotReadyError(pulumi.RunError):
    """The machine did not become ready; it stays, and the next update waits again."""


def watchful_sleep(
    cloud: Cloud, instance_id: str, every: float, sleep: Callable[[float], None] = time.sleep
) -> Callable[[float], None]:
    """A sleep that looks every so many seconds whether the machine is still there: a reclaimed one never answers.

    Raises NotReadyError when it is gone.
    """
    unwatched = 0.0

    def look() -> None:
        try:
            found = cloud.instance(instance_id)
        except CloudError:
            return  # the next look may tell
        if found is None or not found.alive:
            raise NotReadyError(
                f"{instance_id} was reclaimed or terminated before it was ready. "
                "Run pulumi up again: it launches another."
            )

    def watch(seconds: float) -> None:
        nonlocal unwatched
        while seconds > 0:
            part = min(seconds, every - unwatched)
            sleep(part)
            seconds, unwatched = seconds - part, unwatched + part
            if unwatched >= every:
                unwatched = 0.0
                look()

    return watch


def wait_until_ready(
    machine: Machine, plan: Plan, settings: Settings, rendered: Rendered | None, cloud: Cloud | None
) -> pulumi.Output[bool]:
    """Hold the update open until the machine's demo answers, with progress in Pulumi's display; False: nothing waited.

    Nothing waits in a preview or where the settings say so. With `discard` nothing
    waits either: a destroy runs the program too, and must not wait for the machine that it is about to end.
    """
    waits = settings.wait_ready and not settings.discard and not plan.refusal
    if rendered is None or not waits or pulumi.runtime.is_dry_run():
        return pulumi.Output.from_input(False)
    # Imported here, since a preview waits for nothing and should not load the WinRM client first.
    from components.certificates import KNOWN_CERTIFICATES, CertificateFile
    from components.readiness import BootstrapFailedError, Patience, wait_ready
    from components.winrm_channel import ChannelError

    second_stage = None if settings.package_url else rendered.second_stage
    loop = asyncio.get_running_loop()

    def show(text: str) -> None:
        # The waiting runs in a thread of its own; Pulumi's log belongs to the event loop.
        loop.call_soon_threadsafe(lambda: pulumi.log.info(text, machine, ephemeral=True))

    async def wait(found: Sequence[str]) -> bool:
        instance_id, address = found
        poll = float(os.environ.get(POLL_VARIABLE, "5"))
        try:
            await asyncio.to_thread(
                wait_ready,
                address,
                settings.admin_password.get_secret_value(),
                machine=instance_id,
                demo_port=settings.demo_port,
                timeout_minutes=settings.ready_timeout_minutes,
                second_stage=second_stage,
                certificates=CertificateFile(KNOWN_CERTIFICATES),
                progress=show,
                patience=Patience(poll=poll),
                sleep=watchful_sleep(cloud, instance_id, _POLLS_A_LOOK * poll) if cloud else time.sleep,
            )
        except BootstrapFailedError as error:
            tail = f"\nThe end of its log:\n{error.log_tail}" if error.log_tail else ""
            raise NotReadyError(f"{error}{tail}") from None
        except ChannelError as error:
            raise NotReadyError(str(error)) from None
        return True

    return pulumi.Output.all(machine.instance_id, machine.address).apply(wait)
