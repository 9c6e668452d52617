"""What the exchange of the manifest changes: hashes and sizes of the local internet's small files, and nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

from localcloud.windows.world.inside.contents import content, version_of


def make_small(manifest: dict[str, Any], served: dict[str, Any], small: dict[str, Any]) -> list[str]:
    """Put the small files' hashes and sizes into the manifest; the ids of the rows that were changed.

    `served` gets what stands behind each address, `small` the publisher's hash for each small file's, so that a
    manifest that was exchanged already stays as it is.
    """
    settings = manifest.get("settings", {})
    return [row["id"] for row in manifest["files"] if _exchange(row, settings, served, small)]


def _exchange(row: dict[str, Any], settings: dict[str, Any], served: dict[str, Any], small: dict[str, Any]) -> bool:
    if row.get("sha256") in small:
        original = small[row["sha256"]]
        row = {**row, "sha256": original}
        _serve(row, settings, served)
        return False
    body = content(_serve(row, settings, served))
    if row.get("sha256"):
        digest = hashlib.sha256(body).hexdigest()
        small[digest] = row["sha256"]
        row["sha256"] = digest
    for size in ("bytes", "estimate"):
        if row.get(size):
            row[size] = len(body)
    return True


def _serve(row: dict[str, Any], settings: dict[str, Any], served: dict[str, Any]) -> dict[str, Any]:
    specs = []
    for url in row["urls"]:
        plain = url.replace("{file}", row["id"])
        specs.append({"id": row["id"], "step": row["step"], "version": version_of(row, plain, settings)})
        served[plain] = specs[-1]
    return specs[0]
