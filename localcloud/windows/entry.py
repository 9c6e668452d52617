r"""What `chatglm.ps1` does itself: uploads and retry always, status and log before there is Python on the machine.

The twin of `templates/chatglm.ps1.j2` and `verbs.ps1.j2`, with the same documents and messages; a test holds the verbs
of both together.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from guest.files import file_sha256

from .streams import CommandStreams

_UPLOAD_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_LOG_LINES = 50
SCRIPT_ALONE = frozenset({"receive", "retry", "configure"})
"""The verbs that the script never hands over to Python."""


class VerbError(Exception):
    """What the person did wrong or must wait for, with what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Entry:
    """The verbs that need no Python on the machine."""

    def __init__(self, root: Path, retry: Callable[[], None]) -> None:
        self._root = root
        self._retry = retry

    async def run(self, verb: str, ask: Mapping[str, Any], streams: CommandStreams) -> dict[str, Any]:
        """Answer one verb. Raises VerbError."""
        match verb:
            case "status":
                return self._status()
            case "log":
                return self._log()
            case "receive":
                return await self._receive(ask, streams)
            case "retry":
                self._retry()
                return {"started": True}
            case "configure":
                raise VerbError(
                    "this simulated machine takes no other settings while it lives",
                    "Put pwsh on the PATH, or into $PWSH: then the real scripts run, which do.",
                )
        raise VerbError(f"{verb} needs Python, which is not there yet", "See status.")

    def _status(self) -> dict[str, Any]:
        try:
            status: dict[str, Any] = json.loads((self._root / "state" / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {"schema": 1, "phase": "bootstrapping", "steps": []}
        return status

    def _log(self) -> dict[str, Any]:
        path = self._root / "logs" / "bootstrap.log"
        lines = path.read_text(encoding="utf-8").splitlines()[-_LOG_LINES:] if path.is_file() else []
        return {"step": "bootstrap", "lines": lines}

    async def _receive(self, ask: Mapping[str, Any], streams: CommandStreams) -> dict[str, Any]:
        """Take lines of base64 from the standard input and write them at an offset; a hash ends the upload."""
        name = str(ask.get("name", ""))
        if not _UPLOAD_NAME.fullmatch(name):
            raise VerbError("this name is not allowed")
        inbox = self._root / "inbox"
        inbox.mkdir(parents=True, exist_ok=True)
        part = inbox / f"{name}.part"
        part.touch()
        if ask.get("offset") is not None:
            offset, there = int(ask["offset"]), part.stat().st_size
            if offset > there:
                raise VerbError(f"the upload has {there} bytes, not {offset}", "Go on from there.")
            with part.open("r+b") as out:
                out.truncate(offset)
                out.seek(0, os.SEEK_END)
                await _write_lines(streams, out)
        size = part.stat().st_size
        if ask.get("sha256"):
            target = inbox / name
            if await asyncio.to_thread(file_sha256, part) == ask["sha256"]:
                part.replace(target)
            else:
                part.unlink()
                # The answer to this very call may have been lost.
                if not target.is_file() or await asyncio.to_thread(file_sha256, target) != ask["sha256"]:
                    raise VerbError("the upload is damaged")
                size = target.stat().st_size
        return {"name": name, "bytes": size}


async def _write_lines(streams: CommandStreams, out: BinaryIO) -> None:
    """Write what the lines of base64 on the standard input stand for."""
    rest = b""
    try:
        while piece := await streams.read():
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                out.write(base64.b64decode(line.strip(), validate=True))
        out.write(base64.b64decode(rest.strip(), validate=True))
    except binascii.Error:
        raise VerbError("the input is not base64") from None
