"""Interrupts for the engine's sake, where the shell took them away.

A shell without job control starts what it runs in the background (`command &`, `nohup`, many CI runners) with SIGINT
ignored, and so is every process below it. The engine asks its plug-ins to end by SIGINT and waits 5 seconds before it
kills one that does not hear: seen as 5 seconds more for every command.
"""

from __future__ import annotations

import signal


def pass_interrupts_on() -> None:
    """Let programs that this process starts hear SIGINT again; the process itself goes on ignoring it, as it was told.

    For entry points, before they start anything: only a main thread may call it (ValueError elsewhere).
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A handler, even one that does nothing, is not inherited by the programs that are started; "ignore" is.
        signal.signal(signal.SIGINT, lambda *_: None)
