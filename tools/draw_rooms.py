"""Draws which room imports which into docs/architecture.md and its twin: `python -m tools.draw_rooms`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import grimp

from rehearsal.engine import ROOT

PAGES = (ROOT / "docs" / "architecture.md", ROOT / "docs" / "architecture.zh-CN.md")
#: From the top down, as `pyproject.toml` has them.
ROOMS = ("bench", "tools", "operate", "rehearsal", "localcloud", "components", "line", "tencent", "words", "guest")
_PLACE = re.compile(r"(<!-- rooms -->\n).*?(<!-- /rooms -->)", re.DOTALL)


def arrows() -> list[tuple[str, str]]:
    """Every pair of rooms of which the first imports the second, from the top down."""
    graph = grimp.build_graph(*ROOMS, cache_dir=None)
    found = {
        (importer.partition(".")[0], imported.partition(".")[0])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
    }
    return sorted(
        ((one, other) for one, other in found if one != other and other in ROOMS),
        key=lambda pair: (ROOMS.index(pair[0]), ROOMS.index(pair[1])),
    )


def draw() -> str:
    """The picture as Mermaid, which the repository's page shows drawn."""
    lines = [f"    {one} --> {other}" for one, other in arrows()]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def put_in(text: str) -> str:
    """The page with today's picture."""
    return _PLACE.sub(lambda found: f"{found[1]}\n{draw()}\n{found[2]}", text)


def main(pages: Iterable[Path] = PAGES) -> None:
    for page in pages:
        page.write_text(put_in(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
