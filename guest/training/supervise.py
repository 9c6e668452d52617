"""The detached program: runs upstream's program, follows its log, stops it when it must be stopped.

    python -m guest.training.supervise JOB.JSON

It writes the progress and the outcome into the run's folder, so that whoever connects later finds them there.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from guest.training import demo, gpu_task, process, runs
from guest.training.files import read_json, write_json
from guest.training.machine import Machine
from guest.training.progress import LogReader, gpu_memory
from guest.training.watchdog import Verdict, Watchdog, explain

# A step takes 8 to 17 seconds on a T4 and saving some more: time enough to save in order before being ended.
PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Job:
    """One run of upstream's program.

    `result` is where the outcome goes: run.json of a training, evaluation.json of an evaluation.
    """

    kind: str
    token: str
    root: str
    source: str
    model: str
    run: str
    arguments_file: str
    log: str
    progress: str
    result: str
    total: int | None = None
    resumed_from: int = 0
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
    """Follows one child process from its start to its outcome."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._machine = job.machine
        self._run = runs.Run(self._machine.runs / job.run)
        self._reader = LogReader(job.total)
        self._watchdog = Watchdog(first=job.resumed_from == 0)
        self._verdict: Verdict | None = None
        self._stop_seen: float | None = None
        self._gpu_asked = 0.0
        self._gpu: dict[str, int] | None = None

    def run(self) -> Outcome:
        job, machine = self._job, self._machine
        log = Path(job.log)
        offset = log.stat().st_size if log.exists() else 0
        launch = Path(__file__).with_name("launch.py")
        child = process.spawn(
            [
                str(machine.python),
                str(launch),
                str(self._run.folder),
                str(machine.ptuning / "main.py"),
                job.arguments_file,
            ],
            # Upstream imports its own modules and writes relative paths from there.
            directory=machine.ptuning,
            environment=machine.upstream_environment(),
            log=log,
        )
        identity = process.Identity.of(child.pid)
        gpu_task.take_over(machine, job.token, identity)
        with log.open(encoding="utf-8", errors="replace", newline="") as lines:
            lines.seek(offset)
            while child.poll() is None:
                self._look(lines, identity)
                time.sleep(job.poll_seconds)
            self._look(lines, identity)
        return self._outcome(child.returncode)

    def _look(self, lines: TextIO, child: process.Identity) -> None:
        text = lines.read()
        for _, loss in self._reader.feed(text):
            # Losses of an evaluation are not trained on.
            if self._job.kind == "train" and self._verdict is None:
                self._verdict = self._watchdog.see(loss)
        if self._verdict is not None:
            process.kill_tree(child)
        self._heed_stop(child)
        if text:
            self.write_progress()

    def _heed_stop(self, child: process.Identity) -> None:
        if not self._run.stop_file.exists():
            return
        now = time.monotonic()
        if self._stop_seen is None:
            self._stop_seen = now
        # An evaluation has nothing to save; a training saves at the end of its step and ends by itself.
        if self._job.kind != "train" or now - self._stop_seen > self._patience():
            process.kill_tree(child)

    def _patience(self) -> float:
        document = read_json(self._run.stop_file) or {}
        return float(document.get("patienceSeconds", PATIENCE_SECONDS))

    def write_progress(self, outcome: Outcome | None = None) -> None:
        """Write what is known now; the GPU is asked every ten seconds at most."""
        if time.monotonic() - self._gpu_asked > 10 or self._gpu_asked == 0.0:
            self._gpu_asked, self._gpu = time.monotonic(), gpu_memory()
        document = {
            "run": self._job.run,
            "kind": self._job.kind,
            "updated": runs.now(),
            **self._reader.progress.as_dict(),
            "gpu": self._gpu,
        }
        if outcome is not None:
            document |= {"phase": outcome.state, "secondsLeft": None}
        write_json(Path(self._job.progress), document)

    def _outcome(self, exit_code: int) -> Outcome:
        if self._verdict is not None:
            return Outcome(runs.FAILED, exit_code, self._verdict)
        if self._run.stop_file.exists():
            return Outcome(runs.STOPPED, exit_code, Verdict("It was asked to stop.", "Resume it when you like."))
        if exit_code == 0:
            return Outcome(runs.FINISHED, exit_code)
        return Outcome(runs.FAILED, exit_code, explain(self._reader.lines, exit_code))


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
        end(job, run, Outcome(runs.FAILED, None, Verdict(f"The supervisor failed: {error}", "See its log.")))
        raise
    finally:
        run.stop_file.unlink(missing_ok=True)
        gpu_task.release(machine, job.token)
        if job.restart_demo:
            demo.control(machine).start()
    return outcome


def begin(job: Job, run: runs.Run) -> None:
    """Record that the job runs."""
    if job.kind == "train":
        attempt = runs.Attempt(runs.now(), step=job.resumed_from)
        attempts = (*run.record.attempts, attempt)
        run.update(state=runs.RUNNING, reason="", hint="", attempts=attempts)
    else:
        write_json(Path(job.result), {"state": runs.RUNNING, "started": runs.now(), "reason": "", "hint": ""})


def end(job: Job, run: runs.Run, outcome: Outcome) -> None:
    """Record how the job ended."""
    reason, hint = (outcome.verdict.reason, outcome.verdict.hint) if outcome.verdict else ("", "")
    if job.kind == "train":
        last = run.record.attempts[-1]
        ended = dataclasses.replace(last, ended=runs.now(), exit_code=outcome.exit_code, reason=reason)
        attempts = (*run.record.attempts[:-1], ended)
        run.update(state=outcome.state, reason=reason, hint=hint, attempts=attempts)
    else:
        document: dict[str, Any] = read_json(Path(job.result)) or {}
        document |= {"state": outcome.state, "ended": runs.now(), "exitCode": outcome.exit_code}
        write_json(Path(job.result), document | {"reason": reason, "hint": hint})


def main(arguments: Sequence[str]) -> int:
    document = read_json(Path(arguments[0]))
    if document is None:
        sys.stderr.write(f"supervise: {arguments[0]} is not a job\n")
        return 2
    return 0 if supervise(Job(**document)).state in (runs.FINISHED, runs.STOPPED) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
