"""Which scripts the machine's first start finds in its user data."""

from __future__ import annotations

import gzip

import pytest

from localcloud.windows.userdata import Script, ScriptKind, decode_user_data

PS = ScriptKind.POWERSHELL
BATCH = ScriptKind.BATCH


@pytest.mark.parametrize(
    ("data", "scripts"),
    [
        pytest.param(b"<powershell>\necho 1\n</powershell>\n", [(PS, b"echo 1")], id="one section"),
        pytest.param(b"text <powershell>a</powershell> text", [(PS, b"a")], id="tags stand anywhere"),
        pytest.param(
            b"<powershell>a</powershell><powershell>b</powershell>", [(PS, b"a"), (PS, b"b")], id="nearest closing tag"
        ),
        pytest.param(
            b"<powershell>p</powershell>\n<script>s</script>", [(BATCH, b"s"), (PS, b"p")], id="batch runs first"
        ),
        pytest.param(
            b"<powershell>Write-Host '</powershell>'</powershell>",
            [(PS, b"Write-Host '")],
            id="a closing tag in a string ends the script",
        ),
        pytest.param(b"#ps1\necho 1\n", [(PS, b"#ps1\necho 1\n")], id="ps1 header"),
        pytest.param(b"#ps1_sysnative\necho 1", [(PS, b"#ps1_sysnative\necho 1")], id="sysnative header"),
        pytest.param(b"#ps1_x86\necho 1", [(PS, b"#ps1_x86\necho 1")], id="x86 header"),
        pytest.param(b"rem cmd\ndir", [(BATCH, b"rem cmd\ndir")], id="batch header"),
        pytest.param(
            b"#!/usr/bin/env python\nx", [(ScriptKind.PYTHON, b"#!/usr/bin/env python\nx")], id="python header"
        ),
        pytest.param(b"#!/bin/sh\nx", [(ScriptKind.SHELL, b"#!/bin/sh\nx")], id="shell header"),
        pytest.param(gzip.compress(b"<powershell>a</powershell>"), [(PS, b"a")], id="gzip is unpacked"),
        pytest.param(b"", [], id="empty"),
    ],
)
def test_what_runs(data: bytes, scripts: list[tuple[ScriptKind, bytes]]) -> None:
    decoded = decode_user_data(data)
    assert decoded.scripts == tuple(Script(kind, body) for kind, body in scripts)
    assert decoded.complaints == ()


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        pytest.param(b"echo 1", "unsupported user data format", id="no header and no tag"),
        pytest.param(b"<PowerShell>a</PowerShell>", "unsupported", id="tags are lower case"),
        pytest.param(b"<powershell>a", "a tag is not closed", id="open tag"),
        pytest.param(b"<powershell>  </powershell>", "nothing stands between", id="empty section"),
        pytest.param(b"\xef\xbb\xbf#ps1\necho 1", "byte order mark", id="mark before the header"),
        pytest.param("<powershell>a</powershell>".encode("utf-16-le"), "unsupported", id="UTF-16"),
        pytest.param("\ufeff<powershell>a</powershell>".encode("utf-16-le"), "UTF-16", id="UTF-16 with a mark"),
        pytest.param(b"\n#ps1\necho 1", "unsupported", id="header on the second line"),
        pytest.param(b"#cloud-config\nusers: []", "cloud-config", id="cloud-config"),
        pytest.param(b"\x1f\x8bnot gzip", "does not unpack", id="broken gzip"),
        pytest.param(gzip.compress(bytes(2_000_000)), "more than", id="gzip that swells"),
    ],
)
def test_what_is_only_logged(data: bytes, complaint: str) -> None:
    decoded = decode_user_data(data)
    assert decoded.scripts == ()
    assert any(complaint in text for text in decoded.complaints)


def test_chinese_text_runs_but_is_complained_about() -> None:
    decoded = decode_user_data("<powershell>echo 你好</powershell>".encode())
    assert len(decoded.scripts) == 1
    assert "outside ASCII" in decoded.complaints[0]


@pytest.mark.parametrize(("length", "complaints"), [(12_288, 0), (12_289, 1)])
def test_size_is_counted_as_encoded(length: int, complaints: int) -> None:
    script = b"<powershell>" + b"x" * (length - 25) + b"</powershell>"
    assert len(script) == length
    assert len(decode_user_data(script).complaints) == complaints
