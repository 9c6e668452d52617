"""Measure every figure, or those of the modules named: `python -m bench life`. Fails when a bar is missed."""

from __future__ import annotations

import importlib
import sys

MODULES = [
    "life",
    "userdata_bytes",
    "cold_overlap",
    "disk_budget",
    "resume_waste",
    "upload_overhead",
    "status_seconds",
    "reclaim_loss",
    "fuzz_localcloud",
    "load_localcloud",
]


def main(names: list[str]) -> int:
    missed = 0
    for name in names or MODULES:
        for figure in importlib.import_module(f"bench.{name}").measure():
            print(figure, flush=True)
            missed += not figure.kept
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
