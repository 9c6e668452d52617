"""Writes docs/settings.md from the typed settings: `python -m tools.document_settings`."""

from __future__ import annotations

import json
import typing
from pathlib import Path
from typing import Any

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from components.settings import PROJECT, Settings
from components.settings_words import CHINESE
from tools.declare_settings import declarations

PAGE = Path(__file__).parent.parent / "docs" / "settings.md"
_HEAD = f"""# Settings / 设置

Every key stands under `{PROJECT}:` in the stack's config: `pulumi config set {PROJECT}:KEY VALUE`, with `--secret` for
passwords and `--path '{PROJECT}:KEY[0]'` for the items of a list. This page is written by
`python -m tools.document_settings` from the types in `components/settings.py` and
`components/bootstrap/settings.py`, which are also what is checked.

所有键都在栈配置的 `{PROJECT}:` 之下：`pulumi config set {PROJECT}:KEY VALUE`；密码加 `--secret`，
列表项用 `--path '{PROJECT}:KEY[0]'`。本页由程序根据类型生成，检查时用的也是这些类型。

| key / 键 | values / 取值 | default / 默认 | what it says / 说明 |
| --- | --- | --- | --- |
"""


def render() -> str:
    """The page."""
    declared = declarations()
    rows = []
    for name, info in sorted(Settings.model_fields.items(), key=lambda item: str(item[1].alias)):
        key = str(info.alias)
        default = declared[f"{PROJECT}:{key}"]["default"]
        shown = "–" if default in ("", [], {}, None) else f"`{json.dumps(default, ensure_ascii=False)}`"
        text = f"{info.description}<br>{CHINESE[key]}".replace("|", "\\|")
        rows.append(f"| `{key}` | {_values(name, info)} | {shown.replace('|', chr(92) + '|')} | {text} |")
    return _HEAD + "\n".join(rows) + "\n"


def _values(name: str, info: FieldInfo) -> str:
    annotation: Any = info.annotation
    if typing.get_origin(annotation) is typing.Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(annotation))
    least = next((rule.ge for rule in info.metadata if isinstance(rule, Ge)), None)
    most = next((rule.le for rule in info.metadata if isinstance(rule, Le)), None)
    if least is not None or most is not None:
        return f"{least} to {most}" if most is not None else f"from {least}"
    declared = typing.get_origin(annotation) or annotation
    words = {bool: "true, false", int: "number", tuple: "list", dict: "object"}
    return words.get(declared, "secret" if "password" in name or name.endswith("_key") else "text")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
