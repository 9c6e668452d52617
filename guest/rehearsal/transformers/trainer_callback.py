"""Plays `transformers.trainer_callback`: what the trainer asks and tells at each event.

Names and order of the events are those of transformers 4.27.1.
"""

from __future__ import annotations

from typing import Any


def _nothing(self: Any, args: Any, state: Any, control: Any, **_: Any) -> Any:  # noqa: ARG001
    return control


class TrainerCallback:
    """Every event does nothing here; each may return a changed `control`."""

    on_train_begin = on_step_end = on_log = on_save = on_prediction_step = on_train_end = _nothing


class DefaultFlowCallback(TrainerCallback):
    """Says after a step whether to log, to save, and to stop. The last step is not saved unless it is due."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        first = state.global_step == 1 and args.logging_first_step
        control.should_log = first or state.global_step % args.logging_steps == 0
        control.should_save = state.global_step % args.save_steps == 0
        control.should_training_stop = state.global_step >= state.max_steps
        return control
