"""`icacls.exe`: keeps what was granted; nothing here enforces it."""

from __future__ import annotations

import re
import sys

from localcloud.windows.world.inside import memory, plain
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import real, spell

_GRANT = re.compile(r"^[^:]+:(\([A-Z]+\))*(F|M|RX|R|W|D|N|\([A-Z,]+\))$")
_SWITCHES = {"/inheritance:r", "/inheritance:d", "/inheritance:e", "/t", "/c", "/q", "/l", "/reset"}


def main(call: Call) -> int:
    """0, 2 for a path that is not there, 87 for an argument that icacls does not know."""
    arguments = call.arguments
    order = memory.fault("icacls", " ".join(arguments))
    if order:
        sys.stderr.buffer.write("拒绝访问。\r\n".encode("gbk"))
        return int(order.get("code", 5))
    place = real(arguments[0])
    if not plain.exists(place):
        sys.stderr.buffer.write(f"{arguments[0]}: 系统找不到指定的文件。\r\n".encode("gbk"))
        return 2
    granting = False
    for word in arguments[1:]:
        if word.lower() in {"/grant", "/grant:r", "/remove", "/setowner"}:
            granting = True
        elif word.lower() in _SWITCHES:
            granting = False
        elif not (granting and (_GRANT.match(word) or word.startswith("*S-1-"))):
            sys.stderr.write(f'Invalid parameter "{word}"\n')
            return 87
    with memory.edited("rights") as rights:
        rights[spell(place)] = arguments[1:]
    memory.note("rights", f"{spell(place)} {'with all below' if '/t' in map(str.lower, arguments) else ''}".strip())
    sys.stdout.buffer.write("已成功处理 1 个文件; 处理 0 个文件时失败\r\n".encode("gbk"))
    return 0
