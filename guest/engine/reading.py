"""Tensors from files to the device, several at a time, each checked as it passes.

A disk gives most when several reads are under way, and a checksum costs about as long as a fast disk's read; so a few
threads each take a tensor, read it in blocks into memory that the card can fetch from, and send each block on. The host
holds two blocks a thread, whatever the model's size.

What is kept as it lies in the file has its place on the card from the start, so that everything else can be made ready
while it is read.
"""

from __future__ import annotations

import itertools
import os
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread, local
from typing import Any

from guest.engine.card import RECORDING
from guest.engine.shards import DamagedError, Entry
from guest.engine.torch_later import torch
from guest.phrases import phrase

THREADS = 8
BLOCK_BYTES = 8 << 20
_WARMING_BYTES = 4 << 20


class Reader:
    """Reads tensors of files to `device`."""

    def __init__(self, device: Any, threads: int = min(THREADS, os.cpu_count() or 1)) -> None:
        self._device = torch.device(device)
        self._threads = threads
        self._own = local()

    def read(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Any]]:
        """Each entry with its tensor, in the order given; a few are read ahead. Raises GuestError for a damaged one."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="weights") as pool:
            ahead: deque[tuple[Entry, Future[Any]]] = deque()
            waiting = iter(entries)
            try:
                for entry in itertools.chain(waiting, [None] * (2 * self._threads)):
                    if entry is not None:
                        ahead.append((entry, pool.submit(self._read, entry)))
                    if ahead and (entry is None or len(ahead) > 2 * self._threads):
                        first, future = ahead.popleft()
                        yield first, future.result()
            finally:
                for _, future in ahead:
                    future.cancel()

    def begin(self, entries: Sequence[Entry]) -> Filling:
        """Tensors for all entries at once, whose numbers arrive in the order of the entries."""
        # Zeros: what is computed with them meanwhile stays finite.
        tensors = [
            torch.zeros(entry.shape, dtype=getattr(torch, entry.dtype), device=self._device) for entry in entries
        ]
        return Filling(entries, tensors, self._fill, self._threads)

    def _read(self, entry: Entry) -> Any:
        tensor = torch.empty(entry.shape, dtype=getattr(torch, entry.dtype), device=self._device)
        self._fill(entry, tensor)
        return tensor

    def _fill(self, entry: Entry, tensor: Any) -> None:
        """Read an entry's numbers into its tensor. Raises GuestError for a damaged one."""
        flat = tensor.view(-1).view(torch.uint8) if tensor.dim() else tensor.view(1).view(torch.uint8)
        crc = 0
        try:
            with entry.file.open("rb", buffering=0) as file:
                file.seek(entry.offset)
                if self._device.type == "cpu":
                    crc = _fill(file, memoryview(flat.numpy()), 0)
                else:
                    crc = self._through_blocks(file, flat)
        except (OSError, EOFError) as error:
            raise _damaged(entry, str(error)) from None
        if entry.crc is not None and crc != entry.crc:
            raise _damaged(entry, phrase("its checksum is another one"))

    def _through_blocks(self, file: Any, flat: Any) -> int:
        with RECORDING:
            blocks, stream = self._blocks()
            # What the memory held is the main stream's: a tensor that was freed there is free there only.
            stream.wait_stream(torch.cuda.default_stream(self._device))
        crc, place = 0, 0
        for block, event in itertools.cycle(blocks):
            count = min(BLOCK_BYTES, flat.numel() - place)
            if count <= 0:
                break
            with RECORDING:
                event.synchronize()
            crc = _fill(file, memoryview(block[:count].numpy()), crc)
            with RECORDING, torch.cuda.stream(stream):
                flat[place : place + count].copy_(block[:count], non_blocking=True)
                event.record(stream)
            place += count
        with RECORDING:
            stream.synchronize()
        return crc

    def _blocks(self) -> tuple[list[tuple[Any, Any]], Any]:
        """This thread's two blocks, each with the event after which it may be filled again, and its stream."""
        if not hasattr(self._own, "blocks"):
            pinned = [torch.empty(BLOCK_BYTES, dtype=torch.uint8, pin_memory=True) for _ in range(2)]
            self._own.blocks = [(block, torch.cuda.Event()) for block in pinned]
            self._own.stream = torch.cuda.Stream(self._device)
        return self._own.blocks, self._own.stream


class Filling:
    """Tensors whose numbers are on their way; they are all there when `finish` returns."""

    def __init__(
        self, entries: Sequence[Entry], tensors: Sequence[Any], fill: Callable[[Entry, Any], None], threads: int
    ) -> None:
        self.entries, self.tensors = entries, tensors
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="weights")
        self._under_way = [
            self._pool.submit(fill, entry, tensor) for entry, tensor in zip(entries, tensors, strict=True)
        ]

    def finish(self) -> Iterator[Entry]:
        """Each entry when it is there, in order. Raises GuestError for a damaged one."""
        for entry, future in zip(self.entries, self._under_way, strict=True):
            future.result()
            yield entry

    def stop(self) -> None:
        """Return when nothing writes to the tensors any more."""
        self._pool.shutdown(cancel_futures=True)


def _fill(file: Any, view: memoryview, crc: int) -> int:
    """Fill all of `view` from the file, and go on with the checksum. Raises EOFError where the file ends before."""
    place = 0
    while place < len(view):
        count = file.readinto(view[place : place + BLOCK_BYTES])
        if not count:
            raise EOFError(phrase("the file ends in the middle of it"))
        crc = zlib.crc32(view[place : place + count], crc)
        place += count
    return crc


def _damaged(entry: Entry, why: str) -> DamagedError:
    return DamagedError(
        phrase("{file} is damaged at {entry}: {why}.", file=entry.file.name, entry=entry.name, why=why),
        phrase("Its hash decides whether it is fetched anew."),
    )


class Warming:
    """Reads files once through the system's cache, from the moment when only their names are known.

    Importing torch and waking the card takes seconds in which the disk would otherwise stand still. At most `room`
    bytes are read: more would push out what was read before it. What the cache has already costs the disk nothing.
    """

    def __init__(self, files: Sequence[Path], room: int) -> None:
        self._files, self._room, self._ended = list(files), room, Event()
        self._thread = Thread(target=self._run, name="warming", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop at the next block; what is in the cache by then is there."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        block, left = memoryview(bytearray(_WARMING_BYTES)), self._room
        for path in self._files:
            try:
                with path.open("rb", buffering=0) as file:
                    count = -1
                    while count and left > 0 and not self._ended.is_set():
                        count = file.readinto(block[:left])
                        left -= count
            except OSError:
                return  # who reads it in earnest says what is wrong
            if left <= 0 or self._ended.is_set():
                return
