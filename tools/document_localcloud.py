"""Writes the table of what the local cloud serves into its page: `python -m tools.document_localcloud`."""

from __future__ import annotations

import re
from pathlib import Path

from localcloud.plugin import functions, resources
from localcloud.registry import all_actions
from rehearsal.engine import ROOT

#: Each page, and what it calls the stand-in plug-in's resources and functions.
DOCUMENTS = {
    ROOT / "docs" / "localcloud.md": ("the stand-in's resources", "the stand-in's functions"),
    ROOT / "docs" / "localcloud.zh-CN.md": ("代用插件的资源", "代用插件的函数"),
}
_PLACE = re.compile(r"(<!-- served -->\n).*?(<!-- /served -->)", re.DOTALL)


def table(resources_word: str, functions_word: str) -> str:
    """The actions of each service, and what the stand-in plug-in has, under those words."""
    actions: dict[str, list[str]] = {}
    for service, action in sorted(all_actions()):
        actions.setdefault(service, []).append(f"`{action}`")
    rows = [f"| {service} | {', '.join(found)} |" for service, found in actions.items()]
    rows += [
        f"| {resources_word} | {_tokens(resources.MODULES)} |",
        f"| {functions_word} | {_tokens(functions.MODULES)} |",
    ]
    return "\n".join(["| | |", "| --- | --- |", *rows]) + "\n"


def _tokens(tokens: object) -> str:
    return ", ".join(f"`{token}`" for token in sorted(map(str, tokens)))  # type: ignore[call-overload]


def render(document: Path) -> str:
    """That page with the table as it is now."""
    text = document.read_text(encoding="utf-8")
    return _PLACE.sub(lambda found: found[1] + table(*DOCUMENTS[document]) + found[2], text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(render(document), encoding="utf-8")
