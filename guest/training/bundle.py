"""A run as one file: enough to resume, evaluate or deploy it on another machine.

The file is a zip archive: `bundle.json` (what is in it, with a SHA-256 of every file), and below the run's name the
newest complete checkpoint with the optimizer's state, options, metrics, predictions, the log, and the data.
"""

from __future__ import annotations

import errno
import hashlib
import json
import lzma
import re
import shutil
import uuid
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from guest.documents import require_known
from guest.errors import GuestError
from guest.files import file_sha256, move, replacing
from guest.phrases import phrase
from guest.training import runs
from guest.training.checkpoints import Checkpoint, damaged_files
from guest.training.runs import Record, Run, record_from_dict

MANIFEST = "bundle.json"
SCHEMA = 1
#: A run with two data sets at their limit, its checkpoint and predictions.
MAX_UNPACKED_BYTES = 8 * 1024**3
# A small archive must not fill the disk: text shrinks to a tenth, logs to a thirtieth.
_SMALL_BYTES = 64 * 1024**2
_MAX_RATIO = 100
_MAX_MANIFEST_BYTES = 16 * 1024**2
_BLOCK = 1 << 20
_DEVICE = re.compile(r"(?i:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)")
#: What the libraries raise for bytes that are not what they should be.
_UNREADABLE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    RuntimeError,  # an encrypted member, an unknown packing, nesting without end
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


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
    with replacing(target) as out, zipfile.ZipFile(out, "w") as archive:
        files = [_add(archive, run, path) for path in _files(run, checkpoint, data=data)]
        manifest = {
            "schema": SCHEMA,
            "run": run.name,
            "checkpoint": None if checkpoint is None else checkpoint.name,
            "created": runs.now(),
            "files": files,
        }
        archive.writestr(MANIFEST, json.dumps(manifest, indent=2))
    size = target.stat().st_size
    return Bundle(target, run.name, None if checkpoint is None else checkpoint.step, size, file_sha256(target))


def unpack(bundle: Path, folder: Path, *, sha256: str | None = None) -> tuple[Run, int | None]:
    """Put a bundle's run into the runs folder and return it with the step of its checkpoint.

    A run of the same name must have the same data and prefix length; it gains what it lacks and loses nothing.
    Every file is checked before anything is changed. Raises GuestError.
    """
    if not bundle.is_file():
        raise GuestError(
            phrase("There is no file {bundle}.", bundle=bundle), phrase("Fetch the run first; bundles end in .zip.")
        )
    if sha256 is not None and file_sha256(bundle) != sha256:
        raise GuestError(
            phrase("{bundle} was changed in transfer (its SHA-256 differs).", bundle=bundle.name),
            phrase("Send it again."),
        )
    incoming = folder / f".incoming-{uuid.uuid4().hex}"
    try:
        manifest, record = _extract(bundle, incoming)
        return _merge(incoming, folder / manifest["run"], manifest, record), _step(manifest)
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _files(run: Run, checkpoint: Checkpoint | None, *, data: bool) -> list[Path]:
    """What a bundle holds, checkpoint first: an older one may be deleted by upstream while this goes on."""
    folders = [] if checkpoint is None else [checkpoint.path]
    folders += [folder for folder in (run.evaluation, run.folder / "comparison") if folder.is_dir()]
    if data:
        folders.append(run.folder / "data")
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    if run.output.is_dir():
        files += sorted(file for file in run.output.iterdir() if file.is_file())
    files += [run.file, run.arguments_file, run.log, run.progress_file, run.hold_out_losses]
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


def _extract(bundle: Path, incoming: Path) -> tuple[dict[str, Any], Record]:
    """Unpack into `incoming`, and return the manifest and the run's record.

    Raises GuestError where the archive is not a whole bundle, or one of another version.
    """
    try:
        with zipfile.ZipFile(bundle) as archive:
            manifest = _manifest(archive, bundle)
            _require_room(archive, manifest, bundle, incoming.parent)
            for entry in manifest["files"]:
                target = incoming.joinpath(*_safe_parts(entry["path"], manifest["run"]))
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry["path"]) as source, target.open("xb") as out:
                    if _copy(source, out, entry["bytes"]) != entry["sha256"]:
                        raise ValueError(f"{entry['path']} is damaged")
        record = json.loads((incoming / "run.json").read_text(encoding="utf-8"))
        return manifest, record_from_dict(record, PurePosixPath(bundle.name, "run.json"))
    except _UNREADABLE as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        said = (
            phrase("it lacks {error}", error=error)
            if isinstance(error, KeyError)
            else str(error) or type(error).__name__
        )
        raise GuestError(
            phrase("{bundle} is not a whole bundle: {said}.", bundle=bundle.name, said=said),
            phrase("Fetch or send it again; nothing was changed."),
        ) from error


def _manifest(archive: zipfile.ZipFile, bundle: Path) -> dict[str, Any]:
    """What is in the bundle, by its own word. Raises what `_UNREADABLE` names, or GuestError for a newer form."""
    with archive.open(MANIFEST) as file:
        text = file.read(_MAX_MANIFEST_BYTES + 1)
    if len(text) > _MAX_MANIFEST_BYTES:
        raise ValueError(f"its {MANIFEST} has more than {_MAX_MANIFEST_BYTES:,} bytes")
    manifest: dict[str, Any] = json.loads(text)
    if not isinstance(manifest, dict):
        raise ValueError(f"its {MANIFEST} is no object")
    require_known(PurePosixPath(bundle.name), manifest.get("schema", 1), SCHEMA)
    runs.check_name(manifest["run"])
    _step(manifest)
    for entry in manifest["files"]:
        _safe_parts(entry["path"], manifest["run"])
        size = entry["bytes"]
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise ValueError(f"{entry['path']} has no size")
    return manifest


def _require_room(archive: zipfile.ZipFile, manifest: dict[str, Any], bundle: Path, folder: Path) -> None:
    """Raise GuestError before anything is unpacked that a run cannot be, or that the disk has no room for."""
    total = sum(entry["bytes"] for entry in manifest["files"])
    limit = min(MAX_UNPACKED_BYTES, max(_SMALL_BYTES, _MAX_RATIO * bundle.stat().st_size))
    if total > limit:
        raise GuestError(
            phrase(
                "{bundle} would unpack to {total:,} bytes; a bundle of its size has at most {limit:,}.",
                bundle=bundle.name,
                total=total,
                limit=limit,
            ),
            phrase("It was not made by this project; nothing was unpacked."),
        )
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if total > free:
        raise GuestError(
            phrase(
                "{bundle} unpacks to {total:.1f} GB, and {free:.1f} GB are free.",
                bundle=bundle.name,
                total=total / 1e9,
                free=free / 1e9,
            ),
            phrase("Delete old runs, or take a larger chatglm:systemDiskGb."),
        )
    for entry in manifest["files"]:
        if archive.getinfo(entry["path"]).file_size != entry["bytes"]:
            raise ValueError(f"{entry['path']} has another size than its entry says")


def _copy(source: IO[bytes], out: IO[bytes], size: int) -> str:
    """The SHA-256 of what was copied; raises ValueError for more than `size` bytes."""
    digest, copied = hashlib.sha256(), 0
    while block := source.read(_BLOCK):
        copied += len(block)
        if copied > size:
            raise ValueError("a file in it is longer than its entry says")
        out.write(block)
        digest.update(block)
    return digest.hexdigest()


def _safe_parts(path: str, run: str) -> tuple[str, ...]:
    """The parts below the run's folder; raises ValueError for a path that leads anywhere else, on Windows too."""
    parts = path.split("/")
    if parts[0] != run or len(parts) < 2 or not all(map(_is_plain, parts)):
        raise ValueError(f"it holds a file outside of the run: {path!r}")
    return tuple(parts[1:])


def _is_plain(part: str) -> bool:
    """Whether Windows takes the part of a path for what it says, and for nothing else."""
    return (
        bool(part)
        and part.isprintable()
        and not set(part) & set('\\/:*?"<>|')
        and not part.endswith((".", " "))
        and not _DEVICE.fullmatch(part.partition(".")[0].strip())
    )


def _step(manifest: dict[str, Any]) -> int | None:
    name = manifest["checkpoint"]
    return None if name is None else int(str(name).removeprefix("checkpoint-"))


def _merge(incoming: Path, folder: Path, manifest: dict[str, Any], record: Record) -> Run:
    name, step = manifest["checkpoint"], _step(manifest)
    if name is not None and damaged_files(incoming / "output" / name):
        raise GuestError(phrase("The checkpoint in the bundle is damaged."), phrase("Fetch the run again."))
    if not folder.exists():
        if not (incoming / "data" / "train.json").is_file():
            raise GuestError(
                phrase(
                    "This machine has no run {folder}, and the bundle was made without its data.", folder=folder.name
                ),
                phrase("Fetch it with the data, or push an earlier bundle first that has them."),
            )
        # A fetch of a running run says "running"; here nothing runs.
        state = runs.INTERRUPTED if record.state == runs.RUNNING else record.state
        Run(incoming).update(state=state)
        move(incoming, folder)
        return Run(folder)
    run = Run(folder)
    present = run.record
    if present.train.sha256 != record.train.sha256 or present.options.pre_seq_len != record.options.pre_seq_len:
        raise GuestError(
            phrase(
                "The run {folder} on this machine is another one (other data or prefix length).", folder=folder.name
            ),
            phrase("Rename one of them; nothing was changed."),
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
            move(source, target)


def _put_checkpoint(source: Path, run: Run) -> None:
    run.set_broken_aside()
    target = run.output / source.name
    run.output.mkdir(exist_ok=True)
    if not target.exists():
        # A rename: the folder has its final name only when everything is in it.
        move(source, target)
