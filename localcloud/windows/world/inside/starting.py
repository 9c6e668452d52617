"""Starting a program: which one a name or a file means, its place in the process table, its exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable

from localcloud.windows.world.inside import command_line, memory, plain, table
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import DISK, RUN, base, real, spell

#: Programs of Windows that the machine has from its first start on, and the module that stands for each.
PROGRAMS = {
    "cmd.exe": "cmd",
    "curl.exe": "curl",
    "icacls.exe": "icacls",
    "powershell.exe": "powershell",
    "schtasks.exe": "schtasks",
    "tar.exe": "tar",
    "taskkill.exe": "taskkill",
}
#: Programs that come onto the disk later: a file there says which one it is.
FILES = {"python.exe": "python", "nvidia-smi.exe": "nvidia_smi"}
INSTALLERS = {"miniconda.exe": "miniconda", "cuda.exe": "cuda", "driver.exe": "driver"}
STUB = "#!/usr/bin/env world-program\n"
NOT_FOUND, NO_PROGRAM = 9009, 216


class NotAProgramError(OSError):
    """The file is there, and is no program: empty, cut, or of another kind."""


def module_of(place: str) -> str:
    """The stand-in that a file on the disk means. Raises FileNotFoundError and NotAProgramError."""
    with plain.open_plain(place, "rb") as file:
        head = file.read(200)
    if head.startswith(b"MZ{"):
        name = head.split(b'"program": "')[1].split(b'"')[0].decode()
        return INSTALLERS[name]
    if head.startswith(STUB.encode()):
        return FILES[head[len(STUB) :].split()[0].decode()]
    raise NotAProgramError(193, "%1 is not a valid Win32 application", spell(place))


def stub(name: str) -> bytes:
    """What stands on the disk for a program of `FILES`."""
    return f"{STUB}{name}\n".encode()


def find(program: str) -> str:
    """The module for a name on the PATH or a Windows path. Raises FileNotFoundError and NotAProgramError."""
    name = base(program).lower()
    if "\\" not in program and "/" not in program:
        full = name if name.endswith(".exe") else f"{name}.exe"
        if full in PROGRAMS:
            return PROGRAMS[full]
        return module_of(search(full))
    if name in PROGRAMS and real(program).lower().startswith(f"{DISK}/windows/".lower()):
        return PROGRAMS[name]
    return module_of(real(program))


def search(name: str) -> str:
    """The place of a program in System32 and in the folders of PATH. Raises FileNotFoundError."""
    folders = ["C:\\Windows\\System32", *os.environ.get("PATH", "").split(";")]
    for folder in folders:
        if folder[1:3] == ":\\" and folder.count(":") == 1:
            place = f"{real(folder)}/{name}"
            if plain.is_file(place):
                return place
    raise FileNotFoundError(2, "The system cannot find the file specified", name)


def run(program: str, rest: str) -> int:
    """Be that program, with the rest of its command line."""
    module = find(program)
    line = f"{program} {rest}".strip()
    name = f"{base(program).removesuffix('.exe')}.exe"
    table.register(name, line, program if "\\" in program else f"C:\\Windows\\System32\\{name}")
    memory.count("start", line)
    main: Callable[[Call], int] = importlib.import_module(f"localcloud.windows.world.inside.programs.{module}").main
    return main(Call(program, command_line.split(f"x {rest}")[1:], rest))


def main(words: list[str]) -> int:
    """The exit code; one of more than eight bits is left in a file, where Start-Process looks for it."""
    name = words[0] if words else ""
    if name == "exchange":
        from localcloud.windows.world.inside.exchange import exchange

        exchange(words[1])
        return 0
    if name in {"task", "boot", "tasks"}:
        from localcloud.windows.world.inside import scheduler

        return scheduler.main(words)
    if name == "start":
        out, err, folder, program, rest = words[1:6]
        _redirect(out, 1)
        _redirect(err, 2)
        os.chdir(real(folder))
    else:
        program, rest = spell(name), command_line.join(words[1:])
    try:
        code = run(program, rest)
    except FileNotFoundError:
        sys.stderr.write(f"'{program}' is not recognized as an internal or external command.\n")
        code = NOT_FOUND
    except NotAProgramError:
        sys.stderr.write(f"This version of {program} is not compatible with the version of Windows you're running.\n")
        code = NO_PROGRAM
    if not 0 <= code <= 255:
        plain.write_text(f"{RUN}/exit-codes/{os.getpid()}", str(code))
        sys.stdout.flush()
    return code & 0xFF or (1 if code else 0)


def whole_exit_code(pid: int) -> int | None:
    """The 32 bits of an exit code that did not fit into Linux' eight; None where they did."""
    code = plain.read_text_or(f"{RUN}/exit-codes/{pid}")
    return int(code) if code else None


def _redirect(path: str, number: int) -> None:
    if path == "-":
        return
    target = os.open(real(path) if path != "NUL" else "/dev/null", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(target, number)
    os.close(target)
