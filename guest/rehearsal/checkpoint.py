"""The files of a checkpoint: the same fifteen names as upstream's, in the order in which they are written."""

from __future__ import annotations

import json
import os
import shutil
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guest.rehearsal.arguments import Arguments
from guest.rehearsal.console import inform, say
from guest.rehearsal.torch_files import read_floats, write_tensors

# Eight numbers a token instead of the model's 229,376.
WIDTH = 8
_PREFIX = "transformer.prefix_encoder.embedding.weight"
_MODEL_CODE = ("configuration_chatglm.py", "modeling_chatglm.py", "quantization.py")
_TOKENIZER = ("ice_text.model", "special_tokens_map.json", "tokenization_chatglm.py", "tokenizer_config.json")


@dataclass
class State:
    """What a checkpoint holds: the prefix, the optimizer's momentum, the random state, the steps done and logged."""

    prefix: array[float]
    momentum: array[float]
    random: int
    step: int
    history: list[dict[str, float]]
    best: str | None = None


def fresh(arguments: Arguments) -> State:
    size = (arguments.pre_seq_len or 0) * WIDTH
    zeros = array("f", bytes(4 * size))
    return State(zeros, array("f", zeros), arguments.seed % 2**24, 0, [])


def save(state: State, arguments: Arguments, output: Path, *, half: bool) -> None:
    """Write `checkpoint-N`; with `half` end the process in the middle, as a machine that is taken away does."""
    folder = output / f"checkpoint-{state.step}"
    say("Saving PrefixEncoder")
    folder.mkdir(exist_ok=True)
    for name in (*_MODEL_CODE, "config.json", "generation_config.json"):
        _placeholder(folder / name)
    inform("configuration_utils.py:457", f"Configuration saved in {folder / 'config.json'}")
    shape = [arguments.pre_seq_len or 0, WIDTH]
    write_tensors(folder / "pytorch_model.bin", {_PREFIX: (shape, state.prefix)})
    inform("modeling_utils.py:1762", f"Model weights saved in {folder / 'pytorch_model.bin'}")
    for name in _TOKENIZER:
        _placeholder(folder / name)
    write_tensors(folder / "training_args.bin", {"seed": ([1], array("f", [arguments.seed % 2**24]))})
    write_tensors(folder / "optimizer.pt", {"exp_avg": (shape, state.momentum)})
    if half:
        whole = (folder / "optimizer.pt").read_bytes()
        (folder / "optimizer.pt").write_bytes(whole[: len(whole) // 2])
        os._exit(1)
    write_tensors(folder / "scheduler.pt", {"last_epoch": ([1], array("f", [state.step]))})
    write_state(folder / "trainer_state.json", state, arguments)
    write_tensors(folder / "rng_state.pth", {"cpu": ([1], array("f", [state.random]))})
    _delete_old(output, arguments.save_total_limit, state.best)


def load(arguments: Arguments) -> State:
    """The state in the checkpoint that is resumed from."""
    folder = Path(arguments.resume_from_checkpoint or "")
    if not (folder / "pytorch_model.bin").is_file():
        raise ValueError(f"Can't find a valid checkpoint at {folder}")
    document: dict[str, Any] = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
    return State(
        read_floats(folder / "pytorch_model.bin"),
        read_floats(folder / "optimizer.pt"),
        int(read_floats(folder / "rng_state.pth")[0]),
        document["global_step"],
        document["log_history"],
        document["best_model_checkpoint"],
    )


def write_state(path: Path, state: State, arguments: Arguments) -> None:
    document = {
        "best_metric": None,
        "best_model_checkpoint": state.best,
        "global_step": state.step,
        "log_history": state.history,
        "max_steps": arguments.max_steps,
    }
    path.write_text(json.dumps(document, indent=2), encoding="utf-8")


def _placeholder(path: Path) -> None:
    text = (
        '{"rehearsal": true}\n' if path.suffix == ".json" else "# A rehearsal's: upstream saves a file of the model.\n"
    )
    path.write_text(text, encoding="ascii")


def _delete_old(output: Path, limit: int | None, best: str | None) -> None:
    """Delete what is over the limit, oldest first but never the best (ptuning/trainer.py `_sorted_checkpoints`)."""
    if not limit:
        return
    folders = sorted(output.glob("checkpoint-*"), key=lambda folder: int(folder.name.rpartition("-")[2]))
    if best is not None:
        # Raises ValueError, as upstream does, where the best one is not there.
        place = folders.index(Path(best))
        folders.insert(max(len(folders) - 2, place), folders.pop(place))
    for folder in folders[:-limit]:
        shutil.rmtree(folder)
