"""Data sets, runs and predictions to and from the machine: packed, hashed, and resumed where they broke off."""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from pathlib import Path, PureWindowsPath

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from guest.files import file_sha256
from guest.paths import ROOT
from operate.channel import Channel
from operate.errors import OperateError
from operate.output import Output
from words import phrase

INBOX = PureWindowsPath(ROOT) / "inbox"
#: Fastest level of gzip: WinRM carries a few MB/s, and text shrinks to a third at some 100 MB/s.
LEVEL = 1
_BLOCK = 1 << 20


def send_dataset(channel: Channel, path: Path, output: Output) -> str:
    """Bring a data set to the machine and return its path there. What is there already is not sent again."""
    digest = file_sha256(path)
    remote = str(INBOX / remote_name(path, digest))
    if channel.ask("file", {"path": remote})["sha256"] == digest:
        output.say(phrase("{path} is on the machine already.", path=path.name))
        return remote
    with tempfile.TemporaryDirectory(prefix="chatglm-") as folder:
        packed = Path(folder) / "packed.gz"
        pack(path, packed)
        name = f"{PureWindowsPath(remote).name}.gz"
        arrived = _upload(channel, packed, name, phrase("Sending {path}", path=path.name), output)
    return str(channel.ask("inflate", {"path": arrived, "sha256": digest}, seconds=600)["path"])


def send_file(channel: Channel, path: Path, output: Output) -> str:
    """Bring a file to the machine as it is (a bundle holds tensors, which do not shrink)."""
    digest = file_sha256(path)
    remote = str(INBOX / remote_name(path, digest))
    if channel.ask("file", {"path": remote}, seconds=600)["sha256"] == digest:
        return remote
    return _upload(channel, path, PureWindowsPath(remote).name, phrase("Sending {path}", path=path.name), output)


def fetch_file(channel: Channel, remote: str, target: Path, size: int, sha256: str, output: Output) -> None:
    """Fetch a file; the one that is here is replaced only by a whole one."""
    target.parent.mkdir(parents=True, exist_ok=True)
    # The hash in the name: what is left of another version is not gone on with.
    part = target.with_name(f"{target.name}.{sha256[:12]}.part")
    with _bar(output) as progress:
        task = progress.add_task(phrase("Fetching {target}", target=target.name), total=size)
        channel.download(remote, part, size, lambda done: progress.update(task, completed=done))
    if file_sha256(part) != sha256:
        part.unlink()
        raise OperateError(
            phrase("{target} arrived damaged.", target=target.name), phrase("Fetch it again; nothing was replaced.")
        )
    part.replace(target)
    for old in target.parent.glob(f"{target.name}.*.part"):
        old.unlink()


def remote_name(path: Path, digest: str) -> str:
    """A name that the machine takes, which tells versions apart: what broke off is resumed, what changed is not."""
    stem = re.sub(r"[^A-Za-z0-9]+", "-", path.stem).strip("-")[:40] or "file"
    suffix = path.suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", path.suffix) else ""
    return f"{digest[:12]}-{stem}{suffix}"


def pack(path: Path, target: Path) -> None:
    """gzip without a time in it: the same file packs to the same bytes, so that an upload can be resumed."""
    with (
        path.open("rb") as source,
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=LEVEL, mtime=0) as out,
    ):
        shutil.copyfileobj(source, out, _BLOCK)


def _upload(channel: Channel, path: Path, name: str, title: str, output: Output) -> str:
    with _bar(output) as progress:
        task = progress.add_task(title, total=path.stat().st_size)
        return channel.upload(path, name, lambda done: progress.update(task, completed=done))


def _bar(output: Output) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=output.progress, transient=True)
