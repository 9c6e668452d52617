"""Stands before the real pip where tests run the engine: it asks `pip list` at every update, for the same answer.

The language host looks there for packages that bring plug-ins, which takes a third of a second of every update. The
real pip answers the first time; any other command is the real pip's own.
"""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import sys
import sysconfig
from pathlib import Path

BESIDE = str(Path(__file__).parents[1])


def main() -> None:
    sys.path[:] = [folder for folder in sys.path if folder != BESIDE]
    for name in [name for name in sys.modules if name.partition(".")[0] == "pip"]:
        del sys.modules[name]
    if sys.argv[1:2] != ["list"]:
        runpy.run_module("pip", run_name="__main__", alter_sys=True)
        return
    installed = Path(sysconfig.get_path("purelib")).stat().st_mtime_ns
    kept = Path(os.environ["REMEMBERED_PIP"]) / f"{installed}{'-'.join(sys.argv[1:])}.txt"
    if not kept.exists():
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
            runpy.run_module("pip", run_name="__main__", alter_sys=True)
        part = kept.with_suffix(f".{os.getpid()}")
        part.write_text(said.getvalue(), encoding="utf-8")
        part.replace(kept)
    sys.stdout.write(kept.read_text(encoding="utf-8"))


main()
