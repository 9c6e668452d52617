"""Where words go that not every screen can show."""

from __future__ import annotations

import io
import sys


def bear_any_character() -> None:
    """Let standard output escape what its encoding lacks, as standard error does by itself.

    A Western Windows whose output goes into a file or a pipe has no Chinese character; a help that names the other
    language must not end in a traceback there. An escape within JSON means the same character.
    """
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
