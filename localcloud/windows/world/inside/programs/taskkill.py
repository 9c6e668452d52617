"""`taskkill.exe`: `/F`, `/T` (with all children), `/PID N`, `/IM NAME`."""

from __future__ import annotations

import sys

from localcloud.windows.world.inside import table
from localcloud.windows.world.inside.command_line import Call


def main(call: Call) -> int:
    """0, 1 for an argument that taskkill does not know, 128 when there is no such process."""
    arguments = call.arguments
    words, force, tree, wanted = list(arguments), False, False, list[int]()
    while words:
        match words.pop(0).upper():
            case "/F":
                force = True
            case "/T":
                tree = True
            case "/PID" if words and words[0].isdigit():
                wanted.append(int(words.pop(0)))
            case "/IM" if words:
                name = words.pop(0).lower()
                wanted += [entry.pid for entry in table.processes() if entry.name.lower() == name]
            case word:
                sys.stderr.write(f"ERROR: Invalid argument/option - '{word}'.\n")
                return 1
    alive = {entry.pid for entry in table.processes()}
    if not any(pid in alive for pid in wanted):
        sys.stderr.buffer.write('错误: 没有找到进程 "'.encode("gbk") + f'{wanted}".\r\n'.encode())
        return 128
    if not force:
        sys.stderr.write(
            "ERROR: The process could not be terminated. Reason: This process can only be terminated forcefully.\n"
        )
        return 1
    for pid in wanted:
        for one in reversed(table.tree(pid)) if tree else [pid]:
            table.kill(one)
    return 0
