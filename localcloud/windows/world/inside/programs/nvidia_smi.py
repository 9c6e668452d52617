"""`nvidia-smi.exe`: answers once the driver that was installed has come up; `--query-gpu=...` with `--format=csv`."""

from __future__ import annotations

import sys
import time

from localcloud.windows.world.inside import memory
from localcloud.windows.world.inside.command_line import Call

#: How long after a start of the machine a driver is not up yet, in seconds (the real one needs up to a minute).
_CARD = {
    "name": "Tesla T4",
    "driver_model.current": "TCC",
    "memory.used": "13000 MiB",
    "memory.total": "15360 MiB",
    "memory.free": "2360 MiB",
    "utilization.gpu": "0 %",
    "temperature.gpu": "45",
}
_NO_DRIVER, _NO_DEVICES = 9, 6


def main(call: Call) -> int:
    """0, 9 without a driver, 6 without a card, 2 for what cannot be asked."""
    order = memory.fault("nvidia-smi", call.rest)
    if order and "code" in order:
        sys.stdout.write(order.get("says", "NVIDIA-SMI has failed.\n"))
        return int(order["code"])
    driver = memory.load("driver")
    if memory.fault("no-card"):
        sys.stdout.write("No devices were found\n")
        return _NO_DEVICES
    if driver.get("restarts-missing") or time.time() < driver.get("awake-at", 0):
        sys.stdout.write(
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest "
            "NVIDIA driver is installed and running.\n"
        )
        return _NO_DRIVER
    known = {**_CARD, "driver_version": str(driver.get("version", ""))}
    fields: list[str] = []
    header = True
    for word in call.arguments:
        if word.startswith("--query-gpu="):
            fields = [name.strip() for name in word.partition("=")[2].split(",")]
        elif word.startswith("--format=csv"):
            header = "noheader" not in word
        elif word not in {"-L"}:
            sys.stdout.write(f"Invalid combination of input arguments: {word}\n")
            return 2
    for name in fields:
        if name not in known:
            sys.stdout.write(f'Field "{name}" is not a valid field to query.\n')
            return 2
    if fields and header:
        sys.stdout.write(", ".join(fields) + "\n")
    sys.stdout.write(", ".join(known[name] for name in fields or ["name", "driver_version"]) + "\n")
    return 0
