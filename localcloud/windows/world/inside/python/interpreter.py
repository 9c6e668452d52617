"""`python [-u] [-X OPTION] (-c CODE | -m MODULE | FILE | -V) ARGUMENT...` with Windows' rules in force."""

from __future__ import annotations

import os
import runpy
import sys
import traceback
from typing import Any

from localcloud.windows.world.inside import memory
from localcloud.windows.world.inside.python import children, files, identity, modules, network, pip, standard, venv
from localcloud.windows.world.inside.where import is_windows

_OWN_MODULES = {"venv": venv.main, "pip": pip.main}


def run(program: str, prefix: str, arguments: list[str]) -> int:
    """Run one command line; the exit code. `prefix` is the folder of the environment or of the base Python."""
    words = list(arguments)
    while words and words[0] in {"-u", "-X", "-I", "-B", "-W"}:
        if words.pop(0) in {"-X", "-W"}:
            words.pop(0)
    if not words or words[0] in {"-V", "--version"}:
        sys.stdout.write(f"Python {identity.VERSION}\n")
        return 0
    kind = words.pop(0) if words[0] in {"-c", "-m"} else ""
    if not kind and words[0].startswith("-"):
        sys.stderr.write(
            f"unknown option {words[0]}\nusage: {program} [option] ... [-c cmd | -m mod | file | -] [arg] ...\n"
        )
        return 2
    subject = words.pop(0)
    order = memory.fault("python-runs", f"{kind} {subject} {' '.join(words)}".strip())
    if order and "code" in order:
        sys.stderr.write(order.get("says", ""))
        return int(order["code"])
    if kind == "-m" and subject in _OWN_MODULES:
        return _OWN_MODULES[subject](prefix, words)
    _become_windows(program, prefix)
    sys.argv = ["-c" if kind == "-c" else subject, *words]
    try:
        if kind == "-c":
            sys.path.insert(0, "")
            names: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
            exec(compile(subject, "<string>", "exec"), names)  # noqa: S102 - this is what -c is
        elif kind == "-m":
            sys.path.insert(0, os.getcwd())
            runpy.run_module(subject, run_name="__main__", alter_sys=True)
        else:
            place = subject if is_windows(subject) else os.path.join(os.getcwd(), subject)
            sys.path.insert(0, os.path.dirname(place))
            runpy.run_path(place, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = _code_of(end)
    except BaseException:
        traceback.print_exc()
        code = 1
    return _finish(code)


def _code_of(end: SystemExit) -> int:
    if end.code is None or isinstance(end.code, int):
        return end.code or 0
    sys.stderr.write(f"{end.code}\n")
    return 1


def _finish(code: int) -> int:
    """What Python does at its end: wait for threads, flush."""
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or 120
    return code & 0xFF


def _become_windows(program: str, prefix: str) -> None:
    sys.executable = program
    sys.prefix = sys.exec_prefix = prefix
    kept = [entry for entry in sys.path if entry.startswith((sys.base_prefix, sys.base_exec_prefix))]
    given = [entry for entry in os.environ.get("PYTHONPATH", "").split(";") if entry]
    sys.path[:] = [*given, *kept, f"{prefix}\\Lib\\site-packages"]
    modules.load_first()
    files.install()
    identity.install()
    standard.install()
    children.install()
    network.install()
    modules.install(f"{prefix}\\Lib\\site-packages")
