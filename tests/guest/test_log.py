"""Logs are read as what they were written in."""

from __future__ import annotations

from pathlib import Path

import pytest

from guest.log import decode_line, read_log


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_windows_words_arrive_whole_whatever_wrote_them(encoding: str) -> None:
    assert decode_line("拒绝访问。\r\n".encode(encoding)) == "拒绝访问。"


def test_plain_text_in_utf_16_can_be_read() -> None:
    assert decode_line("Driver: failed (5)\r\n".encode("utf-16-le")) == "Driver: failed (5)"


def test_one_log_may_hold_lines_of_both(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    lines = ["模型", "磁盘空间不足。", "end"]
    written = b"".join(f"{line}\r\n".encode(code) for line, code in zip(lines, ("utf-8", "gbk", "ascii"), strict=True))
    (tmp_path / "logs" / "torch.log").write_bytes(written)
    assert read_log(tmp_path, "torch", 50)["lines"] == lines


def test_only_the_last_lines_come(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "torch.log").write_text("\n".join(map(str, range(100))), encoding="utf-8")
    assert read_log(tmp_path, "torch", 3)["lines"] == ["97", "98", "99"]
