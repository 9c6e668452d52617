"""A run as one file: enough to resume, evaluate or deploy it on another machine.

The file is a zip archive: `bundle.json` (what is in it, with a SHA-256 of every file), and below the run's name the
newest complete checkpoint with the optimizer's state, options, metrics, predictions, the log, and the data.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from guest.errors import GuestError
from guest.training import runs
from guest.training.checkpoints import Checkpoint, damaged_files
from guest.training.dataset import file_sha256
from guest.training.runs import Run, record_from_dict

MANIFEST = "bundle.json"
SCHEMA = 1
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Bundle:
    """A bundle file: its size in bytes and SHA-256, and the step of the checkpoint inside (None: no checkpoint yet)."""

    path: Path
    run: str
    step: int | None
    bytes: int
    sha256: str

    def as_dict(self) -> dict[str, Any]:
        return {
            "path": str(self.path),
            "run": self.run,
            "step": self.step,
            "bytes": self.bytes,
            "sha256": self.sha256,
        }


def pack(run: Run, target: Path, *, step: int | None = None, data: bool = True) -> Bundle:
    """Write a bundle of the run to `target` (replaced in one step).

    `data` False leaves the data sets out, for a machine that has them already.
    """
    checkpoint = run.checkpoint(step) if step is not None else run.newest_complete()
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f"{target.name}.{uuid.uuid4().hex}.new")
    try:
        with zipfile.ZipFile(draft, "w") as archive:
            files = [_add(archive, run, path) for path in _files(run, checkpoint, data=data)]
            manifest = {
                "schema": SCHEMA,
                "run": run.name,
                "checkpoint": None if checkpoint is None else checkpoint.name,
                "created": runs.now(),
                "files": files,
            }
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    size = target.stat().st_size
    return Bundle(target, run.name, None if checkpoint is None else checkpoint.step, size, file_sha256(target))


def unpack(bundle: Path, folder: Path, *, sha256: str | None = None) -> tuple[Run, int | None]:
    """Put a bundle's run into the runs folder and return it with the step of its checkpoint.

    A run of the same name must have the same data and prefix length; it gains what it lacks and loses nothing.
    Every file is checked before anything is changed. Raises GuestError.
    """
    if not bundle.is_file():
        raise GuestError(f"There is no file {bundle}.", "Fetch the run first; bundles end in .zip.")
    if sha256 is not None and file_sha256(bundle) != sha256:
        raise GuestError(f"{bundle.name} was changed in transfer (its SHA-256 differs).", "Send it again.")
    incoming = folder / f".incoming-{uuid.uuid4().hex}"
    try:
        manifest = _extract(bundle, incoming)
        return _merge(incoming, folder / manifest["run"], manifest), _step(manifest)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _files(run: Run, checkpoint: Checkpoint | None, *, data: bool) -> list[Path]:
    """What a bundle holds, checkpoint first: an older one may be deleted by upstream while this goes on."""
    folders = [] if checkpoint is None else [checkpoint.path]
    if run.evaluation.is_dir():
        folders.append(run.evaluation)
    if data:
        folders.append(run.folder / "data")
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    if run.output.is_dir():
        files += sorted(file for file in run.output.iterdir() if file.is_file())
    files += [run.file, run.arguments_file, run.log, run.progress_file]
    return [file for file in files if file.is_file() and file.suffix != ".new"]


def _add(archive: zipfile.ZipFile, run: Run, path: Path) -> dict[str, Any]:
    name = PurePosixPath(run.name, *path.relative_to(run.folder).parts)
    # Tensors hardly shrink; text does, to a fourth and less.
    packed = zipfile.ZIP_STORED if path.suffix in (".bin", ".pt", ".pth") else zipfile.ZIP_DEFLATED
    info = zipfile.ZipInfo.from_file(path, str(name))
    info.compress_type = packed
    digest, size = hashlib.sha256(), 0
    # Hashed while it is copied: the log and the progress grow meanwhile.
    with path.open("rb") as source, archive.open(info, "w", force_zip64=True) as out:
        while block := source.read(_BLOCK):
            out.write(block)
            digest.update(block)
            size += len(block)
    return {"path": str(name), "bytes": size, "sha256": digest.hexdigest()}


def _extract(bundle: Path, incoming: Path) -> dict[str, Any]:
    """Unpack into `incoming` and return the manifest; raises GuestError where the archive is not a whole bundle."""
    try:
        with zipfile.ZipFile(bundle) as archive:
            manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
            if manifest["schema"] != SCHEMA:
                raise GuestError(
                    f"{bundle.name} has schema {manifest['schema']}; this program knows {SCHEMA}.", "Update it."
                )
            runs.check_name(manifest["run"])
            _step(manifest)
            for entry in manifest["files"]:
                target = incoming.joinpath(*_safe_parts(entry["path"], manifest["run"]))
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry["path"]) as source, target.open("wb") as out:
                    if _copy(source, out) != entry["sha256"]:
                        raise ValueError(f"{entry['path']} is damaged")
            return manifest
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise GuestError(
            f"{bundle.name} is not a whole bundle: {error}.", "Fetch or send it again; nothing was changed."
        ) from error


def _copy(source: IO[bytes], out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        out.write(block)
        digest.update(block)
    return digest.hexdigest()


def _safe_parts(path: str, run: str) -> tuple[str, ...]:
    """The parts below the run's folder; raises ValueError for a path that leads anywhere else."""
    parts = path.split("/")
    bad = any(part in ("", ".", "..") or "\\" in part or ":" in part for part in parts)
    if bad or parts[0] != run or len(parts) < 2:
        raise ValueError(f"it holds a file outside of the run: {path!r}")
    return tuple(parts[1:])


def _step(manifest: dict[str, Any]) -> int | None:
    name = manifest["checkpoint"]
    return None if name is None else int(str(name).removeprefix("checkpoint-"))


def _merge(incoming: Path, folder: Path, manifest: dict[str, Any]) -> Run:
    record = record_from_dict(json.loads((incoming / "run.json").read_text(encoding="utf-8")))
    name, step = manifest["checkpoint"], _step(manifest)
    if name is not None and damaged_files(incoming / "output" / name):
        raise GuestError("The checkpoint in the bundle is damaged.", "Fetch the run again.")
    if not folder.exists():
        if not (incoming / "data" / "train.json").is_file():
            raise GuestError(
                f"This machine has no run {folder.name}, and the bundle was made without its data.",
                "Fetch it with the data, or push an earlier bundle first that has them.",
            )
        # A fetch of a running run says "running"; here nothing runs.
        state = runs.INTERRUPTED if record.state == runs.RUNNING else record.state
        Run(incoming).update(state=state)
        incoming.rename(folder)
        return Run(folder)
    run = Run(folder)
    present = run.record
    if present.train.sha256 != record.train.sha256 or present.options.pre_seq_len != record.options.pre_seq_len:
        raise GuestError(
            f"The run {folder.name} on this machine is another one (other data or prefix length).",
            "Rename one of them; nothing was changed.",
        )
    there = run.newest_complete()
    if name is not None and (there is None or (step or 0) > there.step):
        _put_checkpoint(incoming / "output" / name, run)
    _add_missing(incoming, run)
    return run


def _add_missing(incoming: Path, run: Run) -> None:
    """Metrics, predictions and data that the run does not have yet; checkpoints are placed by themselves."""
    for source in sorted(incoming.rglob("*")):
        target = run.folder / source.relative_to(incoming)
        if source.is_file() and not target.exists() and source.parent.parent.name != "output":
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)


def _put_checkpoint(source: Path, run: Run) -> None:
    run.set_broken_aside()
    target = run.output / source.name
    run.output.mkdir(exist_ok=True)
    if not target.exists():
        # A rename: the folder has its final name only when everything is in it.
        source.rename(target)
