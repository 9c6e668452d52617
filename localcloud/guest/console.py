"""What the remote shell of a simulated machine can do, which is little: a fixed set of command lines, known by form.

`chatglm.ps1 VERB` is answered as the real script answers. Everything else gets exit code 1 and a text that says that
no Windows is here: a wrong answer that looks right would be worse than none.
"""

from __future__ import annotations

import json
from typing import Any

from .powershell import FileCall, ScriptCall, clixml_error, read_powershell
from .shells import CommandLine
from .streams import CommandStreams

SIMULATED = "This machine is simulated by the local cloud: there is no Windows and no PowerShell here."
EXIT_FAILED = 1


def refusal(line: str) -> str:
    """The text for a command that the local guest does not stand in for."""
    shown = line if len(line) <= 200 else f"{line[:200]}..."
    return f"{SIMULATED} It only knows chatglm.ps1 and uploads, not: {shown}"


class Console:
    """Runs the command lines of one machine."""

    async def run(self, line: CommandLine, streams: CommandStreams) -> int:
        """Run one command line; see `shells.CommandRunner`."""
        call = read_powershell(line.text)
        match call:
            case FileCall() | ScriptCall():
                return await self._refuse(line.text, streams, encoded=isinstance(call, ScriptCall) and call.encoded)
        return await self._refuse(line.text, streams, encoded=False)

    async def _refuse(self, text: str, streams: CommandStreams, *, encoded: bool) -> int:
        message = refusal(text)
        await streams.write(clixml_error(message) if encoded else f"{message}\r\n".encode(), "stderr")
        return EXIT_FAILED


async def write_json(streams: CommandStreams, document: dict[str, Any]) -> None:
    """Print one JSON document the way `chatglm.ps1` does: ASCII, one line."""
    await streams.write(json.dumps(document, ensure_ascii=True).encode("ascii") + b"\r\n")
