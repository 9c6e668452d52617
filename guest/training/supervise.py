"""The detached program: runs upstream's program, follows what it tells, stops it when it must be stopped.

    python -m guest.training.supervise JOB.JSON

It writes the progress and the outcome into the run's folder, so that whoever connects later finds them there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from guest import process
from guest.documents import read_document, write_document
from guest.failures import Verdict, explain
from guest.files import read_json
from guest.gpu import gpu_memory
from guest.machine import Machine
from guest.phrases import phrase
from guest.serving.model_check import suspect
from guest.training import demo, gpu_task, runs
from guest.training.progress import EventReader, LogReader, Progress
from guest.training.watchdog import Watchdog

# A step takes 8 to 17 seconds on a T4 and saving some more: time enough to save in order before being ended.
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Job:
    """One run of a program that needs the GPU: upstream's, or this project's comparison.

    `command` is what follows the Python; `events` is the file in which the program tells what happens. `result` is
    where the outcome goes: run.json of a training, a document of their own for the others. `last_loss` is the run's
    last loss before this attempt, `checkpointing` whether gradient checkpointing is on.
    """

    kind: str
    token: str
    root: str
    source: str
    model: str
    run: str
    command: list[str]
    log: str
    events: str
    progress: str
    result: str
    total: int | None = None
    resumed_from: int = 0
    last_loss: float | None = None
    checkpointing: bool = True
    restart_demo: bool = False
    poll_seconds: float = 1.0

    @property
    def machine(self) -> Machine:
        return Machine(Path(self.root), Path(self.source), Path(self.model))


@dataclass(frozen=True)
class Outcome:
    state: str
    exit_code: int | None
    verdict: Verdict | None = None


class Supervisor:
    """Follows one child process from its start to its outcome. The child never outlives it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._machine = job.machine
        self._run = runs.Run(self._machine.runs / job.run)
        self._events = EventReader(job.total, job.resumed_from)
        self._log = LogReader()
        self._watchdog = Watchdog(job.last_loss)
        self._verdict: Verdict | None = None
        self._stop_seen: float | None = None
        self._gpu_asked = 0.0
        self._gpu: dict[str, int] | None = None

    def run(self) -> Outcome:
        job, machine = self._job, self._machine
        log, events = Path(job.log), Path(job.events)
        offset = log.stat().st_size if log.exists() else 0
        events.parent.mkdir(parents=True, exist_ok=True)
        events.write_bytes(b"")
        child = process.spawn(
            [str(machine.python), *job.command],
            # Upstream imports its own modules and writes relative paths from there.
            directory=machine.ptuning,
            environment=machine.training_environment(),
            log=log,
        )
        try:
            exit_code = self._follow(child, log, offset, events)
        finally:
            # Whatever failed here: a child that goes on holds the GPU, and nobody would watch it.
            process.kill_tree(process.Identity.of(child.pid))
            child.wait()
        return self._outcome(exit_code)

    def _follow(self, child: subprocess.Popen[bytes], log: Path, offset: int, events: Path) -> int:
        identity = process.Identity.of(child.pid)
        gpu_task.take_over(self._machine, self._job.token, identity)
        with (
            log.open(encoding="utf-8", errors="replace", newline="") as lines,
            events.open(encoding="ascii", newline="") as told,
        ):
            lines.seek(offset)
            while child.poll() is None:
                self._look(lines, told, identity)
                time.sleep(self._job.poll_seconds)
            self._look(lines, told, identity)
        self._log.end()
        return child.wait()

    def _look(self, lines: TextIO, told: TextIO, child: process.Identity) -> None:
        text, happened = lines.read(), told.read()
        self._log.feed(text)
        for _, loss in self._events.feed(happened):
            if self._verdict is None:
                self._verdict = self._watchdog.see(loss)
        if self._verdict is not None:
            process.kill_tree(child)
        self._heed_stop(child)
        if text or happened:
            self.write_progress()

    def _heed_stop(self, child: process.Identity) -> None:
        if not self._run.stop_file.exists():
            return
        now = time.monotonic()
        if self._stop_seen is None:
            self._stop_seen = now
        # Only a training has something to save; it saves at the end of its step and ends by itself.
        if self._job.kind != "train" or now - self._stop_seen > self._patience():
            process.kill_tree(child)

    def _patience(self) -> float:
        document = read_json(self._run.stop_file) or {}
        return float(document.get("patienceSeconds", PATIENCE_SECONDS))

    def write_progress(self, outcome: Outcome | None = None) -> None:
        """Write what is known now; the GPU is asked every ten seconds at most.

        A disk that refuses this file does not end a training that goes on computing.
        """
        if time.monotonic() - self._gpu_asked > 10 or self._gpu_asked == 0.0:
            self._gpu_asked, self._gpu = time.monotonic(), gpu_memory()
        progress = self._events.progress
        document = progress_document(self._job, progress, self._gpu)
        if progress.phase == "starting" and self._log.phase is not None:
            document["phase"] = self._log.phase
        if outcome is not None:
            document |= {"phase": outcome.state, "secondsLeft": None}
        with contextlib.suppress(OSError):
            write_document(Path(self._job.progress), document)

    def _outcome(self, exit_code: int) -> Outcome:
        if self._verdict is not None:
            return Outcome(runs.FAILED, exit_code, self._verdict)
        if self._run.stop_file.exists():
            if (read_json(self._run.stop_file) or {}).get("machineEnds"):
                return Outcome(
                    runs.INTERRUPTED, exit_code, Verdict(phrase("The machine was taken back."), _RESUME_HINT)
                )
            return Outcome(
                runs.STOPPED, exit_code, Verdict(phrase("It was asked to stop."), phrase("Resume it when you like."))
            )
        if exit_code == 0:
            return Outcome(runs.FINISHED, exit_code, self._early_stop())
        failure = self._events.failure
        verdict = explain(failure.lines if failure else self._log.lines, exit_code)
        if verdict.doubts_model:
            suspect(self._machine, phrase("run {run} failed. {reason}", run=self._job.run, reason=verdict.reason))
        return Outcome(runs.FAILED, exit_code, verdict)

    def _early_stop(self) -> Verdict | None:
        progress = self._events.progress
        if not progress.stopped_early:
            return None
        return Verdict(
            phrase(
                "The loss on the held-out rows fell no more; it was lowest at step {best_step}.",
                best_step=progress.best_step,
            ),
            phrase(
                "deploy and evaluate take checkpoint {best_step} unless told otherwise.", best_step=progress.best_step
            ),
        )


_RESUME_HINT = phrase("It goes on by itself when the machine is back; or resume it.")


def progress_document(job: Job, progress: Progress, gpu: dict[str, int] | None) -> dict[str, Any]:
    """What progress.json holds."""
    return {"run": job.run, "kind": job.kind, "updated": runs.now(), **progress.as_dict(), "gpu": gpu}


def supervise(job: Job) -> Outcome:
    """Run the job to its end and write its outcome; the GPU is given back whatever happens."""
    machine = job.machine
    run = runs.Run(machine.runs / job.run)
    gpu_task.take_over(machine, job.token)
    try:
        begin(job, run)
        supervisor = Supervisor(job)
        outcome = supervisor.run()
        supervisor.write_progress(outcome)
        end(job, run, outcome)
    except Exception as error:
        with contextlib.suppress(OSError):
            end(job, run, Outcome(runs.FAILED, None, _why_it_failed(error)))
        raise
    finally:
        # Each of these is tried, whatever became of the one before.
        with contextlib.ExitStack() as stack:
            if job.restart_demo:
                stack.callback(lambda: demo.control(machine).start())
            stack.callback(gpu_task.release, machine, job.token)
            stack.callback(run.stop_file.unlink, missing_ok=True)
            stack.callback(run.job_file.unlink, missing_ok=True)
            # An image of this machine would carry it: some 350 MB for AdvertiseGen.
            stack.callback(shutil.rmtree, machine.training_cache, ignore_errors=True)
    return outcome


def _why_it_failed(error: Exception) -> Verdict:
    verdict = explain([str(error)], None)
    return Verdict(phrase("The supervisor failed: {error}", error=error), verdict.hint)


def begin(job: Job, run: runs.Run) -> None:
    """Record that the job runs."""
    if job.kind == "train":
        attempt = runs.Attempt(runs.now(), step=job.resumed_from, checkpointing=job.checkpointing)
        attempts = (*run.record.attempts, attempt)
        run.update(state=runs.RUNNING, reason="", hint="", attempts=attempts)
    else:
        document = read_document(Path(job.result)) or {}
        running = {"state": runs.RUNNING, "started": runs.now(), "reason": "", "hint": ""}
        write_document(Path(job.result), {**document, **running})


def end(job: Job, run: runs.Run, outcome: Outcome) -> None:
    """Record how the job ended."""
    reason, hint = (outcome.verdict.reason, outcome.verdict.hint) if outcome.verdict else ("", "")
    if job.kind == "train":
        last = run.record.attempts[-1]
        # A plain text: an older version of the project, to which the run may be brought, knows no more of an attempt.
        ended = dataclasses.replace(last, ended=runs.now(), exit_code=outcome.exit_code, reason=str(reason))
        attempts = (*run.record.attempts[:-1], ended)
        run.update(state=outcome.state, reason=reason, hint=hint, attempts=attempts)
    else:
        document: dict[str, Any] = read_document(Path(job.result)) or {}
        document |= {"state": outcome.state, "ended": runs.now(), "exitCode": outcome.exit_code}
        write_document(Path(job.result), document | {"reason": reason, "hint": hint})


def main(arguments: Sequence[str]) -> int:
    # Asked to end, it ends as when it fails: its child first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        job = Job(**json.loads(Path(arguments[0]).read_text(encoding="utf-8"))["job"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        sys.stderr.write(f"supervise: {arguments[0]} is not a job ({error})\n")
        return 2
    return 0 if supervise(job).state in (runs.FINISHED, runs.STOPPED) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
