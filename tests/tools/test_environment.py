"""The environment is made before any package is there: with the standard library alone, and progress that moves."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from rehearsal.engine import ROOT
from tools import environment


def test_it_needs_nothing_that_is_not_there_yet() -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); import tools.environment"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True)  # without any package


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("Collecting pulumi==3.259.0 (from -r requirements.in (line 2))", "Package 7: pulumi"),
        (
            "Downloading https://host/packages/rich-15.0.0-py3-none-any.whl (310 kB)",
            "Package 7: rich-15.0.0-py3-none-any.whl",
        ),
        ("Installing collected packages: a, b", "Installing 7 packages"),
        ("  Preparing editable metadata (pyproject.toml): started", "Building a package"),
        ("Requirement already satisfied: pip", ""),
    ],
)
def test_what_pip_says_is_told_in_words(line: str, words: str) -> None:
    assert environment.tell(line, 7) == words


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_seconds_move_while_the_work_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(environment, "Thread", _Work)
    assert environment.shown("Making it", lambda: 5) == 5
    assert screen.getvalue().count("Making it") == 2


class _Work:
    """A thread that is still at work when it is looked at for the first time."""

    def __init__(self, target: Callable[[], None], daemon: bool) -> None:
        self._target = target
        self._looks = 0

    def start(self) -> None:
        self._target()

    def join(self, seconds: float) -> None:
        assert seconds <= 1

    def is_alive(self) -> bool:
        self._looks += 1
        return self._looks < 4


def test_a_failure_of_pip_is_shown_whole_and_passed_on(capsys: pytest.CaptureFixture[str]) -> None:
    code = environment.run([sys.executable, "-c", "print('no such package'); raise SystemExit(3)"])
    assert code == 3
    assert "no such package" in capsys.readouterr().err


def test_what_the_work_raises_is_raised() -> None:
    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        environment.shown("Making it", fail)
