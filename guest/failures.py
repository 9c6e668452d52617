"""The known reasons for which upstream's programs end, in words that a person can act on.

They come from the issues of THUDM/ChatGLM-6B, named with each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from guest.phrases import phrase


@dataclass(frozen=True)
class Verdict:
    """Why a run was stopped or failed, and what to try. `doubts_model`: wrong bytes in the model's files explain it."""

    reason: str
    hint: str
    doubts_model: bool = False


OUT_OF_MEMORY = Verdict(
    phrase("CUDA out of memory: the GPU cannot hold model, prefix and batch."),
    phrase(
        "Use quantization_bit 4 (7 GB instead of 14 GB), shorter max_source_length and "
        "max_target_length, or batch size 1 with more accumulation; make sure that the demo "
        "is stopped (issues 1119, 173)."
    ),
)

_COMPARED = phrase(
    "Before the demo starts again the model's files are compared with their hashes, and a wrong one is fetched anew"
)

_KNOWN: tuple[tuple[str, Verdict], ...] = (
    (r"CUDA out of memory|CUDA error: out of memory|OutOfMemoryError|CUBLAS_STATUS_ALLOC_FAILED", OUT_OF_MEMORY),
    (
        r"CUDA error|CUBLAS_STATUS_|cudnn.*error",
        Verdict(
            phrase("The GPU reported an error; after one its process can compute nothing more."),
            phrase(
                "It is worth one more try. If it comes again, restart the machine and look at nvidia-smi (issue 46)."
            ),
        ),
    ),
    (
        r"DefaultCPUAllocator: not enough memory|WinError 1455|MemoryError",
        Verdict(
            phrase("The machine's own memory (not the GPU's) is used up: Windows could not promise more."),
            phrase(
                "Set chatglm:pageFileGb to 9, the most that a disk of 75 GB has room for (pulumi up "
                "applies it), or choose a type with 32 GB of memory or more (issue 631)."
            ),
        ),
    ),
    (
        r"No space left on device|WinError 112\b|PytorchStreamWriter failed writing|file write failed|"
        r"inline_container\.cc:\d+\] .*unexpected pos",
        Verdict(
            phrase("The disk is full: a checkpoint could not be written whole."),
            phrase("Delete old runs or checkpoints (runs lists them), or lower save_total_limit; then resume the run."),
        ),
    ),
    (
        r"WinError 12[67]\b|DLL load failed",
        Verdict(
            phrase("A library of Windows (DLL) that PyTorch needs is missing or of another version."),
            phrase(
                "Install the Visual C++ runtime and the torch step again: chatglm doctor says which file is missing."
            ),
        ),
    ),
    (
        r"size mismatch for .*embedding|copying a param with shape",
        Verdict(
            phrase("The checkpoint's prefix has another length than the model was given."),
            phrase("Use the run as it was trained; a prefix cannot be given another length (issue 806)."),
        ),
    ),
    (
        r"Torch not compiled with CUDA enabled",
        Verdict(phrase("PyTorch is a build without CUDA."), phrase("Install the cu118 wheel again (issue 1089).")),
    ),
    (
        r"Found no NVIDIA driver|nvcuda\.dll|No CUDA GPUs are available",
        Verdict(
            phrase("No GPU is there for PyTorch."),
            phrase("Check the NVIDIA driver: nvidia-smi must list the card (issue 114)."),
        ),
    ),
    (
        r"No module named 'transformers_modules",
        Verdict(
            phrase("The model's folder has a form that transformers cannot import."),
            phrase("Use C:\\chatglm-6b (issue 310)."),
        ),
    ),
    (
        r"Library cudart is not initialized|cublasLt",
        Verdict(
            phrase("The CUDA libraries are not on the PATH of the training."),
            phrase("Reinstall the torch step (issue 46)."),
        ),
    ),
    # The last: what comes out of damaged weights are no numbers.
    (
        r"ParseFromArray|invalid load key|PytorchStreamReader failed|failed finding central directory|Bad CRC-32|"
        r"is not a whole file of weights|is damaged at |probability tensor contains either",
        Verdict(
            phrase(
                "A model file or checkpoint is not what it should be (other bytes than it had, cut, or a web page)."
            ),
            phrase("{compared}; a checkpoint: resume the run, which takes the newest whole one.", compared=_COMPARED),
            doubts_model=True,
        ),
    ),
    (
        r"is not in list",
        Verdict(
            phrase("Model code and weights are of different versions."),
            phrase("{compared} (issue 872).", compared=_COMPARED),
            doubts_model=True,
        ),
    ),
    (
        r"Hypothesis is empty",
        Verdict(
            phrase("A prediction was empty, which the scores cannot take."),
            phrase("Raise max_source_length (issue 792)."),
        ),
    ),
    (
        r"Some keys are not used by the HfArgumentParser",
        Verdict(
            phrase("Upstream does not know one of the options."),
            phrase("The source is of another version than this project's."),
        ),
    ),
    (
        r"[Aa]ddress already in use|WinError 10048|Cannot find empty port",
        Verdict(
            phrase("Another program has the port."), phrase("End it, or give the demo another port: chatglm:demoPort.")
        ),
    ),
)


def explain(lines: Sequence[str], exit_code: int | None) -> Verdict:
    """Why upstream ended by itself, from the end of its log or traceback.

    Only the last traceback counts, or the last line where there is none: before it may stand the person's own texts.
    """
    last = next((line.strip()[:300] for line in reversed(lines) if line.strip()), phrase("it printed nothing"))
    starts = [place for place, line in enumerate(lines) if "Traceback (most recent call last)" in line]
    verdict = known("\n".join(lines[starts[-1] :]) if starts else last)
    if verdict is not None:
        return verdict
    return Verdict(
        phrase("Upstream's program ended with exit code {exit_code}: {last}", exit_code=exit_code, last=last),
        phrase("The run's log has the rest."),
    )


def known(text: str) -> Verdict | None:
    """The known reason in a text, or None."""
    return next((verdict for pattern, verdict in _KNOWN if re.search(pattern, text)), None)
