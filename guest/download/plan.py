"""Which files are still wanted, by the manifest, the marks of finished steps, and what lies on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from guest.documents import read_document
from guest.download.ledger import Ledger
from guest.download.task import DONE, Task
from guest.errors import GuestError
from guest.files import move
from guest.phrases import phrase

#: Below the root: files that are removed once they are installed. What arrives elsewhere stays.
DOWNLOADS = "downloads"
#: A file whose hash the Hub names; see `guest.download.vouching`.
_BY_HUB = "hub"
_MODEL, _WEIGHTS = "model", "pytorch_model*"
_LOOK_BYTES = 1 << 12


def plan(root: Path, skip: int = 0) -> list[Task]:
    """The files that are still wanted, and those that are there as done.

    A file with its name counts when it has its known size; where nobody knows the size, or the file is of other
    settings, it is set back to `.part` and its hash decides. `skip` passes over so many sources of each file without a
    hash: the machine found their signature wrong. Raises GuestError where the manifest is damaged, or of a newer
    version.
    """
    manifest = _manifest(root / "manifest.json")
    keys = {step["name"]: step["key"] for step in manifest["steps"]}
    ledger = Ledger(root)
    if _mark(root / "state" / "done" / _MODEL) != keys.get(_MODEL):
        _drop_other_weights([_task(row, ledger, skip).path for row in manifest["files"] if row["step"] == _MODEL])
    tasks = []
    for row in manifest["files"]:
        task = _task(row, ledger, skip)
        mark = _mark(root / "state" / "done" / row["step"])
        finished = mark == keys.get(row["step"])
        if finished and task.path.parent == root / DOWNLOADS:
            continue
        if task.path.exists():
            if (finished or not mark) and _is_whole(task, ledger):
                task.state, task.done = DONE, task.path.stat().st_size
            else:
                move(task.path, task.part)
        tasks.append(task)
    return tasks


def _drop_other_weights(wanted: Sequence[Path]) -> None:
    """Make room where another model lay: its weights serve nobody, and would be taken for those of this one."""
    names = {name for path in wanted for name in (path.name, f"{path.name}.part")}
    for folder in {path.parent for path in wanted}:
        for path in folder.glob(_WEIGHTS):
            if path.name not in names:
                with suppress(OSError):  # held by who still serves them
                    path.unlink()


def _manifest(path: Path) -> dict[str, Any]:
    manifest = read_document(path)
    if manifest is None or not all(isinstance(manifest.get(name), list) for name in ("steps", "files")):
        raise GuestError(
            phrase("{path} is damaged or missing.", path=path), phrase("Run pulumi up: it sends the settings anew.")
        )
    return manifest


def _task(row: dict[str, Any], ledger: Ledger, skip: int) -> Task:
    urls = [url.replace("{file}", row["id"]) for url in row["urls"]]
    first = 0 if row["sha256"] or row.get("check") == _BY_HUB else skip % len(urls)
    rejected = ledger.rejected(row["id"])
    urls = sorted(urls[first:] + urls[:first], key=lambda url: rejected.index(url) if url in rejected else -1)
    size, path = row["bytes"], Path(row["path"].replace("{file}", row["id"]))
    task = Task(row["id"], row["step"], path, urls, row["sha256"], size, row.get("estimate") or size or 0)
    if row.get("check") == _BY_HUB:
        task.by_hub = True
        task.sha256, task.size = ledger.promised(task) or (None, None)
    return task


def _mark(path: Path) -> str:
    """The key in a finished step's mark; empty where there is none, or one that cannot be read."""
    try:
        return path.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""


def _is_whole(task: Task, ledger: Ledger) -> bool:
    known = task.size if task.size is not None else ledger.size(task)
    return task.path.is_file() and task.path.stat().st_size == known and _has_content(task.path)


def _has_content(path: Path) -> bool:
    """False for a file that begins or ends with zeros, as a power cut leaves one: no download of ours does."""
    with path.open("rb") as file:
        head = file.read(_LOOK_BYTES)
        file.seek(max(0, path.stat().st_size - _LOOK_BYTES))
        return bool(head.strip(b"\0")) and bool(file.read(_LOOK_BYTES).strip(b"\0"))
