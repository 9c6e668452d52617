"""Plays one machine of the local cloud in the Windows world: power, restarts, WinRM, the automation agent.

The machine's own state decides what is open: the port of WinRM when its service runs, it has an HTTPS listener and the
firewall lets somebody in.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.clock import Clock
from localcloud.guest_runtime import Command, CommandOutcome, GuestMachine
from localcloud.windows.certificate import MachineCertificate
from localcloud.windows.faults import FaultKind, FaultQueue, GuestFault
from localcloud.windows.http_server import HttpServer, Request, Response
from localcloud.windows.ntlm import NtlmGate, write_credentials
from localcloud.windows.shells import ShellHost
from localcloud.windows.world.console import WorldConsole
from localcloud.windows.world.internet import Behaviour, LocalInternet, pass_metadata_on
from localcloud.windows.world.machine import STATE_FOLDER, WindowsWorld
from localcloud.windows.wsman import SERVER_MAX_ENVELOPE_BYTES

log = logging.getLogger(__name__)

WINRM_PORT = 5986
_LOOK_SECONDS = 0.2
_AGENT_FOLDER = "Windows/TEMP"


class WorldMachine:
    """One machine; everything but `power_off`, `ready`, `instance_id` and `run_command` belongs to the guests' loop."""

    def __init__(self, machine: GuestMachine, faults: FaultQueue) -> None:
        self._machine, self._faults = machine, faults
        self._off = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._commands: set[asyncio.Task[None]] = set()
        self._orders: dict[str, dict[str, Any]] = {}
        self._world: WindowsWorld | None = None
        self._winrm: tuple[str, HttpServer, ShellHost] | None = None
        self.ready = False

    @property
    def instance_id(self) -> str:
        """The cloud's name for the machine."""
        return self._machine.instance_id

    @property
    def clock(self) -> Clock:
        """The cloud's clock, which nothing inside the machine goes by."""
        return self._machine.clock

    def power_off(self) -> None:
        """Cut the power; `run` returns soon after. To be called on the guests' loop."""
        self._off.set()

    async def run(self) -> None:
        """Run until the power is cut."""
        self._loop = asyncio.get_running_loop()
        machine = self._machine
        internet = LocalInternet(
            machine.disk.resolve() / STATE_FOLDER, pass_metadata_on(machine.metadata_url), api=machine.api_url
        )
        world = WindowsWorld(
            machine.disk, machine.instance_id, internet, machine.user_data, machine.address, machine.hostname
        )
        power = asyncio.create_task(self._off.wait())
        try:
            await asyncio.to_thread(world.power_on)
            self._world = world
            while not power.done():
                await self._look(world, internet)
                await asyncio.wait({power}, timeout=_LOOK_SECONDS)
        finally:
            self.ready, self._world = False, None
            power.cancel()
            for task in self._commands:
                task.cancel()
            await asyncio.gather(power, *self._commands, return_exceptions=True)
            await self._close_winrm()
            await asyncio.to_thread(world.kill)
            await asyncio.to_thread(internet.close)

    def run_command(self, command: Command, done: Callable[[CommandOutcome], None]) -> str:
        """The automation agent: writes the script to a file and runs it as SYSTEM, to its end or to its limit."""
        world, loop = self._world, self._loop
        if world is None or loop is None:
            return "The machine's agent is not online."

        def begin() -> None:
            task = asyncio.ensure_future(self._command(world, command, done))
            self._commands.add(task)
            task.add_done_callback(self._commands.discard)

        loop.call_soon_threadsafe(begin)
        return ""

    async def _command(self, world: WindowsWorld, command: Command, done: Callable[[CommandOutcome], None]) -> None:
        script = world.disk / _AGENT_FOLDER / f"tat-{secrets.token_hex(4)}.ps1"
        # The agent puts a mark in front, so that PowerShell reads the script as UTF-8 (Tencent/tat-agent).
        script.write_bytes(b"\xef\xbb\xbf" + command.script)
        words = ["powershell.exe", "-ExecutionPolicy", "Bypass", "-File", f"C:\\Windows\\TEMP\\{script.name}"]
        process = await asyncio.create_subprocess_exec(
            *world.inside(*words),
            cwd=world.disk / "Windows/System32",
            env=world.surroundings(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        output, exit_code = b"", None
        try:
            async with asyncio.timeout(command.timeout):
                output = (await process.communicate())[0]
                exit_code = world.whole_exit_code(process.pid, process.returncode or 0)
        except TimeoutError:
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            script.unlink(missing_ok=True)
        await asyncio.to_thread(done, CommandOutcome(exit_code, output))

    async def _look(self, world: WindowsWorld, internet: LocalInternet) -> None:
        """What Windows and its surroundings do beside the machine's own programs."""
        if world.wants_restart:
            log.info("%s restarts", self.instance_id)
            self.ready = False
            await self._close_winrm()
            await asyncio.to_thread(world.power_on)
        self._take_faults(world, internet)
        await self._serve_winrm(world)
        self.ready = not self._has_first_stage(world) or world.status().get("phase") == "ready"

    def _has_first_stage(self, world: WindowsWorld) -> bool:
        return world.place("C:\\chatglm").is_dir() or b"$Payload" in self._machine.user_data

    def _take_faults(self, world: WindowsWorld, internet: LocalInternet) -> None:
        for fault in self._faults.claim(self.instance_id):
            _translate(fault, self._orders, internet, world)
            world.order(self._orders)

    async def _serve_winrm(self, world: WindowsWorld) -> None:
        wanted = self._open_listener(world)
        held = self._winrm[0] if self._winrm else ""
        if wanted == held:
            return
        await self._close_winrm()
        machine = self._machine
        if not wanted or not machine.address:
            return
        folder = world.state / "certificates"
        certificate = MachineCertificate(folder / f"{wanted}.pem", folder / f"{wanted}.key")
        credentials = world.state / "ntlm-users"
        write_credentials(credentials, machine.username, machine.password, machine.hostname)
        gate, shells = NtlmGate(credentials, certificate), ShellHost(WorldConsole(world))

        async def handle(request: Request) -> Response:
            if request.method != "POST" or request.path != "/wsman":
                return Response(404, b"The machine answers POST /wsman only.\n")
            return gate.admit(request) or await shells.handle(request.body)

        server = HttpServer(handle, max_body_bytes=2 * SERVER_MAX_ENVELOPE_BYTES)
        try:
            await server.start(machine.address, WINRM_PORT, certificate.server_context())
        except OSError as error:
            log.error("%s waits for %s:%s: %s", self.instance_id, machine.address, WINRM_PORT, error)
            return
        self._winrm = wanted, server, shells

    def _open_listener(self, world: WindowsWorld) -> str:
        """The thumbprint of the certificate with which WinRM answers now; empty when nobody can reach it."""
        service = world.remembered("services").get("WinRM", {}).get("Status", "Running")
        firewall_runs = world.remembered("services").get("MpsSvc", {}).get("Status", "Running") == "Running"
        rules = world.remembered("firewall").values()
        let_in = any(rule["LocalPort"] == str(WINRM_PORT) and rule["Enabled"] == "True" for rule in rules)
        if service != "Running" or (firewall_runs and not let_in):
            return ""
        listeners: Mapping[str, Any] = world.remembered("winrm").get("listeners", {})
        https = (one["CertificateThumbprint"] for one in listeners.values() if one["Transport"] == "HTTPS")
        return str(next(https, ""))

    async def _close_winrm(self) -> None:
        if self._winrm is not None:
            _, server, shells = self._winrm
            self._winrm = None
            await shells.stop()
            await server.stop()


#: Which fault of the world stands for an installation that fails, by step.
_INSTALLERS = {"driver": "driver.exe", "cuda": "cuda.exe", "python": "miniconda.exe", "torch": "pip", "packages": "pip"}
_SERVED = {"torch": "torch-", "cuda": "cuda_", "cudnn": "cudnn", "driver": "data-center", "python": "Miniconda3"}


def _translate(
    fault: GuestFault, orders: dict[str, dict[str, Any]], internet: LocalInternet, world: WindowsWorld
) -> None:
    """A fault of `python -m localcloud guest-fault`, in the world's own terms."""
    pattern = _SERVED.get(fault.step, r"pytorch_model-0000[18]|ice_text")
    match fault.kind:
        case FaultKind.SLOW_DOWNLOAD:
            internet.let(pattern, Behaviour(rate=2_000, times=fault.times))
        case FaultKind.CUT_DOWNLOAD:
            internet.let(pattern, Behaviour(cut=20_000, times=fault.times))
        case FaultKind.WRONG_HASH:
            internet.let(pattern, Behaviour(body=b"\0" * 64_000, times=fault.times))
        case FaultKind.INSTALL_FAILS:
            orders[_INSTALLERS.get(fault.step, "python-runs")] = {"code": 1, "times": fault.times}
        case FaultKind.REBOOT:
            orders["driver.exe"] = {"restarts": fault.times, "times": 1}
        case FaultKind.DISK_FULL:
            world.set("disk-full", "chatglm-6b")
        case FaultKind.NO_GPU:
            orders["nvidia-smi"] = {"code": 6, "says": "No devices were found\n", "times": fault.times}
        case FaultKind.BROKEN_SECOND_STAGE:
            orders["tar"] = {"code": 1, "times": fault.times, "match": "second-stage|stage2"}
