"""The one way in for every process of the machine, started by the machine's own stubs and by PowerShell's stand-ins.

run.py NAME ARGUMENT...                   a program of that name, or a file on the disk that is a program
run.py start OUT ERR FOLDER FILE LINE     the same, as Start-Process starts it: one line, output to files
run.py exchange FILE                      the manifest has been written
run.py task NAME / run.py boot            the task scheduler
"""

from __future__ import annotations

import os
import sys

sys.path[:0] = [os.path.realpath(__file__).rsplit("/", 5)[0]]

from localcloud.windows.world.inside import starting  # noqa: E402 - found through the line above

if __name__ == "__main__":
    sys.exit(starting.main(sys.argv[1:]))
