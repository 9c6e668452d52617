"""The machine parks itself: real calls to the local cloud, real files on the disk that its image is made of."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from guest.errors import GuestError
from guest.exclusive import exclusive
from guest.files import read_json, write_json
from guest.process import Identity
from guest.rehearsal import volume
from guest.serving import state
from guest.training import gpu_task
from guest.unattended import park
from guest.unattended.cloud import Client, CloudError, Metadata
from guest.unattended.decision import Reason, Rules
from guest.unattended.events import FAILED, FILE, read_events
from guest.unattended.loop import main
from guest.unattended.park import GivenUpError, Parking
from guest.unattended.receivers import digest, digest_of, keep, receivers_file
from guest.unattended.record import park_file, read_record
from localcloud.drives import FLUSHED
from operate.event_log import worded_event
from tests.guard.machine import IDENTITY, NOBODY, ROLE, WORK, WORK_BYTES, Inside, guarded
from tests.guest.unattended.receiver import receiving
from tests.localcloud.conftest import Served
from words import speaking, worded


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    here = Served.start(tmp_path / "cloud", float("inf"))
    yield here
    here.stop()


@pytest.fixture
def inside(served: Served) -> Iterator[Inside]:
    with guarded(served) as here:
        yield here


def notice(inside: Inside) -> str:
    return str((read_json(inside.root / "state" / "notice.json") or {}).get("text", ""))


def test_after_idle_minutes_it_warns_then_parks_itself_and_the_image_holds_all(inside: Inside) -> None:
    guard = inside.guard()
    assert not inside.look(guard, 29)
    assert inside.told()["act"] == "stay"
    assert not inside.look(guard, 3)
    assert inside.told()["act"] == "warn"
    assert "parks in" in notice(inside)
    assert inside.is_alive()
    assert inside.look(guard, 15)
    assert not inside.is_alive()
    [image] = inside.images()
    assert image["ImageState"] == "NORMAL"
    assert inside.imaged(image, WORK) == WORK_BYTES
    mark = json.loads(inside.imaged(image, "state/park.json"))
    assert (mark["phase"], mark["reason"], mark["machine"]) == ("complete", "idle", inside.instance_id)
    tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
    assert tags["chatglm-owner"] == IDENTITY
    minutes = mark["parts"]["minutes"]
    assert tags["chatglm-parked"] == f"{mark['token']} {mark['at']} idle minutes={minutes}"
    assert minutes >= 40


def test_a_question_takes_the_warning_back(inside: Inside) -> None:
    guard = inside.guard()
    inside.look(guard, 35)
    assert notice(inside)
    inside.signs = replace(NOBODY, demo="asked just now")
    assert not inside.look(guard, 30)
    assert (inside.told()["act"], notice(inside)) == ("stay", "")
    assert inside.is_alive()


def test_what_was_not_flushed_is_lost_and_the_mark_with_it(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(park, "flush", lambda _: None)
    assert inside.look(inside.guard(), 60)
    [image] = inside.images()
    assert inside.imaged(image, WORK) == b"\0" * len(WORK_BYTES)
    assert set(inside.imaged(image, "state/park.json")) == {0}


def test_whoever_is_killed_right_after_the_mark_has_it_flushed_by_the_next(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes = []

    def flush(_: Path) -> None:
        flushes.append(1)
        if len(flushes) == 2:
            raise KeyboardInterrupt  # past everything that is caught, as a kill is
        volume.flush()

    monkeypatch.setattr(park, "flush", flush)
    with pytest.raises(KeyboardInterrupt):
        inside.look(inside.guard(), 60)
    assert inside.park()["phase"] == "complete"
    assert inside.look(inside.guard(), 1)
    [image] = inside.images()
    assert json.loads(inside.imaged(image, "state/park.json"))["phase"] == "complete"
    assert inside.imaged(image, WORK) == WORK_BYTES


def test_a_disk_that_cannot_be_flushed_is_never_imaged(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError("the volume cannot be flushed")

    monkeypatch.setattr(park, "flush", refuse)
    assert not inside.look(inside.guard(), 50)
    assert "The disk could not be brought to rest: the volume cannot be flushed" in inside.told()["trouble"]
    with speaking("zh"):
        assert worded(inside.told()["trouble"]).startswith("磁盘无法")
        [failed] = [one for one in read_events(inside.root / "state" / FILE) if one.outcome == FAILED]
        assert "停放（失败）" in worded_event(failed)["zh"]
        assert "磁盘无法" in worded_event(failed)["zh"], "what the machine says is worded where it is read"
    assert (inside.wanted, inside.images()) == (state.RUNNING, [])


def test_a_role_without_the_right_to_make_images_is_said_and_nothing_is_ended(served: Served) -> None:
    with guarded(served) as inside:
        served.control.deny("cvm:CreateImage", principal=ROLE)
        assert not inside.look(inside.guard(), 50)
        assert "not authorized to perform operation (cvm:CreateImage)" in inside.told()["trouble"]
        assert "could not park itself" in notice(inside)
        assert "CreateImage" not in notice(inside), "the page tells it before the login"
        assert (inside.wanted, read_record(inside.root)) == (state.RUNNING, None)
        refused = [one.action for one in served.control.journal() if one.error]
        assert set(refused) <= {"CreateImage", "DescribeInstances"}
        assert refused.count("CreateImage") <= 2, "a try that failed is not repeated at once"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"policy": False, "tags": {}}, "does not carry its owner's mark"),
        ({"policy": False, "tags": {"chatglm-stack": "organization/chatglm/dev"}}, "does not carry its owner's mark"),
    ],
)
def test_a_machine_that_is_nobodys_does_not_park_itself(served: Served, changes: dict[str, Any], words: str) -> None:
    with guarded(served, **changes) as inside:
        assert not inside.look(inside.guard(), 50)
        assert words in inside.told()["trouble"]
        assert inside.is_alive()


def test_the_role_reaches_no_other_machine_and_no_other_image(inside: Inside) -> None:
    served = inside.served
    listed = [{"Key": "chatglm-owner", "Value": "zzzzzzzzzzzz"}]
    other = served.launch(TagSpecification=[{"ResourceType": "instance", "Tags": listed}])
    served.pass_time(60)
    theirs = served.image(other, "theirs")
    owners = served.image(inside.instance_id, "made by an update", TagSpecification=[
        {"ResourceType": "image", "Tags": [{"Key": "chatglm-owner", "Value": IDENTITY}]}
    ])  # fmt: skip
    client = Client(Metadata(), ROLE, "ap-guangzhou")
    mine = {"ImageName": "x", "InstanceId": inside.instance_id}
    tries = {
        "another's machine ended": ("TerminateInstances", {"InstanceIds": [other]}),
        "another's machine captured": ("CreateImage", {"ImageName": "x", "InstanceId": other}),
        "both ended": ("TerminateInstances", {"InstanceIds": [inside.instance_id, other]}),
        "an image without the mark": ("CreateImage", mine),
        "another's image deleted": ("DeleteImages", {"ImageIds": [theirs]}),
        "an update's image deleted": ("DeleteImages", {"ImageIds": [owners]}),
        "a machine launched": ("RunInstances", {"Placement": {"Zone": "ap-guangzhou-6"}, "ImageId": theirs}),
    }
    for what, (action, parameters) in tries.items():
        with pytest.raises(CloudError) as refused:
            client.call(action, parameters)
        assert "UnauthorizedOperation" in refused.value.code, what
    assert inside.is_alive()


def begin(inside: Inside, **changes: Any) -> Parking:
    client = Client(Metadata(), ROLE, "ap-guangzhou", sleep=inside.sleep)
    return Parking(inside.machine, client, inside.instance_id, lambda: "2026-01-01T00:00:00Z", inside.sleep, **changes)


def test_idleness_never_ends_a_training(inside: Inside) -> None:
    with (
        gpu_task.claimed(inside.machine, kind="train", run="r1"),
        pytest.raises(GivenUpError, match="training or an evaluation runs"),
    ):
        begin(inside).begin(Reason("idle", {"minutes": 41}))
    assert inside.is_alive()


def test_the_budget_saves_a_training_first(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[dict[str, Any]] = []
    monkeypatch.setattr(park.verbs, "stop_training", stopped.append)
    task = gpu_task.claim(inside.machine, kind="train", run="r1")

    def end_and_flush(_: Path) -> None:
        gpu_task.release(inside.machine, task.token)
        volume.flush()

    monkeypatch.setattr(park, "flush", end_and_flush)
    begin(inside).begin(Reason("budget-day", {"spent": 61.0, "budget": 60.0}), saves=True)
    assert stopped == [{"patienceSeconds": park.TRAINING_SECONDS, "machineEnds": True}]
    [image] = inside.images()
    assert json.loads(inside.imaged(image, "state/park.json"))["training"] == "r1"
    assert not inside.is_alive()


def test_a_restored_disk_shows_that_its_image_was_complete_and_takes_its_work_up(served: Served) -> None:
    with guarded(served) as inside:
        assert inside.look(inside.guard(), 60)
        [image] = inside.images()
        again = served.launch(ImageId=image["ImageId"], CamRoleName=ROLE)
        served.pass_time(60)
        disk = served.server.cloud.drives.disk(served.server.cloud.db.instances[again].system_disk_id)
        os.environ["CHATGLM_ROOT"] = str(disk / "chatglm")
        os.environ["CHATGLM_METADATA"] = f"{served.server.url}/metadata/{again}/latest/meta-data"
        os.environ[volume.VARIABLE] = str(disk / FLUSHED)
        # Its own supervisor has started with it.
        demo = read_json(disk / "chatglm" / "state" / "demo.json") or {}
        write_json(disk / "chatglm" / "state" / "demo.json", {**demo, "supervisor": Identity.of(os.getpid()).as_dict()})
        restored = Inside(served, again, disk, seconds=inside.seconds)
        guard = restored.guard()
        guard.step()
        record = read_record(restored.root)
        assert record is not None
        assert (record.phase, record.machine, record.why) == ("restored", inside.instance_id, "")
        assert restored.wanted == state.RUNNING
        assert not restored.look(guard, 29), "what the machine before counted counts for nothing"
        assert restored.told()["act"] == "stay"


def test_a_park_that_was_given_up_leaves_no_image(inside: Inside) -> None:
    inside.served.control.deny("cvm:TerminateInstances", principal=ROLE)
    guard = inside.guard()
    assert not inside.look(guard, 43)
    assert "TerminateInstances" in inside.told()["trouble"]
    assert inside.wanted == state.RUNNING
    done = [one.action for one in inside.served.control.journal() if one.error is None]
    assert done.count("DeleteImages") == 1
    assert inside.images() == [], "it would cost money, and its machine works on"


@pytest.mark.parametrize("rules", [Rules(), Rules(idle_seconds=0, warn_seconds=60)])
def test_a_machine_that_was_told_nothing_only_measures(served: Served, rules: Rules) -> None:
    with guarded(served, rules=rules) as inside:
        assert not inside.look(inside.guard(), 120)
        assert (inside.told()["act"], read_record(inside.root)) == (None, None)
        use = read_json(inside.root / "state" / "use.json") or {}
        assert use["idleSeconds"]["demo"] > 7000


@pytest.mark.parametrize("text", ["", "\0" * 40, "{}", '{"schema": 7}', '{"phase": "complete"}'])
def test_a_record_that_the_power_damaged_is_none(inside: Inside, text: str) -> None:
    park_file(inside.root).write_text(text, encoding="utf-8")
    assert read_record(inside.root) is None
    assert inside.look(inside.guard(), 60)


def test_a_wall_clock_that_jumps_makes_no_evening_and_no_idleness(served: Served) -> None:
    wall = [1_800_000_000.0]  # 16:00 in China
    with guarded(served, rules=Rules(park_at=22 * 60, warn_seconds=600)) as inside:
        guard = inside.guard(wall=lambda: wall[0] + inside.seconds)
        assert not inside.look(guard, 5)
        wall[0] += 7 * 3600
        guard.step()
        assert "the clock jumped by 25200 s" in inside.told()["says"]["en"]
        wall[0] -= 7 * 3600
        guard.step()
        inside.sleep(60)
        assert not inside.look(guard, 5)
        assert inside.told()["act"] == "stay"
        assert inside.is_alive()
        use = read_json(inside.root / "state" / "use.json") or {}
        assert use["idleSeconds"]["demo"] < 1000


def test_in_the_evening_it_parks_itself_though_it_was_used(served: Served) -> None:
    with guarded(served, rules=Rules(park_at=16 * 60 + 30, warn_seconds=600)) as inside:
        inside.signs = replace(NOBODY, login=1)
        assert inside.look(inside.guard(), 60)
        [image] = inside.images()
        tags = {tag["Key"]: tag["Value"] for tag in image["Tags"]}
        assert tags["chatglm-parked"].endswith(" park-at time=16:30")


def test_a_machine_is_not_parked_in_the_midst_of_an_installation(inside: Inside) -> None:
    write_json(inside.root / "state" / "status.json", {"phase": "bootstrapping", "steps": []})
    assert not inside.look(inside.guard(), 120)
    assert "installation" in inside.told()["says"]["en"]
    write_json(inside.root / "state" / "status.json", {"phase": "ready", "steps": []})
    assert inside.look(inside.guard(), 60)


def test_a_second_guard_ends_at_once(inside: Inside) -> None:
    with exclusive(inside.root / "state" / "guard.lock"):
        assert main() == 0
    assert inside.told() == {}


def test_the_machine_itself_tells_whoever_is_to_be_told(inside: Inside) -> None:
    with receiving("a-secret") as receiver:
        assert keep({"webhooks": f"json {receiver.url}/json a-secret", "stack": "dev"}) == {"receivers": 1}
        assert stat.S_IMODE(receivers_file(inside.root).stat().st_mode) == 0o600
        guard = inside.guard()
        inside.look(guard, 29)
        assert receiver.taken == [], "that it is used is no news"
        assert inside.look(guard, 20)
        told = [(one["stack"], one["act"], one.get("outcome")) for one in receiver.taken]
        assert told == [("dev", "warn", None), ("dev", "park", None), ("dev", "park", "begun")]
    [image] = inside.images()
    log = inside.imaged(image, "state/events.jsonl").decode("utf-8")
    assert "a-secret" not in log
    assert '"notice"' in log


@pytest.mark.parametrize("answer", [404, 500])
def test_a_receiver_that_fails_keeps_no_machine_from_parking(inside: Inside, answer: int) -> None:
    with receiving("s") as receiver:
        keep({"webhooks": f"json {receiver.url}/json", "stack": "dev"})
        receiver.answer = answer
        assert inside.look(inside.guard(), 60)
    [image] = inside.images()
    log = inside.imaged(image, "state/events.jsonl").decode("utf-8")
    assert f"it answered {answer}" in log


def test_receivers_that_make_no_sense_are_refused(inside: Inside) -> None:
    with pytest.raises(GuestError, match="has no kind"):
        keep({"webhooks": "pigeon https://example.com", "stack": "dev"})
    assert not receivers_file(inside.root).exists()
    keep({"webhooks": "slack https://example.com/hook", "stack": "dev"})
    assert digest(inside.root) == digest_of("dev", "slack https://example.com/hook")
    assert keep({"webhooks": "", "stack": "dev"}) == {"receivers": 0}
    assert (receivers_file(inside.root).exists(), digest(inside.root)) == (False, "")
