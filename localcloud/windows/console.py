r"""What the remote shell of a simulated machine can do, which is little: `chatglm.ps1 VERB [JSON]`.

What the script does itself is answered by `entry`; for the rest the real `python -m guest VERB` runs, from the files
that the second stage brought, with the machine's folders in its environment. Everything else gets exit code 1 and a
text that says that no Windows is here: a wrong answer that looks right would be worse.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from .drive import Drive, PathRefusedError
from .entry import SCRIPT_ALONE, Entry, VerbError
from .powershell import FileCall, ScriptCall, clixml_error, read_powershell
from .processes import MachineProcesses
from .shells import CommandLine
from .streams import CollectedStreams, CommandStreams

SIMULATED = "This machine is simulated by the local cloud: there is no Windows and no PowerShell here."
EXIT_FAILED = 1
EXIT_NO_SCRIPT = -196608
"""What Windows PowerShell returns for a script file that does not exist (0xFFFD0000)."""

_BASE64 = "base64:"
_WINDOWS_PATH = re.compile(r"^[A-Za-z]:[\\/]|^\\\\")
# & 'C:\chatglm\chatglm.ps1' VERB 'ARGUMENT', also with the standard input piped into it
_CALL = re.compile(
    r"^\s*(?:\$input\s*\|\s*)?&\s*'(?P<path>[^']+)'\s+(?P<verb>[a-z-]+)(?:\s+'(?P<json>(?:[^']|'')*)')?\s*;?\s*$"
)


class Console:
    """Runs the command lines of one machine."""

    def __init__(
        self,
        drive: Drive,
        entry_script: str,
        processes: MachineProcesses,
        has_python: Callable[[], bool],
        retry: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        """`entry_script` is the Windows path of chatglm.ps1; `changed` is called after every verb."""
        self._drive = drive
        self._script = drive.locate(entry_script)
        self._root = self._script.parent
        self._processes = processes
        self._has_python = has_python
        self._entry = Entry(self._root, retry)
        self._changed = changed

    async def run(self, line: CommandLine, streams: CommandStreams) -> int:
        """Run one command line; see `shells.CommandRunner`."""
        call = read_powershell(line.text)
        encoded = isinstance(call, ScriptCall) and call.encoded
        wanted = _entry_call(call)
        try:
            is_entry = wanted is not None and self._drive.locate(wanted[0]) == self._script
        except PathRefusedError:
            is_entry = False
        if wanted is None or not is_entry:
            text = call.text if isinstance(call, ScriptCall) else line.text
            return await _complain(refusal(text), streams, EXIT_FAILED, encoded=encoded)
        if not self._script.is_file():
            message = f"The argument '{wanted[0]}' to the -File parameter does not exist. ({SIMULATED})"
            return await _complain(message, streams, EXIT_NO_SCRIPT, encoded=encoded)
        try:
            return await self._verb(wanted[1], wanted[2], streams)
        finally:
            self._changed()

    async def _verb(self, verb: str, text: str, streams: CommandStreams) -> int:
        try:
            ask = self._read_json(text)
            if verb not in SCRIPT_ALONE and self._has_python():
                return await self._python(verb, ask, streams)
            await streams.write(format_json(await self._entry.run(verb, ask, streams)))
            return 0
        except VerbError as error:
            await streams.write(format_json({"error": {"message": error.message, "hint": error.hint}}))
            return EXIT_FAILED

    async def _python(self, verb: str, ask: Mapping[str, Any], streams: CommandStreams) -> int:
        encoded = base64.b64encode(json.dumps(ask).encode("utf-8")).decode("ascii")
        inner = CollectedStreams(streams)
        exit_code = await self._processes.run_python(["-m", "guest", verb, _BASE64 + encoded], inner)
        # In a thread: a piece of a file may be in it, and other machines wait meanwhile.
        await streams.write(await asyncio.to_thread(self._translate, bytes(inner.collected)))
        return exit_code

    def _translate(self, output: bytes) -> bytes:
        """Python's document with the machine's own paths in it; output that is no document stays as it is."""
        try:
            return format_json(self._to_windows(json.loads(output)))
        except ValueError:
            return output

    def _read_json(self, text: str) -> dict[str, Any]:
        try:
            if text.startswith(_BASE64):
                text = base64.b64decode(text.removeprefix(_BASE64), validate=True).decode("utf-8")
            ask = json.loads(text)
        except (ValueError, binascii.Error) as error:
            raise VerbError(
                f"the argument is no JSON: {error}", "Give one JSON object, or base64: and its code."
            ) from None
        if not isinstance(ask, dict):
            raise VerbError("the argument is no JSON object", 'For example: {"step": "model"}')
        mapped: dict[str, Any] = self._from_windows(ask)
        return mapped

    def _from_windows(self, value: Any) -> Any:
        """Lead Windows paths in a JSON value into the machine's folder. Raises VerbError for those that leave it."""
        if isinstance(value, dict):
            return {key: self._from_windows(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._from_windows(entry) for entry in value]
        if isinstance(value, str) and _WINDOWS_PATH.match(value):
            try:
                return str(self._drive.locate(value))
            except PathRefusedError as error:
                raise VerbError(str(error), "Only plain paths on drive C of this machine are followed.") from None
        return value

    def _to_windows(self, value: Any) -> Any:
        """Spell every path of the machine's folder as the machine would."""
        if isinstance(value, dict):
            return {key: self._to_windows(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._to_windows(entry) for entry in value]
        if isinstance(value, str) and str(self._drive.folder) in value:
            pattern = re.escape(str(self._drive.folder)) + r"(?P<rest>(?:/[^\s:'\",;]*)?)"
            return re.sub(pattern, lambda found: "C:" + (found["rest"] or "/").replace("/", "\\"), value)
        return value


def refusal(line: str) -> str:
    """The text for a command that the local guest does not stand in for."""
    shown = line if len(line) <= 200 else f"{line[:200]}..."
    return f"{SIMULATED} It knows chatglm.ps1 only, not: {shown}"


def format_json(document: Any) -> bytes:
    """One JSON document as `chatglm.ps1` prints it: ASCII, one line."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\r\n"


async def _complain(message: str, streams: CommandStreams, exit_code: int, *, encoded: bool) -> int:
    await streams.write(clixml_error(message) if encoded else f"{message}\r\n".encode(), "stderr")
    return exit_code


def _entry_call(call: FileCall | ScriptCall | None) -> tuple[str, str, str] | None:
    """Script, verb and JSON of a call of a script with a verb."""
    match call:
        case FileCall(path=path, arguments=()):
            return path, "status", "{}"
        case FileCall(path=path, arguments=(verb,)):
            return path, verb, "{}"
        case FileCall(path=path, arguments=(verb, text)):
            return path, verb, text
        case ScriptCall(text=text):
            if found := _CALL.match(text):
                return found["path"], found["verb"], (found["json"] or "{}").replace("''", "'")
    return None
