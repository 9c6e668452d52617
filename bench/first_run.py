"""The first hour's waiting, part by part, in a new clone: `python -m bench.first_run warm`, or `cold`.

warm: the caches of pip and Go are as this computer has them; cold: both are empty, so all is fetched and compiled.
A run takes minutes of both cores and is kept, see bench/long_runs.py.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from bench.kept import keep
from tools.clones import Clone

#: What each part of `make up` runs, in its order.
PARTS = {
    "environment": ("make", "-s", ".venv/.ready"),
    "engine": (".venv/bin/python", "-m", "rehearsal.engine"),
    "cloud": (".venv/bin/python", "-m", "localcloud", "start", "--speed", "120"),
    "update": ("make", "-s", "up"),
}


def run(folder: Path, caches: Mapping[str, str]) -> dict[str, float]:
    """Seconds of each part. Raises RuntimeError with the words of a part that fails."""
    clone = Clone.make(folder / "clone")
    seconds = {}
    try:
        for part, command in PARTS.items():
            started = time.perf_counter()
            done = clone.run(*command, **caches)
            seconds[part] = round(time.perf_counter() - started, 1)
            if done.returncode:
                raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
    finally:
        clone.run(".venv/bin/python", "-m", "localcloud", "stop")
    return seconds


def main(kind: str) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cold = {"PIP_NO_CACHE_DIR": "1", "GOPATH": str(folder / "go"), "GOCACHE": str(folder / "go-build")}
        # Go makes its modules read-only, which would keep them from being removed.
        cold["GOFLAGS"] = "-modcacherw"
        load = os.getloadavg()[0]
        seconds = run(folder, cold if kind == "cold" else {})
    figures = {f"first_run_seconds_{kind}_{part}": value for part, value in seconds.items()}
    figures[f"first_run_seconds_{kind}"] = round(sum(seconds.values()), 1)
    figures[f"first_run_load_{kind}"] = round(load, 1)
    keep(f"first_run_{kind}", figures, f"python -m bench.first_run {kind}")


if __name__ == "__main__":
    main(sys.argv[1])
