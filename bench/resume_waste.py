"""Bytes that are downloaded twice after ten cuts of the model's download, as a share of all.

The real downloader against a real HTTP server on this computer. The files are the model's, at a 40th of their size.
Counted are the bytes that left the server, so what sat in buffers when a connection broke counts too. Besides the cuts,
one source ignores ranges, one stalls, and one has a wrong small file.
"""

from __future__ import annotations

import hashlib
import random
import tempfile
from pathlib import Path

from bench.faulty_server import FaultyServer, Source
from bench.figure import Figure
from components.bootstrap.sources import MODEL_FILES
from guest.download.downloader import Downloader
from guest.download.limits import Limits
from guest.download.task import Task

BAR = 0.01
CUTS = 10
_SCALE = 40
#: Bytes per second of a connection: eight times a link of 100 Mbit/s. Without a limit the loopback device would push
#: megabytes into buffers before the downloader can say that it does not want them, which no real link does.
_RATE = 100e6
_LIMITS = Limits(timeout=1, pause=0.01, longest_pause=0.05, disk_reserve=0)


def measure() -> list[Figure]:
    chance = random.Random(6)
    files = {name: chance.randbytes(max(size // _SCALE, 1)) for name, (size, _) in MODEL_FILES.items()}
    shards = [name for name in files if name.endswith(".bin")]
    cuts = [(name, chance.randrange(len(files[name]))) for name in (chance.choice(shards) for _ in range(CUTS))]
    # The source that ignores ranges comes first, so every cut of it is followed by a refusal and a change of source.
    misbehaving = {
        "no-ranges": Source(ranges=False, cuts=cuts[: CUTS // 2]),
        "cuts": Source(cuts=cuts[CUTS // 2 :], stalls=[(shards[0], len(files[shards[0]]) // 2, 3.0)]),
        "third": Source(),
    }
    misbehaving["no-ranges"].wrong = {"config.json"}
    wrong_shard = {"wrong": Source(wrong={shards[6]}), "right": Source()}
    return [
        Figure("resume_waste", _waste(files, misbehaving), "share", BAR),
        # Nobody publishes hashes of pieces: a wrong file is fetched again as a whole, whatever its size.
        Figure("resume_waste_wrong_shard", _waste(files, wrong_shard), "share"),
    ]


def _waste(files: dict[str, bytes], sources: dict[str, Source]) -> float:
    server = FaultyServer(files, sources, rate=_RATE)
    with tempfile.TemporaryDirectory() as folder, server.running():
        tasks = []
        for name, content in files.items():
            urls = [server.url(source, name) for source in sources]
            digest, size = hashlib.sha256(content).hexdigest(), len(content)
            tasks.append(Task(name, "model", Path(folder, name), urls, digest, size, size))
        if not Downloader(tasks, _LIMITS).run():
            raise RuntimeError(f"the download failed: {[task.error for task in tasks if task.error]}")
    return sum(server.sent.values()) / sum(map(len, files.values())) - 1
