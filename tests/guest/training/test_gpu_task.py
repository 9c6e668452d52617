"""One task at a time has the GPU, and a lock of the dead counts for nothing."""

from __future__ import annotations

import os
import threading

import pytest

from guest.errors import GuestError
from guest.files import write_json
from guest.machine import Machine
from guest.process import Identity
from guest.training.gpu_task import GpuTask, claim, claimed, current, lock_file, release, take_over

DEAD = Identity(2**22 + 1, "never")


def test_the_second_is_refused_until_the_first_gives_back(machine: Machine) -> None:
    first = claim(machine, kind="evaluate", run="first")
    with pytest.raises(GuestError, match="Run first is being evaluated"):
        claim(machine, kind="train", run="second")
    release(machine, first.token)
    assert claim(machine, kind="train", run="second").run == "second"


def test_a_lock_whose_processes_are_gone_is_taken(machine: Machine) -> None:
    write_json(lock_file(machine), GpuTask("train", "first", "t", DEAD, DEAD).as_dict())
    assert current(machine) is None
    assert claim(machine, kind="train", run="second").run == "second"


def test_a_lock_that_cannot_be_read_is_taken(machine: Machine) -> None:
    lock_file(machine).parent.mkdir(parents=True)
    lock_file(machine).write_bytes(b"\0" * 100)
    assert claim(machine, kind="train", run="second").run == "second"


def test_a_child_that_outlived_its_supervisor_still_holds_the_gpu(machine: Machine) -> None:
    write_json(lock_file(machine), GpuTask("train", "first", "t", DEAD, Identity.of(os.getpid())).as_dict())
    with pytest.raises(GuestError, match="Run first is training"):
        claim(machine, kind="train", run="second")


def test_of_many_that_claim_at_once_one_gets_it(machine: Machine) -> None:
    write_json(lock_file(machine), GpuTask("train", "old", "t", DEAD).as_dict())
    won: list[str] = []
    together = threading.Barrier(8)

    def try_it(name: str) -> None:
        together.wait()
        try:
            won.append(claim(machine, kind="train", run=name).run)
        except GuestError:
            return

    threads = [threading.Thread(target=try_it, args=(f"run{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    holder = current(machine)
    assert holder is not None
    assert holder.run == won[0]


def test_preparing_that_fails_gives_the_gpu_back(machine: Machine) -> None:
    with pytest.raises(RuntimeError), claimed(machine, kind="train", run="first"):
        raise RuntimeError
    assert current(machine) is None


def test_a_supervisor_that_comes_too_late_does_not_take_another_s_lock(machine: Machine) -> None:
    claim(machine, kind="train", run="second")
    with pytest.raises(GuestError, match="given to another task"):
        take_over(machine, "token of the first")
