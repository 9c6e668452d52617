"""The channel with the real pywinrm against the local guest's real HTTPS, NTLM and remote shell."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import json
import random
import re
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from line.certificates import CertificateFile, CertificateFileError, known_certificates
from line.channel import (
    CertificateChangedError,
    ChannelError,
    NotPreparedError,
    UnreachableError,
    VerbFailedError,
    WrongPasswordError,
)
from line.winrm import WinRmChannel
from localcloud.windows.certificate import ensure_certificate
from localcloud.windows.http_server import HttpServer, Request, Response
from localcloud.windows.ntlm import NtlmGate, write_credentials
from localcloud.windows.shells import CommandLine, ShellHost
from localcloud.windows.streams import CommandStreams
from localcloud.windows.wsman import SERVER_MAX_ENVELOPE_BYTES
from tests.waiting import HANG_SECONDS

PASSWORD = "Pa$$word: it's `me`"


@dataclass
class Script:
    """Plays chatglm.ps1: answers by verb, and takes uploads as the machine does."""

    answers: dict[str, Callable[[dict[str, Any]], tuple[int, str]]] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    async def run(self, line: CommandLine, streams: CommandStreams) -> int:
        self.lines.append(line.text)
        verb, encoded = spoken(line.text)
        ask = json.loads(base64.b64decode(encoded.removeprefix("base64:")))
        if verb == "receive":
            code, text = await self._receive(ask, streams)
        else:
            code, text = self.answers[verb](ask)
        await streams.write(text.encode())
        return code

    async def _receive(self, ask: dict[str, Any], streams: CommandStreams) -> tuple[int, str]:
        name = ask["name"]
        if "offset" in ask:
            data = b"".join(map(base64.b64decode, (await streams.read_all()).split()))
            self.files[name] = self.files.get(name, b"")[: ask["offset"]] + data
        held = self.files.get(name, b"")
        if "sha256" in ask and hashlib.sha256(held).hexdigest() != ask["sha256"]:
            del self.files[name]
            return 1, '{"error": {"message": "the upload is damaged", "hint": ""}}'
        return 0, json.dumps({"name": name, "bytes": len(held)})


def spoken(line: str) -> tuple[str, str]:
    """Verb and options of a command line, in both forms."""
    if "-EncodedCommand" not in line:
        return tuple(line.split(" ")[-2:])
    command = base64.b64decode(line.split(" ")[-1]).decode("utf-16-le")
    found = re.fullmatch(r"\$input \| & 'C:\\chatglm\\chatglm\.ps1' (\w+) '(.*)'", command)
    assert found, command
    return found[1], found[2]


@contextmanager
def listening(
    folder: Path, script: Script, password: str = PASSWORD, port: int = 0, asks_for_login: bool = True
) -> Iterator[tuple[str, int]]:
    """A machine's WinRM on a loopback address of its own."""
    address = f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
    started, ended = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    folder.mkdir(parents=True, exist_ok=True)
    certificate = ensure_certificate(folder, "chatglm", datetime.datetime.now(datetime.UTC))
    write_credentials(folder / "users", "Administrator", password, "chatglm")
    gate = NtlmGate(folder / "users", certificate)

    async def live() -> None:
        shells = ShellHost(script)

        async def handle(request: Request) -> Response:
            refused = gate.admit(request) if asks_for_login else None
            return refused or await shells.handle(request.body)

        async with AsyncExitStack() as stack:
            server = HttpServer(handle, max_body_bytes=2 * SERVER_MAX_ENVELOPE_BYTES)
            stack.push_async_callback(server.stop)
            stack.push_async_callback(shells.stop)
            await server.start(address, 5986, certificate.server_context())
            loops.append(asyncio.get_running_loop())
            started.set()
            await ended.wait()

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert started.wait(HANG_SECONDS)
    try:
        yield address, 5986
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(HANG_SECONDS)


@contextmanager
def answering(folder: Path, answer: bytes) -> Iterator[tuple[str, int]]:
    """A TLS server that gives every request the same bytes and hangs up."""
    certificate = ensure_certificate(folder, "chatglm", datetime.datetime.now(datetime.UTC))

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                del line
            self.wfile.write(answer)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

        def get_request(self) -> tuple[Any, Any]:
            raw, peer = self.socket.accept()
            return certificate.server_context().wrap_socket(raw, server_side=True), peer

        def handle_error(self, *_: Any) -> None:
            """A look at the certificate alone ends the connection at once."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield "127.0.0.1", server.server_address[1]
        finally:
            server.shutdown()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def channel(tmp_path: Path, script: Script) -> Iterator[WinRmChannel]:
    with listening(tmp_path / "machine", script) as (address, _):
        made = WinRmChannel(
            address, PASSWORD, machine="ins-1", certificates=CertificateFile(tmp_path / "known.json"), timeout=12
        )
        yield made
        made.close()


def test_a_verb_returns_the_document_it_printed(channel: WinRmChannel, script: Script) -> None:
    script.answers["status"] = lambda ask: (0, json.dumps({"asked": ask}))
    assert channel.run_verb("status", {"step": "模型 'x' \"y\""}) == {"asked": {"step": "模型 'x' \"y\""}}


def test_options_never_meet_a_shells_quoting(channel: WinRmChannel, script: Script) -> None:
    script.answers["train"] = lambda _: (0, "{}")
    channel.run_verb("train", {"prompt": 'a & b | c > d "%PATH%" ^'})
    assert not set(script.lines[0]) & set("&|<>^%\"'")


def test_the_machines_own_message_comes_through(channel: WinRmChannel, script: Script) -> None:
    script.answers["serve"] = lambda _: (1, '{"error": {"message": "no GPU", "hint": "look"}}')
    with pytest.raises(VerbFailedError) as told:
        channel.run_verb("serve")
    assert (told.value.message, told.value.hint) == ("no GPU", "look")


def test_before_the_user_data_ran_the_machine_is_not_prepared(channel: WinRmChannel, script: Script) -> None:
    script.answers["status"] = lambda _: (-196608, "")
    with pytest.raises(NotPreparedError):
        channel.run_verb("status")


def test_a_large_upload_arrives_whole(channel: WinRmChannel, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WinRmChannel, "piece_bytes", 400_000)
    content = random.Random(2).randbytes(1_000_000)
    seen: list[tuple[int, int]] = []
    channel.upload(content, "data.json", lambda done, total: seen.append((done, total)))
    assert script.files["data.json"] == content
    assert seen[-1] == (1_000_000, 1_000_000)


def test_a_broken_upload_goes_on(channel: WinRmChannel, script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WinRmChannel, "piece_bytes", 1000)
    script.files["data.json"] = b"a" * 2500
    channel.upload(b"a" * 3000, "data.json")
    assert script.files["data.json"] == b"a" * 3000
    assert sum(spoken(line)[0] == "receive" for line in script.lines) == 3, "size, the rest, the hash"


def test_the_beginning_of_another_file_is_sent_again(channel: WinRmChannel, script: Script) -> None:
    script.files["data.json"] = b"other" * 100
    channel.upload(b"a" * 3000, "data.json")
    assert script.files["data.json"] == b"a" * 3000


def test_a_wrong_password_is_told_and_the_certificate_not_trusted(tmp_path: Path, script: Script) -> None:
    known = CertificateFile(tmp_path / "known.json")
    with listening(tmp_path / "machine", script) as (address, _), pytest.raises(WrongPasswordError):
        WinRmChannel(address, "another", machine="ins-1", certificates=known).run_verb("status")
    assert known.get("ins-1") is None


def test_a_changed_certificate_is_refused_before_the_password_is_sent(tmp_path: Path, script: Script) -> None:
    known = CertificateFile(tmp_path / "known.json")
    script.answers["status"] = lambda _: (0, "{}")
    for folder in ("first", "second"):
        with listening(tmp_path / folder, script) as (address, _):
            channel = WinRmChannel(address, PASSWORD, machine="ins-1", certificates=known)
            if folder == "first":
                channel.run_verb("status")
            else:
                with pytest.raises(CertificateChangedError):
                    channel.run_verb("status")
            channel.close()
    assert len(script.lines) == 1


def test_the_pin_holds_inside_the_tls_client_too(tmp_path: Path, script: Script) -> None:
    with listening(tmp_path / "machine", script) as (address, _):
        channel = WinRmChannel(address, PASSWORD, machine="ins-1", certificates=CertificateFile(tmp_path / "k.json"))
        # Somebody steps in between the look at the certificate and the connection.
        channel._fetch_fingerprint = lambda: "00" * 32  # type: ignore[method-assign]
        with pytest.raises(CertificateChangedError):
            channel.run_verb("status")


def test_nothing_there_is_told_with_the_reason(tmp_path: Path) -> None:
    channel = WinRmChannel("127.0.0.1", PASSWORD, machine="i", certificates=CertificateFile(tmp_path / "k"), port=9)
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9 does not answer \(Connection refused\)"):
        channel.run_verb("status")


def test_a_proxy_of_the_environment_is_not_asked(
    channel: WinRmChannel, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    script.answers["status"] = lambda _: (0, "{}")
    assert channel.run_verb("status") == {}


def test_a_server_that_never_asks_for_a_login_is_not_pinned_and_gets_nothing(tmp_path: Path, script: Script) -> None:
    known = CertificateFile(tmp_path / "known.json")
    with listening(tmp_path / "machine", script, asks_for_login=False) as (address, _):
        channel = WinRmChannel(address, PASSWORD, machine="ins-1", certificates=known)
        with pytest.raises(UnreachableError, match="lets everybody in without a password"):
            channel.upload(b"the second stage", "stage2.zip")
    assert known.get("ins-1") is None
    assert script.lines == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "is not WinRM"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>", "is not WinRM"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "does not answer"),
        (b"", "does not answer"),
    ],
    ids=["no XML", "another XML", "no HTTP", "nothing"],
)
def test_another_program_on_the_port_is_told_in_words(tmp_path: Path, answer: bytes, words: str) -> None:
    known = CertificateFile(tmp_path / "known.json")
    with answering(tmp_path, answer) as (address, port):
        channel = WinRmChannel(address, PASSWORD, machine="ins-1", certificates=known, port=port, timeout=12)
        with pytest.raises(UnreachableError, match=words):
            channel.run_verb("status")
    assert known.get("ins-1") is None


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"ins-1": 5}'])
def test_a_broken_file_of_known_certificates_is_named_and_trusts_nobody(
    tmp_path: Path, script: Script, text: str
) -> None:
    file = tmp_path / "known.json"
    file.write_text(text, encoding="utf-8")
    with listening(tmp_path / "machine", script) as (address, _):
        channel = WinRmChannel(address, PASSWORD, machine="ins-1", certificates=CertificateFile(file))
        with pytest.raises(CertificateFileError, match=r"known\.json, cannot be read"):
            channel.run_verb("status")
    assert file.read_text(encoding="utf-8") == text
    assert script.lines == []


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ('{"error": "no GPU"}', "no GPU"),
        ('{"error": null}', "serve failed."),
        ('{"error": {"message": null}}', "serve failed."),
        ("[1, 2]", "serve printed no JSON object (exit code 1): [1, 2]"),
        ("", "serve printed no JSON object (exit code 1): "),
    ],
)
def test_an_error_document_of_another_form_is_told(
    channel: WinRmChannel, script: Script, printed: str, message: str
) -> None:
    script.answers["serve"] = lambda _: (1, printed)
    with pytest.raises(VerbFailedError) as told:
        channel.run_verb("serve")
    assert told.value.message == message


def test_known_certificates_are_for_the_owners_eyes(tmp_path: Path) -> None:
    known = CertificateFile(tmp_path / "deep" / "known.json")
    known.put("ins-1", "aa")
    known.put("ins-2", "bb")
    assert (known.get("ins-1"), known.get("ins-2"), known.get("ins-3")) == ("aa", "bb", None)
    assert (tmp_path / "deep" / "known.json").stat().st_mode & 0o777 == 0o600


def test_the_certificate_is_held_within_one_channel_too(tmp_path: Path, script: Script) -> None:
    script.answers["status"] = lambda _: (0, "{}")
    random.seed(27)  # both machines get the same address
    with listening(tmp_path / "machine", script) as (address, _):
        channel = WinRmChannel(
            address, PASSWORD, machine="ins-1", certificates=CertificateFile(tmp_path / "known.json"), timeout=12
        )
        channel.run_verb("status")
        channel.run_verb("status")
    random.seed(27)
    with listening(tmp_path / "another", script) as (same, _):
        assert same == address
        with pytest.raises(CertificateChangedError):
            channel.run_verb("status")
    random.seed()
    channel.close()


def test_a_folder_that_cannot_be_written_is_told_at_once_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATGLM_HOME", "/proc/chatglm")  # where not even root can make a folder
    with pytest.raises(ChannelError, match="cannot be written") as caught:
        CertificateFile(known_certificates()).demand_writable()
    assert "export CHATGLM_HOME=" in caught.value.hint
