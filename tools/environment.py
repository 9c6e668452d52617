"""Makes the virtual environment with any Python, before a single package is there: `python3.11 -m tools.environment`.

Only the standard library, and progress in every second: a first user waits here longest without anything to look at.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread
from typing import TypeVar

from words import phrase

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
#: Seconds between two lines where no line can move.
QUIET_SECONDS = 10


def main(environment: Path = ROOT / ".venv") -> int:
    """Make the environment, install the locked packages and the command. The exit code of what failed, else 0."""
    python = environment / "bin" / "python"
    if not python.exists():
        shown(phrase("Making the virtual environment"), lambda: venv.create(environment, with_pip=True, symlinks=True))
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
    for what in (["-r", "requirements-dev.txt"], ["--no-deps", "--no-build-isolation", "-e", "."]):
        code = run([*pip, "--progress-bar", "off", *what])
        if code:
            return code
    return 0


def run(command: Sequence[str]) -> int:
    """Run pip and show what it is at; all that it said, if it fails."""
    said: list[str] = []
    at = [phrase("Asking for the packages")]

    def work() -> int:
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as pip:
            for line in pip.stdout or ():
                said.append(line)
                at[0] = tell(line, len([one for one in said if one.startswith("Collecting")])) or at[0]
        return pip.returncode

    code = shown(lambda: at[0], work)
    if code:
        sys.stderr.write("".join(said[-40:]))
    return code


def tell(line: str, packages: int) -> str:
    """What a line of pip means for a person; empty for those that mean nothing."""
    if found := re.match(r"(Collecting|Downloading) ([^\s<>=(]+)", line):
        return phrase("Package {number}: {file}", number=packages, file=found[2].rpartition("/")[2])
    if line.startswith("Installing collected"):
        return phrase("Installing {count} packages", count=packages)
    return phrase("Building a package") if "Building" in line or "Preparing" in line else ""


def shown(text: str | Callable[[], str], work: Callable[[], T]) -> T:
    """Do the work in a thread and show text and seconds meanwhile. Raises what the work raised."""
    outcome: list[T] = []
    failure: list[BaseException] = []

    def catch() -> None:
        try:
            outcome.append(work())
        except BaseException as error:
            failure.append(error)

    thread = Thread(target=catch, daemon=True)
    started = time.monotonic()
    thread.start()
    moves = sys.stderr.isatty()
    while thread.is_alive():
        thread.join(1 if moves else QUIET_SECONDS)
        if thread.is_alive() or moves:
            now = text() if callable(text) else text
            words = f"  {time.monotonic() - started:3.0f} s  {now}"
            sys.stderr.write(f"\r\033[K{words[:78]}" if moves else f"{words}\n")
            sys.stderr.flush()
    if moves:
        sys.stderr.write("\r\033[K")
    if failure:
        raise failure[0]
    return outcome[0]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; the same command goes on from here. 已中断，再次运行即可继续。\n")
        sys.exit(130)
