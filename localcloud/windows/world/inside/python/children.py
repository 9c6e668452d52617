"""Programs that the machine's Python starts: Windows' own lookup, one command line, Windows' exit codes."""

from __future__ import annotations

import os
import posix
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from localcloud.windows.world.inside import command_line, plain, starting, table
from localcloud.windows.world.inside.python.files import RefusalError, text_encoding
from localcloud.windows.world.inside.where import spell

_Popen = subprocess.Popen
_FLAGS = {
    "CREATE_NEW_CONSOLE": 0x10,
    "CREATE_NEW_PROCESS_GROUP": 0x200,
    "CREATE_NO_WINDOW": 0x08000000,
    "DETACHED_PROCESS": 0x8,
    "CREATE_BREAKAWAY_FROM_JOB": 0x01000000,
    "BELOW_NORMAL_PRIORITY_CLASS": 0x4000,
    "IDLE_PRIORITY_CLASS": 0x40,
    "NORMAL_PRIORITY_CLASS": 0x20,
}
_KILLED = 1
_KILL = 9


def _command(world: Mapping[str, str]) -> list[str]:
    return [world["WORLD_PYTHON"], "-S", "-E", f"{world['WORLD_INSIDE']}/run.py"]


def install() -> None:
    """Replace `subprocess.Popen` and `os.kill`."""
    for name, value in _FLAGS.items():
        setattr(subprocess, name, value)
    subprocess.Popen = Popen  # type: ignore[misc,assignment]
    os.kill = _kill


class Popen(_Popen):  # type: ignore[type-arg]
    """A program of the machine."""

    def __init__(
        self,
        args: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        *,
        cwd: str | os.PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        creationflags: int = 0,
        startupinfo: Any = None,  # noqa: ARG002 - how a window looks
        start_new_session: bool = False,  # noqa: ARG002 - Windows has none and ignores it
        preexec_fn: Any = None,
        shell: bool = False,
        **options: Any,
    ) -> None:
        if preexec_fn is not None:
            raise ValueError("preexec_fn is not supported on Windows platforms")
        if creationflags & ~sum(_FLAGS.values()):
            raise OSError(22, "[WinError 87] 参数错误。")
        words = [os.fspath(args)] if isinstance(args, str | os.PathLike) else [os.fspath(word) for word in args]
        line = words[0] if isinstance(args, str) else command_line.join(words)
        if shell:
            line = f"cmd.exe /c {line}"
        program = command_line.split(line)[0]
        _find(program)
        rest = line[line.index(program) + len(program) :].removeprefix('"').strip()
        given = os.environ if env is None else env
        world = {name: value for name, value in os.environ.items() if name.startswith(("WORLD_", "LOCALCLOUD_"))}
        if options.get("text") or options.get("universal_newlines"):
            options.setdefault("encoding", text_encoding())
        if "\\" in program and ":" not in program:
            program = spell(os.path.abspath(program))
        folder = spell(posix.getcwd()) if cwd is None else os.fspath(cwd)
        if not os.path.isdir(folder):
            raise NotADirectoryError(20, "目录名称无效。", folder)
        super().__init__(
            [*_command(world), "start", "-", "-", folder, program, rest],
            env={**given, **world},
            start_new_session=bool(creationflags & (_FLAGS["DETACHED_PROCESS"] | _FLAGS["CREATE_NEW_PROCESS_GROUP"])),
            **options,
        )

    def _handle_exitstatus(self, status: int, *rest: Any) -> None:
        super()._handle_exitstatus(status, *rest)  # type: ignore[misc]
        code = self.returncode
        whole = starting.whole_exit_code(self.pid) if code is not None else None
        if code is not None:
            self.returncode = _KILLED if code < 0 else code if whole is None else whole & 0xFFFFFFFF

    def send_signal(self, sig: int) -> None:
        self.poll()
        if self.returncode is None:
            if sig not in {signal.SIGTERM, signal.SIGINT}:
                raise ValueError(f"Unsupported signal: {sig}")
            # Its own child: also before it stands in the process table.
            plain.kill(self.pid, _KILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.terminate()


def _find(program: str) -> None:
    try:
        starting.find(program)
    except FileNotFoundError:
        error = FileNotFoundError(2, "系统找不到指定的文件。", program)
        raise error from None
    except starting.NotAProgramError:
        raise RefusalError(193, "%1 不是有效的 Win32 应用程序。", program) from None


def _kill(pid: int, sig: int) -> None:  # noqa: ARG001 - any signal ends the process on Windows
    if not table.kill(pid):
        raise OSError(22, "[WinError 87] 参数错误。")
