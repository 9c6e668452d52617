"""`pulumi up` ends when the demo answers: the waiting for a machine, inside an update."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

from components.lifecycle import Plan
from components.machine import Machine
from components.settings import Settings
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.pace import poll_seconds
from words import phrase

if TYPE_CHECKING:
    from components.bootstrap.render import Rendered

#: While the machine is waited for, the cloud is asked whether it still lives at every sixth look.
_POLLS_A_LOOK = 6


class NotReadyError(pulumi.RunError):
    """The machine did not become ready; it stays, and the next update waits again."""


@dataclass(frozen=True)
class Waited:
    """How the waiting ended: whether the machine was told today's settings, and the certificate that its demo shows
    (PEM; empty for plain HTTP)."""

    is_told: bool = False
    certificate: str = ""


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
                phrase(
                    "{instance_id} was reclaimed or terminated before it was ready. Run pulumi up again: "
                    "it launches another.",
                    instance_id=instance_id,
                )
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
    machine: Machine,
    plan: Plan,
    settings: Settings,
    rendered: Rendered | None,
    cloud: Cloud | None,
    is_up: pulumi.Output[str],
    region: str,
) -> pulumi.Output[Waited]:
    """Hold the update open until the machine's demo answers, with progress in Pulumi's display.

    `is_up` is the machine's id once it is started. Nothing waits in a preview or where the settings say so. With
    `discard` nothing waits either: a destroy runs the program too, and must not wait for the machine that it ends.
    """
    waits = settings.wait_ready and not settings.discard and not plan.refusal
    if rendered is None or not waits or pulumi.runtime.is_dry_run():
        return pulumi.Output.from_input(Waited())
    # Imported here, since a preview waits for nothing and should not load the WinRM client first.
    from line.certificates import CertificateFile, known_certificates
    from line.channel import ChannelError
    from line.delivery import Supplies
    from line.demo_certificate import told_by
    from line.outcome import BootstrapFailedError
    from line.readiness import Patience, wait_ready
    from line.tat import find_agent

    certificates = CertificateFile(known_certificates())
    try:
        certificates.demand_writable()
    except ChannelError as error:
        raise NotReadyError(str(error)) from None
    is_first = plan.machine is not None and plan.machine.living is None and plan.source is None
    supplies = Supplies(
        second_stage=None if settings.package_url else rendered.second_stage,
        manifest=rendered.manifest_text.encode("ascii"),
        user_data=rendered.user_data,
        model_files=_fetched_meanwhile(lambda: _model_files(settings, region), at_once=is_first),
        webhooks=settings.webhooks.get_secret_value(),
        stack=pulumi.get_stack(),
    )
    loop = asyncio.get_running_loop()

    def show(text: str) -> None:
        # The waiting runs in a thread of its own; Pulumi's log belongs to the event loop.
        loop.call_soon_threadsafe(lambda: pulumi.log.info(text, machine, ephemeral=True))

    async def wait(found: Sequence[str]) -> Waited:
        instance_id, address = found
        poll = poll_seconds(5)
        try:
            ready = await asyncio.to_thread(
                wait_ready,
                address,
                settings.admin_password.get_secret_value(),
                machine=instance_id,
                demo_port=settings.demo_port,
                timeout_minutes=settings.ready_timeout_minutes,
                supplies=supplies,
                certificates=certificates,
                progress=show,
                patience=Patience.paced(poll),
                find_agent=lambda: find_agent(cloud, instance_id) if cloud else None,
                sleep=watchful_sleep(cloud, instance_id, _POLLS_A_LOOK * poll) if cloud else time.sleep,
            )
        except BootstrapFailedError as error:
            tail = phrase("\nThe end of its log:\n{lines}", lines=error.log_tail) if error.log_tail else ""
            raise NotReadyError(f"{error}{tail}") from None
        except ChannelError as error:
            raise NotReadyError(str(error)) from None
        for note in ready.notes:
            pulumi.log.warn(note, machine)
        return Waited(True, told_by(ready.status) or "")

    return pulumi.Output.all(is_up, machine.address).apply(wait)


def _fetched_meanwhile(fetch: Callable[[], bytes | None], *, at_once: bool) -> Callable[[], bytes | None]:
    """`fetch`, begun at once beside all else or, for a machine that may not need it, when it is asked for."""
    if not at_once:
        return fetch
    pool = ThreadPoolExecutor(1)
    begun = pool.submit(fetch)
    pool.shutdown(wait=False)
    return begun.result


def _model_files(settings: Settings, region: str) -> bytes | None:
    """The model's small files, from this computer's cache or the internet."""
    from components.bootstrap.model_files import pack_model_files
    from components.bootstrap.sources import small_model_files
    from tencent.home import own_folder

    if os.environ.get("TENCENTCLOUD_PROTOCOL", "").upper() == "HTTP":
        return None  # the local cloud: its machines have an internet of their own
    return pack_model_files(small_model_files(settings, region), own_folder() / "model-files")
