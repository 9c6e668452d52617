r"""What the job on `windows-2022` runs: the machine's own user data in Windows PowerShell 5.1, twice, on real Windows.

    python -m tools.windows_job --folder LOGS

It serves the small files of the local internet under the manifest's own names (entries in the hosts file, an authority
in Windows' store), runs the user data as cloudbase-init would, exchanges the manifest's hashes, hands over the second
stage and waits for `ready`; then once more as a disk that was restored on another machine. Stood in are the card's
query, the driver's signature, nvidia-smi and the three installers. Python 3.10, pip and its packages, tar.exe,
curl.exe, the Task Scheduler, WinRM, firewall and registry are the real ones.

It changes the system that it runs on, so it refuses to run anywhere but on a GitHub runner with Windows. What it is
made of is tested on Linux; the whole has not been run there.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import subprocess
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from components.bootstrap.render import BootstrapInputs, Rendered, render
from components.bootstrap.settings import BootstrapSettings
from localcloud.windows.userdata import decode_user_data
from localcloud.windows.world.authority import authority
from localcloud.windows.world.inside.contents import content
from localcloud.windows.world.inside.small import make_small
from localcloud.windows.world.internet import METADATA, LocalInternet

ROOT = Path("C:/chatglm")
PATIENCE_SECONDS = 1500.0
_INDEX = "https://pypi.org/simple"
_PUSH_BYTES = 45_000
#: Put before the driver's step: there is no card on a runner, and no installer of NVIDIA's.
STAND_INS = """
function Get-CimInstance {
    param($ClassName, $Filter)
    if ($ClassName -eq 'Win32_PnPEntity') { return @{ Name = '3D Video Controller' } }
    CimCmdlets\\Get-CimInstance @PSBoundParameters
}
function Get-AuthenticodeSignature {
    @{ Status = 'Valid'; SignerCertificate = @{ Subject = 'O=NVIDIA Corporation'; Issuer = 'CN=stands in' } }
}
function New-Object {
    param($TypeName, $ArgumentList)
    if ($TypeName -notlike '*X509Store') { return Microsoft.PowerShell.Utility\\New-Object @PSBoundParameters }
    $store = Microsoft.PowerShell.Utility\\New-Object PSObject
    foreach ($name in 'Open', 'Add', 'Close') { $store | Add-Member ScriptMethod $name { } }
    $store
}
"""
_NVIDIA_SMI = 'print("name, driver_version, driver_model.current\\nTesla T4, 560.94, TCC")\n'
_MINICONDA = """import pathlib, shutil, sys
target = pathlib.Path(sys.argv[-1].removeprefix("/D="))
assert sys.argv[-1].startswith("/D=") and "/S" in sys.argv, sys.argv
shutil.copytree(sys.base_prefix, target, dirs_exist_ok=True)
"""
_CUDA = """import pathlib, sys
assert sys.argv[1] == "-s" and all(word[0] == "-" or word.endswith("_11.8") for word in sys.argv[1:]), sys.argv
tools = pathlib.Path("C:/Program Files/NVIDIA GPU Computing Toolkit/CUDA/v11.8/bin")
tools.mkdir(parents=True, exist_ok=True)
(tools / "nvcc.exe").write_bytes(b"MZ")
"""


def program(code: str, launcher: bytes, python: str) -> bytes:
    """A Windows program that runs `code`: pip's own launcher, the interpreter's path, and a zip behind them."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("__main__.py", code)
    return launcher + f"#!{python}\r\n".encode() + packed.getvalue()


def installers(launcher: bytes, python: str) -> dict[str, bytes]:
    """The three installers by the manifest's ids; the driver's leaves an nvidia-smi that knows one answer."""
    smi = base64.b64encode(program(_NVIDIA_SMI, launcher, python)).decode("ascii")
    driver = f'import base64\nopen("C:/Windows/System32/nvidia-smi.exe", "wb").write(base64.b64decode("{smi}"))\n'
    codes = {"miniconda": _MINICONDA, "cuda": _CUDA, "driver": driver}
    return {name: program(code, launcher, python) for name, code in codes.items()}


def with_stand_ins(second_stage: bytes) -> bytes:
    """The second stage with the card's query and the driver's signature stood in, and nothing else changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(second_stage)) as old, zipfile.ZipFile(made, "w") as new:
        for member in old.infolist():
            body = old.read(member)
            new.writestr(member, STAND_INS.encode() + body if member.filename == "steps/driver.ps1" else body)
    return made.getvalue()


def hosts(manifest: Mapping[str, Any]) -> str:
    """Lines for the hosts file: every name of the manifest's addresses is this computer."""
    names = {urlsplit(url).hostname or "" for row in manifest["files"] for url in row["urls"]} | {METADATA}
    return "".join(f"127.0.0.1 {name}\n" for name in sorted(names))


def exchange(path: Path, internet: LocalInternet, programs: Mapping[str, bytes], second_stage: bytes) -> bool:
    """Exchange the manifest on the disk for the small files and the changed second stage; False where it is already."""
    manifest = json.loads(path.read_text(encoding="utf-8"))
    digest = hashlib.sha256(second_stage).hexdigest()
    if manifest["secondStage"]["sha256"] == digest:
        return False
    served: dict[str, Any] = {}
    make_small(manifest, served, {})
    for row in manifest["files"]:
        urls = [url.replace("{file}", row["id"]) for url in row["urls"]]
        body = programs.get(row["id"]) or content(served[urls[0]])
        internet.extra.update(dict.fromkeys(urls, body))
        if row.get("sha256"):
            row["sha256"] = hashlib.sha256(body).hexdigest()
        for size in ("bytes", "estimate"):
            if row.get(size):
                row[size] = len(body)
    manifest["secondStage"] = {"sha256": digest, "bytes": len(second_stage)}
    path.write_text(json.dumps(manifest, separators=(",", ":")), encoding="utf-8")
    return True


class Run:
    """One life of the machine on this system."""

    def __init__(self, made: Rendered, internet: LocalInternet, programs: Mapping[str, bytes]) -> None:
        self.made, self.internet, self.programs = made, internet, programs
        self.second_stage = with_stand_ins(made.second_stage)

    def live(self) -> None:
        """Run the user data and wait until it is ready. Raises RuntimeError with the status when it is not."""
        [script] = decode_user_data(self.made.user_data.encode("ascii")).scripts
        path = Path(os.environ["TEMP"]) / "userdata.ps1"
        path.write_bytes(script.body)
        subprocess.run(
            ["powershell.exe", "-ExecutionPolicy", "RemoteSigned", "-NonInteractive", "-File", path], check=True
        )
        if exchange(ROOT / "manifest.json", self.internet, self.programs, self.second_stage):
            self.verb("retry", {"force": True})
        ends, pushed = time.monotonic() + PATIENCE_SECONDS, False
        while time.monotonic() < ends:
            status = self.verb("status")
            print(status.get("phase"), status.get("step"), status.get("message"), flush=True)  # noqa: T201
            if status.get("waitsFor") and not pushed:
                self.push()
                pushed = True
            if status.get("phase") == "ready":
                return
            if status.get("phase") == "failed":
                break
            time.sleep(5)
        raise RuntimeError(json.dumps(status, indent=1))

    def push(self) -> None:
        """Hand over the second stage by the verb `receive`."""
        blocks = range(0, len(self.second_stage), _PUSH_BYTES)
        lines = b"".join(base64.b64encode(self.second_stage[at : at + _PUSH_BYTES]) + b"\r\n" for at in blocks)
        digest = hashlib.sha256(self.second_stage).hexdigest()
        self.verb("receive", {"name": "stage2.zip", "offset": 0, "sha256": digest}, lines)

    def verb(self, verb: str, ask: Mapping[str, Any] | None = None, lines: bytes | None = None) -> dict[str, Any]:
        """`chatglm.ps1`, as the channel calls it."""
        encoded = "base64:" + base64.b64encode(json.dumps(ask or {}).encode()).decode("ascii")
        text = f"{'$input | ' if lines is not None else ''}& 'C:\\chatglm\\chatglm.ps1' {verb} '{encoded}'"
        command = ["powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-EncodedCommand"]
        command.append(base64.b64encode(text.encode("utf-16-le")).decode("ascii"))
        done = subprocess.run(command, input=lines, capture_output=True, check=False)
        try:
            document: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return {"phase": None, "message": (done.stdout + done.stderr).decode("utf-8", "replace")[-500:]}
        return document


def main(folder: Annotated[Path, typer.Option(help="Where the logs go.")] = Path("windows-logs")) -> None:
    """Run it. Example: python -m tools.windows_job --folder windows-logs"""
    if os.name != "nt" or not os.environ.get("GITHUB_ACTIONS"):
        typer.echo(
            "This runs on a GitHub runner with Windows alone: it installs a machine on the system that it is on."
        )
        raise typer.Exit(2)
    from pip._vendor import distlib

    launcher = (Path(distlib.__file__).parent / "w64.exe").read_bytes()
    programs = installers(launcher, os.environ["MACHINE_PYTHON"])
    number = iter(("ins-first", "ins-second"))
    current = [next(number)]
    internet = LocalInternet(folder, lambda path: {"instance-id": current[0]}.get(path), wanted_ports=(80, 443))
    settings = BootstrapSettings(package_mirrors=(_INDEX,))
    made = render(BootstrapInputs(settings, "demo-passw0rd", ("127.0.0.1/32",), "windows-job"))
    system = Path(os.environ["SYSTEMROOT"]) / "System32"
    with (system / "drivers/etc/hosts").open("a", encoding="ascii") as file:
        file.write(hosts(made.manifest))
    subprocess.run(["certutil.exe", "-addstore", "Root", authority().file], check=True)
    try:
        Run(made, internet, programs).live()
        # The same disk on another machine: user data runs again, the tasks of the disk are running.
        current[0] = next(number)
        Run(made, internet, programs).live()
    finally:
        folder.mkdir(exist_ok=True)
        for name in ("logs", "state"):
            _copy(ROOT / name, folder / name)


def _copy(source: Path, target: Path) -> None:
    """Logs that the machine has open still are copied as far as they are readable."""
    for path in source.rglob("*") if source.is_dir() else ():
        if path.is_file():
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                place.write_bytes(path.read_bytes())
            except OSError as error:
                place.with_suffix(".unreadable").write_text(str(error), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
