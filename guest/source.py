"""Puts the ChatGLM-6B source in its place, from the downloaded zip.

    python -m guest.source

GitHub packs archives on demand and publishes no hash of them, but writes the commit into the zip's comment: it must be
the pinned one. A copy with a hash of its own was checked when it was downloaded.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import zipfile
import zlib
from pathlib import Path

from guest.download.ledger import Ledger
from guest.errors import GuestError
from guest.files import move, read_json
from guest.phrases import phrase, with_phrases

FOLDER = "ChatGLM-6B"
NEEDED = ("web_demo.py", "ptuning/main.py", "ptuning/web_demo.py")


class WrongArchiveError(GuestError):
    """The archive is not the pinned one, or not whole."""


def unpack(archive: Path, root: Path, commit: str, *, hashed: bool) -> Path:
    """Unpack the archive to `root/ChatGLM-6B`, replacing what was there.

    Raises WrongArchiveError, or GuestError where what was there is in use.
    """
    target, fresh = root / FOLDER, root / f"{FOLDER}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            named = packed.comment.decode("ascii", "replace").strip()
            if not hashed and named != commit:
                raise WrongArchiveError(
                    phrase(
                        "{archive} names the commit {named!r} instead of {commit}.",
                        archive=archive.name,
                        named=named,
                        commit=commit,
                    ),
                    phrase("It is fetched anew."),
                )
            packed.extractall(fresh)  # zipfile keeps members below the folder
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise WrongArchiveError(
            phrase("{archive} does not unpack: {error}.", archive=archive.name, error=error),
            phrase("It is fetched anew."),
        ) from None
    except OSError as error:
        raise GuestError(
            phrase("{archive} does not unpack: {error}.", archive=archive.name, error=error),
            phrase("Is there room on the disk?"),
        ) from None
    (inner,) = [*fresh.iterdir()][:1] or [fresh]
    missing = [name for name in NEEDED if not (inner / name).is_file()]
    if missing:
        raise WrongArchiveError(
            phrase("{archive} lacks {missing}.", archive=archive.name, missing=", ".join(missing)),
            phrase("Set sourceUrls to a complete copy."),
        )
    _replace(target, inner)
    shutil.rmtree(fresh, ignore_errors=True)
    return target


def _replace(target: Path, fresh: Path) -> None:
    """Put a folder in another's place; where Windows keeps that (a shell stands in it), put its files in place.

    Raises GuestError naming a file that another program keeps open.
    """
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    try:
        if target.exists():
            target.replace(old)
        fresh.replace(target)
    except PermissionError:
        _replace_files(target, fresh)
    shutil.rmtree(old, ignore_errors=True)


def _replace_files(target: Path, fresh: Path) -> None:
    wanted = {path.relative_to(fresh) for path in fresh.rglob("*") if path.is_file()}
    for path in [path for path in target.rglob("*") if path.is_file() and path.relative_to(target) not in wanted]:
        # What is no part of it any more does no harm while somebody looks at it.
        with contextlib.suppress(OSError):
            path.unlink()
    for name in sorted(wanted):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        try:
            move(fresh / name, target / name)
        except PermissionError:
            raise GuestError(
                phrase("{target} is open in another program.", target=target / name),
                phrase("Close it at the remote desktop; it is tried again."),
            ) from None


def main() -> int:
    root = Path(os.environ["CHATGLM_ROOT"])
    manifest = read_json(root / "manifest.json") or {}
    (file,) = [row for row in manifest["files"] if row["id"] == "source"]
    archive = Path(file["path"])
    try:
        unpack(archive, root, manifest["settings"]["sourceCommit"], hashed=bool(file["sha256"]))
    except GuestError as error:
        if isinstance(error, WrongArchiveError):
            # Away with it, or the next try would find it there; and the next source is asked first.
            archive.unlink(missing_ok=True)
            Ledger(root).reject(file["id"])
        sys.stdout.write(json.dumps(with_phrases({"error": error.as_dict()}), ensure_ascii=True) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
