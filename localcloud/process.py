"""The local cloud in the background: where it runs, how it is started and stopped."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from guest.files import replace_file
from localcloud.errors import LocalCloudError
from localcloud.folder_lock import is_open
from localcloud.port import choose_port, remember_port

RUN_FILE = "run.json"
LOG_FILE = "localcloud.log"
START_SECONDS = 30.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Running:
    """A local cloud that answers."""

    url: str
    pid: int


def write_run_file(data: Path, url: str) -> None:
    """Leave word of where the cloud of this data folder answers."""
    replace_file(data / RUN_FILE, json.dumps({"url": url, "pid": os.getpid()}).encode("utf-8"), flushed=False)
    remember_port(data, int(url.rpartition(":")[2]))


def find_running(data: Path) -> Running | None:
    """The cloud of this data folder, if it answers."""
    try:
        word = json.loads((data / RUN_FILE).read_text(encoding="utf-8"))
        url = str(word["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    status = _ask(url, "GET", "status")
    # Another cloud may have got the port since.
    if status is None or Path(str(status.get("data"))) != data.resolve():
        return None
    return Running(url, int(status["pid"]))


def require_running(data: Path) -> Running:
    """The cloud of this data folder. Raises LocalCloudError when it is not running."""
    running = find_running(data)
    if running is None:
        raise LocalCloudError(
            f"No local cloud is running on {data}. Start it: python -m localcloud start --data {data}"
        )
    return running


def start(
    data: Path, port: int | None, speed: str | None, guests: bool, progress: Callable[[float], None]
) -> tuple[Running, bool]:
    """Start in the background and wait for the first answer; tells also whether it ran already.

    Without a port it is the folder's own, else a free one. `progress` hears the seconds waited so far. Raises
    LocalCloudError with the process's own last words.
    """
    running = find_running(data)
    if running is not None:
        return running, False
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = data / LOG_FILE
    chosen = choose_port(data) if port is None else port
    command = [sys.executable, "-m", "localcloud.serve", "--port", str(chosen), "--data", str(data)]
    if speed is not None:
        command += ["--speed", speed]
    if not guests:
        command.append("--no-guests")
    root = Path(__file__).resolve().parent.parent
    path = os.pathsep.join(filter(None, (str(root), os.environ.get("PYTHONPATH"))))
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(handle, "ab") as output:
        before = output.tell()
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": path},
        )
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < START_SECONDS:
        running = find_running(data)
        if running is not None:
            return running, True
        if child.poll() is not None:
            raise LocalCloudError(_last_words(log, before))
        progress(waited)
        time.sleep(0.01)
    child.terminate()
    raise LocalCloudError(f"The local cloud did not answer within {START_SECONDS:.0f} seconds; see {log}.")


def stop(data: Path, progress: Callable[[float], None]) -> bool:
    """Stop and wait for the end; False when none was running. Raises LocalCloudError when it does not end."""
    running = find_running(data)
    if running is None:
        return False
    _ask(running.url, "POST", "stop")
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < STOP_SECONDS:
        if not is_open(data):
            (data / RUN_FILE).unlink(missing_ok=True)
            return True
        progress(waited)
        time.sleep(0.05)
    raise LocalCloudError(
        f"The local cloud (process {running.pid}) did not end within {STOP_SECONDS:.0f} seconds; "
        f"end it with: kill {running.pid}"
    )


def _ask(url: str, method: str, name: str) -> dict[str, Any] | None:
    """The control interface's answer; None where none comes. Without the typed client, whose import alone takes
    as long as a start.
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    try:
        connection.request(method, f"/control/{name}", b"{}", {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None


def _last_words(log: Path, before: int) -> str:
    with log.open("rb") as file:
        file.seek(before)
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"The local cloud ended at once, without a word; see {log}."
