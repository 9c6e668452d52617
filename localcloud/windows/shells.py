"""The remote shells of one machine (WinRS, MS-WSMV): create, command, send, receive, signal, delete."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from xml.sax.saxutils import quoteattr

from . import wsman
from .http_server import Response
from .streams import CommandStreams
from .wsman import WsmanFault, WsmanRequest

log = logging.getLogger(__name__)

MAX_SHELLS = 30
"""Windows' default for MaxShellsPerUser."""
MAX_CMD_LINE = 8191
"""Longest line that cmd.exe takes (Microsoft, "Command prompt line string limitation")."""
MAX_PROCESS_LINE = 32767
"""Longest command line of a process, for commands that ask to skip cmd.exe."""

_RSP = f"{{{wsman.SHELL_NAMESPACE}}}"
_STATE = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/CommandState/"
_EXIT_KILLED = 1
_EXIT_CRASHED = 1


@dataclass(frozen=True)
class CommandLine:
    """What a client asks a shell to run."""

    text: str
    environment: Mapping[str, str]
    through_cmd: bool


class CommandRunner(Protocol):
    """Runs command lines; the exit code is its result. Cancelled when the client or the power ends the command."""

    async def run(self, line: CommandLine, streams: CommandStreams) -> int: ...


@dataclass
class _Command:
    streams: CommandStreams
    task: asyncio.Task[None]


@dataclass
class _Shell:
    environment: Mapping[str, str]
    commands: dict[str, _Command] = field(default_factory=dict)


class ShellHost:
    """All shells of a machine."""

    def __init__(self, runner: CommandRunner) -> None:
        self._runner = runner
        self._shells: dict[str, _Shell] = {}

    async def handle(self, envelope: bytes) -> Response:
        """Answer one WS-Management request."""
        message_id = ""
        try:
            request = wsman.parse_request(envelope)
            message_id = request.message_id
            if request.resource != wsman.SHELL_RESOURCE:
                raise WsmanFault(
                    "s:Sender",
                    "w:InvalidResourceURI",
                    f"The local guest has no resource {request.resource!r}, only the command shell.",
                )
            return await self._act(request)
        except WsmanFault as cause:
            return wsman.fault(message_id, cause)

    async def stop(self) -> None:
        """End every command; called when the machine loses its power."""
        commands = [command for shell in self._shells.values() for command in shell.commands.values()]
        self._shells.clear()
        await asyncio.gather(*(_end(command) for command in commands))

    async def _act(self, request: WsmanRequest) -> Response:
        match request.action:
            case wsman.ACTION_CREATE:
                return self._create(request)
            case wsman.ACTION_COMMAND:
                return self._command(request)
            case wsman.ACTION_SEND:
                return await self._send(request)
            case wsman.ACTION_RECEIVE:
                return await self._receive(request)
            case wsman.ACTION_SIGNAL:
                return await self._signal(request)
            case wsman.ACTION_DELETE:
                return await self._delete(request)
        raise WsmanFault("s:Sender", "a:ActionNotSupported", f"The action {request.action!r} is not supported.")

    def _create(self, request: WsmanRequest) -> Response:
        if len(self._shells) >= MAX_SHELLS:
            raise WsmanFault(
                "s:Receiver",
                "w:QuotaLimit",
                f"The user may have {MAX_SHELLS} shells at once; close one of them.",
                2150859173,
            )
        shell_id = str(uuid.uuid4()).upper()
        self._shells[shell_id] = _Shell(
            {node.get("Name", ""): node.text or "" for node in request.body.iter(f"{_RSP}Variable")}
        )
        body = (
            "<x:ResourceCreated><a:Address>http://localhost/wsman</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{wsman.SHELL_RESOURCE}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{shell_id}</w:Selector></w:SelectorSet></a:ReferenceParameters>'
            "</x:ResourceCreated>"
            f"<rsp:Shell><rsp:ShellId>{shell_id}</rsp:ShellId>"
            "<rsp:InputStreams>stdin</rsp:InputStreams><rsp:OutputStreams>stdout stderr</rsp:OutputStreams></rsp:Shell>"
        )
        return wsman.answer(request, wsman.ACTION_CREATE + "Response", body)

    def _command(self, request: WsmanRequest) -> Response:
        shell = self._shell(request)
        parts = [request.body.findtext(f".//{_RSP}Command") or ""]
        parts += [node.text or "" for node in request.body.iter(f"{_RSP}Arguments")]
        line = CommandLine(
            " ".join(part for part in parts if part),
            shell.environment,
            through_cmd=request.options.get("WINRS_SKIP_CMD_SHELL", "FALSE").upper() != "TRUE",
        )
        streams = CommandStreams()
        command_id = str(uuid.uuid4()).upper()
        shell.commands[command_id] = _Command(streams, asyncio.create_task(self._run(line, streams)))
        body = f"<rsp:CommandResponse><rsp:CommandId>{command_id}</rsp:CommandId></rsp:CommandResponse>"
        return wsman.answer(request, request.action + "Response", body)

    async def _run(self, line: CommandLine, streams: CommandStreams) -> None:
        exit_code = _EXIT_KILLED
        try:
            limit = MAX_CMD_LINE if line.through_cmd else MAX_PROCESS_LINE
            if len(line.text) > limit:
                text = "The command line is too long.\r\n" if line.through_cmd else "The filename is too long.\r\n"
                await streams.write(text.encode("ascii"), "stderr")
            else:
                exit_code = await self._runner.run(line, streams)
        except Exception:
            # A bug in the local guest must not leave the client waiting for ever.
            log.exception("a command failed inside the local guest")
            await streams.write(b"The local guest failed to run the command; see the local cloud's log.\r\n", "stderr")
            exit_code = _EXIT_CRASHED
        finally:
            await streams.finish(exit_code)

    async def _send(self, request: WsmanRequest) -> Response:
        for node in request.body.iter(f"{_RSP}Stream"):
            command = self._find(request, node.get("CommandId", ""))
            try:
                data = base64.b64decode(node.text or "", validate=True)
            except binascii.Error:
                raise WsmanFault("s:Sender", "w:SchemaValidationError", "The stream is not base64.") from None
            try:
                async with asyncio.timeout(request.timeout):
                    await command.streams.feed(data, end=node.get("End", "").lower() == "true")
            except TimeoutError:
                raise wsman.operation_timed_out() from None
        return wsman.answer(request, request.action + "Response", "<rsp:SendResponse/>")

    async def _receive(self, request: WsmanRequest) -> Response:
        desired = request.body.find(f".//{_RSP}DesiredStream")
        command_id = (desired.get("CommandId", "") if desired is not None else "").upper()
        streams = self._find(request, command_id).streams
        # Base64 makes four bytes of three.
        most = (request.max_envelope - wsman.ENVELOPE_OVERHEAD_BYTES) * 3 // 4
        output = await streams.take_output(most, request.timeout)
        if output is None:
            raise wsman.operation_timed_out()
        owner = f"CommandId={quoteattr(command_id)}"
        body = "".join(
            f'<rsp:Stream Name="{name}" {owner}>{base64.b64encode(data).decode("ascii")}</rsp:Stream>'
            for name, data in output.items()
        )
        if streams.drained:
            body += "".join(f'<rsp:Stream Name="{name}" {owner} End="true"/>' for name in ("stdout", "stderr"))
            body += (
                f'<rsp:CommandState {owner} State="{_STATE}Done">'
                f"<rsp:ExitCode>{streams.exit_code}</rsp:ExitCode></rsp:CommandState>"
            )
        else:
            body += f'<rsp:CommandState {owner} State="{_STATE}Running"/>'
        return wsman.answer(request, request.action + "Response", f"<rsp:ReceiveResponse>{body}</rsp:ReceiveResponse>")

    async def _signal(self, request: WsmanRequest) -> Response:
        node = request.body.find(f".//{_RSP}Signal")
        command_id = (node.get("CommandId", "") if node is not None else "").upper()
        self._find(request, command_id)
        await _end(self._shell(request).commands.pop(command_id))
        return wsman.answer(request, request.action + "Response", "<rsp:SignalResponse/>")

    async def _delete(self, request: WsmanRequest) -> Response:
        shell = self._shell(request)
        del self._shells[request.shell_id]
        await asyncio.gather(*(_end(command) for command in shell.commands.values()))
        return wsman.answer(request, wsman.ACTION_DELETE + "Response", "")

    def _shell(self, request: WsmanRequest) -> _Shell:
        try:
            return self._shells[request.shell_id]
        except KeyError:
            raise wsman.no_such_shell(request.shell_id) from None

    def _find(self, request: WsmanRequest, command_id: str) -> _Command:
        try:
            return self._shell(request).commands[command_id.upper()]
        except KeyError:
            raise WsmanFault("s:Sender", "w:InvalidParameter", f"The shell has no command {command_id!r}.") from None


async def _end(command: _Command) -> None:
    command.task.cancel()
    await asyncio.gather(command.task, return_exceptions=True)
