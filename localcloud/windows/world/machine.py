"""One machine of the Windows world: its drive, its power, its boots, and programs that are run on it from outside."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from guest.rehearsal.volume import mark_flushed
from localcloud.drives import FLUSHED
from localcloud.errors import LocalCloudError
from localcloud.windows.userdata import ScriptKind, decode_user_data
from localcloud.windows.world import engine
from localcloud.windows.world.authority import authority
from localcloud.windows.world.drive_state import forget_run, prepare_drive, prepare_run
from localcloud.windows.world.inside import starting
from localcloud.windows.world.internet import LocalInternet

MARK = "LOCALCLOUD_MACHINE"
STATE_FOLDER = "local-guest"
#: By how much pauses of over five seconds are shortened in scripts and Python of a machine.
HASTE = 10.0
_KILL_SECONDS = 10.0
_SHELL = ("powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass")
_USER_DATA_SHELL = ("powershell.exe", "-ExecutionPolicy", "RemoteSigned", "-NonInteractive")
_RUN = STATE_FOLDER + "/run"
#: How often it is looked whether the power has gone while a program runs.
_POWER_SECONDS = 1.0
#: Of this computer's own surroundings only these reach a machine.
_INHERITED = ("TZ", "TMPDIR", "LD_LIBRARY_PATH", "HOME")


@dataclass(frozen=True)
class Answer:
    """What a program printed, in the machine's code page, and its exit code."""

    stdout: bytes
    stderr: bytes
    exit_code: int

    @property
    def document(self) -> Any:
        """The one JSON document on standard output. Raises ValueError when it is none."""
        return json.loads(self.stdout.decode("gbk"))


@dataclass
class WindowsWorld:
    """A machine. `disk` is the folder that is drive C:; everything that an image would hold lies in it.

    Raises LocalCloudError when this computer has no PowerShell.
    """

    disk: Path
    instance_id: str
    internet: LocalInternet
    user_data: bytes = b""
    address: str = "127.0.0.1"
    hostname: str = "chatglm"
    haste: float = HASTE
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.disk = self.disk.resolve()
        self.state, self.run_folder = self.disk / STATE_FOLDER, self.disk / _RUN
        self._mark = f"{self.instance_id}@{self.disk}"
        self._user_data_process: subprocess.Popen[bytes] | None = None

    # Power

    def power_on(self, *, orders: Mapping[str, str] | None = None) -> None:
        """Boot: the disk's start-up tasks first, then cloudbase-init, which runs user data for a new instance id.

        `orders` are faults that stand before anything starts (see `order`), by file name and content.
        """
        self.kill()
        prepare_drive(self.disk, self.state)
        kept = self._orders()
        prepare_run(self.run_folder, list(starting.PROGRAMS))
        mark_flushed(self.disk / FLUSHED)
        for name, text in {**kept, **(orders or {})}.items():
            (self.run_folder / name).write_text(text, encoding="utf-8")
        environment = self.surroundings()
        (self.run_folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
        (self.run_folder / "booted").write_text(datetime.datetime.now().isoformat(), encoding="ascii")
        self._wake_driver()
        if self.remembered("tasks"):
            self._note("the start-up task begins")
        subprocess.run(self.inside("boot"), env=environment, cwd=self.disk, check=True, capture_output=True, timeout=60)
        self._start_user_data(environment)

    def kill(self) -> None:
        """Cut the power: nothing of the machine runs afterwards."""
        ends = time.monotonic() + _KILL_SECONDS
        while (ours := list(self.alive())) and time.monotonic() < ends:
            for process in ours:
                with contextlib.suppress(psutil.Error, OSError):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(ours, timeout=0.05)
        if self._user_data_process is not None:
            self._user_data_process.wait()
            self._user_data_process = None

    def alive(self) -> Iterator[psutil.Process]:
        """Every living process of the machine, those of the world's own machinery too."""
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
            except (psutil.Error, OSError):
                continue

    @property
    def wants_restart(self) -> bool:
        """Whether the machine has told itself to restart."""
        return (self.run_folder / "restart").exists()

    @property
    def lost_power(self) -> bool:
        """Whether the ordered moment of the power cut has come, or the machine shut itself down."""
        return (self.run_folder / "power-cut").exists()

    # Orders

    def order(self, faults: Mapping[str, Mapping[str, Any]]) -> None:
        """Order faults by name, in place of those before; `docs/windows-world.md` lists them."""
        self.run_folder.mkdir(parents=True, exist_ok=True)
        (self.run_folder / "faults.json").write_text(json.dumps(faults), encoding="utf-8")
        for counter in self.run_folder.glob("fault-*"):
            counter.unlink()

    def cut_power_at(self, kind: str, number: int) -> None:
        """Order the power to go at the n-th `status` (file written) or `start` (of a program) from the next boot on."""
        self.run_folder.mkdir(parents=True, exist_ok=True)
        (self.run_folder / "cut-at").write_text(f"{kind} {number}", encoding="ascii")

    def set(self, name: str, text: str | None) -> None:
        """One of the machine's conditions: `no-names`, `disk-full`, `disk-free`, `clock`; None ends it."""
        self.run_folder.mkdir(parents=True, exist_ok=True)
        if text is None:
            (self.run_folder / name).unlink(missing_ok=True)
        else:
            (self.run_folder / name).write_text(text, encoding="utf-8")

    def forget_user_data(self) -> None:
        """Make cloudbase-init run user data at the next boot, as its mark in the registry taken away does."""
        (self.state / "user-data-ran" / self.instance_id).unlink(missing_ok=True)

    # Programs and files

    def run(self, arguments: Sequence[str], stdin: bytes | None = None, timeout: float = 120) -> Answer:
        """Run a program of the machine as SYSTEM does, and wait for it.

        Raises subprocess.TimeoutExpired, at once where the power goes meanwhile.
        """
        ends = time.monotonic() + timeout
        # The input is a file: what is left of one that goes through a pipe is lost at each look at the power.
        with (
            tempfile.TemporaryFile() as given,
            subprocess.Popen(
                self.inside(*arguments),
                env=self.surroundings(),
                cwd=self.disk / "Windows/System32",
                stdin=_filled(given, stdin or b""),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            ) as process,
        ):
            while True:
                try:
                    out, err = process.communicate(timeout=_POWER_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    if self.lost_power or time.monotonic() > ends:
                        process.kill()
                        raise
        return Answer(out, err, self.whole_exit_code(process.pid, process.returncode))

    def verb(self, verb: str, text: str = "{}", stdin: bytes | None = None, timeout: float = 120) -> Answer:
        """`chatglm.ps1 VERB JSON`, as the channel calls it: with input as a command into which it is piped."""
        if stdin is not None:
            quoted = ["'" + word.replace("'", "''") + "'" for word in ("C:\\chatglm\\chatglm.ps1", verb, text)]
            script = f"$input | & {' '.join(quoted)}; exit $LASTEXITCODE"
            encoded = base64.b64encode(script.encode("utf-16-le")).decode("ascii")
            return self.run([*_SHELL, "-EncodedCommand", encoded], stdin, timeout)
        return self.run(
            [*_SHELL, "-File", "C:\\chatglm\\chatglm.ps1", verb, text],
            None,
            timeout,
        )

    def place(self, windows_path: str) -> Path:
        r"""Where `C:\...` lies on this computer."""
        return self.disk.joinpath(*windows_path.removeprefix("C:\\").split("\\"))

    def status(self) -> dict[str, Any]:
        """The status file; empty while there is none."""
        try:
            document: dict[str, Any] = json.loads(self.place("C:\\chatglm\\state\\status.json").read_bytes())
        except (OSError, ValueError):
            return {}
        return document

    def journal(self, kind: str = "") -> list[dict[str, Any]]:
        """What has happened since the last power-on, all of it or of one kind."""
        path = self.run_folder / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return [entry for entry in map(json.loads, lines) if not kind or entry["kind"] == kind]

    def remembered(self, name: str) -> dict[str, Any]:
        """One of Windows' own memories: registry, tasks, firewall, winrm, services, certificates, driver."""
        path = self.state / f"{name}.json"
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
        return document

    def lines(self) -> list[str]:
        """The command lines of all living processes that Windows would show."""
        found = []
        for path in (self.run_folder / "processes").glob("*"):
            if not path.name.isdigit():
                continue  # one that is being entered
            try:
                stat = (
                    Path(f"/proc/{path.name}/stat")
                    .read_text(encoding="ascii", errors="replace")
                    .rpartition(")")[2]
                    .split()
                )
            except OSError:
                continue
            entry = json.loads(path.read_text(encoding="utf-8"))
            if stat[0] not in "ZX" and stat[19] == entry["started"]:
                found.append(str(entry["line"]))
        return found

    def copy(self, disk: Path) -> Path:
        """An image of the disk, as a new folder; the machine should be off."""
        shutil.copytree(self.disk, disk, symlinks=True)
        forget_run(disk / _RUN)
        return disk

    def surroundings(self) -> dict[str, str]:
        """The environment of SYSTEM's processes."""
        pwsh = engine.find_pwsh()
        curl = shutil.which("curl")
        if pwsh is None or curl is None:
            raise LocalCloudError("The Windows world needs pwsh and curl on the PATH.")
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **{name: value for name, value in os.environ.items() if name.startswith("CHATGLM_REHEARSAL_")},
            "PATH": f"C:\\Windows\\system32;C:\\Windows:{self.run_folder}/bin:C:\\Windows\\System32\\Wbem;",
            "LANG": "C.UTF-8",
            "COMPUTERNAME": self.hostname.upper(),
            "TEMP": "C:\\Windows\\TEMP",
            "TMP": "C:\\Windows\\TEMP",
            "SystemRoot": "C:\\Windows",
            "WORLD_DISK": str(self.disk),
            "WORLD_RUN": str(self.run_folder),
            "WORLD_PYTHON": sys.executable,
            "WORLD_PACKAGES": sysconfig.get_path("purelib"),
            "WORLD_INSIDE": str(engine.INSIDE),
            "WORLD_PWSH": str(pwsh),
            "WORLD_LIBRARY": str(engine.library(pwsh)),
            "WORLD_CURL": curl,
            "WORLD_INTERNET": self.internet.ports,
            "WORLD_CA": str(authority().file),
            "WORLD_HASTE": str(self.haste),
            "CHATGLM_DEMO_HOST": self.address,
            MARK: self._mark,
            **self.environment,
        }

    def whole_exit_code(self, pid: int, code: int) -> int:
        """The exit code of a process of `inside` that has ended, with the bits that did not fit into Linux' eight."""
        path = self.run_folder / "exit-codes" / str(pid)
        return int(path.read_text(encoding="ascii")) if path.is_file() else code

    def inside(self, *words: str) -> list[str]:
        """This computer's command line for a program of the machine."""
        return [sys.executable, "-S", "-E", str(engine.INSIDE / "run.py"), *words]

    def _note(self, detail: str) -> None:
        with (self.run_folder / "journal.jsonl").open("a", encoding="utf-8") as journal:
            journal.write(json.dumps({"at": time.time(), "pid": 0, "kind": "boot", "detail": detail}) + "\n")

    def _orders(self) -> dict[str, str]:
        """What was ordered for the next boot while the machine was off."""
        names = ("faults.json", "cut-at", "no-names", "disk-full", "disk-free", "clock")
        return {
            name: (self.run_folder / name).read_text(encoding="utf-8")
            for name in names
            if (self.run_folder / name).is_file()
        }

    def _wake_driver(self) -> None:
        path = self.state / "driver.json"
        if not path.is_file():
            return
        driver = json.loads(path.read_text(encoding="utf-8"))
        driver["restarts-missing"] = max(0, int(driver.get("restarts-missing", 0)) - 1)
        driver["awake-at"] = time.time() + float(driver.get("wakes-after", 0))
        path.write_text(json.dumps(driver), encoding="utf-8")

    def _start_user_data(self, environment: Mapping[str, str]) -> None:
        """cloudbase-init: each instance id once, as its marks in the registry make it."""
        mark = self.state / "user-data-ran" / self.instance_id
        if mark.exists():
            return
        decoded = decode_user_data(self.user_data)
        scripts = [script for script in decoded.scripts if script.kind is ScriptKind.POWERSHELL]
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.write_text("".join(f"{complaint}\n" for complaint in decoded.complaints), encoding="utf-8")
        self._note("user data runs")
        for number, script in enumerate(scripts):
            path = self.disk / "Windows/TEMP" / f"userdata-{number}.ps1"
            path.write_bytes(script.body)
            log = self.place("C:\\Program Files\\Cloudbase Solutions\\Cloudbase-Init\\log\\cloudbase-init.log")
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as out:
                self._user_data_process = subprocess.Popen(
                    self.inside(*_USER_DATA_SHELL, "-File", f"C:\\Windows\\TEMP\\{path.name}"),
                    env=dict(environment),
                    cwd=self.disk / "Windows/System32",
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )


def _filled(file: IO[bytes], content: bytes) -> IO[bytes]:
    file.write(content)
    file.seek(0)
    return file
