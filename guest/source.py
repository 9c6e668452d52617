"""Puts the ChatGLM-6B source in its place, from the downloaded zip.

    python -m guest.source

GitHub packs archives on demand and publishes no hash of them, but writes the commit into the zip's comment: it must be
the pinned one. A copy with a hash of its own was checked when it was downloaded.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

from guest.errors import GuestError
from guest.training.files import read_json

FOLDER = "ChatGLM-6B"
NEEDED = ("web_demo.py", "ptuning/main.py", "ptuning/web_demo.py")


def unpack(archive: Path, root: Path, commit: str, *, hashed: bool) -> Path:
    """Unpack the archive to `root/ChatGLM-6B`, replacing what was there. Raises GuestError for a wrong archive."""
    target, fresh = root / FOLDER, root / f"{FOLDER}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as packed:
            named = packed.comment.decode("ascii", "replace").strip()
            if not hashed and named != commit:
                raise GuestError(
                    f"{archive.name} names the commit {named!r} instead of {commit}.", "It is fetched anew."
                )
            packed.extractall(fresh)  # zipfile keeps members below the folder
    except (OSError, zipfile.BadZipFile) as error:
        raise GuestError(f"{archive.name} does not unpack: {error}.", "It is fetched anew.") from None
    (inner,) = [*fresh.iterdir()][:1] or [fresh]
    missing = [name for name in NEEDED if not (inner / name).is_file()]
    if missing:
        raise GuestError(f"{archive.name} lacks {', '.join(missing)}.", "Set sourceUrls to a complete copy.")
    shutil.rmtree(target, ignore_errors=True)
    inner.replace(target)
    shutil.rmtree(fresh, ignore_errors=True)
    return target


def main() -> int:
    root = Path(os.environ["CHATGLM_ROOT"])
    manifest = read_json(root / "manifest.json") or {}
    (file,) = [row for row in manifest["files"] if row["id"] == "source"]
    archive = Path(file["path"])
    try:
        unpack(archive, root, manifest["settings"]["sourceCommit"], hashed=bool(file["sha256"]))
    except GuestError as error:
        # Away with it, or the next try would find it there and not fetch it.
        archive.unlink(missing_ok=True)
        sys.stderr.write(f"{error.message} {error.hint}\n")
        return 1
    archive.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
