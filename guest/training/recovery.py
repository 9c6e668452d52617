"""What a machine owes after it was away: the run that was interrupted, or the demo that it had stopped.

A machine that is switched off, reclaimed or captured takes its processes along. Their files tell what they were doing.
"""

from __future__ import annotations

from typing import Any

from guest.errors import GuestError
from guest.machine import Machine
from guest.training import demo, gpu_task, runs, start
from guest.training.runs import Run


def recover(machine: Machine) -> dict[str, Any] | None:
    """Go on with the interrupted run whose person asked for it, else start the demo that a vanished task had stopped.

    Returns what was done, or None. Raises GuestError where a run cannot go on.
    """
    if gpu_task.current(machine) is not None:
        return None
    everything = runs.list_runs(machine.runs)
    owing = [run for run in everything if start.owes_demo(run)]
    waiting = sorted((run for run in everything if _goes_on(run)), key=_last_start)
    if waiting:
        return start.resume(machine, waiting[-1], {})
    for run in owing:
        run.job_file.unlink(missing_ok=True)
    if owing:
        demo.control(machine).start()
        return {"demo": "started"}
    return None


def _goes_on(run: Run) -> bool:
    try:
        record = run.record
    except GuestError:
        return False
    return record.keep_going and record.state in (runs.RUNNING, runs.INTERRUPTED)


def _last_start(run: Run) -> str:
    attempts = run.record.attempts
    return attempts[-1].started if attempts else ""
