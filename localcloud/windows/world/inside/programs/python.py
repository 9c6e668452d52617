"""`python.exe`: in an environment a launcher whose child is the base Python, as on Windows; the child ends with it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from localcloud.windows.world.inside import memory, plain, starting, table
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.python import interpreter
from localcloud.windows.world.inside.where import base, real

_NO_BASE = 103
_PR_SET_PDEATHSIG = 1


def main(call: Call) -> int:
    """Python's exit code; 103 when the base Python that the environment names is gone or does not start."""
    order = memory.fault("python", call.rest)
    if order and "code" in order:
        sys.stderr.write(order.get("says", ""))
        return int(order["code"])
    program = call.program if "\\" in call.program else f"C:\\miniconda3\\{base(call.program)}"
    folder = program.rsplit("\\", 1)[0]
    settings = real(folder.rsplit("\\", 1)[0] + "\\pyvenv.cfg")
    if not folder.lower().endswith("\\scripts"):
        return interpreter.run(program, folder, call.arguments)
    try:
        with plain.open_plain(settings, encoding="utf-8") as file:
            home = dict(line.strip().split(" = ", 1) for line in file if " = " in line)["home"]
        starting.module_of(real(f"{home}\\python.exe"))
    except (OSError, KeyError):
        sys.stderr.write("No Python at 'C:\\miniconda3\\python.exe'\n")
        return _NO_BASE
    launcher = os.getpid()
    # Loaded here, before the child has Windows' rules.
    control = ctypes.CDLL(None).prctl
    child = os.fork()
    if child:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        whole = starting.whole_exit_code(child)
        return 1 if code < 0 else code if whole is None else whole
    control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != launcher:
        os._exit(1)
    table.register("python.exe", f"{program} {call.rest}".strip(), f"{home}\\python.exe")
    os._exit(interpreter.run(program, folder.rsplit("\\", 1)[0], call.arguments))
