"""What a program started in the background leaves to the programs that it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

_STARTED = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
_STARTER = (
    "import signal, subprocess, sys\n"
    "from rehearsal.interrupts import pass_interrupts_on\n"
    "{call}\n"
    "signal.raise_signal(signal.SIGINT)\n"
    f"subprocess.run([sys.executable, '-c', {_STARTED!r}], check=True)\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' shells take no signals away")
@pytest.mark.parametrize(("call", "deaf"), [("pass", "True"), ("pass_interrupts_on()", "False")])
def test_a_program_in_the_background_starts_programs_that_hear_an_interrupt(call: str, deaf: str) -> None:
    starter = [sys.executable, "-c", _STARTER.format(call=call)]
    background = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *starter]
    ended = subprocess.run(background, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == deaf
