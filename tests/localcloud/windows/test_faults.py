"""Faults wait in the data folder until one machine takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcloud.windows.faults import FaultKind, FaultQueue, GuestFault


def test_a_fault_goes_to_one_machine_only(tmp_path: Path) -> None:
    queue = FaultQueue(tmp_path)
    queue.add(FaultKind.CUT_DOWNLOAD, times=3)
    assert FaultQueue(tmp_path).claim("ins-a") == [GuestFault(FaultKind.CUT_DOWNLOAD, "model", 3)]
    assert queue.claim("ins-b") == []


def test_a_fault_for_a_machine_waits_for_it(tmp_path: Path) -> None:
    queue = FaultQueue(tmp_path)
    queue.add(FaultKind.INSTALL_FAILS, machine="ins-b", step="torch")
    assert queue.claim("ins-a") == []
    assert queue.waiting() == [("ins-b", GuestFault(FaultKind.INSTALL_FAILS, "torch"))]
    assert queue.claim("ins-b") == [GuestFault(FaultKind.INSTALL_FAILS, "torch")]


def test_faults_are_taken_in_the_order_in_which_they_were_queued(tmp_path: Path) -> None:
    queue = FaultQueue(tmp_path)
    kinds = list(FaultKind)
    for kind in kinds:
        queue.add(kind)
    assert [fault.kind for fault in queue.claim("ins-a")] == kinds


def test_clear_forgets_what_waits(tmp_path: Path) -> None:
    queue = FaultQueue(tmp_path)
    queue.add(FaultKind.REBOOT)
    queue.clear()
    assert queue.waiting() == []


def test_a_fault_happens_at_least_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least once"):
        FaultQueue(tmp_path).add(FaultKind.REBOOT, times=0)
