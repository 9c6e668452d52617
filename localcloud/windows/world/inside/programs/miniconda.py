"""Miniconda's installer: `/InstallationType=AllUsers /RegisterPython=0 /AddToPath=0 /S /D=FOLDER`, the folder last."""

from __future__ import annotations

import sys
import time

from localcloud.windows.world.inside import memory, plain, starting
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.programs import version_in
from localcloud.windows.world.inside.where import real

_SWITCHES = {"/InstallationType=AllUsers", "/InstallationType=JustMe", "/RegisterPython=0", "/AddToPath=0", "/S"}
_SWITCHES |= {"/NoRegistry=1", "/NoShortcuts=1", "/NoScripts=1", "/KeepPkgCache=0"}


def main(call: Call) -> int:
    """0, also for half an installation; 2 when the folder is not empty or an argument is not known."""
    version = version_in(call.program)
    memory.note("install", f"miniconda {version[:12]}")
    # NSIS takes everything behind /D= as the folder, blanks and quotes too.
    switches, _, folder = call.rest.partition("/D=")
    if not folder or '"' in folder or any(word not in _SWITCHES for word in switches.split()):
        sys.stderr.write("The arguments are not known.\n")
        return 2
    if "/S" not in switches.split():
        time.sleep(3600)  # waits for somebody to press a button
    order = memory.fault("miniconda.exe") or {}
    if "code" in order and not order.get("installs"):
        sys.stdout.buffer.write(order.get("says", "安装失败：磁盘空间不足。\r\n").encode("gbk"))
        return int(order["code"])
    target = real(folder)
    if plain.is_dir(target) and plain.listdir(target):
        sys.stderr.write("The folder is not empty.\n")
        return 2
    plain.make_folders(f"{target}/Library/bin")
    plain.write_bytes(f"{target}/_conda.exe", b"MZ", program=True)
    if order.get("half"):
        # An installer that was built with logging writes it as NSIS does, in UTF-16.
        log = "::error:: Failed to extract packages\r\n".encode("utf-16")
        plain.write_bytes(f"{target}/install.log", log)
        return 0
    time.sleep(0.3)
    plain.write_bytes(f"{target}/python.exe", starting.stub("python.exe"), program=True)
    plain.write_bytes(f"{target}/version", version.encode())
    return int(order.get("code", 0))
