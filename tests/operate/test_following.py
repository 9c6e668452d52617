"""Following a run while the line breaks, and transfers that break off: a scripted machine, no clock."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from operate import training
from operate.channel import MachineChannel
from operate.errors import ExitCode, OperateError
from operate.output import Output
from operate.transfer import fetch_file, pack, remote_name

QUIET = Output(as_json=True)
LOST = OperateError("no answer", "", ExitCode.NO_CONNECTION)
GONE = OperateError("gone", "", ExitCode.PARKED)


class Script:
    """Answers `progress` in the given order; everything else by its table."""

    def __init__(self, *answers: dict[str, Any] | OperateError, **table: Callable[..., dict[str, Any]]) -> None:
        self._answers = list(answers)
        self._table = table

    def ask(self, verb: str, options: Mapping[str, Any] | None = None, *, seconds: float = 60) -> dict[str, Any]:
        if verb == "progress":
            answer = self._answers.pop(0)
            if isinstance(answer, OperateError):
                raise answer
            return answer
        return self._table[verb](options or {})

    def upload(self, path: Path, name: str, progress: Callable[[int], None]) -> str:
        raise AssertionError("nothing is sent here")

    def download(self, source: str, target: Path, size: int, progress: Callable[[int], None]) -> None:
        target.write_bytes(base64.b64decode(self.ask("read", {"path": source})["data"]))


def running(step: int, newest: int | None = None) -> dict[str, Any]:
    return {"running": "r", "run": "r", "newestCheckpoint": newest, "progress": {"step": step, "total": 9}}


ENDED = {"running": None, "run": "r", "state": "finished", "newestCheckpoint": 9}


def follow(channel: Script, **more: Any) -> dict[str, Any]:
    return training.follow(channel, "r", QUIET, wait=lambda _: None, **more)


def test_a_broken_line_is_borne() -> None:
    assert follow(Script(running(1), LOST, LOST, running(5), ENDED))["state"] == "finished"


def test_a_line_that_stays_broken_is_given_up() -> None:
    with pytest.raises(OperateError, match="no answer"):
        follow(Script(running(1), LOST), patience_seconds=0)


def test_a_machine_that_is_gone_is_not_waited_for() -> None:
    with pytest.raises(OperateError, match="gone"):
        follow(Script(running(1), GONE))


def test_each_new_checkpoint_is_fetched_once_and_a_failed_fetch_does_not_end_the_run(tmp_path: Path) -> None:
    content = b"bundle"
    packed: list[dict[str, Any]] = []

    def pack_run(options: dict[str, Any]) -> dict[str, Any]:
        packed.append(options)
        if len(packed) == 2:
            raise LOST
        step = {1: 2, 3: 6, 4: 9}[len(packed)]
        return {"path": "p", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "step": step}

    channel = Script(
        running(2, 2),
        running(3, 2),
        running(5, 4),
        running(6, 6),
        ENDED,
        pack=pack_run,
        read=lambda _: {"data": base64.b64encode(content).decode()},
        discard=lambda _: {},
    )
    keeper = training.Keeper(channel, "r", tmp_path, QUIET)
    follow(channel, keeper=keeper)
    assert keeper.kept == 9
    # The data come along once; the bundle that has them stays.
    assert [options["data"] for options in packed] == [True, False, False, False]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r.data.zip", "r.zip"]


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_a_run_that_ended_badly_says_why(state: str) -> None:
    with pytest.raises(OperateError, match="CUDA out of memory") as caught:
        training.conclude({"run": "r", "state": state, "reason": "CUDA out of memory", "hint": "Use 4 bits."})
    assert caught.value.hint == "Use 4 bits."


class Pieces:
    """A WinRM channel that hands a file out in pieces and breaks off when told to."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.asked: list[int] = []
        self.breaks_at: int | None = None

    def run_verb(self, verb: str, options: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        assert verb == "read"
        offset = options["offset"]
        self.asked.append(offset)
        if offset == self.breaks_at:
            from line.channel import UnreachableError

            raise UnreachableError("the line broke")
        return {"data": base64.b64encode(self.content[offset : offset + options["bytes"]]).decode()}


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> Pieces:
    monkeypatch.setattr("operate.channel.PIECE_BYTES", 10)
    return Pieces(bytes(range(35)))


def fetch(pieces: Pieces, target: Path, digest: str | None = None) -> None:
    channel = MachineChannel(pieces)  # type: ignore[arg-type]
    sha256 = digest or hashlib.sha256(pieces.content).hexdigest()
    fetch_file(channel, "C:\\x", target, len(pieces.content), sha256, QUIET)


def test_a_fetch_goes_on_where_it_broke_off(pieces: Pieces, tmp_path: Path) -> None:
    target = tmp_path / "r.zip"
    target.write_bytes(b"the one before")
    pieces.breaks_at = 20
    with pytest.raises(OperateError, match="the line broke"):
        fetch(pieces, target)
    assert target.read_bytes() == b"the one before"
    pieces.breaks_at = None
    fetch(pieces, target)
    assert pieces.asked == [0, 10, 20, 20, 30]
    assert target.read_bytes() == pieces.content
    assert [path.name for path in tmp_path.iterdir()] == ["r.zip"]


def test_what_is_left_of_another_version_is_not_gone_on_with(pieces: Pieces, tmp_path: Path) -> None:
    target = tmp_path / "r.zip"
    pieces.breaks_at = 20
    with pytest.raises(OperateError):
        fetch(pieces, target)
    pieces.breaks_at, pieces.content = None, bytes(reversed(range(35)))
    fetch(pieces, target)
    assert target.read_bytes() == pieces.content


def test_a_damaged_fetch_replaces_nothing(pieces: Pieces, tmp_path: Path) -> None:
    target = tmp_path / "r.zip"
    target.write_bytes(b"the one before")
    with pytest.raises(OperateError, match="damaged"):
        fetch(pieces, target, digest="0" * 64)
    assert target.read_bytes() == b"the one before"


def test_packing_is_repeatable_so_that_an_upload_can_go_on(tmp_path: Path) -> None:
    source = tmp_path / "a.json"
    source.write_bytes(b"x" * 100_000)
    pack(source, tmp_path / "one")
    pack(source, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize(
    ("name", "remote"),
    [
        ("train.json", "0123456789ab-train.json"),
        ("训练 数据.json", "0123456789ab-file.json"),
        ("a b&c'.jsonl", "0123456789ab-a-b-c.jsonl"),
        ("x" * 90 + ".zip", f"0123456789ab-{'x' * 40}.zip"),
    ],
)
def test_any_file_name_becomes_one_that_the_machine_takes(name: str, remote: str) -> None:
    assert remote_name(Path(name), "0123456789abcdef") == remote
