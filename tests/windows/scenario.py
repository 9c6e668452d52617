"""One scenario: a name, and what happens to a machine. It is broken when it raises an AssertionError."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.windows.trial import Trial


@dataclass
class Yard:
    """Where machines of scenarios are made. `ready_disk` is the disk of an installed machine, made once for all."""

    folder: Path
    ready_disk: Path | None = None
    _number: int = 0
    _made: list[Trial] = field(default_factory=list)

    def fresh(self, **inputs: Any) -> Trial:
        """A machine that nobody has powered on yet."""
        self._number += 1
        return self._keep(Trial(self.folder / f"disk-{self._number}", **inputs))

    def installed(self, instance_id: str = "ins-1", **inputs: Any) -> Trial:
        """An installed machine, powered off; with another instance id it is one that is restored from its image."""
        if self.ready_disk is None:
            raise AssertionError("nobody has made the installed disk")
        self._number += 1
        seed = Trial(self.ready_disk)
        disk = seed.machine.copy(self.folder / f"disk-{self._number}")
        seed.internet.close()
        return self._keep(Trial(disk, instance_id, **inputs))

    def close(self) -> None:
        """End all machines."""
        for trial in self._made:
            trial.close()

    def _keep(self, trial: Trial) -> Trial:
        self._made.append(trial)
        return trial


Play = Callable[[Yard], None]
#: Faults by name, as `docs/windows-world.md` lists them.
Order = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Scenario:
    """`faults` are the numbers of the issue's list that it would show."""

    name: str
    play: Play

    def run(self, folder: Path, ready_disk: Path | None) -> str:
        """Play it; what is wrong, empty when nothing is."""
        yard = Yard(folder, ready_disk)
        try:
            self.play(yard)
        except AssertionError as error:
            return str(error) or "an assertion failed"
        finally:
            yard.close()
        return ""


def install_ready_disk(folder: Path) -> Path:
    """Install a machine once; its disk, powered off. Raises AssertionError when it does not get ready."""
    trial = Trial(folder)
    try:
        trial.install()
        assert trial.wrong() == []
    finally:
        trial.close()
    return trial.machine.disk


@contextmanager
def prepared(folder: Path) -> Iterator[Path]:
    """The folder of a run, with the installed disk in it; made anew where it is not whole."""
    whole = folder / "ready.whole"
    if not whole.is_file():
        install_ready_disk(folder / "ready")
        whole.touch()
    yield folder / "ready"
