"""The one table of steps, and the manifest that is made from it and from the files.

The manifest tells the machine what to download and in which order to install, the local guest what to play, and the
benchmarks what to simulate. It reaches the machine inside the user data, as `C:\\chatglm\\manifest.json`, in a short
form: `{file}` stands for the file's id in `path` and `urls`, and what only simulations need is left out. `expand` makes
the full form of it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.bootstrap import sources
from components.bootstrap.settings import BootstrapSettings
from components.bootstrap.sources import File
from words import later

GB = 10**9
GIB = 2**30

#: The installer's sum of all packages in guest/requirements-windows.txt, in bytes; measured when the lock was made.
PACKAGES_BYTES = 135_205_692


@dataclass(frozen=True)
class Step:
    """One row of the installation.

    `install_seconds` (after the downloads are there), `disk_bytes` (what stays on the disk, without the downloads
    that are kept) and `temporary_bytes` (besides, while it runs) are estimates for simulations and the disk's budget;
    no step has been timed on a T4 machine. `needs` names the steps marked `beside` that must be finished first.
    `settings` names what makes a finished step unfinished when it changes.
    """

    name: str
    title: str
    install_seconds: int
    disk_bytes: int = 0
    temporary_bytes: int = 0
    beside: bool = False
    needs: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    first_stage: bool = False


#: In the order in which people see them, which is also the order of running. The model is fetched beside the others
#: from the start, and waited for only where it is needed.
STEPS = (
    Step("base", later("WinRM and firewall"), 15, first_stage=True),
    Step("windows", later("Windows settings"), 2),
    Step("python", later("Python (Miniconda)"), 60, 600_000_000, 300_000_000, settings=("minicondaVersion",)),
    Step("model", later("ChatGLM-6B model"), 0, beside=True, settings=("model", "modelRevision")),
    Step("driver", later("NVIDIA driver"), 150, 2 * GB, GB, settings=("driverVersion",)),
    Step("cuda", later("CUDA toolkit 11.8"), 240, 6 * GB, 3 * GB, settings=("gpuToolkit",)),
    Step("cudnn", later("cuDNN 8.9.7"), 45, GB, settings=("gpuToolkit",)),
    Step("torch", later("PyTorch 2.0.1 with CUDA 11.8"), 120, 4_500_000_000),
    Step("packages", later("Python packages"), 100, 1_500_000_000, 300_000_000, settings=("packages",)),
    Step("source", later("ChatGLM-6B source"), 5, 40_000_000, settings=("sourceCommit",)),
    Step(
        "demo",
        later("Web demo"),
        100,
        needs=("model",),
        settings=("servedModel", "precision", "engine", "demoPort", "demoUser", "demoPasswordHash", "apiKeyHash"),
    ),
    Step("watcher", later("Reclaim watcher"), 2),
    Step("check", later("Final check"), 10),
)
_TOOLKIT_STEPS = ("cuda", "cudnn")


@dataclass(frozen=True)
class DemoLogin:
    """The demo's login as the machine gets it: the password's hash, `pbkdf2_sha256$ROUNDS$SALT$HASH`.

    `api_key_hash` is that of the API's key (guest/serving/api_gate.py).
    """

    password_hash: str
    api_key_hash: str


def build_manifest(
    settings: BootstrapSettings,
    *,
    login: DemoLogin,
    operator_cidrs: tuple[str, ...],
    packages_hash: str,
    second_stage: bytes,
    region: str,
    guard: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The manifest in its short form. `packages_hash` is the lock's SHA-256: a new lock installs the packages anew.

    `region` is Tencent's, and decides which of the model's sources is asked first. `guard` is what the machine's own
    guard is told (guest/unattended/settings.py).
    """
    files = sources.files(settings, region)
    steps = [step for step in STEPS if settings.gpu_toolkit == "full" or step.name not in _TOOLKIT_STEPS]
    told: dict[str, Any] = {
        "model": settings.model,
        "modelRevision": settings.model_revision,
        "precision": settings.precision,
        "servedModel": settings.served_model,
        "gpuToolkit": settings.gpu_toolkit,
        "driverVersion": settings.driver_version,
        "minicondaVersion": settings.miniconda_version,
        "sourceCommit": settings.source_commit,
        "packageMirrors": list(settings.package_mirrors),
        "packageUrl": settings.package_url,
        "pageFileGb": settings.page_file_gb,
        "preSeqLen": settings.pre_seq_len,
        "demoPort": settings.demo_port,
        "demoUser": settings.demo_user,
        "demoPasswordHash": login.password_hash,
        "engine": settings.engine,
        "apiKeyHash": login.api_key_hash,
        **({"demoTls": True} if settings.demo_tls else {}),
        **({"apiOrigins": list(settings.api_origins)} if settings.api_origins else {}),
        "operatorCidrs": _windows_addresses(operator_cidrs),
        **(guard or {}),
    }
    return {
        "schema": 1,
        "settings": told,
        "steps": [_step(step, files, {**told, "packages": packages_hash}) for step in steps],
        "files": [_file(file) for file in files],
        "secondStage": {"sha256": hashlib.sha256(second_stage).hexdigest(), "bytes": len(second_stage)},
    }


def _windows_addresses(cidrs: tuple[str, ...]) -> list[str]:
    """The networks as Windows' firewall takes them: Any, which then stands alone, or a list.

    The whole internet is Any there. So are no networks at all, and "my own public address", which Tencent alone knows:
    there the security group does the limiting.
    """
    return list(cidrs) if cidrs and not any(_is_any(cidr) for cidr in cidrs) else ["Any"]


def _is_any(cidr: str) -> bool:
    try:
        return ipaddress.ip_network(cidr, strict=False).prefixlen == 0
    except ValueError:
        return True


def _step(step: Step, files: list[File], settings: Mapping[str, Any]) -> dict[str, Any]:
    own = [file for file in files if file.step == step.name]
    row: dict[str, Any] = {"name": step.name, "key": _key(step, own, settings)}
    if step.beside:
        row["beside"] = True
    if step.needs:
        row["needs"] = list(step.needs)
    return row


def expand(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The full form: each file's own path and addresses, each step's files and its figures for simulations."""
    files = [
        {
            "check": "sha256",
            **row,
            "path": row["path"].replace("{file}", row["id"]),
            "urls": [url.replace("{file}", row["id"]) for url in row["urls"]],
        }
        for row in manifest["files"]
    ]
    table = {step.name: step for step in STEPS}
    page_file = manifest["settings"]["pageFileGb"] * GIB
    steps = [
        {
            **row,
            "title": table[row["name"]].title,
            "files": [file["id"] for file in files if file["step"] == row["name"]],
            "installSeconds": table[row["name"]].install_seconds,
            "diskBytes": page_file if row["name"] == "windows" else table[row["name"]].disk_bytes,
            "temporaryBytes": table[row["name"]].temporary_bytes,
            "downloadBytes": PACKAGES_BYTES if row["name"] == "packages" else 0,
        }
        for row in manifest["steps"]
    ]
    return {**manifest, "steps": steps, "files": files}


def _key(step: Step, files: list[File], settings: Mapping[str, Any]) -> str:
    """Names the outcome of a step: a finished step whose key has changed is done again."""
    outcome = sorted([file.id, file.sha256] for file in files), {name: settings[name] for name in step.settings}
    return hashlib.sha256(json.dumps(outcome, sort_keys=True).encode()).hexdigest()[:8]


def _file(file: File) -> dict[str, Any]:
    row: dict[str, Any] = {
        "step": file.step,
        "path": file.path,
        "urls": list(file.urls),
        "id": file.id,
        "bytes": file.bytes,
        "sha256": file.sha256,
    }
    if file.check != "sha256":
        row["check"] = file.check
    if file.estimate:
        row["estimate"] = file.estimate
    return row


#: Largest share of the disk that Windows itself takes after the first start: the upper middle of 20 to 30 GB.
WINDOWS_BYTES = 25 * GB
