"""Starts upstream's `ptuning/main.py` unchanged, with two gaps of it closed from outside.

    python launch.py RUN_FOLDER MAIN.PY OPTIONS.JSON

- The trainer saves every `save_steps` only. Here it also saves when a file `save` appears in the run's folder, and
  saves and ends when a file `stop` does, at the end of the step.
- One empty prediction makes the scores raise "Hypothesis is empty" after hours of predicting, before anything is
  written. Here an empty prediction scores 0.

Runs inside upstream's process: it imports nothing of this project.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path
from typing import Any


def save_on_request(folder: Path) -> None:
    """Make the trainer look for the files `save` and `stop` in the run's folder after every step."""
    flow: Any = importlib.import_module("transformers.trainer_callback").DefaultFlowCallback
    own_on_step_end = flow.on_step_end
    save, stop = folder / "save", folder / "stop"

    def on_step_end(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
        control = own_on_step_end(self, args, state, control, **kwargs)
        if stop.exists():
            control.should_save = True
            control.should_training_stop = True
        elif save.exists():
            control.should_save = True
            save.unlink(missing_ok=True)
        return control

    flow.on_step_end = on_step_end


def score_empty_predictions() -> None:
    """Make an empty prediction score 0 instead of ending the evaluation."""
    rouge: Any = importlib.import_module("rouge_chinese").Rouge
    own_get_scores = rouge.get_scores

    def get_scores(self: Any, hyps: Any, refs: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return own_get_scores(self, hyps, refs, *args, **kwargs)
        except ValueError:
            return [{name: {"r": 0.0, "p": 0.0, "f": 0.0} for name in ("rouge-1", "rouge-2", "rouge-l")}]

    rouge.get_scores = get_scores


def main(arguments: list[str]) -> None:
    folder, program, options = Path(arguments[0]), Path(arguments[1]).resolve(), arguments[2]
    # Upstream imports its own modules from its folder; this file's folder must not shadow them.
    sys.path[0] = str(program.parent)
    sys.argv = [str(program), options]
    try:
        save_on_request(folder)
        score_empty_predictions()
    except ImportError as error:
        # Upstream will say in its own words what is missing.
        sys.stderr.write(f"launch: {error}\n")
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
