"""The graphics card: its memory, how much of it is free, and what the model's weights take."""

from __future__ import annotations

import subprocess

GIB = 1024**3
#: GiB of weights by quantization_bit.
WEIGHTS_GIB: dict[int | None, float] = {None: 11.5, 8: 6.3, 4: 3.6}


def gpu_memory() -> dict[str, int] | None:
    """Used and total memory (bytes) and use (percent) of the first GPU, by nvidia-smi; None where there is none."""
    query = ["nvidia-smi", "--query-gpu=memory.used,memory.total,utilization.gpu", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, check=True, timeout=5)
        used, total, use = (int(float(cell)) for cell in done.stdout.decode("ascii").splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
    return {"usedBytes": used * 1024**2, "totalBytes": total * 1024**2, "percent": use}


def free_bytes() -> int | None:
    """Bytes of GPU memory that are free now; None where nobody can tell."""
    told = gpu_memory()
    return None if told is None else told["totalBytes"] - told["usedBytes"]
