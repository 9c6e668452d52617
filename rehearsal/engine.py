"""The pinned Pulumi engine: found, fetched or built. `python -m rehearsal.engine` prints its folder."""

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

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tencent.home import home_folder
from words import phrase

VERSION = "3.259.0"
ROOT = Path(__file__).parent.parent
HOME = ROOT / ".local" / "engine" / VERSION
_MODULES = ROOT / "tools" / "go"
_RELEASES = "https://github.com/pulumi/pulumi/releases/download"
_SDK = "github.com/pulumi/pulumi/sdk/v3"

console = Console(stderr=True, markup=False)
#: Seconds between two lines where no line can move.
_QUIET_SECONDS = 10.0


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
    import httpx  # of the rehearsal's packages; who only looks for the engine need not have it

    machine = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x64")
    name = f"pulumi-v{VERSION}-{platform.system().lower()}-{machine}.tar.gz"
    try:
        with httpx.Client(follow_redirects=True, timeout=httpx.Timeout(60, connect=3)) as client:
            sums = client.get(f"{_RELEASES}/v{VERSION}/pulumi-{VERSION}-checksums.txt").raise_for_status().text
            console.print(phrase("Fetching the Pulumi engine {version} ...", version=VERSION))
            body = client.get(f"{_RELEASES}/v{VERSION}/{name}").raise_for_status().content
    except httpx.HTTPError:
        return False
    expected = re.search(rf"^([0-9a-f]{{64}})\s+\*?{re.escape(name)}$", sums, re.MULTILINE)
    if not expected or hashlib.sha256(body).hexdigest() != expected[1]:
        raise EngineError(
            phrase("{name} does not match its published SHA-256; it was not used. Try again later.", name=name)
        )
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for member in archive.getmembers():
            if member.isfile():
                member.name = Path(member.name).name
                archive.extract(member, target, filter="data")
    return True


def build(target: Path) -> None:
    """Build engine and language host from their Go modules, pinned by go.sum."""
    if not shutil.which("go"):
        raise EngineError(
            phrase(
                "Neither the Pulumi release nor Go is within reach. Install Go 1.21 or newer "
                "(https://go.dev/dl), or Pulumi {version} (https://www.pulumi.com/docs/install).",
                version=VERSION,
            )
        )
    console.print(
        phrase(
            "Building the Pulumi engine {version} from source, once. Two idle cores took seven "
            "minutes; this computer has {processors}, and what else runs here makes it longer. A "
            "build that is cut off goes on where it was.",
            version=VERSION,
            processors=os.cpu_count(),
        )
    )
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
    run = subprocess.run(
        command, cwd=_MODULES / module, env=_go_environment(), capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise EngineError(phrase("{command} failed:\n{stderr}", command=" ".join(command), stderr=run.stderr[-2000:]))
    return run.stdout


def _go_environment() -> dict[str, str]:
    """The variables for Go: its caches move into the clone where the home folder cannot be written."""
    environment = {**os.environ, "CGO_ENABLED": "0"}
    if not os.access(home_folder(), os.W_OK):
        environment.setdefault("GOPATH", str(ROOT / ".local" / "go"))
        environment.setdefault("GOCACHE", str(ROOT / ".local" / "go" / "cache"))
    return environment


def _go_build(module: str, package: str, target: Path, linker_flags: str) -> None:
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(phrase("Fetching the sources of {target}", target=target.name), total=None)
        total = len(_go(module, "list", "-deps", package).split())
        command = ["go", "build", "-v", "-o", str(target), "-ldflags", linker_flags, package]
        started = told = time.monotonic()
        compiled, last = 0, ""
        with subprocess.Popen(
            command, cwd=_MODULES / module, env=_go_environment(), stderr=subprocess.PIPE, text=True
        ) as process:
            for line in process.stderr or ():
                compiled, last = compiled + 1, line.strip()
                # Packages that an earlier build left compiled are not named, so this is the most that it can be.
                text = phrase(
                    "Compiling {target}: {compiled} of at most {total} packages, {last}",
                    target=target.name,
                    compiled=compiled,
                    total=total,
                    last=last,
                )
                progress.update(task, description=text)
                if not console.is_terminal and time.monotonic() - told >= _QUIET_SECONDS:
                    told = time.monotonic()
                    console.print(f"  {told - started:.0f} s: {text}", soft_wrap=True)
    if process.returncode:
        raise EngineError(phrase("{command} failed: {last}", command=" ".join(command), last=last))


if __name__ == "__main__":
    try:
        Console(markup=False).print(str(ensure_engine()), soft_wrap=True)
    except EngineError as error:
        console.print(str(error), style="red")
        raise SystemExit(1) from None
