"""The machine's C: drive: a folder of the local cloud, and the only place that Windows paths can lead to.

Paths come from the network, so they are read strictly: one absolute path on drive C, no way out by `..`, device
names, alternate streams or links. Names match without regard to case, as on Windows.
"""

from __future__ import annotations

import re
from pathlib import Path

_ABSOLUTE = re.compile(r"^[cC]:[\\/](?P<rest>.*)$", re.DOTALL)
_FORBIDDEN = re.compile(r'[<>:"|?*\x00-\x1f]')
_DEVICES = re.compile(r"^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$", re.IGNORECASE)


class PathRefusedError(ValueError):
    """A path that the drive does not follow; the message says why."""


class Drive:
    """A folder that stands for drive C of one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    def locate(self, windows_path: str) -> Path:
        r"""Where `windows_path` (`C:\...`) lies in the folder; the file itself need not exist.

        Raises PathRefusedError for everything that is not a plain absolute path on drive C.
        """
        match = _ABSOLUTE.match(windows_path)
        if match is None:
            raise PathRefusedError(f"not an absolute path on drive C: {windows_path!r}")
        place = self.folder
        for part in re.split(r"[\\/]+", match["rest"].strip("\\/")):
            if part:
                place = self._step(place, part, windows_path)
        if not place.resolve().is_relative_to(self.folder):
            raise PathRefusedError(f"a link leads out of the drive: {windows_path!r}")
        return place

    def _step(self, place: Path, part: str, whole: str) -> Path:
        if part in {".", ".."}:
            raise PathRefusedError(f"relative parts are not followed: {whole!r}")
        if _FORBIDDEN.search(part) or part[-1] in ". ":
            raise PathRefusedError(f"Windows does not allow the name {part!r} in {whole!r}")
        if _DEVICES.match(part):
            raise PathRefusedError(f"{part!r} is a device, not a file, in {whole!r}")
        exact = place / part
        if exact.exists() or not place.is_dir():
            return exact
        wanted = part.casefold()
        return next((entry for entry in place.iterdir() if entry.name.casefold() == wanted), exact)

    def spell(self, place: Path) -> str:
        r"""The Windows spelling of a path inside the folder: `C:\chatglm\state`."""
        relative = place.resolve().relative_to(self.folder)
        return "C:\\" + "\\".join(relative.parts)
