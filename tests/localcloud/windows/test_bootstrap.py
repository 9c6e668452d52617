"""The played start-up task: what it looks at while nothing happens by itself."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from components.bootstrap.render import Rendered
from components.bootstrap.unpack import unpack_user_data
from localcloud.clock import Clock
from localcloud.windows import bootstrap
from localcloud.windows.bootstrap import Bootstrap, write_first_stage
from localcloud.windows.faults import FaultQueue
from localcloud.windows.rates import Rates
from localcloud.windows.userdata import decode_user_data
from tests.waiting import HANG_SECONDS

#: Far more turns of the loop than the first stage has events.
MANY_TURNS = 20_000


@pytest.fixture
def task(tmp_path: Path, rendered: Rendered) -> Bootstrap:
    """The start-up task of a machine whose user data was unpacked, at the highest speed."""
    [script] = decode_user_data(rendered.user_data.encode("ascii")).scripts
    root, own = tmp_path / "chatglm", tmp_path / "local-guest"
    write_first_stage(unpack_user_data(script.body).files, root, own)
    return Bootstrap("ins-1", root, own, Clock(speed=float("inf")), FaultQueue(tmp_path), Rates())


async def do_nothing(_step: str) -> None:
    """What a step does for real."""


def test_a_second_stage_that_nobody_announces_is_found(
    task: Bootstrap, tmp_path: Path, rendered: Rendered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "LONGEST_WAIT", 0.01)
    inbox = tmp_path / "chatglm" / "inbox"
    inbox.mkdir()

    async def live() -> None:
        playing = asyncio.create_task(task.play(do_nothing))
        for _ in range(MANY_TURNS):
            await asyncio.sleep(0)
        assert not playing.done()
        (inbox / "stage2.part").write_bytes(rendered.second_stage)
        (inbox / "stage2.part").replace(inbox / "stage2.zip")
        async with asyncio.timeout(HANG_SECONDS):
            await playing

    asyncio.run(live())
    assert task.finished


def test_a_disk_that_windows_own_scripts_have_made_is_played_on(task: Bootstrap, tmp_path: Path) -> None:
    (tmp_path / "local-guest" / "first-stage.json").unlink()
    root, own = tmp_path / "chatglm", tmp_path / "local-guest"
    told = []
    for one in (task, Bootstrap("ins-1", root, own, Clock(speed=float("inf")), FaultQueue(tmp_path), Rates())):
        one.write_status()
        status = json.loads((root / "state" / "status.json").read_text(encoding="utf-8"))
        told.append((status["phase"], [(step["name"], step["state"]) for step in status["steps"]]))
    assert told[0] == told[1]
