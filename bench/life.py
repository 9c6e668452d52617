"""The stack with the real engine: `preview_ratio`, `life_seconds`, `standin_peak_mib`, `localcloud_start_seconds`."""

from __future__ import annotations

import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.figure import Figure
from rehearsal.engine import ROOT
from tools.workspace import Result, Workspace

_PREVIEWS = 7


def measure() -> list[Figure]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        figures = []
        with _cloud(folder / "cloud") as (port, start_seconds):
            figures.append(Figure("localcloud_start_seconds", start_seconds, "s", 0.6))
            with _peak_memory("localcloud.plugin") as peak:
                figures.append(Figure("life_seconds", _life(folder, port), "s", 60))
            figures.append(Figure("standin_peak_mib", peak[0] / 2**20, "MiB", 150))
            figures += _preview_ratio(folder, port)
        return figures


@contextmanager
def _cloud(data: Path) -> Iterator[tuple[int, float]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "localcloud"]
    started = time.perf_counter()
    options = ["--port", str(port), "--data", str(data), "--speed", "max"]
    subprocess.run([*command, "start", *options], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    try:
        yield port, time.perf_counter() - started
    finally:
        subprocess.run([*command, "stop", "--data", str(data)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _life(folder: Path, port: int) -> float:
    stack = Workspace(folder / "life", folder / "cloud", port)
    started = time.perf_counter()
    for step in (stack.up("running"), stack.up("parked"), stack.up("running"), stack.up("parked"), stack.destroy()):
        _demand(step)
    return time.perf_counter() - started


def _preview_ratio(folder: Path, port: int) -> list[Figure]:
    """Medians of both programs, measured in turn so that the machine's mood meets both alike."""
    ours = Workspace(folder / "ours", folder / "cloud", port)
    _demand(ours.up("running"))
    image = ours.pulumi("stack", "export").text.split('"imageId": "')[1].split('"')[0]
    bare = Workspace(
        folder / "bare", folder / "cloud", port, settings={"chatglm:imageId": image}, program=ROOT / "bench" / "bare"
    )
    _demand(bare.up())
    times: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(_PREVIEWS):
        for name, stack in (("ours", ours), ("bare", bare)):
            started = time.perf_counter()
            _demand(stack.preview("--expect-no-changes"))
            times[name].append(time.perf_counter() - started)
    median = {name: statistics.median(values) for name, values in times.items()}
    return [
        Figure("preview_ratio", median["ours"] / median["bare"], "ratio", 1.3),
        Figure("preview_seconds", median["ours"], "s"),
        Figure("preview_bare_seconds", median["bare"], "s"),
    ]


@contextmanager
def _peak_memory(module: str) -> Iterator[list[int]]:
    """The largest resident size in bytes of any process that runs the module, sampled twenty times a second."""
    peak, done = [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                if module in (process.info["cmdline"] or []) and process.info["memory_info"]:
                    peak[0] = max(peak[0], process.info["memory_info"].rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _demand(result: Result) -> None:
    if not result.ok:
        raise RuntimeError(result.text)
