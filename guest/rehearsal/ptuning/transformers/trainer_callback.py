"""Plays `transformers.trainer_callback.DefaultFlowCallback`: after a step, whether to log, to save, and to stop."""

from __future__ import annotations

from typing import Any


class DefaultFlowCallback:
    """Asked by the trainer at the end of every step."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Set what is due in `control` and return it."""
        first = state.global_step == 1 and args.logging_first_step
        control.should_log = first or state.global_step % args.logging_steps == 0
        control.should_save = state.global_step % args.save_steps == 0
        control.should_training_stop = state.global_step >= state.max_steps
        return control
