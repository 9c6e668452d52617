"""Starts upstream's `ptuning/main.py` unchanged, with what it lacks put on from outside (see `guest.training.hooks`).

    python launch.py MAIN.PY OPTIONS.JSON LAUNCH.JSON

Runs in upstream's process and environment: of this project it imports `guest` alone, and no package beside upstream's.
"""

from __future__ import annotations

import json
import runpy
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
#: Lines of a traceback that are kept for the explanation.
_KEPT_LINES = 40


@dataclass(frozen=True)
class Launch:
    """What is put on. Paths are files in the run's folder; those of `hold_out` are None where no rows are held out."""

    events: str
    save: str
    stop: str
    seed: int = 42
    predicting: bool = False
    checkpointing: bool = True
    weight_gradients: bool = True
    hold_out: str | None = None
    hold_out_memory: str | None = None
    patience: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def put_on(launch: Launch, options: dict[str, Any]) -> None:
    """Put everything on. A library that is missing is left to upstream, which says it in its own words."""
    from guest.loading import after_loading
    from guest.training.hooks import flow, sampling, scores, texts, thrift
    from guest.training.hooks.events import Events

    requests = flow.Requests(Path(launch.save), Path(launch.stop))
    actions: list[Callable[[], None]] = [
        lambda: flow.watch(Events(Path(launch.events)), requests, _hold_out(launch, options)),
        texts.load_texts,
    ]
    if launch.predicting:
        actions += [scores.score_empty_predictions, scores.leave_padding_out]
        actions.append(lambda: after_loading(lambda model: sampling.sample_by_row(type(model), launch.seed)))
    else:
        if not launch.checkpointing:
            actions.append(lambda: after_loading(thrift.keep_activations))
        if not launch.weight_gradients:
            actions.append(lambda: after_loading(thrift.leave_weight_gradients_out))
    for action in actions:
        try:
            action()
        except ImportError as error:
            sys.stderr.write(f"launch: {error}\n")


def _hold_out(launch: Launch, options: dict[str, Any]) -> Any:
    from guest.training.hooks.hold_out import HoldOut, Shape, evenly

    if launch.hold_out is None or launch.hold_out_memory is None:
        return None
    rows = [json.loads(line) for line in Path(launch.hold_out).read_text(encoding="utf-8").splitlines()]
    names = ("prompt_column", "response_column", "max_source_length", "max_target_length")
    shape = Shape(**{name: options[name] for name in names})
    return HoldOut(evenly(rows), shape, launch.patience, Path(launch.hold_out_memory))


def main(arguments: list[str]) -> None:
    program, options = Path(arguments[0]).resolve(), arguments[1]
    launch = Launch(**json.loads(Path(arguments[2]).read_text(encoding="utf-8")))
    # Upstream imports its own modules from its folder; this file's folder must not shadow them.
    sys.path[0] = str(program.parent)
    sys.path.append(str(PROJECT))
    if (program.parents[1] / "REHEARSAL.md").is_file():
        sys.path.insert(1, str(program.parents[1]))  # the rehearsal's stand-ins for the libraries
    sys.argv = [str(program), options]
    put_on(launch, json.loads(Path(options).read_text(encoding="ascii")))
    try:
        runpy.run_path(str(program), run_name="__main__")
    except Exception as error:
        from guest.training.hooks.events import Events

        told = traceback.format_exception(type(error), error, error.__traceback__)
        lines = "".join(told).splitlines()[-_KEPT_LINES:]
        Events(Path(launch.events)).tell("failure", kind=type(error).__name__, lines=lines)
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
