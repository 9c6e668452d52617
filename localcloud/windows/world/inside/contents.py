"""The small files of the local internet: what each download of the manifest has in it, made from its name and version.

A program begins with `MZ` and says which stand-in it is; the PyTorch wheel and the source's zip are what they should
be, as small as they can be.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

_PROGRAMS = {"miniconda": "miniconda.exe", "cuda": "cuda.exe", "driver": "driver.exe"}
_TORCH = '''"""Stands for PyTorch on a machine of the local cloud: it sees the GPU when nvidia-smi does."""
import subprocess
__version__ = "2.0.1+cu118"
class version:
    cuda = "11.8"
class cuda:
    @staticmethod
    def is_available():
        try:
            return subprocess.run(["nvidia-smi.exe"], capture_output=True).returncode == 0
        except OSError:
            return False
'''


def content(spec: dict[str, Any]) -> bytes:
    """The bytes of one download. `spec` holds its `id`, its `step` and its `version` (what tells releases apart)."""
    name, version = str(spec["id"]), str(spec["version"])
    if name in _PROGRAMS:
        head = b"MZ" + json.dumps({"program": _PROGRAMS[name], "version": version}).encode() + b"\n"
        return head + _filler(name + version, 60_000)
    if name == "torch":
        dist = "torch-2.0.1+cu118.dist-info"
        return _zip(
            {
                "torch/__init__.py": _TORCH.encode(),
                "torch/lib/cudart64_110.dll": _filler(version, 20_000),
                f"{dist}/METADATA": b"Metadata-Version: 2.1\nName: torch\nVersion: 2.0.1+cu118\n",
                f"{dist}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp310-cp310-win_amd64\n",
                f"{dist}/RECORD": b"",
            }
        )
    if name == "cudnn":
        names = ("bin/cudnn64_8.dll", "include/cudnn.h", "lib/x64/cudnn.lib")
        return _zip({f"cudnn-windows-x86_64-8.9.7.29_cuda11-archive/{one}": _filler(one, 5_000) for one in names})
    if name == "source":
        return _source(version)
    return _filler(name + version, 64_000 if name.endswith((".bin", ".model")) else 2_000)


def _source(commit: str) -> bytes:
    """The project's rehearsal of the ChatGLM-6B repository, packed as GitHub packs it."""
    folder = Path(os.environ.get("CHATGLM_SOURCE") or Path(__file__).parents[4] / "guest" / "rehearsal")
    files = {
        f"ChatGLM-6B-{commit}/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }
    return _zip(files, comment=commit)


def _zip(files: dict[str, bytes], comment: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2023, 1, 1, 0, 0, 0)), body)
        archive.comment = comment.encode()
    return buffer.getvalue()


def _filler(seed: str, size: int) -> bytes:
    block = hashlib.sha256(seed.encode()).digest()
    return (block * (size // len(block) + 1))[:size]


def version_of(row: dict[str, Any], url: str, settings: dict[str, Any]) -> str:
    """What tells releases of a download apart: the publisher's hash, else the release that the address names."""
    if row.get("sha256"):
        return str(row["sha256"])
    if row["id"] == "source":
        return str(settings["sourceCommit"])
    found = re.search(r"\d+\.\d+", url)
    return found[0] if found else ""
