"""Where things are on this machine, and the surroundings in which upstream's programs run."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from guest.errors import GuestError
from guest.phrases import phrase

WINDOWS = os.name == "nt"


@dataclass(frozen=True)
class Machine:
    """`source` is the one setting that decides between the real upstream repository and the rehearsal."""

    root: Path
    source: Path
    model: Path
    python: Path = Path(sys.executable)

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def ptuning(self) -> Path:
        return self.source / "ptuning"

    @property
    def training_cache(self) -> Path:
        """What a run caches; deleted at its end."""
        return self.root / "cache" / "training"

    @property
    def is_rehearsal(self) -> bool:
        """Whether the project's own small package plays upstream's part here; its figures mean nothing."""
        return (self.source / "REHEARSAL.md").is_file()

    def require_source(self) -> None:
        """Raise GuestError where upstream's training program is missing."""
        if not (self.ptuning / "main.py").is_file():
            raise GuestError(
                phrase("There is no ChatGLM-6B source in {source} (ptuning/main.py is missing).", source=self.source),
                phrase(
                    "Wait until the machine has installed itself, or set CHATGLM_SOURCE to the repository's folder."
                ),
            )

    def upstream_environment(self) -> dict[str, str]:
        """Environment variables for upstream's programs, over those of this process."""
        caches = self.root / "cache"
        # Windows' environments keep their Python in a folder named Scripts, Conda's base at its top.
        folder = self.python.parent
        home = folder.parent if folder.name.lower() == "scripts" else folder
        torch_libraries = home / "Lib" / "site-packages" / "torch" / "lib"
        path = os.environ.get("PATH", "")
        return {
            # The sources are UTF-8 and print Chinese; a Chinese Windows would otherwise read and write GBK.
            "PYTHONUTF8": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONUNBUFFERED": "1",
            # Caches of the SYSTEM account would land below C:\Windows. Modules: not shared with the demo, since
            # loading rewrites them.
            "HF_HOME": str(caches / "huggingface"),
            "HF_MODULES_CACHE": str(caches / "modules-training"),
            "HF_DATASETS_CACHE": str(self.training_cache / "datasets"),
            "HF_HUB_OFFLINE": "1",
            "TRANSFORMERS_OFFLINE": "1",
            # Several cards would start DataParallel, which this model's tokens do not survive.
            "CUDA_VISIBLE_DEVICES": "0",
            # cpm_kernels (quantised models) looks for the CUDA libraries on the PATH; torch brings them along.
            "PATH": f"{torch_libraries}{os.pathsep}{path}" if torch_libraries.is_dir() else path,
        }

    def training_environment(self) -> dict[str, str]:
        """The same for a run, whose libraries leave files in the temporary folder and in the home folder besides."""
        scratch = self.training_cache / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        folders = dict.fromkeys(("TMP", "TEMP", "TMPDIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"), str(scratch))
        return {**self.upstream_environment(), **folders}


def this_machine(environment: Mapping[str, str] | None = None) -> Machine:
    """The machine as CHATGLM_ROOT, CHATGLM_SOURCE and CHATGLM_MODEL describe it."""
    environment = os.environ if environment is None else environment
    given_root = environment.get("CHATGLM_ROOT")
    if given_root is None and not WINDOWS:
        raise GuestError(phrase("CHATGLM_ROOT is not set."), phrase("Set it to the project's folder on this machine."))
    root = Path(given_root or r"C:\chatglm")
    return Machine(
        root=root,
        source=Path(environment.get("CHATGLM_SOURCE") or root / "ChatGLM-6B"),
        model=Path(environment.get("CHATGLM_MODEL") or root.parent / "chatglm-6b"),
    )
