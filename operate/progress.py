"""What is going on, for a person who waits: a line that moves, or now and then a line where none can move."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from words import phrase

#: Seconds between two lines where no line can move: in a file, in the log of a workflow.
QUIET_SECONDS = 10.0


@contextmanager
def working(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """Show `text` and the seconds so far until the block ends; what is given is called with each newer text."""
    if not console.is_terminal:
        yield _lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(text, total=None)
        yield lambda newer: progress.update(task, description=newer)


def _lines(console: Console, now: Callable[[], float] = time.monotonic) -> Callable[[str], None]:
    begun = last = now()
    told = ""

    def tell(text: str) -> None:
        nonlocal last, told
        if text != told and now() - last >= QUIET_SECONDS:
            last, told = now(), text
            console.print(
                "  " + phrase("{seconds:.0f} s: {told}", seconds=now() - begun, told=text),
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

    return tell
