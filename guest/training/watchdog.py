"""Rules that stop a training which cannot succeed, and the known reasons for failures.

The reasons come from the issues of THUDM/ChatGLM-6B, named with each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

# The cross entropy of guessing blindly among the model's 130,528 tokens.
BLIND_LOSS = math.log(130_528)


@dataclass(frozen=True)
class Verdict:
    """Why a run was stopped or failed, and what to try."""

    reason: str
    hint: str


ZERO_LOSS = Verdict(
    "The loss is exactly 0: the model computes nothing that can be learned from.",
    "Known on a T4 without quantisation and on Windows with fp16 or int8 (issues 754, 1415, 1327): start again with "
    "quantization_bit 4; if it stays, lower learning_rate (2e-3).",
)
NAN_LOSS = Verdict(
    "The loss is not a number (NaN or infinite): the training has run away.",
    "Start again with a lower learning_rate (2e-3) or quantization_bit 4; checkpoints before this step can still be "
    "deployed.",
)
WORSE_THAN_GUESSING = Verdict(
    f"The first loss is above {BLIND_LOSS:.1f}, worse than blind guessing: the model was not read rightly.",
    "Check the model's files by their SHA-256 (doctor does it), then start again.",
)
OUT_OF_MEMORY = Verdict(
    "CUDA out of memory: the GPU cannot hold model, prefix and batch.",
    "Use quantization_bit 4 (7 GB instead of 14 GB), shorter max_source_length and max_target_length, or batch size "
    "1 with more accumulation; make sure that the demo is stopped (issues 1119, 173).",
)

_KNOWN: tuple[tuple[str, Verdict], ...] = (
    (r"CUDA out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED", OUT_OF_MEMORY),
    (
        r"DefaultCPUAllocator: not enough memory|WinError 1455|MemoryError",
        Verdict(
            "The machine's own memory (not the GPU's) is used up.",
            "Use a page file of 16 to 32 GB or a machine with 32 GB of memory (issue 631).",
        ),
    ),
    (
        r"size mismatch for .*embedding|copying a param with shape",
        Verdict(
            "The checkpoint's prefix has another length than the model was given.",
            "Use the run as it was trained; a prefix cannot be given another length (issue 806).",
        ),
    ),
    (
        r"Torch not compiled with CUDA enabled",
        Verdict("PyTorch is a build without CUDA.", "Install the cu118 wheel again (issue 1089)."),
    ),
    (
        r"Found no NVIDIA driver|nvcuda\.dll|No CUDA GPUs are available",
        Verdict("No GPU is there for PyTorch.", "Check the NVIDIA driver: nvidia-smi must list the card (issue 114)."),
    ),
    (
        r"No module named 'transformers_modules",
        Verdict("The model's folder has a form that transformers cannot import.", "Use C:\\chatglm-6b (issue 310)."),
    ),
    (
        r"Library cudart is not initialized|cublasLt",
        Verdict("The CUDA libraries are not on the PATH of the training.", "Reinstall the torch step (issue 46)."),
    ),
    (
        r"ParseFromArray|invalid load key, 'v'|PytorchStreamReader failed",
        Verdict("A model file or checkpoint is not what it should be (cut, or a pointer file).", "Check the hashes."),
    ),
    (
        r"is not in list",
        Verdict("Model code and weights are of different versions.", "Download the model again (issue 872)."),
    ),
    (
        r"Hypothesis is empty",
        Verdict("A prediction was empty, which the scores cannot take.", "Raise max_source_length (issue 792)."),
    ),
    (
        r"Some keys are not used by the HfArgumentParser",
        Verdict("Upstream does not know one of the options.", "The source is of another version than this project's."),
    ),
    (r"No space left on device|WinError 112", Verdict("The disk is full.", "Delete old runs or checkpoints.")),
)


class Watchdog:
    """Sees every logged loss once, in order, and says when to stop.

    A resumed run has passed the first test already, so `first` is False for it.
    """

    def __init__(self, *, first: bool = True) -> None:
        self._first = first

    def see(self, loss: float) -> Verdict | None:
        first, self._first = self._first, False
        if not math.isfinite(loss):
            return NAN_LOSS
        if loss == 0.0:
            return ZERO_LOSS
        if first and loss > BLIND_LOSS:
            return WORSE_THAN_GUESSING
        return None


def explain(lines: Sequence[str], exit_code: int | None) -> Verdict:
    """Why upstream ended by itself, from the end of its log."""
    text = "\n".join(lines)
    for pattern, verdict in _KNOWN:
        if re.search(pattern, text):
            return verdict
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
    return Verdict(f"Upstream's program ended with exit code {exit_code}: {last[:300]}", "The run's log has the rest.")
