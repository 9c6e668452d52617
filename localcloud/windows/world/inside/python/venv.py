"""`python -m venv FOLDER`: an environment whose python.exe is a launcher of the base Python; it brings pip."""

from __future__ import annotations

import sys

from localcloud.windows.world.inside import memory, plain, starting
from localcloud.windows.world.inside.where import real


def main(prefix: str, arguments: list[str]) -> int:
    """0; 2 for an argument that venv does not know."""
    known = {"--clear", "--without-pip", "--upgrade"}
    folders = [word for word in arguments if not word.startswith("-")]
    if len(folders) != 1 or any(word.startswith("-") and word not in known for word in arguments):
        sys.stderr.write("usage: venv [-h] [--system-site-packages] [--clear] [--without-pip] ENV_DIR\n")
        return 2
    order = memory.fault("venv") or {}
    if "code" in order:
        sys.stderr.write("Error: [WinError 5] 拒绝访问。\n")
        return int(order["code"])
    target = real(folders[0])
    for folder in ("Scripts", "Lib/site-packages"):
        plain.make_folders(f"{target}/{folder}")
    with plain.open_plain(f"{target}/pyvenv.cfg", "w", encoding="utf-8") as file:
        file.write(f"home = {prefix}\ninclude-system-site-packages = false\nversion = 3.10.13\n")
    plain.write_bytes(f"{target}/Scripts/python.exe", starting.stub("python.exe"), program=True)
    if "--without-pip" not in arguments:
        plain.make_folders(f"{target}/Lib/site-packages/pip")
    return 0
