"""The whole life with the real engine, on a machine that executes its own scripts: installed, parked, restored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localcloud.windows.world import engine
from tests.e2e.conftest import LocalCloud, start_cloud
from tools.workspace import Workspace

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(engine.find_pwsh() is None, reason=engine.describe())]


@pytest.fixture
def cloud(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalCloud]:
    monkeypatch.delenv("LOCALCLOUD_WINDOWS", raising=False)
    yield from start_cloud(tmp_path, monkeypatch)


def test_a_machine_lives_with_its_own_scripts(cloud: LocalCloud, stack: Workspace) -> None:
    up = stack.up("running")
    assert up.ok, up.text
    assert "The demo answers" in up.text
    parked = stack.up("parked")
    assert parked.ok, parked.text
    restored = stack.up("running")
    assert restored.ok, restored.text
    assert "The demo answers" in restored.text
