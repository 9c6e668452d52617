"""Notices: signed as each receiver asks for, not too many, and harmless whatever the receiver does."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from guest.errors import GuestError
from guest.unattended.notices import IN_WINDOW, KINDS, Notice, Notifier, Webhook, deliver, parse_webhooks
from tests.guest.unattended.receiver import Receiver, receiving

SECRET = "SECret-of-the-robot"
NOTICE = Notice("dev", "parked: idle", "停放：无人使用", {"act": "park"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving(SECRET) as made:
        yield made


def hook(kind: str, receiver: Receiver, secret: str = SECRET) -> Webhook:
    if kind == "wecom":
        return Webhook(kind, f"{receiver.url}/wecom?key={secret}")
    return Webhook(kind, f"{receiver.url}/{kind}", "" if kind == "slack" else secret)


@pytest.mark.parametrize("kind", KINDS)
def test_each_receiver_takes_a_notice_that_is_signed_as_it_asks_for(kind: str, receiver: Receiver) -> None:
    assert deliver(hook(kind, receiver), NOTICE, time.time()).error == ""
    [taken] = receiver.taken
    assert "无人使用" in str(taken)
    assert "dev" in str(taken)


@pytest.mark.parametrize("kind", ["wecom", "dingtalk", "feishu"])
def test_a_signature_that_does_not_fit_is_told(kind: str, receiver: Receiver) -> None:
    told = deliver(hook(kind, receiver, "another"), NOTICE, time.time())
    assert "refused" in told.error
    assert not receiver.taken


@pytest.mark.parametrize("kind", ["dingtalk", "feishu"])
def test_a_signature_of_another_time_is_refused(kind: str, receiver: Receiver) -> None:
    assert "signature" in deliver(hook(kind, receiver), NOTICE, time.time() - 7200).error


@pytest.mark.parametrize("status", [404, 500, 302, 307])
def test_a_receiver_that_answers_with_an_error_harms_nothing(status: int, receiver: Receiver) -> None:
    receiver.answer = status
    assert deliver(hook("json", receiver), NOTICE, time.time()).error == f"it answered {status}"


def test_a_receiver_that_never_answers_is_given_up(receiver: Receiver) -> None:
    receiver.silent.set()
    assert "did not answer" in deliver(hook("json", receiver), NOTICE, time.time(), timeout=0.2).error


def test_a_receiver_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = deliver(Webhook("json", f"http://127.0.0.1:{port}/?key={SECRET}"), NOTICE, time.time())
    assert "cannot be reached" in told.error
    assert SECRET not in repr(told)


def test_a_receiver_on_this_computer_is_not_asked_for_through_a_proxy(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert deliver(hook("json", receiver), NOTICE, time.time()).error == ""


def test_neither_address_nor_secret_is_ever_shown(receiver: Receiver) -> None:
    secret = "SEC0123456789"
    webhook = parse_webhooks(f"dingtalk https://oapi.dingtalk.com/robot/send?access_token=TOKEN {secret}")[0]
    for shown in (str(webhook), repr(webhook)):
        assert secret not in shown
        assert "TOKEN" not in shown
    receiver.answer = 404
    told = repr(deliver(hook("wecom", receiver), NOTICE, time.time()))
    assert SECRET not in told


def test_the_setting_is_read_with_semicolons_and_lines() -> None:
    text = "wecom https://a.example/x?key=1; dingtalk https://b.example/y SECz\nslack https://c.example/z ;"
    assert [(one.kind, one.secret) for one in parse_webhooks(text)] == [
        ("wecom", ""),
        ("dingtalk", "SECz"),
        ("slack", ""),
    ]
    assert parse_webhooks("") == []


def test_every_mistake_of_the_setting_is_told_at_once_and_none_of_it_shown() -> None:
    text = (
        "wechat https://a.example/KEY; dingtalk; slack http://b.example/KEY; wecom https://c.example/KEY SEC; json KEY"
    )
    with pytest.raises(GuestError) as caught:
        parse_webhooks(text)
    told = caught.value.message
    for number, words in enumerate(("no kind", "0 words", "without encryption", "does not know", "no https"), 1):
        assert f"webhook {number} " in told
        assert words in told
    assert "KEY" not in told


def test_what_was_told_is_not_told_again_by_the_next_run_either(receiver: Receiver, tmp_path: Path) -> None:
    now = [time.time()]
    for _ in range(3):
        Notifier([hook("slack", receiver)], tmp_path / "sent.json", lambda: now[0]).send(NOTICE)
    assert len(receiver.taken) == 1
    now[0] += 3601
    Notifier([hook("slack", receiver)], tmp_path / "sent.json", lambda: now[0]).send(NOTICE)
    assert len(receiver.taken) == 2


def test_a_flood_is_held_back(receiver: Receiver) -> None:
    notifier = Notifier([hook("slack", receiver)])
    for number in range(3 * IN_WINDOW):
        notifier.send(Notice("dev", f"number {number}", ""))
    assert len(receiver.taken) == IN_WINDOW


def test_a_clock_that_was_set_back_silences_nobody(receiver: Receiver, tmp_path: Path) -> None:
    ahead = Notifier([hook("slack", receiver)], tmp_path / "sent.json", lambda: time.time() + 1e6)
    ahead.send(NOTICE)
    Notifier([hook("slack", receiver)], tmp_path / "sent.json").send(NOTICE)
    assert len(receiver.taken) == 2


@pytest.mark.parametrize("content", ["", "{", '{"sent": 3}', '{"sent": [[1]]}'])
def test_a_damaged_record_of_what_was_sent_silences_nobody(content: str, receiver: Receiver, tmp_path: Path) -> None:
    (tmp_path / "sent.json").write_text(content)
    Notifier([hook("slack", receiver)], tmp_path / "sent.json").send(NOTICE)
    assert len(receiver.taken) == 1


def test_one_bad_receiver_keeps_no_other_from_being_told(receiver: Receiver) -> None:
    bad = Webhook("json", "http://127.0.0.1:1/x")
    told = Notifier([bad, hook("slack", receiver)]).send(NOTICE)
    assert [bool(one.error) for one in told] == [True, False]
