"""Exchanges the manifest's hashes and sizes for those of the local internet's small files, and nothing else.

It happens at the moment in which `C:\\chatglm\\manifest.json` is written, whoever writes it. The addresses stay as they
are; which file stands behind each is remembered in `internet.json`, where the local internet looks.
"""

from __future__ import annotations

import json

from localcloud.windows.world.inside import memory, plain
from localcloud.windows.world.inside.small import make_small


def is_manifest(place: str) -> bool:
    """Whether a place on the disk is the manifest's."""
    return place.lower().endswith("/chatglm/manifest.json")


def exchange(place: str) -> None:
    """Exchange what stands in the file; what is no manifest, or was exchanged already, stays as it is."""
    try:
        manifest = json.loads(plain.read_text(place))
    except (OSError, ValueError):
        return
    if not isinstance(manifest, dict) or "files" not in manifest:
        return
    with memory.edited("internet") as internet:
        served = internet.setdefault("urls", {})
        small = internet.setdefault("small", {})
        changed = make_small(manifest, served, small)
    for name in changed:
        memory.note("exchange", name)
    if changed:
        plain.write_text(place, json.dumps(manifest, separators=(",", ":")))
