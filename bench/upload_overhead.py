"""The way in which data sets go to the machine, against the best chunk size that could be found.

`send_dataset` packs (gzip, level 1), sends lines of base64 of WinRmChannel.line_bytes, lets the machine unpack and
hash. The sweep repeats the whole way with other message sizes. How the way was chosen, on the local guest's WinRM with
50 MB (seconds of one computer, for proportions):
- messages: 20 KB 3.4 s, 45 KB 1.6 s, 90 KB 1.5 s, 180 KB 1.4 s, 270 KB (the most that Windows' 500 KB leave after
  base64 twice) 1.4 s;
- one command for 32 MB instead of 8 MB: 1.1 s instead of 1.4 s, for each command starts a process;
- two and three shells at once: 1.4 s and 1.5 s, no gain, since both ends compute rather than wait;
- packed: no gain here, where the line costs nothing; on a real one, where 1.8 bytes go for each byte of the file, text
  shrinks to a half or third, and packing runs at some 80 MB/s;
- a receiver of its own for HTTPS would need another open port and another login on the machine: not taken.
"""

from __future__ import annotations

import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.figure import Figure
from line.winrm import WinRmChannel
from operate.channel import MachineChannel
from operate.output import Output
from operate.transfer import send_dataset
from tools.throwaway import ready_machine

BYTES = 50_000_000
SIZES = (45_000, 90_000, 135_000, 180_000, 225_000, 270_000)
TIMES = 3


def measure() -> list[Figure]:
    own = WinRmChannel.line_bytes
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        data = folder / "train.json"
        data.write_bytes(make_dataset())
        with ready_machine(folder / "machine") as machine:
            channel = MachineChannel(machine.connect())
            numbers = itertools.count()

            def send() -> None:
                # Another first row each time: what the machine has already would not be sent again.
                with data.open("r+b") as file:
                    file.write(b'{"content": "%06d"' % next(numbers))
                send_dataset(channel, data, Output(as_json=True))

            try:
                times = {size: _median(send, size) for size in SIZES}
            finally:
                WinRmChannel.line_bytes = own
            plain = _plain(machine.connect(), data.read_bytes())
    best = min(times.values())
    return [
        Figure("upload_overhead", times[own] / best, "ratio", 1.25),
        Figure("upload_mb_per_s", BYTES / times[own] / 1e6, "MB/s"),
        Figure("upload_unpacked_mb_per_s", BYTES / plain / 1e6, "MB/s"),
    ]


def make_dataset() -> bytes:
    """Rows in the form of AdvertiseGen, of random words: shrinks less than real text would."""
    chance = random.Random(1)
    words = [chr(0x4E00 + chance.randrange(3000)) + chr(0x4E00 + chance.randrange(3000)) for _ in range(4000)]
    rows, size = [b'{"content": "000000", "summary": "first"}\n'], 0
    while size < BYTES:
        content = "*".join(f"类型#{chance.choice(words)}" for _ in range(8))
        row = {"content": content, "summary": "".join(chance.choice(words) for _ in range(40))}
        rows.append(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
        size += len(rows[-1])
    return b"".join(rows)


def _median(send: Callable[[], None], size: int) -> float:
    WinRmChannel.line_bytes = size
    return statistics.median(_seconds(send) for _ in range(TIMES))


def _plain(channel: WinRmChannel, content: bytes) -> float:
    return _seconds(lambda: channel.upload(content, "plain.json"))


def _seconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started
