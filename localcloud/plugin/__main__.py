"""Runs the plug-in as the engine does: `python -m localcloud.plugin [ENGINE_ADDRESS]`.

It prints the port that it serves on, and ends with SIGTERM, SIGINT or the death of the process that started it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

PARENT_CHECK_SECONDS = 2.0
GRACE_SECONDS = 1.0


def main() -> int:
    """Serves until told to stop."""
    from localcloud.plugin.server import Provider, serve

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    parent = os.getppid()
    server, port = serve(Provider())
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    # An engine that is killed cannot tell its plug-ins to stop; they would stay for ever.
    while not stopping.wait(PARENT_CHECK_SECONDS) and os.getppid() == parent:
        pass
    server.stop(GRACE_SECONDS).wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
