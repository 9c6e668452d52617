"""The pinned Pulumi engine: found, fetched or built. `python -m tools.pulumi_engine` prints its folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import httpx
from rich.console import Console

VERSION = "3.259.0"
ROOT = Path(__file__).parent.parent
HOME = ROOT / ".local" / "engine" / VERSION
_MODULES = ROOT / "tools" / "go"
_RELEASES = "https://github.com/pulumi/pulumi/releases/download"
_SDK = "github.com/pulumi/pulumi/sdk/v3"

console = Console(stderr=True)


class EngineError(Exception):
    """The engine can neither be found nor fetched nor built; the text says what to install."""


def ensure_engine() -> Path:
    """The folder that holds `pulumi` and its Python language host, of exactly VERSION. Raises EngineError."""
    if (HOME / "bin" / "pulumi").exists():
        return HOME / "bin"
    on_path = shutil.which("pulumi")
    if on_path and _version_of(on_path) == VERSION:
        return Path(on_path).parent
    making = HOME.with_suffix(".part")
    shutil.rmtree(making, ignore_errors=True)
    (making / "bin").mkdir(parents=True)
    if not fetch_release(making / "bin"):
        build(making / "bin")
    shutil.rmtree(HOME, ignore_errors=True)
    making.rename(HOME)  # whole or not at all: an interrupted build leaves no half engine
    return HOME / "bin"


def _version_of(command: str) -> str:
    run = subprocess.run([command, "version"], capture_output=True, text=True, check=False)
    return run.stdout.strip().removeprefix("v")


def fetch_release(target: Path) -> bool:
    """Fetch the official release, check it against its list of SHA-256 sums. False where it is out of reach."""
    machine = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x64")
    name = f"pulumi-v{VERSION}-{platform.system().lower()}-{machine}.tar.gz"
    try:
        with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=3)) as client:
            sums = client.get(f"{_RELEASES}/v{VERSION}/pulumi-{VERSION}-checksums.txt").raise_for_status().text
            console.print(f"Fetching the Pulumi engine {VERSION} ...")
            body = client.get(f"{_RELEASES}/v{VERSION}/{name}").raise_for_status().content
    except httpx.HTTPError:
        return False
    expected = re.search(rf"^([0-9a-f]{{64}})\s+\*?{re.escape(name)}$", sums, re.MULTILINE)
    if not expected or hashlib.sha256(body).hexdigest() != expected[1]:
        raise EngineError(f"{name} does not match its published SHA-256; it was not used. Try again later.")
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for member in archive.getmembers():
            if member.isfile():
                member.name = Path(member.name).name
                archive.extract(member, target, filter="data")
    return True


def build(target: Path) -> None:
    """Build engine and language host from their Go modules, pinned by go.sum. About five minutes on two cores."""
    if not shutil.which("go"):
        raise EngineError(
            "Neither the Pulumi release nor Go is within reach. Install Go 1.21 or newer (https://go.dev/dl), "
            f"or Pulumi {VERSION} (https://www.pulumi.com/docs/install)."
        )
    console.print(f"Building the Pulumi engine {VERSION} from source: once, about five minutes on two cores.")
    stamp = f"-s -w -X {_SDK}/go/common/version.Version={VERSION}"
    _go_build("engine", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", target / "pulumi", stamp)
    host = target / "pulumi-language-python"
    _go_build("language", f"{_SDK}/python/cmd/pulumi-language-python", host, "-s -w")
    listed = _go("engine", "mod", "download", "-json", f"{_SDK}@v{VERSION}")
    sdk = Path(json.loads(listed)["Dir"])
    for part in ("cmd/pulumi-language-python-exec", "dist/pulumi-resource-pulumi-python"):
        copy = target / Path(part).name
        shutil.copyfile(sdk / "python" / part, copy)
        copy.chmod(0o755)


def _go(module: str, *arguments: str) -> str:
    command = ["go", *arguments]
    run = subprocess.run(command, cwd=_MODULES / module, capture_output=True, text=True, check=False)
    if run.returncode:
        raise EngineError(f"{' '.join(command)} failed:\n{run.stderr[-2000:]}")
    return run.stdout


def _go_build(module: str, package: str, target: Path, linker_flags: str) -> None:
    total = len(_go(module, "list", "-deps", package).split())
    command = ["go", "build", "-v", "-o", str(target), "-ldflags", linker_flags, package]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    started = time.monotonic()
    compiled, last = 0, ""
    with (
        console.status(f"Compiling {target.name} ...") as status,
        subprocess.Popen(command, cwd=_MODULES / module, env=environment, stderr=subprocess.PIPE, text=True) as process,
    ):
        for line in process.stderr or ():
            compiled, last = compiled + 1, line.strip()
            seconds = int(time.monotonic() - started)
            status.update(f"Compiling {target.name}: {compiled} of at most {total} packages, {seconds} s, {last}")
            if not console.is_terminal and compiled % 200 == 0:
                console.print(f"  {compiled} of at most {total} packages, {seconds} s")
    if process.returncode:
        raise EngineError(f"{' '.join(command)} failed: {last}")


if __name__ == "__main__":
    try:
        Console().print(ensure_engine(), soft_wrap=True)
    except EngineError as error:
        console.print(str(error), style="red")
        raise SystemExit(1) from None
