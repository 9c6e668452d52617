"""A machine that executes its own scripts parks itself, while nobody's computer is on; the next update restores it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localcloud.windows.world import engine
from tencent.permissions import role_policy
from tests.e2e.conftest import LocalCloud, start_cloud
from tests.waiting import HANG_SECONDS
from tools.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(engine.find_pwsh() is None, reason=engine.describe())]

ROLE = "chatglm-machine"


@pytest.fixture
def cloud(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    monkeypatch.delenv("LOCALCLOUD_WINDOWS", raising=False)
    monkeypatch.setenv("CHATGLM_REHEARSAL_GUARD_SECONDS", "0.5")
    yield from start_cloud(tmp_path, monkeypatch)


def disks(cloud: LocalCloud) -> list[Path]:
    return sorted((cloud.data / "disks").glob("disk-*/chatglm"))


def read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def test_the_machine_parks_itself_and_the_next_up_brings_it_back(cloud: LocalCloud, stack: Workspace) -> None:
    cloud.control.add_role(ROLE)
    stack.set({"chatglm:camRole": ROLE, "chatglm:idleMinutes": "30", "chatglm:guardWarnMinutes": "5"})
    up = stack.up("running")
    assert up.ok, up.text
    cloud.control.add_policy(role_policy(stack.outputs()["identity"]), principal=ROLE)
    [root] = disks(cloud)
    work = root / "runs" / "r1" / "notes.txt"
    work.parent.mkdir(parents=True)
    work.write_text("what took days to learn", encoding="utf-8")
    [machine] = cloud.control.instances()

    # Half an hour is long for a test: the machine is told three seconds, as a living machine is told its settings.
    manifest = read(root / "manifest.json")
    manifest["settings"]["guard"] |= {"idleSeconds": 3, "warnSeconds": 1}
    (root / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    ends = time.monotonic() + HANG_SECONDS
    while cloud.control.instances():
        guard = root / "state" / "guard.json"
        assert time.monotonic() < ends, guard.read_text(encoding="utf-8") if guard.exists() else "no guard"
        time.sleep(0.2)

    told = stack.preview()
    assert f"The machine {machine.id} parked itself at " in told.text, told.text
    back = stack.up("running")
    assert back.ok, back.text
    assert "The demo answers" in back.text
    [root] = disks(cloud)
    assert (root / "runs" / "r1" / "notes.txt").read_text(encoding="utf-8") == "what took days to learn"
    record = read(root / "state" / "park.json")
    assert (record["phase"], record["why"], record["machine"]) == ("restored", "", machine.id)
    [image] = cloud.control.images()
    assert image.instance_id == machine.id
