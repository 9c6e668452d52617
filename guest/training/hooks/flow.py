"""Events, saving and stopping: what the trainer's own callback does at each step, and more.

`DefaultFlowCallback` is in every trainer, so nothing of upstream's has to be changed to add to it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.training.hooks.events import Events
from guest.training.hooks.hold_out import HoldOut


@dataclass(frozen=True)
class Requests:
    """Files that ask the training for something; they appear in the run's folder."""

    save: Path
    stop: Path


def watch(events: Events, requests: Requests, hold_out: HoldOut | None) -> None:
    """Add to the trainer's flow.

    - Every step, loss and predicted batch is told as an event.
    - The last step is saved, which transformers 4.27.1 leaves out and upstream has commented out.
    - A file `save` asks for a checkpoint, a file `stop` for one and the end, at the end of the step.
    - The held-out rows are measured wherever a checkpoint is due.
    """
    flow: Any = importlib.import_module("transformers.trainer_callback").DefaultFlowCallback
    own_on_step_end = flow.on_step_end
    done = 0

    def on_train_begin(_: Any, args: Any, state: Any, control: Any, **__: Any) -> Any:
        events.tell("begin", step=state.global_step, total=state.max_steps)
        # The path that the checkpoint has is that of the machine on which it was written.
        best = None if hold_out is None else hold_out.begin(Path(args.output_dir))
        state.best_model_checkpoint = None if best is None else str(best)
        return control

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        control = own_on_step_end(self, args, state, control, **kwargs)
        events.step(state.global_step, last=state.global_step >= state.max_steps)
        if requests.save.exists():
            control.should_save = True
            requests.save.unlink(missing_ok=True)
        if requests.stop.exists():
            control.should_save = control.should_training_stop = True
        if control.should_training_stop:
            control.should_save = True
        elif control.should_save and hold_out is not None:
            # A machine that is being taken away has no time for it, and the last step is measured below.
            control.should_training_stop = _measure(hold_out, events, args, state, kwargs)
        if state.global_step >= state.max_steps and hold_out is not None and not requests.stop.exists():
            _measure(hold_out, events, args, state, kwargs)
        return control

    def on_log(_: Any, __: Any, state: Any, control: Any, logs: Any = None, **___: Any) -> Any:
        if logs and "loss" in logs:
            known = {name: logs[name] for name in ("loss", "learning_rate", "epoch") if name in logs}
            events.tell("loss", step=state.global_step, **known)
        return control

    def on_save(_: Any, __: Any, state: Any, control: Any, **___: Any) -> Any:
        events.tell("save", step=state.global_step)
        return control

    def on_prediction_step(_: Any, __: Any, ___: Any, control: Any, eval_dataloader: Any = None, **____: Any) -> Any:
        nonlocal done
        done += 1
        total = len(eval_dataloader) if eval_dataloader is not None else None
        events.tell("predict", step=done, total=total)
        return control

    _replace(flow, on_train_begin, on_step_end, on_log, on_save, on_prediction_step)


def _measure(hold_out: HoldOut, events: Events, args: Any, state: Any, told: dict[str, Any]) -> bool:
    """Measure the held-out rows; whether the training should stop."""
    loss, stop = hold_out.measure(state.global_step, told["model"], told["tokenizer"])
    events.tell("hold_out", step=state.global_step, loss=loss, best=hold_out.best_step, stop=stop)
    best = Path(args.output_dir) / f"checkpoint-{hold_out.best_step}"
    # The trainer does not delete the best one. One that is not there would make it fail instead; the one of this very
    # step is about to be written.
    if best.is_dir() or hold_out.best_step == state.global_step:
        state.best_model_checkpoint = str(best)
    return stop


def _replace(owner: Any, *functions: Callable[..., Any]) -> None:
    for function in functions:
        setattr(owner, function.__name__, function)
