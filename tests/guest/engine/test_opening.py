"""Starting the engine where it cannot run, and what is read before it can."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from guest.engine import host
from guest.engine.cuda.driver import CudaError
from guest.engine.host import free_host_bytes
from guest.engine.kept import kept_file
from guest.engine.opening import open_decoder
from guest.engine.reading import Warming
from guest.serving import engine
from guest.serving.engine import files_to_load, give_memory_back

PLENTY = 1 << 40


def test_without_a_card_it_says_so_and_reads_nothing(torch: Any, tmp_path: Path) -> None:
    with pytest.raises(CudaError, match="sees no card that it can use; the driver may be too old"):
        open_decoder(tmp_path / "no-model", "fp16", tmp_path)
    give_memory_back()


def test_a_start_reads_what_was_kept_or_the_models_own_files(tmp_path: Path) -> None:
    for name in ("pytorch_model-00002-of-00002.bin", "pytorch_model-00001-of-00002.bin", "config.json"):
        (tmp_path / name).write_bytes(b"x")
    own = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"]
    assert [path.name for path in files_to_load(tmp_path, None)] == own
    assert [path.name for path in files_to_load(tmp_path, 4)] == own
    kept_file(tmp_path, 4).write_bytes(b"x")
    assert [path.name for path in files_to_load(tmp_path, 4)] == ["engine-int4.weights"]
    assert [path.name for path in files_to_load(tmp_path, None)] == own


def test_warming_minds_no_missing_file_and_ends_with_its_thread(tmp_path: Path) -> None:
    big = written(tmp_path / "big", 1000)
    Warming([big, tmp_path / "missing", big], PLENTY).end()
    Warming([tmp_path], PLENTY).end()  # a folder
    assert not any(thread.name == "warming" for thread in threading.enumerate())


def written(path: Path, count: int) -> Path:
    path.write_bytes(b"x" * count)
    return path


class Watched(Warming):
    """Says what was opened and how much was read of it, and lets the end of the reading be awaited."""

    def __init__(self, files: Sequence[Path], room: int) -> None:
        self.read: dict[str, int] = {}
        super().__init__([WatchedPath(path, self.read) for path in files], room)  # type: ignore[misc]

    def wait(self) -> dict[str, int]:
        self._thread.join()
        return self.read


class WatchedPath:
    def __init__(self, path: Path, read: dict[str, int]) -> None:
        self._path, self._read = path, read

    def open(self, mode: str, buffering: int) -> Any:
        file = self._path.open(mode, buffering=buffering)
        counted = self._read.setdefault(self._path.name, 0)
        assert counted == 0
        into = file.readinto

        class Counted:
            def __enter__(self) -> Counted:
                return self

            def __exit__(self, *_: object) -> None:
                file.close()

            def readinto(_, view: memoryview) -> int:  # noqa: N805
                count: int = into(view)
                self._read[self._path.name] += count
                return count

        return Counted()


def test_warming_reads_each_file_once_in_the_order_in_which_they_are_loaded(tmp_path: Path) -> None:
    files = [written(tmp_path / name, count) for name, count in (("b", 10), ("a", 5_000_000), ("c", 0), ("d", 7))]
    assert list(Watched(files, PLENTY).wait().items()) == [("b", 10), ("a", 5_000_000), ("c", 0), ("d", 7)]


@pytest.mark.parametrize(("room", "read"), [(0, {}), (-5, {}), (12, {"a": 10, "b": 2}), (10, {"a": 10})])
def test_warming_reads_no_more_than_there_is_room_for(tmp_path: Path, room: int, read: dict[str, int]) -> None:
    files = [written(tmp_path / name, 10) for name in ("a", "b", "c")]
    assert {name: count for name, count in Watched(files, room).wait().items() if count} == read


def test_the_disk_reads_before_torch_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "pytorch_model.bin", 1000)
    begun: list[Watched] = []

    def begin(files: Sequence[Path], room: int) -> Watched:
        begun.append(Watched(files, room))
        return begun[0]

    class Torch:
        """What a computer without torch says."""

        def __getattr__(self, name: str) -> Any:
            assert begun[0].wait() == {"pytorch_model.bin": 1000}
            raise ImportError(name)

    monkeypatch.setattr(engine, "Warming", begin)
    monkeypatch.setattr(engine, "torch", Torch())
    with pytest.raises(ImportError, match="cuda"):
        engine.start_engine(tmp_path, tmp_path, None, {})


def test_what_starts_the_engine_does_not_import_torch_itself() -> None:
    code = "import sys, guest.serving.launch, guest.serving.engine; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_hosts_free_memory_is_told_and_nothing_where_nobody_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(sys, "platform", "linux")
    assert free_host_bytes() == 0
    host.MEMINFO.write_text("MemTotal: 9 kB\nMemAvailable:   2048 kB\n", encoding="ascii")
    assert free_host_bytes() == 2 << 20
    host.MEMINFO.write_text("MemAvailable:\n", encoding="ascii")
    assert free_host_bytes() == 0


@pytest.mark.parametrize("is_told", [True, False])
def test_windows_own_word_on_free_memory_is_read_from_its_place(is_told: bool) -> None:
    class Kernel:
        """GlobalMemoryStatusEx by its documented layout: 64 bytes, the available memory at 16."""

        def GlobalMemoryStatusEx(self, reference: Any) -> bool:  # noqa: N802
            status = reference._obj
            assert ctypes.sizeof(status) == status.length == 64
            ctypes.memmove(ctypes.addressof(status) + 16, (5 << 30).to_bytes(8, "little"), 8)
            return is_told

    assert host._windows(Kernel()) == (5 << 30 if is_told else 0)
