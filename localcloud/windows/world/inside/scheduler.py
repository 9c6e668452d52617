"""The Task Scheduler: starts tasks as SYSTEM with the machine's own environment, at their priority, beside everybody.

A task's process is a child of the scheduler, so it outlives whoever started the task; ending a task ends that process
alone, and what it has started lives on.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from localcloud.windows.world.inside import memory, plain, table
from localcloud.windows.world.inside.where import RUN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Result codes of the scheduler (Microsoft, "Task Scheduler Error and Success Constants").
RUNNING, NEVER_RAN, ALREADY_RUNNING, TERMINATED = 0x41301, 0x41303, 0x8004131F, 0x41306
_KILL = 9
#: Priorities 4 to 6 are normal, 7 and 8 below normal, 9 and 10 idle; 7 is the default and halves the disk's speed.
_NICE = {7: 5, 8: 5, 9: 15, 10: 19}


def state_of(task: dict[str, Any]) -> str:
    """Ready, Running or Disabled."""
    if not task.get("Enabled", True):
        return "Disabled"
    return "Running" if is_running(task) else "Ready"


def is_running(task: dict[str, Any]) -> bool:
    """Whether the task's own process lives, or is about to."""
    process = task.get("process")
    return process is not None and table.start_of(process["pid"]) == process["started"]


def start(name: str) -> int:
    """Start a task and return at once; the result code, 0 when it starts now. Raises KeyError for an unknown one."""
    with memory.edited("tasks") as tasks:
        task = tasks[name]
        if is_running(task):
            memory.note("task", f"{name} runs already")
            task["LastTaskResult"] = ALREADY_RUNNING
            return ALREADY_RUNNING
        environment = json.loads(plain.read_text(f"{RUN}/environment.json"))
        program = os.path.realpath(__file__).rsplit("/", 1)[0] + "/run.py"
        runner = subprocess.Popen(
            [environment["WORLD_PYTHON"], "-S", "-E", program, "task", name],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        task["process"] = {"pid": runner.pid, "started": table.start_of(runner.pid)}
    return 0


def stop(name: str) -> None:
    """End the task's own process, after the moment that the scheduler takes. Raises KeyError for an unknown one."""
    process = memory.load("tasks")[name].get("process")
    time.sleep(float((memory.fault("task-stops-late") or {}).get("seconds", 0)))
    if process and table.start_of(process["pid"]) == process["started"]:
        # The scheduler's own part stands in no process table: the action has not begun yet, and will not.
        if not table.kill(process["pid"]):
            plain.kill(process["pid"], _KILL)
        memory.note("task", f"{name} ended")


def run_task(name: str) -> int:
    """Be the scheduler's part for one run of a task: start its action, wait, keep the result."""
    task = memory.load("tasks")[name]
    time.sleep(float((memory.fault("task-starts-late", name) or {}).get("seconds", 0)))
    memory.note("task", f"{name} starts, priority {task['Priority']}")
    folder = task.get("WorkingDirectory") or "C:\\Windows\\System32"
    program = os.path.realpath(__file__).rsplit("/", 1)[0] + "/run.py"
    # Windows throws away what a task prints; here it is kept for whoever looks for a fault of the world itself.
    output = plain.open_plain(f"{RUN}/tasks.log", "ab")
    child = subprocess.Popen(
        [sys.executable, "-S", "-E", program, "start", "-", "-", folder, task["Execute"], task["Arguments"]],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        preexec_fn=lambda: os.nice(_NICE.get(int(task["Priority"]), 0)) and None,
    )
    started = table.start_of(child.pid)
    with memory.edited("tasks") as tasks:
        if name in tasks:
            tasks[name] |= {"process": {"pid": child.pid, "started": started}, "LastTaskResult": RUNNING}
    code = child.wait()
    memory.note("task", f"{name} ended with {code}")
    with memory.edited("tasks") as tasks:
        if name in tasks and (tasks[name].get("process") or {}).get("started") == started:
            tasks[name] |= {"process": None, "LastTaskResult": TERMINATED if code < 0 else code}
    return 0


def boot() -> int:
    """Start every task that starts with the machine."""
    for name, task in memory.load("tasks").items():
        if task.get("AtStartup") and task.get("Enabled", True):
            start(name)
    return 0


def main(words: list[str]) -> int:
    """`task NAME`, `boot`, and what PowerShell's stand-ins ask: `tasks start|stop|state NAME`."""
    try:
        if words[0] == "boot":
            return boot()
        if words[0] == "task":
            return run_task(words[1])
        if words[1] == "start":
            return 0 if start(words[2]) == 0 else 3
        if words[1] == "stop":
            stop(words[2])
            return 0
        sys.stdout.write(state_of(memory.load("tasks")[words[2]]))
    except KeyError:
        return 2
    return 0
