"""One machine of the Windows world under trial: made from the project's own user data, installed, broken, restored.

    trial = Trial(folder)                    # nothing runs yet
    trial.machine.order({"cuda.exe": {"code": 1, "times": 1}})
    trial.internet.let("hf-mirror", Behaviour(cut=1000))
    trial.boot()
    status = trial.wait()                    # "ready" or "failed"; pushes the second stage, restarts when wanted
    trial.verb("status")                     # one JSON document
    trial.restart(); trial.kill()
    other = trial.restore("ins-2", precision="int8", port=7861)
    trial.wrong()                            # what is not as it should be on a machine that says ready
    trial.close()

Settings are those of `chatglm:` by their Python names (`gpu_toolkit="minimal"`), and `port`, `password`, `cidrs`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from components.bootstrap.render import BootstrapInputs, Rendered, render
from components.bootstrap.settings import BootstrapSettings
from guest.serving.login import matches
from localcloud.windows.world.internet import LocalInternet
from localcloud.windows.world.machine import Answer, WindowsWorld
from tests.waiting import HANG_SECONDS

USER, PASSWORD, CIDRS = "chatglm", "demo-passw0rd", ("203.0.113.7/32",)
_PUSH_BYTES = 45_000
_POLL_SECONDS = 0.05
#: Looks for a file that is being written; one that lies through all of them was left behind.
_LOOKS = 40


@cache
def rendered(port: int = 7860, password: str = PASSWORD, cidrs: tuple[str, ...] = CIDRS, **settings: Any) -> Rendered:
    """What `pulumi up` would start a machine with; made once for the same settings, as a password's hash takes long."""
    return render(
        BootstrapInputs(
            BootstrapSettings(**{"demo_port": port, "demo_user": USER, **settings}), password, cidrs, "trial"
        )
    )


class Trial:
    """A machine, its internet, and what the operator's side does."""

    #: Real time, on a computer that others load too; a machine that hangs is told by it, nothing is measured.
    patience_seconds: ClassVar[float] = HANG_SECONDS

    def __init__(
        self, folder: Path, instance_id: str = "ins-1", *, change: Callable[[Rendered], Rendered] | None = None,
        **inputs: Any,
    ) -> None:  # fmt: skip
        """`folder` becomes drive C:; what lies there already is a disk that was restored."""
        folder.mkdir(parents=True, exist_ok=True)
        self.inputs: dict[str, Any] = inputs
        self.password = str(inputs.get("password", PASSWORD))
        self.port = int(inputs.get("port", 7860))
        self.rendered = (change or (lambda made: made))(rendered(**inputs))
        self.internet = LocalInternet(
            folder.resolve() / "local-guest", lambda path: {"instance-id": instance_id}.get(path)
        )
        self.machine = WindowsWorld(
            folder, instance_id, self.internet, self.rendered.user_data.encode("ascii"), address=_free_address()
        )
        self.restarts = 0
        #: The process that installed, or had done, before the last verb that starts an installation.
        self.installed_by: int | None = None
        self._booted = 0.0
        self._pushed: str | None = None

    # Power

    def boot(self) -> None:
        """Power on."""
        # A status of before tells nothing about this boot.
        self._booted, self._pushed = time.time(), None
        self.machine.power_on()

    def restart(self) -> None:
        """Cut the power and boot again, with all orders in force still."""
        self.machine.kill()
        self.boot()

    def kill(self) -> None:
        """Cut the power."""
        self.machine.kill()

    def close(self) -> None:
        """End everything."""
        self.machine.kill()
        self.internet.close()

    def restore(self, instance_id: str, **inputs: Any) -> Trial:
        """Another machine on a copy of this one's disk, with other settings; this one is off afterwards."""
        self.kill()
        folder = self.machine.disk.with_name(f"{self.machine.disk.name}-{instance_id}")
        self.machine.copy(folder)
        return Trial(folder, instance_id, **{**self.inputs, **inputs})

    # Waiting

    def install(self) -> dict[str, Any]:
        """Boot, push, wait until it is ready. Raises AssertionError with the status when it is not."""
        self.boot()
        return self.until_ready()

    def until_ready(self, seconds: float | None = None) -> dict[str, Any]:
        """Wait until it is ready. Raises AssertionError with the status when it is not."""
        status = self.wait(seconds=seconds)
        assert status.get("phase") == "ready", self.explain(status)
        return status

    def wait(
        self,
        phases: Collection[str] = ("ready", "failed"),
        *,
        seconds: float | None = None,
        push: bool = True,
        restarts: int = 4,
        until: Callable[[dict[str, Any]], bool] | None = None,
    ) -> dict[str, Any]:
        """Wait for a phase of this boot, or for `until`; on the way do what the operator's side and Windows do.

        The second stage is pushed when it is waited for; a restart that the machine wants is made; at the ordered
        power cut the wait ends. Raises AssertionError when nothing of it happens in time.
        """
        ends = time.monotonic() + (seconds := self.patience_seconds if seconds is None else seconds)
        while time.monotonic() < ends:
            if self.machine.lost_power:
                self.machine.kill()
                return self.machine.status()
            if self.machine.wants_restart:
                self.restarts += 1
                if self.restarts > restarts:
                    return self.machine.status()
                self.restart()
            status = self._fresh_status()
            if until is not None and status and until(status):
                return status
            if status.get("phase") in phases and not self._is_installing():
                return status
            if push and status.get("waitsFor") and self._pushed != status["waitsFor"]:
                self._pushed = status["waitsFor"]
                try:
                    self.push()
                except subprocess.TimeoutExpired:
                    # The power may go at the start of this very program; then the next round ends the wait.
                    if not self.machine.lost_power:
                        raise
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"nothing came of it in {seconds:.0f} s: {self.explain(self.machine.status())}")

    def _fresh_status(self) -> dict[str, Any]:
        path = self.machine.place("C:\\chatglm\\state\\status.json")
        try:
            fresh = path.stat().st_mtime >= self._booted
        except OSError:
            return {}
        return self.machine.status() if fresh else {}

    def _is_installing(self) -> bool:
        return any("\\bootstrap.ps1" in line for line in self.machine.lines())

    # The operator's side

    def push(self, content: bytes | None = None, name: str = "stage2.zip") -> Answer:
        """Upload the second stage (or something else) through the machine's own verb."""
        content = self.rendered.second_stage if content is None else content
        blocks = [content[at : at + _PUSH_BYTES] for at in range(0, len(content), _PUSH_BYTES)]
        lines = b"".join(base64.b64encode(block) + b"\r\n" for block in blocks)
        told = {"name": name, "offset": 0, "sha256": hashlib.sha256(content).hexdigest()}
        return self.verb("receive", told, lines)

    def verb(self, verb: str, ask: dict[str, Any] | None = None, stdin: bytes | None = None) -> Answer:
        """`chatglm.ps1 VERB base64:JSON`."""
        if verb in {"retry", "configure"}:
            self.installed_by = self.machine.status().get("pid")
        text = "base64:" + base64.b64encode(json.dumps(ask or {}).encode()).decode("ascii")
        return self.machine.verb(verb, text, stdin)

    # Judging

    def explain(self, status: dict[str, Any]) -> str:
        """The status in few words, and the errors of its steps."""
        errors = [{**(step.get("error") or {}), "step": step["name"]} for step in status.get("steps", [])]
        told = {name: status.get(name) for name in ("phase", "step", "message", "waitsFor", "error")}
        return json.dumps({**told, "errors": [error for error in errors if "message" in error]}, ensure_ascii=False)

    def answers(self) -> int:
        """The HTTP status of the demo's page with the right login; 0 when nobody answers."""
        request = urllib.request.Request(f"http://{self.machine.address}:{self.port}/")
        login = base64.b64encode(f"{USER}:{self.password}".encode()).decode("ascii")
        request.add_header("Authorization", f"Basic {login}")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def wrong(self) -> list[str]:
        """Everything that is not as it should be on a machine that says that it is ready."""
        machine, status = self.machine, self.machine.status()
        found = [] if status.get("phase") == "ready" else [f"phase: {self.explain(status)}"]
        found += [
            f"the step {one['name']} is {one['state']}" for one in status.get("steps", []) if one["state"] != "done"
        ]
        if (code := self.answers()) != 200:
            found.append(f"the demo answers {code}")
        manifest = json.loads(machine.place("C:\\chatglm\\manifest.json").read_bytes())
        if not matches(self.password, manifest["settings"]["demoPasswordHash"]):
            found.append("the manifest has another password")
        for row in manifest["files"]:
            if row["step"] == "model" and not _is_whole(machine.place(row["path"].replace("{file}", row["id"])), row):
                found.append(f"the model's file {row['id']} is wrong")
        found += [f"left behind: {path}" for path in self.left_behind()]
        found += self._wrong_processes()
        found += self._wrong_windows()
        return found

    def left_behind(self) -> list[str]:
        """Files that belong to an installation on its way, and stay: what lives writes its own beside, for moments."""
        found = self._passing()
        for _ in range(_LOOKS):
            if not found:
                break
            time.sleep(_POLL_SECONDS)
            found &= self._passing()
        return sorted(found)

    def _passing(self) -> set[str]:
        root, model = self.machine.place("C:\\chatglm"), self.machine.place("C:\\chatglm-6b")
        paths = [path for folder in (root, model) for path in folder.rglob("*") if path.is_file()]
        ends = (".part", ".new", ".tmp", ".exchanged")
        inbox = [path for path in paths if path.parent.name in {"inbox", "downloads"}]
        # Python's own half-written byte code beside a killed process is never read, and replaced by nobody.
        ours = [path for path in paths if ".pyc." not in path.name]
        partial = [path for path in ours if path.name.endswith(ends) or path.suffix[1:].isdigit()]
        counts = [path for path in paths if path.name.startswith("restarts-")]
        return {str(path.relative_to(self.machine.disk)) for path in inbox + partial + counts}

    def _wrong_processes(self) -> list[str]:
        wanted = {
            "-m guest.watch": 1,
            "-m guest.unattended.loop": 1,
            "guest.serving.supervisor": 1,
            "guest.serving.launch": 1,
        }
        unwanted = {"guest.download": 0, "curl.exe": 0, "fetch.ps1": 0, "\\bootstrap.ps1": 0}
        found: list[str] = []
        ends = time.monotonic() + self.patience_seconds
        # The watcher and the demo have launchers besides; they come up a moment after the word ready.
        while time.monotonic() < ends:
            lines = self.machine.lines()
            found = []
            for part, number in {**wanted, **unwanted}.items():
                seen = sum(part in line for line in lines)
                if seen != (2 * number if part in wanted else number):
                    found.append(f"{seen} processes of {part}")
            if not found:
                return []
            time.sleep(0.1)
        return found

    def _wrong_windows(self) -> list[str]:
        found = []
        listeners = self.machine.remembered("winrm").get("listeners", {})
        if [one["Transport"] for one in listeners.values()] != ["HTTPS"]:
            found.append(f"WinRM listens at {listeners}")
        rules = [rule for rule in self.machine.remembered("firewall").values() if rule["Group"] == "ChatGLM"]
        firewall = self.machine.remembered("services").get("MpsSvc", {}).get("Status", "Running")
        if firewall == "Running" and sorted(rule["LocalPort"] for rule in rules) != sorted(["5986", str(self.port)]):
            found.append(f"the firewall's rules are {rules}")
        update = "software\\policies\\microsoft\\windows\\windowsupdate\\au"
        if (asks := self.machine.remembered("registry").get(update, {}).get("auoptions")) != 3:
            found.append(f"Windows Update may restart the machine: {asks}")
        if exclusions := self.machine.remembered("defender").get("exclusions"):
            found.append(f"Defender still looks away from {exclusions}")
        if writers := {entry["detail"] for entry in self.machine.journal("two-writers")}:
            found.append(f"two wrote into {writers}")
        return found


def _is_whole(path: Path, row: dict[str, Any]) -> bool:
    if not path.is_file() or not path.read_bytes():
        return False
    # Of some files the Hub alone knows the hash.
    return not row["sha256"] or hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"]


def _free_address() -> str:
    """A loopback address on which nobody listens yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number = probe.getsockname()[1]
    return f"127.{100 + number % 100}.{number // 256 % 256}.{number % 254 + 1}"
