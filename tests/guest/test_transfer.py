from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from guest import transfer
from guest.errors import GuestError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "chatglm"
    (root / "inbox").mkdir(parents=True)
    monkeypatch.setenv("CHATGLM_ROOT", str(root))
    return root


def test_a_file_is_described_by_size_and_hash(root: Path) -> None:
    (root / "a.bin").write_bytes(b"abc")
    told = transfer.describe({"path": str(root / "a.bin")})
    assert (told["bytes"], told["sha256"]) == (3, hashlib.sha256(b"abc").hexdigest())
    assert transfer.describe({"path": str(root / "none")})["bytes"] is None


@pytest.mark.parametrize(
    ("offset", "count", "place", "data"),
    [(0, 3, 0, b"012"), (8, 5, 8, b"89"), (-4, 10, 6, b"6789"), (-40, 2, 0, b"01"), (10, 1, 10, b"")],
)
def test_pieces_are_read_from_either_end(root: Path, offset: int, count: int, place: int, data: bytes) -> None:
    (root / "digits").write_bytes(b"0123456789")
    told = transfer.read({"path": str(root / "digits"), "offset": offset, "bytes": count})
    assert (told["offset"], base64.b64decode(told["data"])) == (place, data)


@pytest.mark.parametrize("verb", sorted(transfer.VERBS))
@pytest.mark.parametrize("path", ["../secret", "inbox/../../secret", "/etc/passwd", ""])
def test_nothing_outside_of_the_projects_folder_is_touched(root: Path, verb: str, path: str) -> None:
    (root.parent / "secret").write_text("x", encoding="utf-8")
    with pytest.raises(GuestError):
        transfer.VERBS[verb]({"path": str(root / path) if path and not path.startswith("/") else path, "bytes": 1})
    assert (root.parent / "secret").exists()


def test_a_link_that_leads_out_is_not_followed(root: Path) -> None:
    (root.parent / "secret").write_text("x", encoding="utf-8")
    (root / "inbox" / "link").symlink_to(root.parent / "secret")
    with pytest.raises(GuestError, match="is not below"):
        transfer.read({"path": str(root / "inbox" / "link")})


def upload(root: Path, content: bytes, packed: bytes, name: str = "data.json.gz") -> tuple[Path, str]:
    """A packed file in the inbox under the name that an upload of `content` gets, and the hash of that."""
    digest = hashlib.sha256(content).hexdigest()
    path = root / "inbox" / f"{digest[:12]}-{name}"
    path.write_bytes(packed)
    return path, digest


def test_a_packed_upload_is_unpacked_and_gone(root: Path) -> None:
    content = b'{"content": "a"}\n' * 1000
    packed, digest = upload(root, content, gzip.compress(content))
    told = transfer.inflate({"path": str(packed), "sha256": digest})
    assert Path(told["path"]).read_bytes() == content
    assert [path.name for path in (root / "inbox").iterdir()] == [packed.stem]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-20],
    "changed": lambda data: data[:40] + b"\0\0\0\0" + data[44:],
    "not gzip": lambda _: b"no gzip at all",
    "empty": lambda _: b"",
    "another": lambda _: gzip.compress(b"something else"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_upload_leaves_nothing_behind(root: Path, damage: str) -> None:
    content = bytes(range(256)) * 100
    packed, digest = upload(root, content, DAMAGES[damage](gzip.compress(content)))
    with pytest.raises(GuestError, match=r"damaged|something else"):
        transfer.inflate({"path": str(packed), "sha256": digest})
    assert list((root / "inbox").iterdir()) == []


@pytest.mark.parametrize("place", ["runs/first/data.json.gz", "inbox/my-own.gz", "inbox/0123456789ab-other.gz"])
@pytest.mark.parametrize("right", [True, False])
def test_a_packed_file_that_is_no_upload_is_never_removed(root: Path, place: str, right: bool) -> None:
    packed = root / place
    packed.parent.mkdir(parents=True, exist_ok=True)
    packed.write_bytes(gzip.compress(b"mine"))
    digest = hashlib.sha256(b"mine" if right else b"other").hexdigest()
    with contextlib.nullcontext() if right else pytest.raises(GuestError, match="something else"):
        transfer.inflate({"path": str(packed), "sha256": digest})
    assert gzip.decompress(packed.read_bytes()) == b"mine"


def test_a_small_file_that_unpacks_without_end_is_stopped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_INFLATED_BYTES", 1_000_000)
    packed, digest = upload(root, b"", gzip.compress(b"\0" * 50_000_000), "bomb.gz")
    with pytest.raises(GuestError, match="more than"):
        transfer.inflate({"path": str(packed), "sha256": digest})
    assert list((root / "inbox").iterdir()) == []


def test_only_what_a_transfer_left_is_discarded(root: Path) -> None:
    kept, gone = root / "manifest.json", root / "inbox" / "a"
    for path in (kept, gone):
        path.write_text("{}", encoding="utf-8")
    assert transfer.discard({"path": str(gone)})["removed"]
    with pytest.raises(GuestError):
        transfer.discard({"path": str(kept)})
    assert kept.exists()
