"""One machine from power-on to power-off: what starts in which order, and that nothing of it remains afterwards."""

from __future__ import annotations

import asyncio
import datetime
import logging
from contextlib import AsyncExitStack

from localcloud.guests import GuestMachine

from .certificate import ensure_certificate
from .console import Console
from .drive import Drive
from .faults import FaultQueue
from .http_server import HttpServer, Request, Response
from .ntlm import NtlmGate, write_credentials
from .processes import MachineProcesses
from .rates import Rates
from .shells import ShellHost
from .userdata import decode_user_data
from .wsman import SERVER_MAX_ENVELOPE_BYTES

log = logging.getLogger(__name__)

WINRM_PORT = 5986
_PATH = "/wsman"


class Machine:
    """Plays one machine. Everything but `power_off`, `ready` and `instance_id` belongs to the guests' loop."""

    def __init__(self, machine: GuestMachine, faults: FaultQueue, rates: Rates) -> None:
        self._machine = machine
        self._faults = faults
        self._rates = rates
        self._drive = Drive(machine.disk)
        # The local guest's own files: beside the machine's, on the same disk, so that they travel with an image.
        self._own = machine.disk / "local-guest"
        self._off = asyncio.Event()
        self.ready = False

    @property
    def instance_id(self) -> str:
        """The cloud's name for the machine."""
        return self._machine.instance_id

    def power_off(self) -> None:
        """Cut the power; `run` returns soon after. To be called on the guests' loop."""
        self._off.set()

    async def run(self) -> None:
        """Run until the power is cut."""
        processes = MachineProcesses(self.instance_id, self._drive.folder, {})
        # A cloud that was killed leaves the machine's processes behind; a machine that boots has none.
        await asyncio.to_thread(processes.kill_all)
        try:
            async with AsyncExitStack() as stack:
                await self._serve_winrm(stack)
                self._run_user_data()
                self.ready = True
                await self._off.wait()
        finally:
            self.ready = False
            await asyncio.to_thread(processes.kill_all)

    async def _serve_winrm(self, stack: AsyncExitStack) -> None:
        machine = self._machine
        if not machine.address:
            return
        now = datetime.datetime.fromtimestamp(machine.clock.now(), datetime.UTC)
        certificate = await asyncio.to_thread(ensure_certificate, self._own, machine.hostname, now)
        credentials = self._own / "ntlm-users"
        write_credentials(credentials, machine.username, machine.password, machine.hostname)
        gate = NtlmGate(credentials, certificate)
        shells = ShellHost(Console())

        async def handle(request: Request) -> Response:
            if request.method != "POST" or request.path != _PATH:
                return Response(404, b"The local guest answers POST /wsman only.\n")
            return gate.admit(request) or await shells.handle(request.body)

        server = HttpServer(handle, max_body_bytes=2 * SERVER_MAX_ENVELOPE_BYTES)
        await server.start(machine.address, WINRM_PORT, certificate.server_context())
        stack.push_async_callback(shells.stop)
        stack.push_async_callback(server.stop)

    def _run_user_data(self) -> None:
        """Look at the user data once for each instance id, as cloudbase-init's marks in the registry make it."""
        marks = self._own / "user-data-ran"
        mark = marks / self.instance_id
        if mark.exists():
            return
        decoded = decode_user_data(self._machine.user_data)
        for complaint in decoded.complaints:
            log.warning("%s: %s", self.instance_id, complaint)
        marks.mkdir(parents=True, exist_ok=True)
        mark.touch()
