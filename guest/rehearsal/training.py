"""A training that trains nothing: real steps, checkpoints and resumption of a small formula instead of a model."""

from __future__ import annotations

import importlib
import json
import math
import os
import re
import shutil
import time
from array import array
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from guest.rehearsal.arguments import Arguments
from guest.rehearsal.console import Bar, log, say
from guest.rehearsal.torch_files import read_floats, write_tensors

# Eight numbers a token instead of the model's 229,376.
WIDTH = 8
STEP_SECONDS = "CHATGLM_REHEARSAL_STEP_SECONDS"
_FAILURE = re.compile(r"rehearsal: (zero loss|nan loss|out of memory|crash|half checkpoint) at (\d+)")
_PREFIX = "transformer.prefix_encoder.embedding.weight"


@dataclass
class State:
    """What a checkpoint holds: the prefix, the optimizer's momentum, the random state, the steps done and logged."""

    prefix: array[float]
    momentum: array[float]
    random: int
    step: int
    history: list[dict[str, float]]


def train(arguments: Arguments) -> None:
    """Train to `max_steps`, or until told to stop; writes what upstream's trainer writes."""
    rows = read_rows(arguments.train_file)
    output = Path(arguments.output_dir)
    output.mkdir(parents=True, exist_ok=True)
    state = _load(arguments) if arguments.resume_from_checkpoint else _fresh(arguments)
    failure, failure_step = _failure(arguments, rows) if not arguments.resume_from_checkpoint else ("", -1)
    samples = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
    log("***** Running training *****")
    log(f"  Num examples = {len(rows)}")
    log(f"  Total optimization steps = {arguments.max_steps}")
    bar = Bar(arguments.max_steps, done=state.step)
    bar.draw(state.step)
    flow: Any = importlib.import_module("transformers.trainer_callback").DefaultFlowCallback()
    trainer_state = SimpleNamespace(global_step=state.step, max_steps=arguments.max_steps)
    started, first, since_log, total_loss = time.monotonic(), state.step, [], 0.0
    pause = float(os.environ.get(STEP_SECONDS, "0.5"))
    while state.step < arguments.max_steps:
        time.sleep(pause)
        loss = _step(state, arguments)
        due = state.step >= failure_step >= 0
        if due and failure == "out of memory":
            raise RuntimeError(
                "CUDA out of memory. Tried to allocate 1.02 GiB (GPU 0; 14.75 GiB total capacity; 13.52 GiB already "
                "allocated) [rehearsal]"
            )
        if due and failure == "crash":
            raise RuntimeError("the crash that the data asked for [rehearsal]")
        loss = _spoilt(loss, failure, arguments) if due else loss
        since_log.append(loss)
        total_loss += loss
        bar.draw(state.step)
        trainer_state.global_step = state.step
        control = flow.on_step_end(
            arguments, trainer_state, SimpleNamespace(should_log=False, should_save=False, should_training_stop=False)
        )
        if control.should_log:
            _report(state, arguments, since_log, len(rows), samples)
            since_log = []
        if control.should_save:
            _save(state, arguments, output, half=due and failure == "half checkpoint")
        if control.should_training_stop:
            break
    log("Training completed. (rehearsal)")
    runtime = time.monotonic() - started
    metrics: dict[str, Any] = {
        "epoch": round(state.step * samples / len(rows), 2),
        "train_loss": total_loss / max(1, state.step - first),
        "train_runtime": round(runtime, 4),
        "train_samples": len(rows),
        "train_steps_per_second": round((state.step - first) / max(runtime, 1e-9), 3),
    }
    say(str(metrics))
    save_metrics(output, "train", metrics)
    _write_state(output / "trainer_state.json", state, arguments)


def read_rows(path: str | None) -> list[dict[str, Any]]:
    """The rows of a JSON lines file."""
    if path is None:
        raise ValueError("Need either a dataset name or a training/validation/test file.")
    with Path(path).open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def save_metrics(output: Path, split: str, metrics: dict[str, Any]) -> None:
    """Write `<split>_results.json` and add to `all_results.json`, as the trainer does."""
    (output / f"{split}_results.json").write_text(json.dumps(metrics, indent=4, sort_keys=True), encoding="utf-8")
    path = output / "all_results.json"
    every = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    path.write_text(json.dumps(every | metrics, indent=4, sort_keys=True), encoding="utf-8")


def _fresh(arguments: Arguments) -> State:
    size = (arguments.pre_seq_len or 0) * WIDTH
    zeros = array("f", bytes(4 * size))
    return State(zeros, array("f", zeros), arguments.seed % 2**24, 0, [])


def _step(state: State, arguments: Arguments) -> float:
    """One optimizer step towards 1, with noise from the random state; every number stays a 32-bit float."""
    state.random = (state.random * 1_140_671_485 + 12_820_163) % 2**24
    noise = state.random / 2**24 - 0.5
    for place, value in enumerate(state.prefix):
        state.momentum[place] = 0.9 * state.momentum[place] + 0.1 * (value - 1 + noise)
        state.prefix[place] = value - arguments.learning_rate * state.momentum[place]
    state.step += 1
    return 3.2 + math.fsum((value - 1) ** 2 for value in state.prefix) / max(1, len(state.prefix)) + 0.1 * noise


def _spoilt(loss: float, failure: str, arguments: Arguments) -> float:
    if failure == "zero loss":
        return 0.0
    if failure == "nan loss":
        # What the trainer's filter makes of a loss that is NaN from the start.
        return 0.0 if arguments.logging_nan_inf_filter else math.nan
    return loss


def _report(state: State, arguments: Arguments, losses: list[float], rows: int, samples: int) -> None:
    entry = {
        "loss": round(sum(losses) / len(losses), 4),
        "learning_rate": arguments.learning_rate * (1 - state.step / arguments.max_steps),
        "epoch": round(state.step * samples / rows, 2),
    }
    say("\n" + str(entry))
    state.history.append(entry | {"step": state.step})


def _save(state: State, arguments: Arguments, output: Path, *, half: bool) -> None:
    folder = output / f"checkpoint-{state.step}"
    log(f"Saving model checkpoint to {folder}")
    folder.mkdir(exist_ok=True)
    shape = [arguments.pre_seq_len or 0, WIDTH]
    write_tensors(folder / "pytorch_model.bin", {_PREFIX: (shape, state.prefix)})
    write_tensors(folder / "optimizer.pt", {"exp_avg": (shape, state.momentum)})
    if half:
        # What a machine leaves that is taken away while it writes.
        whole = (folder / "optimizer.pt").read_bytes()
        (folder / "optimizer.pt").write_bytes(whole[: len(whole) // 2])
        os._exit(1)
    write_tensors(folder / "scheduler.pt", {"last_epoch": ([1], array("f", [state.step]))})
    _write_state(folder / "trainer_state.json", state, arguments)
    write_tensors(folder / "rng_state.pth", {"cpu": ([1], array("f", [state.random]))})
    _delete_old(output, arguments.save_total_limit)


def _write_state(path: Path, state: State, arguments: Arguments) -> None:
    document = {"global_step": state.step, "max_steps": arguments.max_steps, "log_history": state.history}
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _delete_old(output: Path, limit: int | None) -> None:
    if not limit:
        return
    folders = sorted(output.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
    for folder in folders[:-limit]:
        log(f"Deleting older checkpoint [{folder}] due to args.save_total_limit")
        shutil.rmtree(folder)


def _load(arguments: Arguments) -> State:
    folder = Path(arguments.resume_from_checkpoint or "")
    if not (folder / "pytorch_model.bin").is_file():
        raise ValueError(f"Can't find a valid checkpoint at {folder}")
    log(f"Loading model from {folder}.")
    document = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    log(f"  Continuing training from global step {document['global_step']}")
    return State(
        read_floats(folder / "pytorch_model.bin"),
        read_floats(folder / "optimizer.pt"),
        int(read_floats(folder / "rng_state.pth")[0]),
        document["global_step"],
        document["log_history"],
    )


def _failure(arguments: Arguments, rows: list[dict[str, Any]]) -> tuple[str, int]:
    """The failure that a row of the data asks for, and its step."""
    for row in rows:
        match = _FAILURE.fullmatch(str(row[arguments.prompt_column or ""]))
        if match:
            return match[1], int(match[2])
    return "", -1
