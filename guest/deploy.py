"""Switches what the demo serves: the base model, or the prefix of a run's checkpoint. Above serving and training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from guest.errors import GuestError
from guest.files import replace_file, write_json
from guest.machine import Machine, this_machine
from guest.phrases import phrase
from guest.serving import live, state, tls
from guest.serving.choice import BASE, base_settings, served_choice, serving_file
from guest.serving.control import Demo
from guest.serving.launch import bits_served
from guest.serving.settings import read_settings
from guest.training import demo as demos
from guest.training import gpu_task, runs, start
from guest.training.checkpoints import Checkpoint, saved_pre_seq_len
from guest.training.demo import DemoControl
from guest.training.options import serve_arguments, write_arguments
from guest.training.runs import Run
from guest.training.verbs import named_run, plain, take

# Loading 13 GB from disk and moving it to the GPU takes minutes.
ANSWER_SECONDS = 900.0
# What is under way ends first, and the longest answer takes about that long.
SWITCH_SECONDS = 300.0


def run_settings(machine: Machine, run: Run, checkpoint: Checkpoint) -> dict[str, Any]:
    """Settings that serve a checkpoint, and upstream's options file for them.

    Raises GuestError where the saved prefix has another length than the run says: serving it would fail after
    minutes of loading, with a message about sizes.
    """
    options = run.record.options
    saved = saved_pre_seq_len(checkpoint.path)
    if saved is not None and saved != options.pre_seq_len:
        raise GuestError(
            phrase(
                "The prefix in {checkpoint} of run {run} has {saved} tokens, the run says {pre_seq_len}.",
                checkpoint=checkpoint.name,
                run=run.name,
                saved=saved,
                pre_seq_len=options.pre_seq_len,
            ),
            phrase("The run's run.json was changed by hand; set pre_seq_len there to what the checkpoint holds."),
        )
    arguments_file = machine.state / f"serving-{run.name}-{checkpoint.step}.json"
    machine.state.mkdir(parents=True, exist_ok=True)
    write_arguments(arguments_file, serve_arguments(options, model=machine.model, checkpoint=checkpoint.path))
    return {
        "schema": 1,
        "choice": f"{run.name}/{checkpoint.name}",
        "program": str(machine.ptuning / "web_demo.py"),
        "directory": str(machine.ptuning),
        "arguments": [str(arguments_file)],
        "preSeqLen": options.pre_seq_len,
    }


def switch(machine: Machine, settings: dict[str, Any], demo: DemoControl, *, seconds: float = ANSWER_SECONDS) -> None:
    """Make the demo serve `settings` and wait until it answers.

    If it does not, the settings before are put back and the demo is started with them; then raises GuestError.
    """
    bits = bits_served(settings["arguments"], read_settings(machine.root).precision)
    if demo.is_running() and live.can_switch(machine, bits):
        refusal = live.switch(machine, settings, min(seconds, SWITCH_SECONDS))
        if refusal is None:
            return
        raise GuestError(
            phrase("The demo does not serve {choice}. {refusal}", choice=settings["choice"], refusal=refusal),
            phrase("It serves what it served before."),
        )
    path = serving_file(machine)
    before = path.read_bytes() if path.is_file() else None
    _restart(machine, settings, demo)
    reason = demo.wait_until_answers(seconds)
    if reason is None:
        return
    choice = settings["choice"]
    demo.stop()
    if before is None:
        path.unlink()
    else:
        replace_file(path, before)
    demo.start()
    raise GuestError(
        phrase("The demo does not answer with {choice}. {reason}", choice=choice, reason=reason),
        phrase("What it served before was started again; the log named demo has the rest."),
    )


def _restart(machine: Machine, settings: dict[str, Any], demo: DemoControl) -> None:
    demo.stop()
    write_json(serving_file(machine), settings)
    demo.start()


def serve(machine: Machine, model: str | None, seconds: float) -> dict[str, Any]:
    """Make the demo run, with another model where one is named, and wait. Raises GuestError when it fails.

    `model` is "base" or "RUN/checkpoint-N"; without it, what was served last. A demo that serves with other settings
    than the manifest's of today is started anew. While a training has the GPU nothing is started: the demo takes both
    when it gets the GPU back. A demo that lacks its certificate is not waited for either: it starts when that comes.
    """
    demo = Demo(machine)
    task = gpu_task.current(machine)
    if task is not None:
        if model and model != served_choice(machine):
            write_json(serving_file(machine), _settings_of(machine, model))
        return {"demo": state.read_demo(machine.root), "waitsFor": phrase("run {run}, which has the GPU", run=task.run)}
    waits = tls.is_waited_for(machine.root)
    if model and model != served_choice(machine) and not waits:
        switch(machine, _settings_of(machine, model), demo, seconds=seconds)
    else:
        if model and model != served_choice(machine):
            write_json(serving_file(machine), _settings_of(machine, model))
        told = state.read_demo(machine.root) or {}
        if not demo.is_running() or told.get("settings") != read_settings(machine.root).mark:
            demo.start()
        if waits:
            return {"demo": state.read_demo(machine.root), "waitsFor": tls.WAITS}
        reason = demo.wait_until_answers(seconds)
        if reason is not None:
            raise GuestError(
                phrase("The demo does not answer. {reason}", reason=reason), phrase("Look at the log named demo.")
            )
    return {"demo": state.read_demo(machine.root)}


def _settings_of(machine: Machine, model: str) -> dict[str, Any]:
    if model == BASE:
        return base_settings(machine)
    name, _, checkpoint = model.partition("/checkpoint-")
    run = runs.open_run(machine.runs, name)
    return run_settings(machine, run, run.checkpoint(int(checkpoint) if checkpoint else None))


def deploy_choice(options: Mapping[str, Any]) -> dict[str, Any]:
    """Serve a run (`run`, optional `checkpoint` step) or the base model (`run`: "base"); returns when it answers."""
    given = take(options, run=str, checkpoint=int, timeoutSeconds=(int, float))
    machine = this_machine()
    if given.get("run") == BASE:
        settings = base_settings(machine)
    else:
        run = named_run(machine, given)
        start.require_same_upstream(machine, run)
        settings = run_settings(machine, run, run.checkpoint(given.get("checkpoint")))
    task = gpu_task.current(machine)
    if task is not None:
        raise GuestError(
            phrase("Run {run} uses the GPU, which does not hold the demo besides.", run=task.run),
            phrase("Wait for it, or stop it first."),
        )
    controlled = demos.control(machine)
    if isinstance(controlled, demos.NoDemo):
        raise GuestError(
            phrase("No demo is installed on this machine."), phrase("Wait until the machine has installed itself.")
        )
    if tls.is_waited_for(machine.root):
        raise GuestError(phrase("The demo is not served: {why}.", why=tls.WAITS), tls.WHAT_TO_DO)
    seconds = float(given.get("timeoutSeconds", ANSWER_SECONDS))
    switch(machine, settings, controlled, seconds=seconds)
    return {"serving": settings["choice"], "preSeqLen": settings["preSeqLen"], "rehearsal": machine.is_rehearsal}


VERBS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {"deploy": plain(deploy_choice)}
