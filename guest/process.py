"""Processes that outlive the connection that started them: identity, start, end.

On Windows the detached program is started by a scheduled task of the SYSTEM account. WinRM ends the children of its
shell with the shell, and a child that breaks away from the shell's job still keeps the command open through the
handles that it inherits (ansible/ansible issue 22575); a process that the task scheduler starts is no child of the
shell at all, needs nobody to be logged on, and runs under the account of the demo. On Linux a session of its own does.

Who started when is read here, and not with psutil: `status` asks it of the installation, before that has installed any
package.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from guest.errors import GuestError
from guest.phrases import phrase

TASK_NAME = "ChatGLM training"


@dataclass(frozen=True)
class Identity:
    """A process: its number, and the mark of its start, since numbers are used again."""

    pid: int
    mark: str

    def is_alive(self) -> bool:
        return start_mark(self.pid) == self.mark

    def as_dict(self) -> dict[str, Any]:
        return {"pid": self.pid, "mark": self.mark}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Identity:
        return cls(int(document["pid"]), str(document["mark"]))

    @classmethod
    def of(cls, pid: int) -> Identity:
        """The identity of a process that runs now."""
        return cls(pid, start_mark(pid) or "gone")


def start_detached(arguments: Sequence[str], *, directory: Path, log: Path) -> None:
    """Start `python ARGUMENTS` so that it lives on when this process and its connection are gone.

    Its output goes to `log`. Raises GuestError when it cannot be started.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        _start_task(arguments, directory=directory, log=log)
        return
    with log.open("ab") as output:
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def spawn(
    command: Sequence[str], *, directory: Path, environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    """Start a child whose output is added to `log`, in a group of its own so that it can be ended with its children."""
    options: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        # No window: a console of its own would be one more thing that can end it.
        options = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **options,
        )


def kill_tree(identity: Identity) -> None:
    """End a process that `spawn` started, with its children, at once; nothing happens when it is gone."""
    if not identity.is_alive():
        return
    if sys.platform == "win32":
        subprocess.run(["taskkill.exe", "/T", "/F", "/PID", str(identity.pid)], capture_output=True, check=False)
        return
    try:
        os.killpg(identity.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def start_mark(pid: int) -> str | None:
    """Something that tells this process from any other that has or had its number; None when it does not run."""
    return _windows_mark(pid) if sys.platform == "win32" else _linux_mark(pid)


def task_xml(arguments: Sequence[str], *, python: str, directory: str, log: str) -> str:
    """The scheduled task's definition.

    Without the settings here Windows would end it after three days, refuse it on "battery" (some virtual machines
    report one), and start it below normal priority.
    """
    inner = subprocess.list2cmdline([python, *arguments])
    # cmd strips the first and the last quote of what follows /c, hence the pair around everything.
    command = f'/d /c "{inner} >> {subprocess.list2cmdline([log])} 2>&1"'
    return f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Fine-tuning of ChatGLM-6B; started by chatglm train.</Description></RegistrationInfo>
  <Principals>
    <Principal id="Author"><UserId>S-1-5-18</UserId><RunLevel>HighestAvailable</RunLevel></Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>5</Priority>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>cmd.exe</Command>
      <Arguments>{escape(command)}</Arguments>
      <WorkingDirectory>{escape(directory)}</WorkingDirectory>
    </Exec>
  </Actions>
</Task>
"""


def _start_task(arguments: Sequence[str], *, directory: Path, log: Path) -> None:
    xml = task_xml(arguments, python=sys.executable, directory=str(directory), log=str(log))
    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder) / "task.xml"
        definition.write_text(xml, encoding="utf-16")
        _schtasks("/Create", "/TN", TASK_NAME, "/XML", str(definition), "/F")
    _schtasks("/Run", "/TN", TASK_NAME)


def _schtasks(*arguments: str) -> None:
    done = subprocess.run(["schtasks.exe", *arguments], capture_output=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode("mbcs" if os.name == "nt" else "utf-8", errors="replace").strip()
        raise GuestError(
            phrase("The task scheduler refused {command}: {said}", command=" ".join(arguments[:3]), said=said),
            phrase("The connection needs administrator's rights on the machine."),
        )


def _linux_mark(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    # The name in parentheses may hold anything; the state is the first field after it, the start time the twentieth.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else f"{boot}:{fields[19]}"


def _windows_mark(pid: int) -> str | None:
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    kernel.OpenProcess.restype = ctypes.c_void_p
    query_limited_information, still_active = 0x1000, 259
    handle = ctypes.c_void_p(kernel.OpenProcess(query_limited_information, False, pid))
    if not handle:
        return None
    try:
        code = ctypes.c_ulong()
        times = [ctypes.c_ulonglong() for _ in range(4)]
        if not kernel.GetExitCodeProcess(handle, ctypes.byref(code)) or code.value != still_active:
            return None
        if not kernel.GetProcessTimes(handle, *(ctypes.byref(one) for one in times)):
            return None
        return str(times[0].value)
    finally:
        kernel.CloseHandle(handle)
