"""Switching what the running engine serves."""

from __future__ import annotations

import json
import threading
from typing import Any

from guest.files import read_json, write_json
from guest.machine import Machine
from guest.serving import live
from guest.serving.choice import base_settings, serving_file
from guest.serving.launch import try_engine
from guest.serving.settings import read_settings


def test_without_an_engine_nothing_can_be_switched(installed: Machine) -> None:
    assert not live.can_switch(installed, None)
    assert live.served(installed) is None
    write_json(live.told_file(installed.root), {"choice": "base", "bits": None, "process": {"pid": 1, "created": 0}})
    assert live.running(installed.root) is None


def test_an_engine_takes_choices_on_its_own_weights_only(installed: Machine) -> None:
    live.tell(installed.root, choice="base", bits=4)
    assert live.can_switch(installed, 4)
    assert not live.can_switch(installed, None)
    assert live.served(installed) == "base"


def engine(machine: Machine, told: dict[str, Any]) -> threading.Thread:
    """Answers the first choice that is asked for."""

    def answer() -> None:
        while read_json(serving_file(machine)) is None:
            pass
        live.tell(machine.root, bits=None, **told)

    thread = threading.Thread(target=answer)
    thread.start()
    return thread


def test_a_switch_ends_when_the_engine_says_so(installed: Machine) -> None:
    live.tell(installed.root, choice="base", bits=None)
    thread = engine(installed, {"choice": "adv/checkpoint-9"})
    assert live.switch(installed, {**base_settings(installed), "choice": "adv/checkpoint-9"}, 30) is None
    thread.join()
    assert (read_json(serving_file(installed)) or {})["choice"] == "adv/checkpoint-9"


def test_a_refused_switch_leaves_what_was_served(installed: Machine) -> None:
    live.tell(installed.root, choice="base", bits=None)
    thread = engine(installed, {"choice": "base", "refused": "adv/checkpoint-9", "error": "It holds no prefix."})
    refusal = live.switch(installed, {**base_settings(installed), "choice": "adv/checkpoint-9"}, 30)
    thread.join()
    assert refusal == "It holds no prefix."
    assert not serving_file(installed).exists()


def test_an_engine_that_cannot_start_leaves_the_work_to_upstreams_loop_with_one_line(
    installed: Machine, capsys: Any
) -> None:
    # This environment has no transformers.
    assert try_engine(installed.root, read_settings(installed.root), []) is None
    [line] = capsys.readouterr().out.splitlines()
    assert line.startswith("engine: upstream's loop serves: ")


def test_a_card_that_failed_is_passed_over_for_one_start(installed: Machine, capsys: Any) -> None:
    (installed.state / "engine-failed.json").write_text(json.dumps({"reason": "illegal access"}), encoding="utf-8")
    assert try_engine(installed.root, read_settings(installed.root), []) is None
    assert capsys.readouterr().out == "engine: upstream's loop serves, for this once: illegal access\n"
    assert not (installed.state / "engine-failed.json").exists()
