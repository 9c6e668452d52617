"""What the guard outside asks of the machine: its warning stands while it is repeated, its log is handed out."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from guest.errors import GuestError
from guest.unattended import outer
from guest.unattended.decision import Reason
from guest.unattended.events import CHANGE, FILE, MACHINE, Event, stamp, write_event


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CHATGLM_ROOT", str(tmp_path))
    return tmp_path


def test_a_warning_is_shown_until_it_is_taken_away(root: Path) -> None:
    assert outer.outer_warning(root) == ""
    assert outer.warn({"text": "parks in 10 min"}) == {"shown": "parks in 10 min"}
    assert outer.outer_warning(root) == "parks in 10 min"
    outer.warn({"text": ""})
    assert outer.outer_warning(root) == ""


def test_a_warning_that_nobody_repeats_is_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outer.warn({"text": "parks in 10 min"})
    now = time.perf_counter()
    monkeypatch.setattr(outer.time, "perf_counter", lambda: now + outer.STANDS_SECONDS + 1)
    assert outer.outer_warning(root) == ""
    # Windows was started since: the clock begins anew.
    monkeypatch.setattr(outer.time, "perf_counter", lambda: now - 3600)
    assert outer.outer_warning(root) == ""


@pytest.mark.parametrize("text", [None, 3, "x" * 501])
def test_what_is_no_warning_is_refused(text: object, root: Path) -> None:
    with pytest.raises(GuestError, match="at most 500"):
        outer.warn({"text": text})


def test_the_log_is_handed_out(root: Path) -> None:
    written = Event(stamp(0), MACHINE, CHANGE, "park", Reason("idle"), "begun")
    write_event(root / "state" / FILE, written)
    assert outer.events({}) == {"events": [written.as_dict()]}
