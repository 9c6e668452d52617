"""The manifest that the user data brings: steps, files and settings of the installation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.bootstrap.manifest import expand


@dataclass(frozen=True)
class ManifestFile:
    """One download; `size` in bytes is the exact one or, where the publisher states none, the manifest's estimate.

    `key` names the content: the same file from another mirror has the same key where a hash is known.
    """

    id: str
    step: str
    path: str
    size: int
    hashed: bool
    key: str


@dataclass(frozen=True)
class ManifestStep:
    """One step of the installation.

    `install_seconds` and `download_bytes` (what its installer fetches by itself) are the manifest's estimates. A step
    `beside` runs along with the others from the start; `needs` names those of them that must be finished first.
    """

    name: str
    title: str
    key: str
    install_seconds: float
    download_bytes: int
    beside: bool
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """The whole table. `second_stage_sha256` is empty when the package has no second stage."""

    settings: Mapping[str, Any]
    steps: tuple[ManifestStep, ...]
    files: tuple[ManifestFile, ...]
    second_stage_sha256: str


def read_manifest(text: str) -> Manifest:
    """Read `manifest.json`. Raises ValueError when it does not have the form that this version knows."""
    try:
        document = expand(json.loads(text))
        files = tuple(_read_file(entry) for entry in document["files"])
        steps = tuple(_read_step(entry) for entry in document["steps"])
        second_stage = document.get("secondStage") or {}
        return Manifest(document["settings"], steps, files, second_stage.get("sha256") or "")
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the manifest lacks a part or has it in another form: {error!r}") from error


def _read_file(entry: Mapping[str, Any]) -> ManifestFile:
    size = entry.get("bytes") or entry.get("estimate") or 0
    key = entry.get("sha256") or f"{entry['id']} {entry['urls'][0]}"
    return ManifestFile(entry["id"], entry["step"], entry["path"], int(size), bool(entry.get("sha256")), key)


def _read_step(entry: Mapping[str, Any]) -> ManifestStep:
    return ManifestStep(
        entry["name"],
        entry["title"],
        entry["key"],
        float(entry.get("installSeconds") or 0),
        int(entry.get("downloadBytes") or 0),
        bool(entry.get("beside")),
        tuple(entry.get("needs") or ()),
    )
