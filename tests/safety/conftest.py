"""Worlds to break: the stack as it stands before each of its transitions, copied for each test."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tencent.access import Access
from tencent.cloud import Cloud
from tests.sweep.fixtures import recording
from tests.sweep.sweep import Recording
from tests.sweep.world import World, open_world
from tools.workspace import Workspace

__all__ = ["recording"]
Before = Callable[[str], World]


@pytest.fixture
def before(recording: Recording, tmp_path: Path) -> Iterator[Before]:
    """Opens the world as it was before a transition (see tests/sweep/transitions.py); its settings are set."""
    with contextlib.ExitStack() as stack:

        def open_copy(transition: str) -> World:
            folder = tmp_path / transition
            shutil.copytree(recording.snapshots / transition, folder, symlinks=True)
            return stack.enter_context(open_world(folder))

        yield open_copy


@pytest.fixture
def owner(monkeypatch: pytest.MonkeyPatch) -> Callable[[World], Cloud]:
    """The account's owner, who changes things past Pulumi."""

    def account(world: World) -> Cloud:
        monkeypatch.setenv("HTTP_PROXY", world.server.url)
        keys = world.server.keys
        access = Access(keys.secret_id, keys.secret_key, "", "ap-guangzhou", "HTTP", "tencentcloudapi.com")
        return Cloud(access, patience_seconds=5)

    return account


def unchanged(stack: Workspace) -> bool:
    """Whether a preview finds nothing to do."""
    return stack.preview("--expect-no-changes").ok
