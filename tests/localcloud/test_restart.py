"""The cloud's process may end at any moment, and goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.call import Arrived
from localcloud.clock import MAX_SPEED, Clock
from localcloud.cloud import Cloud
from localcloud.errors import LocalCloudError
from localcloud.guest_runtime import GuestMachine, NoGuests
from localcloud.registry import find_action

from .conftest import launch_request

REGION = "ap-guangzhou"


class Recorder(NoGuests):
    """Remembers what the cloud asked of its guests."""

    def __init__(self) -> None:
        self.launched: list[GuestMachine] = []
        self.stopped: list[str] = []

    def launch(self, machine: GuestMachine) -> None:
        self.launched.append(machine)

    def stop(self, instance_id: str) -> None:
        self.stopped.append(instance_id)


@pytest.fixture
def open_cloud(tmp_path: Path) -> Iterator[Callable[..., Cloud]]:
    """Opens the cloud of one folder again and again; the one before must be closed."""
    opened: list[Cloud] = []

    def open_again(guests: Any = None) -> Cloud:
        if opened:
            opened.pop().close()
        opened.append(Cloud(tmp_path, guests or NoGuests(), "http://127.0.0.1:1", find_action))
        return opened[-1]

    yield open_again
    for cloud in opened:
        cloud.close()


def call(cloud: Cloud, action: str, **params: Any) -> dict[str, Any]:
    return cloud.call(Arrived("cvm", action, REGION, params, "request"))


def launch(cloud: Cloud, **changes: Any) -> str:
    instance_id = str(call(cloud, "RunInstances", **{**launch_request(), **changes})["InstanceIdSet"][0])
    cloud.drives.settle()
    return instance_id


def test_everything_is_there_again(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    launch(cloud)
    cloud.move_clock(3600)
    before = call(cloud, "DescribeInstances")
    total = cloud.billing.meter(cloud.clock.now()).total
    cloud = open_cloud()
    assert call(cloud, "DescribeInstances") == before
    assert cloud.billing.meter(cloud.clock.now()).total >= total
    assert [entry.action for entry in cloud.journal.read()] == [
        "RunInstances",
        "DescribeInstances",
        "DescribeInstances",
    ]


def test_the_clock_goes_on_at_its_speed_and_what_fell_due_meanwhile_happens(
    open_cloud: Callable[..., Cloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = open_cloud()
    cloud.move_clock(speed=60)
    instance_id = launch(cloud)
    now = cloud.clock.now()
    position = cloud.clock.position
    later = position.real + 2 + (now - position.cloud) / 60
    monkeypatch.setattr("localcloud.clock.time.time", lambda: later)
    cloud = open_cloud()
    assert cloud.clock.speed == 60
    assert cloud.clock.now() == pytest.approx(now + 120, abs=0.01)
    assert cloud.db.instances[instance_id].state == "RUNNING"


def test_the_highest_speed_is_kept_too(open_cloud: Callable[..., Cloud]) -> None:
    open_cloud().move_clock(speed=MAX_SPEED)
    assert open_cloud().clock.speed == MAX_SPEED


def test_running_machines_are_powered_on_again(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()
    instance_id = launch(cloud)
    cloud.move_clock(30)
    guests = Recorder()
    open_cloud(guests)
    assert [machine.instance_id for machine in guests.launched] == [instance_id]


def test_a_copy_that_was_cut_short_is_made_again(open_cloud: Callable[..., Cloud]) -> None:
    """As after kill -9: the record says that the folder is not ready, and a part of it is there."""
    cloud = open_cloud()
    instance_id = launch(cloud)
    cloud.move_clock(30)
    disk_id = cloud.db.instances[instance_id].system_disk_id
    (cloud.drives.disk(disk_id) / "file").write_text("all", encoding="utf-8")
    call(cloud, "CreateImage", InstanceId=instance_id, ImageName="i", ForcePoweroff="true")
    cloud.drives.settle()
    snapshot = next(iter(cloud.db.snapshots))
    folder = cloud.drives.snapshot(snapshot.snapshot_id)
    (folder / "file").unlink()
    folder.rename(folder.with_name(folder.name + ".part"))
    with cloud.db.transaction():
        cloud.db.snapshots.change(snapshot.snapshot_id, ready=False)
    cloud = open_cloud()
    cloud.drives.settle()
    cloud.move_clock(600)
    assert (folder / "file").read_text(encoding="utf-8") == "all"
    assert next(iter(cloud.db.images)).state == "NORMAL"
    assert not folder.with_name(folder.name + ".part").exists()


def test_folders_of_nothing_are_removed_at_the_start(open_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    open_cloud()
    stranger = tmp_path / "disks" / "disk-stranger"
    stranger.mkdir()
    open_cloud()
    assert not stranger.exists()


def test_a_failed_call_changes_nothing_on_disk_either(open_cloud: Callable[..., Cloud]) -> None:
    cloud = open_cloud()

    def fail() -> None:
        with cloud.db.transaction():
            cloud.db.settings_table.put(cloud.db.settings)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert len(cloud.db.settings_table) == 0
    assert len(open_cloud().db.settings_table) == 0


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be one" * 100, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_broken_file_is_told_in_one_line_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "cloud.db"
    file.write_bytes(content)
    with pytest.raises(LocalCloudError) as caught:
        Cloud(tmp_path, NoGuests(), "http://127.0.0.1:1", find_action)
    message = str(caught.value)
    assert "\n" not in message
    assert f"mv {file}" in message
    assert "--data" in message
    assert file.read_bytes() == content


def test_a_file_of_another_version_is_told_too(open_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    cloud = open_cloud()
    cloud.db.connection.execute("PRAGMA user_version = 99")
    with pytest.raises(LocalCloudError, match="version 99"):
        open_cloud()
    import sqlite3

    with sqlite3.connect(tmp_path / "cloud.db") as connection:
        connection.execute("PRAGMA user_version = 1")


def test_two_clouds_cannot_share_a_folder(open_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    open_cloud()
    with pytest.raises(LocalCloudError, match="Another local cloud is running"):
        Cloud(tmp_path, NoGuests(), "http://127.0.0.1:1", find_action)


def test_the_guest_gets_what_the_machine_needs(open_cloud: Callable[..., Cloud], tmp_path: Path) -> None:
    guests = Recorder()
    cloud = open_cloud(guests)
    instance_id = launch(cloud, UserData="PHBvd2Vyc2hlbGw+")
    assert guests.launched == []
    cloud.move_clock(30)
    machine = guests.launched[0]
    assert (machine.hostname, machine.username, machine.address) == ("chatglm", "Administrator", "127.0.1.1")
    assert machine.user_data == b"<powershell>"
    assert machine.disk.parent == tmp_path / "disks"
    assert machine.metadata_url.endswith(f"/metadata/{instance_id}")
    assert isinstance(machine.clock, Clock)


def test_the_guest_is_off_before_its_disk_is_copied(open_cloud: Callable[..., Cloud]) -> None:
    """The copy waits for the guest's end: what it writes while going down is in the image."""

    class SlowToEnd(Recorder):
        cloud: Cloud
        polls = 0

        def is_running(self, instance_id: str) -> bool:
            self.polls += 1
            if self.polls == 3:
                machine = self.cloud.db.instances[instance_id]
                folder = self.cloud.drives.disk(machine.system_disk_id)
                (folder / "last words").write_text("saved", encoding="utf-8")
            return self.polls < 3

    guests = SlowToEnd()
    cloud = guests.cloud = open_cloud(guests)
    instance_id = launch(cloud)
    cloud.move_clock(30)
    call(cloud, "CreateImage", InstanceId=instance_id, ImageName="i", ForcePoweroff="true")
    assert guests.stopped == [instance_id]
    cloud.drives.settle()
    snapshot = next(iter(cloud.db.snapshots))
    assert (cloud.drives.snapshot(snapshot.snapshot_id) / "last words").exists()


def test_a_guest_that_cannot_start_does_not_bring_the_cloud_down(
    open_cloud: Callable[..., Cloud], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Recorder):
        def launch(self, machine: GuestMachine) -> None:
            raise OSError("no")

    cloud = open_cloud(Broken())
    instance_id = launch(cloud)
    cloud.move_clock(30)
    assert cloud.db.instances[instance_id].state == "RUNNING"
    assert "guest runtime failed" in caplog.text
