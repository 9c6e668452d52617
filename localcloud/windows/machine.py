"""One machine from power-on to power-off: what starts in which order, and that nothing of it remains afterwards."""

from __future__ import annotations

import asyncio
import datetime
import json
import logging
import os
import ssl
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from components.bootstrap.unpack import UnpackError, unpack_user_data
from guest import paths
from guest.machine import Machine as GuestFolders
from guest.rehearsal import volume
from guest.rehearsal.volume import mark_flushed
from guest.unattended.cloud import API_VARIABLE
from localcloud.drives import FLUSHED
from localcloud.guest_runtime import Command, CommandOutcome, GuestMachine

from .bootstrap import MANIFEST, Bootstrap, RebootWanted, StepFailedError, write_first_stage
from .certificate import ensure_certificate
from .console import Console
from .demo import DemoSupervisor
from .drive import Drive
from .faults import FaultQueue
from .http_server import HttpServer, Request, Response
from .ntlm import NtlmGate, write_credentials
from .processes import MachineProcesses
from .rates import Rates
from .shells import ShellHost
from .streams import CollectedStreams
from .userdata import ScriptKind, decode_user_data
from .waiting import wait_on
from .wsman import SERVER_MAX_ENVELOPE_BYTES

log = logging.getLogger(__name__)

WINRM_PORT = 5986
_WINRM_PATH = "/wsman"
_PORT_TAKEN_SECONDS = 1.0
_REHEARSAL = Path(__file__).parents[2] / "guest" / "rehearsal"


class WindowsMachine:
    """Plays one machine. Everything but `power_off`, `ready` and `instance_id` belongs to the guests' loop."""

    def __init__(self, machine: GuestMachine, faults: FaultQueue, rates: Rates) -> None:
        self._machine = machine
        self._faults = faults
        self._rates = rates
        self._drive = Drive(machine.disk)
        self._root = self._drive.locate(paths.ROOT)
        # The local guest's own files: on the same disk as the machine's, so that they travel with an image.
        self._own = self._drive.folder / "local-guest"
        # The project's stand-in for the ChatGLM-6B repository, unless the local cloud was started with the real one.
        self._source = Path(os.environ.get("CHATGLM_SOURCE") or _REHEARSAL)
        self._off = asyncio.Event()
        self._processes = MachineProcesses(machine.instance_id, self._drive.folder, self._environment())
        self.ready = False

    @property
    def instance_id(self) -> str:
        """The cloud's name for the machine."""
        return self._machine.instance_id

    def run_command(self, command: Command, done: Callable[[CommandOutcome], None]) -> str:  # noqa: ARG002
        """The agent's side of TAT. This twin in Python knows the project's verbs alone, and says so."""
        return "This machine is played in Python and cannot run PowerShell: put pwsh on the PATH (or in $PWSH)."

    def power_off(self) -> None:
        """Cut the power; `run` returns soon after. To be called on the guests' loop."""
        self._off.set()

    async def run(self) -> None:
        """Run until the power is cut."""
        power = asyncio.create_task(self._off.wait())
        life = asyncio.create_task(self._live())
        try:
            await asyncio.wait({power, life}, return_when=asyncio.FIRST_COMPLETED)
            if life.done():
                life.result()  # only ever a bug
        finally:
            self.ready = False
            power.cancel()
            life.cancel()
            await asyncio.gather(power, life, return_exceptions=True)

    async def _live(self) -> None:
        """Boot, and boot again when the machine restarts itself."""
        while True:
            try:
                async with AsyncExitStack() as stack:
                    await self._boot(stack)
            except RebootWanted:
                log.info("%s restarts", self.instance_id)
                await wait_on(self._machine.clock, self._rates.boot_seconds)

    async def _boot(self, stack: AsyncExitStack) -> None:
        # A cloud that was killed leaves the machine's processes behind; a machine that boots has none.
        await asyncio.to_thread(self._processes.kill_all)
        # What is on the disk when it boots is there to stay.
        await asyncio.to_thread(mark_flushed, self._own / FLUSHED.name)
        stack.push_async_callback(asyncio.to_thread, self._processes.kill_all)
        # As Windows boots: the disk's start-up tasks first, so that a restored machine begins with the settings of its
        # image; then cloudbase-init, whose user data starts the task anew with those of today.
        bootstrap = self._start_bootstrap()
        if self._run_user_data():
            bootstrap = self._start_bootstrap()
        console = Console(
            self._drive,
            paths.ENTRY,
            self._processes,
            has_python=lambda: bootstrap is not None and self._has_python(bootstrap),
            retry=bootstrap.retry if bootstrap else lambda: None,
            changed=bootstrap.notice if bootstrap else lambda: None,
        )
        if bootstrap is None:
            await self._listen(stack, console)
            self.ready = True
            await asyncio.Event().wait()
            return
        stack.callback(bootstrap.save)
        supervisor = DemoSupervisor(
            GuestFolders(self._root, self._source, self._drive.locate(paths.MODEL)),
            bootstrap.manifest.settings,
            self._machine.address,
            self._bind,
            lambda: wait_on(self._machine.clock, self._rates.demo_load_seconds),
        )
        stack.push_async_callback(supervisor.stop)
        await self._start_task(stack, supervisor.run())

        async def on_step_done(step: str) -> None:
            if step == "base":
                await self._listen(stack, console)
            elif step == "demo":
                await self._start_demo(bootstrap, supervisor)
            elif step == "watcher":
                for name, module in (("watcher", "guest.watch"), ("guard", "guest.unattended.loop")):
                    log_file = self._root / "logs" / f"{name}.log"
                    await self._start_task(stack, self._processes.keep_running(module, log_file))

        await bootstrap.play(on_step_done)
        self.ready = True
        await asyncio.Event().wait()

    async def _start_task(self, stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside until the machine restarts or loses its power."""
        task = asyncio.create_task(work)
        task.add_done_callback(_log_failure)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        stack.push_async_callback(end)

    def _run_user_data(self) -> bool:
        """Look at the user data once for each instance id, as cloudbase-init's marks in the registry make it.

        Tells whether it was looked at now.
        """
        mark = self._own / "user-data-ran" / self.instance_id
        if mark.exists():
            return False
        log.info("%s: user data runs", self.instance_id)
        decoded = decode_user_data(self._machine.user_data)
        complaints = list(decoded.complaints)
        for script in decoded.scripts:
            if script.kind is not ScriptKind.POWERSHELL:
                complaints.append(f"a {script.kind} script was not run: this machine is simulated")
                continue
            try:
                first_stage = unpack_user_data(script.body)
            except UnpackError as error:
                complaints.append(f"a PowerShell script was not run, this machine is simulated: {error}")
            else:
                write_first_stage(first_stage.files, self._root, self._own)
        for complaint in complaints:
            log.warning("%s: %s", self.instance_id, complaint)
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("".join(f"{complaint}\n" for complaint in complaints), encoding="utf-8")
        return True

    def _start_bootstrap(self) -> Bootstrap | None:
        """The start-up task, on a machine that has one."""
        if not (self._root / MANIFEST).is_file():
            return None
        log.info("%s: the start-up task begins", self.instance_id)
        bootstrap = Bootstrap(self.instance_id, self._root, self._own, self._machine.clock, self._faults, self._rates)
        # At once: the status on a restored disk is that of the machine before.
        bootstrap.write_status()
        return bootstrap

    async def _listen(self, stack: AsyncExitStack, console: Console) -> None:
        """Open WinRM."""
        machine = self._machine
        now = datetime.datetime.fromtimestamp(machine.clock.now(), datetime.UTC)
        certificate = await asyncio.to_thread(ensure_certificate, self._own, machine.hostname, now)
        credentials = self._own / "ntlm-users"
        write_credentials(credentials, machine.username, machine.password, machine.hostname)
        gate = NtlmGate(credentials, certificate)
        shells = ShellHost(console)

        async def handle(request: Request) -> Response:
            if request.method != "POST" or request.path != _WINRM_PATH:
                return Response(404, b"The local guest answers POST /wsman only.\n")
            return gate.admit(request) or await shells.handle(request.body)

        server = HttpServer(handle, max_body_bytes=2 * SERVER_MAX_ENVELOPE_BYTES)
        stack.push_async_callback(shells.stop)
        stack.push_async_callback(server.stop)
        await self._bind(server, WINRM_PORT, certificate.server_context())

    async def _start_demo(self, bootstrap: Bootstrap, supervisor: DemoSupervisor) -> None:
        """What the step `demo` does: a changed setting decides what is served, else what was deployed last stays."""
        supervisor.installed = True
        options = {} if bootstrap.was_done("demo") else {"model": bootstrap.manifest.settings["servedModel"]}
        output = CollectedStreams()
        exit_code = await self._processes.run_python(["-m", "guest", "serve", json.dumps(options)], output)
        if exit_code != 0:
            said = output.collected.decode("utf-8", "replace")
            raise StepFailedError("the demo does not start", "See the end of the log, and the log named demo.", said)

    async def _bind(self, server: HttpServer, port: int, tls: ssl.SSLContext | None) -> None:
        """Listen on the machine's address, and wait as long as another program of this computer holds it."""
        if not self._machine.address:
            return  # a machine without a public address
        told = False
        while True:
            try:
                await server.start(self._machine.address, port, tls)
                return
            except OSError as error:
                if not told:
                    log.error("%s waits for %s:%s: %s", self.instance_id, self._machine.address, port, error)
                    told = True
                await asyncio.sleep(_PORT_TAKEN_SECONDS)

    def _has_python(self, bootstrap: Bootstrap) -> bool:
        """Whether chatglm.ps1 would hand over to Python."""
        return bootstrap.is_done("python") and (self._root / "guest" / "__main__.py").is_file()

    def _environment(self) -> dict[str, str]:
        """What lib.ps1 sets for the machine's Python, and what stands for the machine's surroundings here."""
        return {
            "PYTHONPATH": str(self._root),
            "PYTHONIOENCODING": "utf-8",
            "CHATGLM_ROOT": str(self._root),
            "CHATGLM_MODEL": str(self._drive.locate(paths.MODEL)),
            "CHATGLM_SOURCE": str(self._source),
            "CHATGLM_METADATA": f"{self._machine.metadata_url}/latest/meta-data",
            API_VARIABLE: self._machine.api_url,
            volume.VARIABLE: str(self._own / FLUSHED.name),
            "CHATGLM_REHEARSAL_BOOT": uuid4().hex,
            "CHATGLM_DEMO_HOST": self._machine.address,
        }


def _log_failure(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a part of a machine broke down", exc_info=error)
