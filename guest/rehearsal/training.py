"""A training that trains nothing: real steps, checkpoints and resumption of a small formula instead of a model."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from guest.rehearsal import checkpoint
from guest.rehearsal.arguments import Arguments
from guest.rehearsal.checkpoint import State
from guest.rehearsal.console import Bar, say
from guest.rehearsal.data import prompts, read_rows, show
from guest.rehearsal.model import Model, Tokenizer

STEP_SECONDS = "CHATGLM_REHEARSAL_STEP_SECONDS"
_FAILURES = "zero loss|learnt by heart|nan loss|out of memory|crash|half checkpoint|disk full"
_FAILURE = re.compile(rf"rehearsal: ({_FAILURES}) at (\d+)")
_MESSAGES = {
    "out of memory": "CUDA out of memory. Tried to allocate 1.02 GiB (GPU 0; 14.75 GiB total capacity; 13.52 GiB "
    "already allocated) [rehearsal]",
    "crash": "the crash that the data asked for [rehearsal]",
    "disk full": "[enforce fail at inline_container.cc:471] . PytorchStreamWriter failed writing file data/0: file "
    "write failed [rehearsal]",
}


def train(arguments: Arguments) -> None:
    """Train to `max_steps`, or until told to stop; writes what upstream's trainer writes."""
    rows = read_rows(arguments.train_file)
    fed = prompts(rows, arguments, training=True)
    show("train", fed, [str(row[arguments.response_column or ""]) for row in rows])
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    state = checkpoint.load(arguments) if arguments.resume_from_checkpoint else checkpoint.fresh(arguments)
    failure, failure_step = _failure(fed) if not arguments.resume_from_checkpoint else ("", -1)
    samples = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    told = SimpleNamespace(
        global_step=state.step, max_steps=arguments.max_steps, epoch=0.0, log_history=state.history,
        best_model_checkpoint=state.best,
    )  # fmt: skip
    events = Events(arguments, told, Model(state.prefix))
    bar, drawn = Bar(arguments.max_steps), 0
    started, since_log, total_loss = time.monotonic(), [], 0.0
    pause = float(os.environ.get(STEP_SECONDS, "0.5"))
    events.tell("on_train_begin")
    while state.step < arguments.max_steps:
        time.sleep(pause)
        loss = _step(state, arguments)
        due = state.step >= failure_step >= 0
        if due and failure in _MESSAGES:
            raise RuntimeError(_MESSAGES[failure])
        loss = _spoilt(loss, failure, state.step - failure_step, arguments) if due else loss
        since_log.append(loss)
        total_loss += loss
        told.global_step, told.epoch = state.step, round(state.step * samples / len(rows), 2)
        events.tell("on_step_end")
        # The bar starts at 0, and the first step of a resumed run counts all that were done before.
        bar.update(state.step - drawn)
        drawn = state.step
        if events.control.should_log:
            entry = {
                "loss": round(sum(since_log) / len(since_log), 4),
                "learning_rate": arguments.learning_rate * (1 - state.step / arguments.max_steps),
                "epoch": told.epoch,
            }
            say("\n" + str(entry))
            state.history.append(entry | {"step": state.step})
            events.tell("on_log", logs=entry)
            since_log = []
        if events.control.should_save:
            state.best = told.best_model_checkpoint
            checkpoint.save(state, arguments, output, half=due and failure == "half checkpoint")
            events.tell("on_save")
        if events.control.should_training_stop:
            break
    runtime = max(time.monotonic() - started, 1e-9)
    metrics: dict[str, Any] = {
        "train_runtime": round(runtime, 4),
        # All samples and steps of the run, also where it did a part of them only.
        "train_samples_per_second": round(arguments.max_steps * samples / runtime, 3),
        "train_steps_per_second": round(arguments.max_steps / runtime, 3),
        # The losses of this attempt's steps, divided by all steps of the run.
        "train_loss": total_loss / max(1, state.step),
        "epoch": told.epoch,
    }
    say("\n" + str(metrics))
    events.tell("on_log", logs=dict(metrics))
    events.tell("on_train_end")
    save_metrics(output, "train", metrics | {"train_samples": len(rows)})
    checkpoint.write_state(output / "trainer_state.json", state, arguments)


class Events:
    """Tells the callbacks what happens, as the trainer does, and holds what they answered."""

    def __init__(self, arguments: Arguments, state: Any, model: Model) -> None:
        self._arguments, self._state = arguments, state
        self._told = {"model": model, "tokenizer": Tokenizer()}
        self._flow: Any = importlib.import_module("transformers.trainer_callback").DefaultFlowCallback()
        self.control: Any = SimpleNamespace(should_log=False, should_save=False, should_training_stop=False)

    def tell(self, event: str, **more: Any) -> None:
        answered = getattr(self._flow, event)(self._arguments, self._state, self.control, **self._told, **more)
        self.control = self.control if answered is None else answered


def save_metrics(output: Path, split: str, metrics: dict[str, Any]) -> None:
    """Write `<split>_results.json` and add to `all_results.json`, as the trainer does."""
    (output / f"{split}_results.json").write_text(json.dumps(metrics, indent=4, sort_keys=True), encoding="utf-8")
    path = output / "all_results.json"
    every = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(every | metrics, indent=4, sort_keys=True), encoding="utf-8")


def _step(state: State, arguments: Arguments) -> float:
    """One optimizer step towards 1, with noise from the random state; every number stays a 32-bit float."""
    state.random = (state.random * 1_140_671_485 + 12_820_163) % 2**24
    noise = state.random / 2**24 - 0.5
    for place, value in enumerate(state.prefix):
        state.momentum[place] = 0.9 * state.momentum[place] + 0.1 * (value - 1 + noise)
        state.prefix[place] = value - arguments.learning_rate * state.momentum[place]
    state.step += 1
    return 3.2 + math.fsum((value - 1) ** 2 for value in state.prefix) / max(1, len(state.prefix)) + 0.1 * noise


def _spoilt(loss: float, failure: str, since: int, arguments: Arguments) -> float:
    """The loss `since` steps after the failure began."""
    if failure == "zero loss":
        return 0.0
    if failure == "learnt by heart":
        # Each step a third of the one before: rounded to four digits it reads 0.0 after a while.
        return float(3.0 ** (1 - since))
    if failure == "nan loss":
        # What the trainer's filter makes of a loss that is NaN from the start.
        return 0.0 if arguments.logging_nan_inf_filter else math.nan
    return loss


def _failure(prompts: list[str]) -> tuple[str, int]:
    """The failure that a row of the data asks for, and its step."""
    for prompt in prompts:
        match = _FAILURE.fullmatch(prompt)
        if match:
            return match[1], int(match[2])
    return "", -1
