"""`powershell.exe`: PowerShell 7 of this computer, behind what makes it Windows PowerShell 5.1 as far as it can.

Options are read as 5.1 reads them, in any case and by their beginnings; one that it does not know is an error.
"""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

from localcloud.windows.powershell import FileCall, ScriptCall, read_powershell
from localcloud.windows.world.inside import command_line, memory, plain
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import real

HOST = str(Path(__file__).parents[2] / "powershell" / "host.ps1")
NO_SCRIPT = -196608
_PATH = "C:\\Windows\\system32;C:\\Windows:{bin}:C:\\Windows\\System32\\Wbem;"


def main(call: Call) -> int:
    """Run PowerShell in this process's place."""
    arguments = call.arguments
    if memory.fault("powershell"):
        return 1
    wanted = read_powershell(command_line.join(["powershell.exe", *arguments]))
    match wanted:
        case FileCall(path=path, arguments=rest):
            if not plain.is_file(real(path)):
                sys.stderr.buffer.write(f"-File 形式参数的实际参数“{path}”不存在。\r\n".encode("gbk", "replace"))
                return NO_SCRIPT
            _close_input()
            _become("file", path, *rest)
        case ScriptCall(text=text, encoded=encoded):
            if "$input" not in text.lower():
                _close_input()
            _become("encoded" if encoded else "command", base64.b64encode(text.encode("utf-16-le")).decode("ascii"))
    sys.stderr.write("The parameter is not known, or lacks its value.\n")
    return NO_SCRIPT


def _close_input() -> None:
    """PowerShell reads the standard input for a command that names $input, and for nothing else.

    Over WinRM it stays open, and PowerShell 7 would wait for its end.
    """
    nothing = os.open("/dev/null", os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _become(*words: str) -> None:
    environment = {
        **os.environ,
        "PATH": "/usr/bin:/bin",
        "WORLD_PATH": os.environ.get("WORLD_PATH") or _PATH.format(bin=f"{os.environ['WORLD_RUN']}/bin"),
        "NO_COLOR": "1",
        "TERM": "dumb",
        "DOTNET_TieredPGO": "0",
        # A script is short: what is compiled quickly is not compiled again for speed.
        "DOTNET_TC_CallCounting": "0",
        "POWERSHELL_TELEMETRY_OPTOUT": "1",
        "POWERSHELL_UPDATECHECK": "Off",
        "LANG": "C.UTF-8",
    }
    if ":" in os.environ.get("PATH", "") and ";" in os.environ["PATH"]:
        environment["WORLD_PATH"] = os.environ["PATH"]
    pwsh = os.environ["WORLD_PWSH"]
    os.execve(pwsh, [pwsh, "-NoProfile", "-NonInteractive", "-File", HOST, *words], environment)  # noqa: S606
