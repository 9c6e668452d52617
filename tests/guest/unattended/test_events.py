"""The event log: whole lines survive, damaged ones are passed over, and a decision is news only once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from guest.phrases import Phrase, phrase
from guest.unattended import events
from guest.unattended.decision import Decision, Reason
from guest.unattended.events import Event, is_news, of_decision, read_events, stamp, write_event
from guest.unattended.words import ACTS

IDLE = Reason("idle", {"minutes": 40})


def event(time: float = 0, **facts: str) -> Event:
    return Event(stamp(time), facts.pop("by", events.GUARD), events.CHANGE, "park", IDLE, **facts)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    written = [event(0, outcome=events.BEGUN, machine="ins-1"), event(60, outcome=events.DONE, detail="capture-2")]
    for one in written:
        write_event(tmp_path / "state" / events.FILE, one)
    assert read_events(tmp_path / "state" / events.FILE) == written
    assert written[0].time == "1970-01-01T00:00:00Z"


def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    file = tmp_path / events.FILE
    write_event(file, event(0))
    with file.open("ab") as torn:
        torn.write(b'{"schema": 1, "time": "19')
    write_event(file, event(60))
    assert [one.time for one in read_events(file)] == [stamp(0), stamp(60)]


@pytest.mark.parametrize(
    "line",
    [
        "3",
        "[]",
        "{}",
        '{"schema": 2, "time": "t", "by": "b", "what": "w", "act": "a"}',
        '{"schema": 1, "time": 3}',
        "\x00",
    ],
)
def test_what_is_no_event_is_passed_over(line: str, tmp_path: Path) -> None:
    (tmp_path / events.FILE).write_text(f"{line}\n")
    assert read_events(tmp_path / events.FILE) == []


def test_no_file_is_an_empty_log(tmp_path: Path) -> None:
    assert read_events(tmp_path / events.FILE) == []


def test_a_long_log_loses_its_older_half_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MAX_BYTES", 4096)
    for number in range(200):
        write_event(tmp_path / events.FILE, event(number * 60))
    found = [one.time for one in read_events(tmp_path / events.FILE)]
    assert found == [stamp(number * 60) for number in range(200 - len(found), 200)]
    assert 5 < len(found) < 60


def test_a_decision_is_news_where_act_or_reason_changed() -> None:
    def decided(act: str, reason: str, machine: str = "ins-1") -> Event:
        return of_decision(stamp(0), events.GUARD, Decision(act, Reason(reason)), machine)

    log = [decided("stay", "in-use"), event(1)]
    assert is_news([], log[0])
    assert not is_news(log, decided("stay", "in-use"))
    assert is_news(log, decided("stay", "task"))
    assert is_news(log, decided("stay", "in-use", "ins-2"))
    assert is_news(log, decided("warn", "idle-soon"))


def test_an_event_is_said_in_both_languages() -> None:
    english, chinese = event(outcome=events.FAILED, detail="ResourcesSoldOut").words()
    assert english == "park (failed): nobody has used it for 40 min (chatglm:idleMinutes) ResourcesSoldOut"
    assert chinese == "停放（失败）：已 40 分钟无人使用（chatglm:idleMinutes） ResourcesSoldOut"


@pytest.mark.parametrize("outcome", ["", events.BEGUN, events.DONE, events.FAILED, events.GIVEN_UP])
def test_acts_and_outcomes_are_said_in_chinese(outcome: str) -> None:
    for act in ACTS:
        _, chinese = Event(stamp(0), events.PERSON, events.CHANGE, act, outcome=outcome).words()
        assert not re.search("[a-z]", chinese)


def test_a_sentence_of_the_machine_stays_one_in_the_log(tmp_path: Path) -> None:
    write_event(tmp_path / events.FILE, event(detail=phrase("{name} is gone.", name="img-1")))
    [read] = read_events(tmp_path / events.FILE)
    assert isinstance(read.detail, Phrase)
    assert (read.detail, read.detail.form) == ("img-1 is gone.", "{name} is gone.")
