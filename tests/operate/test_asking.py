"""The command line's way to the API, over HTTP to a simulated machine's."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from guest.serving.api_gate import Gate, key_hash
from line.demo_certificate import fingerprint, make
from localcloud.windows.demo_api import DemoApi
from localcloud.windows.http_server import Connection, Request
from operate import asking
from operate.asking import Api
from operate.errors import ExitCode, OperateError
from operate.stacks import Stack
from tests.operate.conftest import Chatglm, make_stack

KEY = "sk-tests-tests-tests-tests"


Messages = list[tuple[str, str]]


@pytest.fixture
def heard() -> list[Messages]:
    """What came to the machine: each request's messages, by role and text."""
    return []


@pytest.fixture
def url(heard: list[Messages]) -> Iterator[str]:
    api = DemoApi(Gate(key_hash(KEY)), "base")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard.append([(one["role"], one["content"]) for one in json.loads(body)["messages"]])
            answer = api.handle(Request("POST", self.path, headers, body, Connection("127.0.0.1")))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_an_answer_comes_in_pieces(url: str) -> None:
    pieces = list(Api(url, KEY).stream([{"role": "user", "content": "你好"}], temperature=0))
    assert "You asked: 你好" in "".join(pieces)


def test_a_proxy_of_the_surroundings_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert list(Api(url, KEY).stream([{"role": "user", "content": "a"}]))


def test_the_machines_own_words_are_told(url: str) -> None:
    with pytest.raises(OperateError, match="key is missing or wrong") as seen:
        list(Api(url, "wrong").stream([{"role": "user", "content": "a"}]))
    assert "pulumi up" in seen.value.hint
    with pytest.raises(OperateError, match="temperature must be"):
        list(Api(url, KEY).stream([{"role": "user", "content": "a"}], temperature=9))


def test_a_machine_that_does_not_answer_is_told_so() -> None:
    with pytest.raises(OperateError, match="does not answer") as seen:
        list(Api("http://127.0.0.1:9/v1", KEY).stream([{"role": "user", "content": "a"}]))
    assert seen.value.code is ExitCode.NO_CONNECTION


# The commands


@pytest.fixture
def stack(url: str, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose last update named the API; its key comes from Pulumi."""
    monkeypatch.setattr(asking, "read_text", lambda *_: f"{KEY}\n")
    return make_stack(outputs={"apiUrl": url})


def test_ask_prints_the_answer_and_sends_the_system_text_before_the_question(
    chatglm: Chatglm, stack: Stack, heard: list[Messages]
) -> None:
    told = chatglm(stack, "ask", "你好", "--system", "Be brief.", "--temperature", "0", "--max-tokens", "100")
    assert told.exit_code == 0, told.output
    assert "You asked: Be brief.\n\n你好" in told.stdout
    assert heard == [[("system", "Be brief."), ("user", "你好")]]


def test_ask_reads_a_question_from_standard_input_and_answers_in_json(
    chatglm: Chatglm, stack: Stack, heard: list[Messages]
) -> None:
    told = chatglm(stack, "ask", "-", "--json", input="a long one\n")
    assert "You asked: a long one" in json.loads(told.stdout)["answer"]
    assert heard == [[("user", "a long one\n")]]


def test_an_empty_question_is_not_sent(chatglm: Chatglm, stack: Stack, heard: list[Messages]) -> None:
    told = chatglm(stack, "ask", " ")
    assert told.exit_code == 1
    assert 'chatglm ask "你好"' in told.output
    assert not heard


def test_a_chat_takes_its_turns_along_until_it_begins_anew(
    chatglm: Chatglm, stack: Stack, heard: list[Messages]
) -> None:
    told = chatglm(stack, "chat", "--json", "--system", "Be brief.", input="one\ntwo\n/new\nthree\n\n")
    assert told.exit_code == 0, told.output
    first, *_ = (json.loads(line)["answer"] for line in told.stdout.splitlines() if line.startswith("{"))
    system = ("system", "Be brief.")
    assert heard == [
        [system, ("user", "one")],
        [system, ("user", "one"), ("assistant", first), ("user", "two")],
        [system, ("user", "three")],
    ]


def test_a_refused_question_is_told_and_is_no_part_of_the_chat(
    chatglm: Chatglm, url: str, heard: list[Messages], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "read_text", lambda *_: "wrong")
    told = chatglm(make_stack(outputs={"apiUrl": url}), "chat", input="one\ntwo\n")
    assert "key is missing or wrong" in told.output
    assert heard == [[("user", "one")], [("user", "two")]]


def test_the_key_is_shown_with_its_address(chatglm: Chatglm, stack: Stack, url: str) -> None:
    assert chatglm(stack, "key").stdout.split() == [url, KEY]
    assert json.loads(chatglm(stack, "key", "--json").stdout) == {"url": url, "key": KEY}


def test_a_stack_without_a_machine_has_no_api(chatglm: Chatglm) -> None:
    for command in (["ask", "a"], ["chat"], ["key"]):
        told = chatglm(make_stack(config={"chatglm:state": "parked"}, outputs={}), *command)
        assert told.exit_code
        assert "parked" in told.output


# Over HTTPS


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, str, list[bytes]]]:
    """An API over TLS: its address, its certificate, and each request's head as it came."""
    made, heads = make("127.0.0.1", datetime.now(UTC)), list[bytes]()
    file = tmp_path / "both.pem"
    file.write_bytes(made.both)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    api = DemoApi(Gate(key_hash(KEY)), "base")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heads.append(bytes(self.headers))
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = api.handle(Request("POST", self.path, headers, body, Connection("127.0.0.1")))
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}/v1", made.certificate, heads
        server.shutdown()
        thread.join()


def stack_over_https(url: str, certificate: str) -> Stack:
    shown = fingerprint(certificate) if certificate else ""
    demo = url.removesuffix("/v1")
    return make_stack(
        outputs={
            "apiUrl": url,
            "demoUrl": demo,
            "demoUser": "chatglm",
            "demoCertificate": certificate,
            "demoFingerprint": shown,
        }
    )


@pytest.fixture
def known_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "read_text", lambda *_: f"{KEY}\n")


@pytest.mark.usefixtures("known_key")
def test_the_machines_own_certificate_is_trusted(chatglm: Chatglm, secure: tuple[str, str, list[bytes]]) -> None:
    url, certificate, _ = secure
    told = chatglm(stack_over_https(url, certificate), "ask", "你好")
    assert told.exit_code == 0, told.output
    assert "You asked: 你好" in told.stdout
    assert "Warning" not in told.output


@pytest.mark.usefixtures("known_key")
def test_any_other_gets_neither_key_nor_question(chatglm: Chatglm, secure: tuple[str, str, list[bytes]]) -> None:
    url, _, heads = secure
    told = chatglm(stack_over_https(url, make("127.0.0.1", datetime.now(UTC)).certificate), "ask", "你好")
    assert told.exit_code == ExitCode.TURNED_AWAY
    assert "shows another certificate" in told.output
    assert heads == []


@pytest.mark.usefixtures("known_key")
def test_one_that_is_not_known_yet_is_not_guessed(chatglm: Chatglm, secure: tuple[str, str, list[bytes]]) -> None:
    url, _, heads = secure
    told = chatglm(stack_over_https(url, ""), "ask", "你好")
    assert told.exit_code == ExitCode.NOT_YET
    assert "not known here yet" in told.output
    assert heads == []


@pytest.mark.usefixtures("known_key")
def test_other_programs_and_a_person_are_told_what_to_trust(
    chatglm: Chatglm, secure: tuple[str, str, list[bytes]]
) -> None:
    url, certificate, _ = secure
    stack, shown = stack_over_https(url, certificate), fingerprint(certificate)
    assert json.loads(chatglm(stack, "key", "--json").stdout) == {"url": url, "key": KEY, "certificate": certificate}
    assert shown in chatglm(stack, "key").stdout
    told = chatglm(stack, "open", "--print")
    assert shown in told.output
    assert "warns" in told.output
    assert json.loads(chatglm(stack, "open", "--print", "--json").stdout)["fingerprint"] == shown
    assert "before you log in" in chatglm(stack_over_https(url, ""), "open", "--print").output
