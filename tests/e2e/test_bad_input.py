"""What a person gets wrong: one plain message each, no traceback, nothing made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rehearsal.environment import ROOT
from tests.e2e.conftest import free_port

pytestmark = pytest.mark.e2e


def assert_plain(result, *said: str) -> None:
    assert not result.ok, result.text
    assert "Traceback" not in result.text
    for text in said:
        assert text in result.text, result.text


def test_several_wrong_settings_are_told_at_once_before_any_call(cloud, stack) -> None:
    stack.set({"chatglm:zone": "x", "chatglm:instanceType": "GN7.2XLARGE40", "chatglm:hostname": "-"})
    result = stack.up("running")
    assert_plain(result, "3 settings are wrong", "chatglm:zones?", "half a T4", "host name")
    assert cloud.control.journal() == []


@pytest.mark.whole
def test_a_missing_password(cloud, stack) -> None:
    stack.pulumi("config", "rm", "chatglm:adminPassword", check=True)
    assert_plain(stack.up("running"), "needs a password", "pulumi config set --secret chatglm:adminPassword")
    assert cloud.control.journal() == []


@pytest.mark.whole
def test_a_disk_smaller_than_the_image(cloud, stack) -> None:
    assert stack.up("running").ok
    assert stack.up("parked").ok
    stack.set({"chatglm:systemDiskGb": "60"})
    assert_plain(stack.up("running"), "needs 75 GB", "Set it to 75 or more")
    assert len(cloud.control.images()) == 1


def test_sold_out_everywhere_makes_nothing_and_names_what_is_in_stock(cloud, stack) -> None:
    for zone in ("ap-guangzhou-3", "ap-guangzhou-4"):
        cloud.control.set_stock(zone, "GN7.2XLARGE32", "SOLD_OUT")
    result = stack.up("running")
    assert_plain(result, "No zone can launch the machine", "In stock now", "Nothing was changed")
    assert not any(call.action.startswith(("Create", "Run")) for call in cloud.control.journal())


def test_a_sold_out_zone_gives_way_to_the_next(cloud, stack) -> None:
    cloud.control.set_stock("ap-guangzhou-3", "GN7.2XLARGE32", "SOLD_OUT")
    result = stack.up("running")
    assert result.ok, result.text
    assert stack.outputs()["zone"] == "ap-guangzhou-4"
    assert "GN7.2XLARGE32 in ap-guangzhou-3" in result.text


@pytest.mark.whole
def test_no_balance(cloud, stack) -> None:
    cloud.control.set_balance(0)
    assert_plain(stack.up("running"), "InvalidAccount.InsufficientBalance")
    assert cloud.control.instances() == []


@pytest.mark.whole
def test_wrong_keys_are_named(cloud, stack) -> None:
    wrong = {"TENCENTCLOUD_SECRET_KEY": "not-the-key"}
    assert_plain(
        stack.up("running", more=wrong), "Nothing was changed", "The key id or the key is wrong", "AuthFailure"
    )


def test_without_keys_a_preview_works_and_says_what_it_could_not_look_up(cloud, stack) -> None:
    # The plug-in wants keys even for a preview; the program's own look-ups have none to use.
    none = {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": ""}
    result = stack.pulumi("preview", more=none)
    assert "Could not look up everything. No keys of Tencent Cloud were found" in result.text
    assert "now 0.00 CNY/h, after unknown" in result.text


def test_a_broken_database_of_the_local_cloud_is_told_and_not_overwritten(tmp_path: Path) -> None:
    database = tmp_path / "cloud.db"
    database.write_bytes(b"this is not a database" * 100)
    command = [sys.executable, "-m", "localcloud", "start", "--port", str(free_port()), "--data", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode != 0
    assert str(database) in (run.stdout + run.stderr).replace("\n", "")
    assert "Traceback" not in run.stdout + run.stderr
    assert database.read_bytes() == b"this is not a database" * 100


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("AuthFailure.SignatureExpire", "clock is off by more than five minutes; set the clock"),
        ("AuthFailure.TokenFailure", "temporary keys have expired; renew them"),
    ],
)
@pytest.mark.whole
def test_a_wrong_clock_and_expired_keys_change_nothing(cloud, stack, code: str, said: str) -> None:
    cloud.control.fault("*", "error", code=code, times=-1)
    assert_plain(stack.up("running"), said, "Nothing was changed")
