"""The demo over HTTPS or not at all: real processes, real TLS; upstream's page is played by the rehearsal."""

from __future__ import annotations

import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import httpx
import pytest

from guest import deploy
from guest.__main__ import run
from guest.doctor import examine
from guest.errors import GuestError
from guest.files import read_json, write_json
from guest.machine import Machine
from guest.serving import state, tls
from guest.serving.login import probe_token
from guest.serving.question import ask
from guest.serving.settings import read_settings
from tests.guest.conftest import DEMO_PASSWORD
from tests.waiting import HANG_SECONDS, wait_until

# The operator's side makes the certificate; the machine's own packages have nothing that could.
pytest.importorskip("cryptography")
from line.demo_certificate import Made, fingerprint, make

UTC = timezone.utc  # as datetime.UTC is called from Python 3.11 on


@pytest.fixture
def made() -> Made:
    return make("127.0.0.1", datetime.now(UTC))


def change(machine: Machine, **settings: Any) -> None:
    told = read_json(machine.root / "manifest.json") or {}
    write_json(machine.root / "manifest.json", {**told, "settings": {**told["settings"], **settings}})


@pytest.fixture
def wants_tls(installed: Machine) -> Machine:
    change(installed, demoTls=True)
    return installed


def come(machine: Machine, content: bytes) -> None:
    """As an upload comes."""
    inbox = machine.root / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / tls.UPLOAD).write_bytes(content)


def take(machine: Machine, made: Made) -> None:
    come(machine, made.both)
    code, told = run(["certificate"])
    assert (code, told) == (0, {"certificate": made.certificate})


def listens(machine: Machine) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", read_settings(machine.root).port)) == 0


def said_over_plain_http(machine: Machine) -> bytes:
    """All that comes back to a log-in that is sent in the clear."""
    with socket.create_connection(("127.0.0.1", read_settings(machine.root).port), HANG_SECONDS) as line:
        form = f"username=chatglm&password={DEMO_PASSWORD}".encode()
        line.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(form), form))
        said = b""
        try:
            while piece := line.recv(4096):
                said += piece
        except ConnectionResetError:
            pass
        return said


def browser(machine: Machine, made: Made) -> httpx.Client:
    """As a program that trusts this certificate: by its name, too."""
    trust = ssl.create_default_context(cadata=made.certificate)
    url = read_settings(machine.root).local_url
    return httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=HANG_SECONDS)


def shown(machine: Machine) -> str:
    address = ("127.0.0.1", read_settings(machine.root).port)
    return fingerprint(ssl.get_server_certificate(address, timeout=HANG_SECONDS))


def begin_to_wait(machine: Machine) -> None:
    told = deploy.serve(machine, None, HANG_SECONDS)
    assert "key and certificate" in told["waitsFor"]
    wait_until(lambda: "key and certificate" in str((state.read_demo(machine.root) or {}).get("error")))


# The demo


def test_without_its_key_nothing_listens_and_it_is_said_what_is_waited_for(wants_tls: Machine) -> None:
    begin_to_wait(wants_tls)
    assert not listens(wants_tls)
    found = {one.name: one for one in examine(wants_tls, question=True)}
    assert (found["demo"].ok, found["question"].ok) == (None, None)
    assert "5986" in found["demo"].hint
    assert run(["status"])[1]["tls"] == {"certificate": None}


def test_a_waiting_demo_begins_when_its_key_comes_and_speaks_tls_alone(wants_tls: Machine, made: Made) -> None:
    begin_to_wait(wants_tls)
    take(wants_tls, made)
    deploy.serve(wants_tls, None, HANG_SECONDS)
    root, settings = wants_tls.root, read_settings(wants_tls.root)
    assert settings.local_url.startswith("https://")
    assert shown(wants_tls) == fingerprint(made.certificate)
    with browser(wants_tls, made) as person:
        entered = person.post("/login", data={"username": "chatglm", "password": DEMO_PASSWORD}).raise_for_status()
        assert entered.headers["set-cookie"].endswith("; Secure"), "or a page in the clear could be made to show it"
        assert "simulated" in person.get("/").raise_for_status().text
    assert "Serving: base model" in ask(settings.local_url, probe_token(root), "你好", trust=tls.own_trust(root))
    assert {one.ok for one in examine(wants_tls, question=True) if one.name in ("demo", "question")} == {True}
    assert b"HTTP" not in said_over_plain_http(wants_tls)
    assert run(["status"])[1]["tls"] == {"certificate": made.certificate}


def test_who_does_not_know_the_certificate_is_warned(wants_tls: Machine, made: Made) -> None:
    take(wants_tls, made)
    deploy.serve(wants_tls, None, HANG_SECONDS)
    other = make("127.0.0.1", datetime.now(UTC))
    with browser(wants_tls, other) as person, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        person.get("/")
    url = read_settings(wants_tls.root).local_url
    assert not state.answers(url, trust=tls.trusting(other.certificate))
    assert state.answers(url, trust=tls.trusting(made.certificate))


def test_a_renewed_certificate_is_shown_without_a_restart(wants_tls: Machine, made: Made) -> None:
    take(wants_tls, made)
    deploy.serve(wants_tls, None, HANG_SECONDS)
    before = read_json(wants_tls.state / "demo.json")
    renewed = make("127.0.0.1", datetime.now(UTC))
    take(wants_tls, renewed)
    assert shown(wants_tls) == fingerprint(renewed.certificate)
    assert read_json(wants_tls.state / "demo.json") == before


@pytest.mark.slow
def test_a_running_demo_is_switched_over_and_back(installed: Machine, made: Made) -> None:
    deploy.serve(installed, None, HANG_SECONDS)
    assert b"HTTP/1.1 200" in said_over_plain_http(installed)
    change(installed, demoTls=True)
    deploy.serve(installed, None, HANG_SECONDS)
    wait_until(lambda: not listens(installed))
    take(installed, made)
    deploy.serve(installed, None, HANG_SECONDS)
    assert b"HTTP" not in said_over_plain_http(installed)
    change(installed, demoTls=False)
    deploy.serve(installed, None, HANG_SECONDS)
    assert b"HTTP/1.1 200" in said_over_plain_http(installed)
    assert run(["status"])[1]["tls"] is None


def test_an_expired_certificate_does_not_keep_the_machine_from_its_own_demo(wants_tls: Machine) -> None:
    old = make("127.0.0.1", datetime(2020, 1, 1, tzinfo=UTC))
    take(wants_tls, old)
    deploy.serve(wants_tls, None, HANG_SECONDS)
    assert shown(wants_tls) == fingerprint(old.certificate)


def test_a_model_is_not_deployed_to_a_demo_that_waits(wants_tls: Machine) -> None:
    begin_to_wait(wants_tls)
    with pytest.raises(GuestError, match="key and certificate"):
        deploy.deploy_choice({"run": "base"})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (b"a=1; HttpOnly", b"a=1; HttpOnly; Secure"),
        (b"a=1; secure; HttpOnly", b"a=1; secure; HttpOnly"),
        (b"secure=1", b"secure=1; Secure"),
    ],
)
async def test_every_cookie_is_for_https_alone(given: bytes, sent: bytes) -> None:
    async def page(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Set-Cookie", given), (b"x", b"y")]})
        await send({"type": "http.response.body", "body": b"told"})

    heard: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        heard.append(message)

    await tls.SecureCookies(page)({"type": "http"}, None, send)
    assert heard[0]["headers"] == [(b"Set-Cookie", sent), (b"x", b"y")]
    assert heard[1]["body"] == b"told"


# The key


def test_the_key_is_its_owners_alone_and_leaves_nothing_behind(wants_tls: Machine, made: Made) -> None:
    take(wants_tls, made)
    file = tls.certificate_file(wants_tls.root)
    assert tls.server_context(wants_tls.root).minimum_version is ssl.TLSVersion.TLSv1_2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    holders = [path for path in wants_tls.root.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert holders == [file]


@pytest.mark.parametrize("content", [b"", b"no key", "CERTIFICATE ALONE"])
def test_what_is_no_key_is_refused_and_the_old_one_stays(wants_tls: Machine, made: Made, content: bytes | str) -> None:
    take(wants_tls, made)
    other = make("127.0.0.1", datetime.now(UTC))
    come(wants_tls, content if isinstance(content, bytes) else other.certificate.encode())
    with pytest.raises(GuestError, match="no key with its certificate"):
        tls.keep({})
    assert tls.certificate(wants_tls.root) == made.certificate
    assert [path.name for path in (wants_tls.root / "inbox").iterdir()] == []


def test_a_key_that_does_not_belong_to_the_certificate_is_refused(wants_tls: Machine, made: Made) -> None:
    key = make("127.0.0.1", datetime.now(UTC)).both.partition(b"-----BEGIN CERTIFICATE")[0]
    come(wants_tls, key + made.certificate.encode())
    with pytest.raises(GuestError, match="no key with its certificate"):
        tls.keep({})


def test_nothing_came_is_told(wants_tls: Machine) -> None:
    with pytest.raises(GuestError, match="No key and certificate"):
        tls.keep({})


def test_a_machine_whose_folder_others_read_takes_no_key(wants_tls: Machine, made: Made) -> None:
    warning = {"id": "windows.rights", "message": "the rights of C:\\chatglm cannot be set (5)"}
    write_json(wants_tls.state / "status.json", {"steps": [{"name": "windows", "warnings": [warning]}]})
    come(wants_tls, made.both)
    with pytest.raises(GuestError, match="others could read the key"):
        tls.keep({})
    assert not [path for path in wants_tls.root.rglob("*") if path.is_file() and b"PRIVATE" in path.read_bytes()]


@pytest.mark.parametrize("damage", [b"", b"\0" * 400])
def test_a_key_that_the_power_damaged_is_none(wants_tls: Machine, made: Made, damage: bytes) -> None:
    take(wants_tls, made)
    tls.certificate_file(wants_tls.root).write_bytes(damage)
    assert tls.certificate(wants_tls.root) is None
    assert "waitsFor" in deploy.serve(wants_tls, None, HANG_SECONDS)
    assert not listens(wants_tls)


# The API, as the real page serves it: by uvicorn, asked by the official client


@pytest.fixture
def api(wants_tls: Machine, made: Made, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    uvicorn = pytest.importorskip("uvicorn")
    from guest.serving.api import make_api
    from guest.serving.api_gate import Gate, key_hash
    from guest.serving.launch import impose, show_renewed
    from guest.serving.login import Login
    from tests.guest.serving.test_api import KEY, Parrot

    take(wants_tls, made)
    settings = read_settings(wants_tls.root)
    monkeypatch.setattr("uvicorn.config.create_ssl_context", uvicorn.config.create_ssl_context)
    show_renewed(wants_tls.root)
    asked = impose(lambda _, **given: given, settings, Login(settings, ""), wants_tls.root)(None)
    app = make_api(Parrot(), Gate(key_hash(KEY)), ())
    options = {name: asked[name] for name in ("ssl_keyfile", "ssl_certfile")}
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", settings.port, log_level="error", **options))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield f"{settings.local_url}/v1"
    server.should_exit = True
    thread.join()


def test_the_official_client_asks_over_https_with_this_certificate_and_no_other(
    api: str, wants_tls: Machine, made: Made
) -> None:
    openai = pytest.importorskip("openai")
    from tests.guest.serving.test_api import KEY

    def client(pem: str) -> Any:
        trust = httpx.Client(verify=ssl.create_default_context(cadata=pem), trust_env=False)
        return openai.OpenAI(base_url=api, api_key=KEY, max_retries=0, http_client=trust)

    question = {"model": "chatglm-6b", "messages": [{"role": "user", "content": "Anna"}]}
    with client(made.certificate) as known:
        assert known.chat.completions.create(**question).choices[0].message.content == "你好, Anna!"
        pieces = known.chat.completions.create(**question, stream=True)
        assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == "你好, Anna!"
    with (
        client(make("127.0.0.1", datetime.now(UTC)).certificate) as strange,
        pytest.raises(openai.APIConnectionError),
    ):
        strange.chat.completions.create(**question)
    assert b"HTTP" not in said_over_plain_http(wants_tls)
    renewed = make("127.0.0.1", datetime.now(UTC))
    take(wants_tls, renewed)
    with client(renewed.certificate) as known:
        assert known.models.list().data


def test_without_a_key_the_program_itself_does_not_begin_to_serve(wants_tls: Machine) -> None:
    """The second lock, behind the supervisor's."""
    program = str(wants_tls.source / "web_demo.py")
    ended = subprocess.run([sys.executable, "-m", "guest.serving.launch", program], capture_output=True, check=False)
    assert ended.returncode
    assert b"demo-tls.pem" in ended.stderr
    assert not listens(wants_tls)
