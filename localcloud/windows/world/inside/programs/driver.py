"""NVIDIA's driver installer: `-s -n -noeula`, `-clean`, `-log:FOLDER`, `-loglevel:N`."""

from __future__ import annotations

import sys
import time

from localcloud.windows.world.inside import memory, plain, starting
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.programs import version_in
from localcloud.windows.world.inside.where import DISK, real

_SWITCHES = {"-s", "/s", "-n", "/n", "-noreboot", "/noreboot", "-noeula", "/noeula", "-clean", "/clean"}


def main(call: Call) -> int:
    """0 done, 1 done but the machine must restart, else the installer's own number."""
    version = version_in(call.program)
    memory.note("install", f"driver {version}")
    for word in call.arguments:
        if word.startswith(("-log:", "/log:")):
            folder = real(word.partition(":")[2].strip('"'))
            plain.make_folders(folder)
            with plain.open_plain(f"{folder}/LOG.setup.exe.log", "w", encoding="utf-16") as log:
                log.write(f"Installing driver {version}\n")
        elif word.lower() not in _SWITCHES and not word.lower().startswith(("-loglevel:", "/loglevel:")):
            sys.stderr.write(f"unknown option {word}\n")
            return -522190847
    if "-s" not in call.arguments and "/s" not in call.arguments:
        time.sleep(3600)  # waits for somebody to press a button
    order = memory.fault("driver.exe") or {}
    if "code" in order and not order.get("installs"):
        return int(order["code"])
    time.sleep(0.3)
    restarts = int(order.get("restarts", 0))
    memory_document = {"version": version, "restarts-missing": restarts, "wakes-after": order.get("wakes-after", 0)}
    with memory.edited("driver") as driver:
        driver.clear()
        driver |= memory_document
    plain.make_folders(f"{DISK}/Windows/System32")
    place = real("C:\\Windows\\System32\\nvidia-smi.exe")
    plain.write_bytes(place, starting.stub("nvidia-smi.exe"), program=True)
    return int(order.get("code", 1 if restarts else 0))
