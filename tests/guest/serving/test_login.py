"""The demo's login."""

from __future__ import annotations

import dataclasses

import pytest

from guest.machine import Machine
from guest.serving.login import Login, matches, probe_token, renew_probe_token
from guest.serving.settings import read_settings

PASSWORD = "demo-passw0rd"


def test_the_person_comes_in_with_name_and_password(installed: Machine) -> None:
    login = Login(read_settings(installed.root), "token")
    assert login("chatglm", PASSWORD)
    assert not login("chatglm", "wrong")
    assert not login("somebody", PASSWORD)
    assert not login("chatglm", "")


def test_the_probe_comes_in_with_the_token_of_this_start_only(installed: Machine) -> None:
    token = renew_probe_token(installed.root)
    login = Login(read_settings(installed.root), token)
    assert login("probe", probe_token(installed.root))
    assert not login("probe", "")
    assert not login("probe", PASSWORD)
    assert renew_probe_token(installed.root) != token
    assert (installed.root / "state" / "probe.json").stat().st_mode & 0o077 == 0


def test_without_a_token_nobody_is_the_probe(installed: Machine) -> None:
    assert probe_token(installed.root) == ""


@pytest.mark.parametrize("stored", ["", "plain", "pbkdf2_sha256$1$YQ==", "md5$1$YQ==$YQ==", "pbkdf2_sha256$x$YQ==$YQ==",
                                    "pbkdf2_sha256$1$YQ==$", "pbkdf2_sha256$1$YQ==$***"])  # fmt: skip
def test_a_broken_hash_lets_nobody_in(stored: str) -> None:
    assert not matches("", stored)
    assert not matches("plain", stored)


def test_names_and_passwords_may_have_any_letters(installed: Machine) -> None:
    settings = dataclasses.replace(read_settings(installed.root), user="用户")
    assert Login(settings, "token")("用户", PASSWORD)
    assert not Login(settings, "token")("probe", "密码")
