"""Circles of imports among this project's modules, those inside functions and for types counted."""

from __future__ import annotations

from collections.abc import Iterator

import grimp

from bench.figure import Figure

ROOMS = ("bench", "components", "guest", "line", "localcloud", "operate", "rehearsal", "tencent", "tools", "words")


def measure() -> Iterator[Figure]:
    yield Figure("import_circles", len(find_circles(*ROOMS)), "circles", 0)


def find_circles(*packages: str) -> set[frozenset[str]]:
    """The groups of modules that reach each other in both directions."""
    graph = grimp.build_graph(*packages, cache_dir=None)
    reached = {module: graph.find_upstream_modules(module) for module in graph.modules}
    groups = (
        frozenset({module} | {other for other in reached[module] if module in reached[other]}) for module in reached
    )
    return {group for group in groups if len(group) > 1}
