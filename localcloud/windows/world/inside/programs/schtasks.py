"""`schtasks.exe`: `/Run`, `/End`, `/Create /XML`, `/Delete /F`, `/Query`, each with `/TN`."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

from localcloud.windows.world.inside import memory, scheduler
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import real

_TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
_VALUES = {"/tn", "/xml", "/fo"}
_ACTIONS = {"/run", "/end", "/create", "/delete", "/query"}


def main(call: Call) -> int:
    """0, or 1 with what is wrong on the error stream, in the machine's language."""
    arguments = call.arguments
    words, values, action, switches = list(arguments), dict[str, str](), "", set[str]()
    while words:
        word = words.pop(0).lower()
        if word in _ACTIONS:
            action = word
        elif word in _VALUES and words:
            values[word] = words.pop(0)
        elif word in {"/f", "/v"}:
            switches.add(word)
        else:
            return _complain(f"错误: 无效参数/选项 - '{word}'。")
    if memory.fault("schtasks", " ".join(arguments)):
        return _complain("错误: 拒绝访问。")
    name = values.get("/tn", "").lstrip("\\")
    if action == "/create":
        return _create(name, values["/xml"], force="/f" in switches)
    if name not in memory.load("tasks"):
        return _complain("错误: 系统找不到指定的文件。")
    if action == "/run":
        scheduler.start(name)
    elif action == "/end":
        scheduler.stop(name)
    elif action == "/delete":
        with memory.edited("tasks") as tasks:
            del tasks[name]
    else:
        sys.stdout.write(f"{name} {scheduler.state_of(memory.load('tasks')[name])}\n")
    return 0


def _create(name: str, definition: str, *, force: bool) -> int:
    try:
        root = ElementTree.parse(real(definition)).getroot()  # noqa: S314 - written by the machine itself
    except (OSError, ElementTree.ParseError) as error:
        return _complain(f"错误: 任务 XML 的格式不正确。{error}")

    def text(path: str, default: str) -> str:
        return root.findtext("/".join(_TASK + part for part in path.split("/")), default)

    with memory.edited("tasks") as tasks:
        old = tasks.get(name)
        if old and not force:
            return _complain(f"错误: 任务名 {name} 已经存在。")
        tasks[name] = {
            "Execute": text("Actions/Exec/Command", ""),
            "Arguments": text("Actions/Exec/Arguments", ""),
            "WorkingDirectory": text("Actions/Exec/WorkingDirectory", ""),
            "Priority": int(text("Settings/Priority", "7")),
            "ExecutionTimeLimit": text("Settings/ExecutionTimeLimit", "PT72H"),
            "MultipleInstances": text("Settings/MultipleInstancesPolicy", "IgnoreNew"),
            "AtStartup": root.find(f"{_TASK}Triggers/{_TASK}BootTrigger") is not None,
            "Enabled": True,
            "LastTaskResult": scheduler.NEVER_RAN,
            "process": old and old.get("process"),
        }
    return 0


def _complain(text: str) -> int:
    sys.stderr.buffer.write(f"{text}\r\n".encode("gbk", "replace"))
    return 1
