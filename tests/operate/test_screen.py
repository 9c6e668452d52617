"""What stands on the screen: whole names, no word taken for a colour, no full stop twice, and a line that moves."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from components.images import aged
from operate import progress
from operate.doctor.examination import examine
from operate.errors import ExitCode, OperateError
from operate.output import Output
from operate.training_words import render_runs
from tencent.errors import ADVICE
from tencent.facts import Facts, Image

from .conftest import Chatglm, LocalCloud, make_stack

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
RUN = {
    "run": "a-name-of-my-own-that-has-sixty-three-letters-as-the-rule-allows",
    "state": "finished",
    "newestCheckpoint": 3000,
    "maxSteps": 3000,
    "preSeqLen": 128,
    "data": {"name": "广告词 训练集.json"},
    "created": "2026-01-02T03:04:05Z",
}


@pytest.mark.parametrize("name", ["1126-1", "广告词-1126", str(RUN["run"])])
@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_list_of_runs_never_cuts_what_must_be_typed(width: int, name: str) -> None:
    screen = Console(file=io.StringIO(), width=width)
    screen.print(render_runs({"runs": [{**RUN, "run": name}], "serving": "base"}), crop=False)
    text = screen.file.getvalue()  # type: ignore[attr-defined]
    assert name in text
    assert "…" not in text


def test_brackets_are_words_and_never_colours(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output()
    output.show({}, "the file [/tmp/x] and [bold]this[/bold]", ":warning: stays")
    output.say("[/red] on the way")
    output.fail(OperateError("failed [/nowhere]", "[do] this"))
    printed = capsys.readouterr()
    assert "[/tmp/x] and [bold]this[/bold]" in printed.out
    assert ":warning:" in printed.out
    assert "[/red] on the way" in printed.err
    assert "failed [/nowhere]" in printed.err


def test_an_image_whose_clock_runs_ahead_is_told_as_that() -> None:
    image = Image("img-1", "chatglm-dev-1-ins-1", "NORMAL", NOW, 75, "ins-1", 1)
    assert aged(image, Facts(now=NOW + timedelta(minutes=5))) == "5 min old"
    assert aged(image, Facts(now=NOW + timedelta(hours=3))) == "3 h old"
    assert aged(image, Facts(now=NOW + timedelta(days=9))) == "9 days old"
    ahead = aged(image, Facts(now=NOW - timedelta(hours=5)))
    assert ahead == "made 2026-01-02 03:04 UTC by the cloud's clock, which runs 5 h ahead of this computer's"


def test_no_message_ends_with_two_full_stops(cloud: LocalCloud) -> None:
    assert [code for code, texts in ADVICE.items() if any(text.endswith(".") for text in texts)] == []
    keyless = make_stack(environment={})
    wrong = make_stack(environment={**cloud.environment, "TENCENTCLOUD_SECRET_KEY": "wrong"})
    broken = make_stack(environment=cloud.environment, config={"chatglm:adminPassword": "x"})
    removed = replace(make_stack(environment=cloud.environment), exists=False)
    for stack in (keyless, wrong, broken, removed):
        for one in examine(stack, stack.cloud(0.1) if stack.access else None):
            assert not re.search(r"(?<!\.)\.\.(?!\.)", f"{one.text} {one.advice}"), one


def test_without_keys_one_plain_message_ends_the_command(chatglm: Chatglm) -> None:
    answer = chatglm(make_stack(environment={}), "cost")
    assert answer.exit_code == ExitCode.TURNED_AWAY
    assert ".." not in answer.stderr


def test_a_question_that_is_answered_by_ctrl_c_ends_as_documented(
    chatglm: Chatglm, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    import typer

    def interrupted(*_: object) -> None:
        raise typer.Abort

    monkeypatch.setattr("operate.doctor.examination.examine", interrupted)
    answer = chatglm(make_stack(environment=cloud.environment), "doctor")
    assert answer.exit_code == ExitCode.INTERRUPTED


def test_a_screen_that_cannot_move_gets_a_line_now_and_then() -> None:
    screen = Console(file=io.StringIO(), width=40)
    clock = [0.0]
    tell = progress._lines(screen, lambda: clock[0])
    for clock[0], text in ((3, "first [/x]"), (11, "second [/x]"), (12, "third"), (30, "fourth"), (50, "fourth")):
        tell(text)
    told = screen.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert told == ["  11 s: second [/x]", "  30 s: fourth"]


def test_a_screen_that_moves_shows_the_seconds_at_every_moment() -> None:
    screen = Console(file=io.StringIO(), width=60, force_terminal=True)
    with progress.working(screen, "Working [/x]") as show:
        show("still [/y]")
    drawn = screen.file.getvalue()  # type: ignore[attr-defined]
    assert "still [/y]" in drawn
    assert "0:00:00" in drawn


def test_a_package_that_is_not_installed_is_named(
    chatglm: Chatglm, cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = chatglm(make_stack(environment=cloud.environment), "dashboard", "--port", "0", "--no-open")
    assert (answer.exit_code, "needs the package uvicorn" in answer.stderr) == (ExitCode.FAILED, True)
