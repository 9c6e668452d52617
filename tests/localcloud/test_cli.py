"""The command line: started, used and stopped as a person does it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from localcloud.cli import app
from localcloud.control_client import Control
from localcloud.folder_lock import is_open
from localcloud.keys import read_keys
from localcloud.process import find_running
from localcloud.sdk import Sdk
from tests.waiting import HANG_SECONDS, wait_until

from .conftest import launch_request

ROOT = Path(__file__).parents[2]


def run(*arguments: str, code: int = 0) -> str:
    """Run a command; both of its outputs."""
    done = subprocess.run(
        [sys.executable, "-m", "localcloud", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS
    )
    output = done.stdout + done.stderr
    assert done.returncode == code, output
    assert "Traceback" not in output
    return output


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a cloud that runs in the background."""
    folder = tmp_path_factory.mktemp("cli")
    run("start", "--data", str(folder), "--port", "0", "--speed", "max", "--no-guests")
    yield folder
    run("stop", "--data", str(folder))


def test_a_later_start_without_a_port_takes_the_one_before(tmp_path: Path) -> None:
    run("start", "--data", str(tmp_path), "--port", "0", "--no-guests")
    first = find_running(tmp_path)
    run("stop", "--data", str(tmp_path))
    run("start", "--data", str(tmp_path), "--no-guests")
    second = find_running(tmp_path)
    run("stop", "--data", str(tmp_path))
    assert first is not None
    assert second is not None
    assert first.url == second.url


def test_starting_and_stopping_again_does_no_harm(data: Path) -> None:
    before = find_running(data)
    assert "runs already" in run("start", "--data", str(data))
    assert find_running(data) == before
    assert "No local cloud was running" in run("stop", "--data", str(data / "other"))


def test_env_points_the_sdk_at_the_cloud(data: Path) -> None:
    exports = dict(re.findall(r"export (\w+)=(.+)", run("env", "--data", str(data))))
    keys = read_keys(data)
    assert (exports["TENCENTCLOUD_SECRET_ID"], exports["TENCENTCLOUD_SECRET_KEY"]) == (keys.secret_id, keys.secret_key)
    assert exports["TENCENTCLOUD_PROTOCOL"] == "HTTP"
    script = (
        "from tencentcloud.common import credential\n"
        "from tencentcloud.common.profile.client_profile import ClientProfile\n"
        "from tencentcloud.common.profile.http_profile import HttpProfile\n"
        "from tencentcloud.cvm.v20170312 import cvm_client, models\n"
        "profile = ClientProfile(httpProfile=HttpProfile(protocol='http'))\n"
        "key = credential.EnvironmentVariableCredential().get_credential()\n"
        "client = cvm_client.CvmClient(key, 'ap-guangzhou', profile)\n"
        "print(client.DescribeZones(models.DescribeZonesRequest()).TotalCount)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, **exports}, capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr


def test_a_machine_is_seen_billed_and_reclaimed(data: Path) -> None:
    running = find_running(data)
    assert running is not None
    sdk = Sdk(running.url, read_keys(data))
    instance_id = sdk.call("cvm", "RunInstances", **launch_request())["InstanceIdSet"][0]
    assert instance_id in run("status", "--data", str(data))
    assert "1.7360 CNY/h" in run("meter", "--data", str(data))
    assert "RunInstances ok" in run("journal", "--data", str(data))
    assert "will be gone" in run("reclaim", instance_id, "--data", str(data))
    assert "Nothing is billed" in run("meter", "--data", str(data))


def test_faults_stock_clock_and_reset(data: Path) -> None:
    where = ("--data", str(data))
    assert "1 fault(s)" in run("fault", "CreateImage", "error", "--code", "InternalError", *where)
    assert "No faults" in run("fault", "clear", *where)
    assert "sold out" in run("stock", "ap-guangzhou-6", "GN7.2XLARGE32", "--sold-out", *where)
    assert "in stock" in run("stock", "ap-guangzhou-6", "GN7.2XLARGE32", "--sell", *where)
    assert "speed 10" in run("clock", "--advance", "3600", "--speed", "10", *where)
    assert "is empty" in run("reset", *where)
    assert "secretId" in run("keys", *where)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("meter", "--data", "{tmp}/none"), "No local cloud is running"),
        (("keys", "--data", "{tmp}/none"), "no keys"),
        (("start", "--data", "{tmp}", "--speed", "fast"), "fast"),
        (("serve", "--data", "{tmp}", "--port", "{taken}"), "Choose another: --port"),
        (("start", "--data", "{tmp}/broken", "--port", "0"), "Move it away"),
        (("serve", "--data", "{data}", "--port", "0"), "Another local cloud is running"),
    ],
)
def test_bad_input_is_one_line_that_says_what_to_do(
    data: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "cloud.db").write_text("no database", encoding="utf-8")
    running = find_running(data)
    assert running is not None
    places = {"tmp": tmp_path, "data": data, "taken": running.url.rsplit(":", 1)[1]}
    output = run(*(part.format(**places) for part in arguments), code=1)
    assert words in output
    # On a busy computer a start says meanwhile that it is still at it.
    told = [
        line for line in output.strip().splitlines() if not re.fullmatch(r"\d+ s: waiting for the local cloud", line)
    ]
    assert len(told) == 1


def test_a_killed_cloud_goes_on_where_it_was(tmp_path: Path) -> None:
    run("start", "--data", str(tmp_path), "--port", "0", "--speed", "max", "--no-guests")
    running = find_running(tmp_path)
    assert running is not None
    instance_id = Sdk(running.url, read_keys(tmp_path)).call("cvm", "RunInstances", **launch_request())[
        "InstanceIdSet"
    ][0]
    os.kill(running.pid, signal.SIGKILL)
    wait_until(lambda: not is_open(tmp_path))
    run("start", "--data", str(tmp_path), "--port", "0", "--no-guests")
    again = find_running(tmp_path)
    assert again is not None
    with Control(again.url) as control:
        assert [machine.id for machine in control.instances()] == [instance_id]
        assert control.status().speed == "max"
    run("stop", "--data", str(tmp_path))


def test_files_that_hold_secrets_are_for_their_owner_only(data: Path) -> None:
    for name in ("keys.json", "cloud.db", "localcloud.log"):
        assert (data / name).stat().st_mode & 0o077 == 0


def test_every_help_has_an_example() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert len(commands) >= 12
    for name, command in commands.items():
        assert f"python -m localcloud {name}" in command.help, name
    assert "python -m localcloud start" in run("--help")


@pytest.mark.slow
def test_accounts_users_roles_and_policies_are_made_and_listed(data: Path, tmp_path: Path) -> None:
    place = ("--data", str(data))
    secret_id = re.findall(r"secretId  (\S+)", run("add-account", "colleague", *place))[0]
    assert "uin       200000000001" in run("add-user", "intern", "--account", "colleague", *place)
    role = run("add-role", "operator", "--trust", "colleague", *place).strip()
    assert role == "qcs::cam::uin/100000000001:roleName/operator"
    listed = run("accounts", *place)
    assert "100000000002  AppId 1250000001  colleague" in listed
    assert "  user 200000000001  intern" in listed
    assert f"  role {role}" in listed
    assert secret_id in run("keys", "--account", "colleague", *place)
    assert f"export TENCENTCLOUD_SECRET_ID={secret_id}" in run("env", "--account", "colleague", *place)
    assert "1 statement(s)" in run("deny", "cvm:DeleteImages", "--to", "intern", "--account", "colleague", *place)
    file = tmp_path / "policy.json"
    file.write_text('{"version": "2.0", "statement": [{"effect": "allow", "action": "cvm:*", "resource": "*"}]}')
    run("policy", str(file), *place)
    policies = run("policies", *place)
    assert "deny cvm:DeleteImages on * to 200000000001 of 100000000002 (AuthFailure.UnauthorizedOperation)" in policies
    assert "allow cvm:* on * to everybody of 100000000001" in policies
    assert "0 statement(s)" in run("deny", "clear", *place)
    assert "there is no 'nobody'" in run("add-user", "intern", "--account", "nobody", *place, code=1)


def test_a_search_can_be_made_to_lag_behind(data: Path) -> None:
    place = ("--data", str(data))
    assert "1 fault(s)" in run("fault", "DescribeInstances", "unseen", "--age", "60", *place)
    run("fault", "clear", *place)


def test_the_callers_address_is_set(data: Path) -> None:
    assert "203.0.113.7" in run("address", "203.0.113.7", "--data", str(data))
    assert "is not an IPv4 address" in run("address", "here", "--data", str(data), code=1)
