"""What Python says about itself and its system on the machine."""

from __future__ import annotations

import os
import signal
import sys
from collections import namedtuple

from localcloud.windows.world.inside.python.files import text_encoding

VERSION = "3.10.13"
_VersionInfo = namedtuple("_VersionInfo", "major minor micro releaselevel serial")
#: Functions of `os` that Windows does not have.
_NOT_THERE = [
    "fork",
    "forkpty",
    "killpg",
    "setsid",
    "getpgid",
    "setpgid",
    "getpgrp",
    "getuid",
    "geteuid",
    "getgid",
    "getegid",
    "getgroups",
    "setuid",
    "setgid",
    "uname",
    "statvfs",
    "fstatvfs",
    "mkfifo",
    "mknod",
    "chown",
    "lchown",
    "chroot",
    "nice",
    "sync",
    "sched_getaffinity",
    "sched_setaffinity",
    "posix_spawn",
    "posix_spawnp",
    "getloadavg",
    "ttyname",
    "openpty",
    "confstr",
    "sysconf",
    "getresuid",
]


def install() -> None:
    """Say Windows everywhere."""
    os.name, sys.platform = "nt", "win32"
    sys.version_info = _VersionInfo(3, 10, 13, "final", 0)  # type: ignore[assignment]
    sys.version = f"{VERSION} | packaged by Anaconda, Inc. | (main, Sep 11 2023) [MSC v.1916 64 bit (AMD64)]"
    for name in _NOT_THERE:
        if hasattr(os, name):
            delattr(os, name)
    for name in ("SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGPIPE"):
        if hasattr(signal, name):
            delattr(signal, name)
    os.O_BINARY = 0  # type: ignore[attr-defined]
    coding, _, errors = os.environ.get("PYTHONIOENCODING", "").partition(":")
    for stream in (sys.stdout, sys.stderr):
        # Standard error must never fail to say what is wrong.
        last = "backslashreplace" if stream is sys.stderr else errors or "strict"
        stream.reconfigure(encoding=coding or text_encoding(), errors=last, newline="\r\n")  # type: ignore[union-attr]
    sys.stdin.reconfigure(encoding=coding or text_encoding())  # type: ignore[union-attr]
