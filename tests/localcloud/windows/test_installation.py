"""The installation as arithmetic: what is done after how many seconds of cloud time, and what faults do to it."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from components.bootstrap.render import Rendered
from localcloud.windows.downloads import MAX_FRUITLESS
from localcloud.windows.faults import FaultKind, GuestFault
from localcloud.windows.installation import TRIES, Installation, Installed, StepState
from localcloud.windows.manifest import Manifest, read_manifest
from localcloud.windows.rates import Rates
from localcloud.windows.status import status_document

FIRST_STAGE = ("base",)
RATE = Rates().network
Make = Callable[..., Installation]


@pytest.fixture(scope="module")
def manifest(rendered: Rendered) -> Manifest:
    return read_manifest(json.dumps(rendered.manifest))


@pytest.fixture
def make(manifest: Manifest) -> Make:
    def new(
        *faults: GuestFault, installed: Installed | None = None, second_stage: bool = True, rates: Rates | None = None
    ) -> Installation:
        installation = Installation(manifest, FIRST_STAGE, installed or Installed(), rates or Rates())
        installation.add_faults(faults)
        if second_stage:
            installation.supply_second_stage()
        return installation

    return new


def play(installation: Installation, *, until: Callable[[Installation], bool] = lambda _: False) -> float:
    """Let everything happen that happens by itself; the seconds that it took."""
    passed = 0.0
    while not until(installation) and (wait := installation.next_event()) is not None:
        installation.advance(wait)
        passed += wait
    return passed


def state(installation: Installation, name: str) -> StepState:
    step = installation.step(name)
    assert step is not None
    return step.state


def total_bytes(manifest: Manifest) -> int:
    return sum(file.size for file in manifest.files) + sum(step.download_bytes for step in manifest.steps)


def test_a_cold_start_takes_little_longer_than_its_downloads(make: Make, manifest: Manifest) -> None:
    installation = make()
    seconds = play(installation)
    assert installation.finished
    downloads = total_bytes(manifest) / RATE
    installs = sum(step.install_seconds for step in manifest.steps)
    assert max(downloads, installs) <= seconds <= 1.15 * max(downloads, installs)


def test_the_line_is_never_used_beyond_its_rate(make: Make) -> None:
    installation = make()
    while (wait := installation.next_event()) is not None:
        assert sum(installation.downloads.rates().values()) <= RATE * 1.000001
        installation.advance(wait)


@pytest.mark.parametrize("stride", [0.7, 60.0, 100_000.0])
def test_the_outcome_does_not_depend_on_how_often_one_looks(make: Make, stride: float) -> None:
    exact, strided = make(), make()
    seconds = play(exact)
    looked = 0.0
    while not strided.finished:
        strided.advance(stride)
        looked += stride
    assert looked - stride <= seconds <= looked
    assert strided.installed() == exact.installed()


def test_long_downloads_do_not_wait_for_the_second_stage(make: Make, manifest: Manifest) -> None:
    installation = make(second_stage=False)
    play(installation)
    assert installation.waiting
    assert state(installation, "windows") is StepState.WAITING
    assert all(
        download.done
        for download in installation.downloads.downloads
        if download.file.hashed and download.file.path and download.file.step != "python"
    )
    # Nothing without a hash is fetched before the scripts that check its signature are there.
    assert not any(download.received for download in installation.downloads.of_step("driver"))


def test_a_late_second_stage_costs_installing_but_no_downloading(make: Make, manifest: Manifest) -> None:
    installation = make(second_stage=False)
    play(installation)
    installation.supply_second_stage()
    seconds = play(installation)
    assert installation.finished
    hashed = sum(file.size for file in manifest.files if file.hashed)
    assert seconds < (total_bytes(manifest) - hashed) / RATE + sum(step.install_seconds for step in manifest.steps)


def test_steps_run_one_after_the_other_and_the_model_beside_them(make: Make) -> None:
    installation = make()
    while (wait := installation.next_event()) is not None:
        running = [step.plan.name for step in installation.steps if step.state is StepState.RUNNING]
        assert len([name for name in running if name != "model"]) <= 1
        if "demo" in running:
            assert state(installation, "model") is StepState.DONE
        installation.advance(wait)


def test_a_restored_machine_downloads_nothing_and_is_up_in_minutes(make: Make) -> None:
    cold = make()
    cold_seconds = play(cold)
    restored = make(installed=cold.installed(), second_stage=False)
    assert state(restored, "packages") is StepState.PENDING, "the Windows settings are applied first"
    seconds = play(restored)
    assert restored.finished
    assert all(download.done for download in restored.downloads.downloads)
    assert seconds < 300 < cold_seconds


def test_an_interrupted_installation_goes_on_where_it_stood(make: Make, manifest: Manifest) -> None:
    whole = play(make())
    first = make()
    first.advance(600.0)
    second = make(installed=first.installed(), second_stage=False)
    received = sum(download.received for download in first.downloads.downloads)
    assert sum(download.received for download in second.downloads.downloads) == pytest.approx(received)
    # Only the installation at work, the settings and the demo are begun again.
    assert play(second) < whole - 600.0 + 300.0


def test_a_changed_file_is_fetched_and_its_step_done_again(make: Make, manifest: Manifest) -> None:
    before = make()
    play(before)
    installed = before.installed()
    without_torch = Installed(
        installed.steps - {"torch"},
        installed.files - {file.key for file in manifest.files if file.step == "torch"},
        {},
        installed.second_stage,
    )
    changed = make(installed=without_torch, second_stage=False)
    fetched = {download.file.step for download in changed.downloads.downloads if not download.done}
    assert fetched == {"torch"}
    play(changed)
    assert changed.finished


def test_a_new_second_stage_is_waited_for(make: Make) -> None:
    before = make()
    play(before)
    installed = before.installed()
    older = Installed(installed.steps, installed.files, {}, "another hash")
    restored = make(installed=older, second_stage=False)
    play(restored)
    assert restored.waiting
    restored.supply_second_stage()
    play(restored)
    assert restored.finished


def test_slow_download(make: Make) -> None:
    installation = make(GuestFault(FaultKind.SLOW_DOWNLOAD, "torch"))
    torch = installation.downloads.of_step("torch")[0]
    assert play(installation) > torch.file.size / (RATE / 100)
    assert installation.finished


def test_cut_download_loses_no_byte(make: Make, manifest: Manifest) -> None:
    plain, cut = make(), make(GuestFault(FaultKind.CUT_DOWNLOAD, "model", 4))
    seconds = play(plain)
    moved = {"bytes": 0.0}

    def count(installation: Installation) -> bool:
        wait = installation.next_event() or 0.0
        moved["bytes"] += sum(installation.downloads.rates().values()) * wait
        return False

    assert play(cut, until=count) == pytest.approx(seconds, rel=0.01)
    assert cut.finished
    assert moved["bytes"] == pytest.approx(total_bytes(manifest), rel=1e-6)
    assert max(download.attempt for download in cut.downloads.of_step("model")) == 5


def test_wrong_hash_fetches_the_file_again(make: Make) -> None:
    installation = make(GuestFault(FaultKind.WRONG_HASH, "cudnn"))
    play(installation, until=lambda i: bool(i.downloads.of_step("cudnn")[0].error))
    row = next(row for row in document(installation)["steps"] if row["name"] == "cudnn")
    assert "wrong bytes" in row["error"]["message"]
    assert row["bytes"] == 0
    play(installation)
    assert installation.finished


@pytest.mark.parametrize("kind", [FaultKind.WRONG_HASH, FaultKind.DISK_FULL])
def test_a_download_that_never_succeeds_fails_its_step_with_a_hint(make: Make, kind: FaultKind) -> None:
    installation = make(GuestFault(kind, "torch", MAX_FRUITLESS))
    play(installation)
    failed = document(installation)
    assert failed["phase"] == "failed"
    assert failed["step"] == "torch"
    row = next(row for row in failed["steps"] if row["name"] == "torch")
    assert row["state"] == "failed"
    assert "disk not full" in row["error"]["hint"]
    assert "torch" in failed["message"]


def test_disk_full_recovers_when_room_is_made(make: Make) -> None:
    installation = make(GuestFault(FaultKind.DISK_FULL, "model", 3))
    play(installation)
    assert installation.finished


def test_a_failing_driver_is_tried_again(make: Make) -> None:
    installation = make(GuestFault(FaultKind.INSTALL_FAILS, "driver", TRIES - 1))
    play(installation)
    assert installation.finished
    driver = installation.step("driver")
    assert driver is not None
    assert driver.attempt == TRIES


def test_a_driver_that_always_fails_stops_the_installation_until_somebody_retries(make: Make) -> None:
    installation = make(GuestFault(FaultKind.INSTALL_FAILS, "driver", TRIES))
    play(installation)
    failed = document(installation)
    assert (failed["phase"], failed["step"]) == ("failed", "driver")
    assert "exit code 1" in failed["message"]
    assert state(installation, "cuda") is StepState.PENDING
    assert state(installation, "model") is StepState.DONE, "the downloads go on beside"
    installation.retry()
    assert document(installation)["phase"] == "bootstrapping"
    play(installation)
    assert installation.finished


def test_no_gpu(make: Make) -> None:
    installation = make(GuestFault(FaultKind.NO_GPU, "check", TRIES))
    play(installation)
    failed = document(installation)
    assert (failed["phase"], failed["step"]) == ("failed", "check")
    assert "no GPU" in failed["message"]


def test_reboot_in_mid_step(make: Make) -> None:
    installation = make(GuestFault(FaultKind.REBOOT, "driver"))
    play(installation)
    assert installation.reboot_wanted
    assert state(installation, "driver") is StepState.RUNNING
    again = make(installed=installation.installed(), second_stage=False)
    play(again)
    assert again.finished


def test_status_names_every_step_with_its_figures(make: Make) -> None:
    installation = make()
    installation.advance(300.0)
    shown = document(installation)
    assert shown["simulated"] is True
    assert "simulated" in shown["message"]
    rows = {row["name"]: row for row in shown["steps"]}
    assert list(rows) == [step.plan.name for step in installation.steps]
    model = rows["model"]
    assert model["state"] == "running"
    assert 0 <= model["percent"] < 100
    assert model["bytes"] < model["totalBytes"]
    assert sum(row["rateBytesPerSecond"] or 0 for row in rows.values()) == pytest.approx(RATE, rel=0.01)
    assert rows["base"]["percent"] == 100


def document(installation: Installation) -> dict[str, object] | dict:  # type: ignore[type-arg]
    return status_document(installation, instance_id="ins-test", now=1_700_000_000.0)
