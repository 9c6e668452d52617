"""From the engine's preview to data, from data to the comment: golden texts, and nothing of anybody else's words."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from components.announcement import Cost, _cost_line
from components.lifecycle import Action, Plan
from tools.pull_request.changes import Previews, Transition, read_transition
from tools.pull_request.comment import UntrustedDocumentError, read_previews
from tools.pull_request.words import MARK, render

GOLDEN = Path(__file__).with_name("golden")
MACHINE = "urn:pulumi:dev::chatglm::chatglm:index:Machine$tencentcloud:Instance/instance:Instance::machine-1"
IMAGE = "urn:pulumi:dev::chatglm::chatglm:index:Capture$tencentcloud:Image/instance:Instance::capture-1"
NETWORK = "urn:pulumi:dev::chatglm::chatglm:index:Network$tencentcloud:Vpc/instance:Instance::vpc"
RULES = "urn:pulumi:dev::chatglm::chatglm:index:Network$tencentcloud:Security/groupRuleSet:GroupRuleSet::rules"
PRICES = {
    "launch": "Price of machine and disk: now 0.00 CNY/h, after 1.92 CNY/h; traffic comes on top.\n",
    "keep": "Price of machine and disk: now 1.92 CNY/h, after 1.92 CNY/h; traffic comes on top.\n",
    "park": "Price of machine and disk: now 1.92 CNY/h, after 0.00 CNY/h; traffic comes on top. "
    "The image costs at most 9.75 CNY a month (list price of 2022-23, for a full disk).\n",
}


def preview(price: str, *steps: tuple[str, str]) -> dict[str, Any]:
    return {
        "steps": [{"op": op, "urn": urn} for op, urn in steps],
        "diagnostics": [{"message": PRICES[price], "severity": "info"}],
    }


TRANSITIONS = {
    "first-launch": read_transition(
        "nothing", "running", preview("launch", ("create", NETWORK), ("create", RULES), ("create", MACHINE))
    ),
    "keep": read_transition("running", "running", preview("keep", ("same", MACHINE), ("same", NETWORK))),
    "park": read_transition("running", "parked", preview("park", ("create", IMAGE), ("delete", MACHINE))),
    "park-again": read_transition(
        "running", "parked", preview("park", ("create", IMAGE), ("delete", MACHINE), ("delete", IMAGE))
    ),
    "restore": read_transition("parked", "running", preview("launch", ("create", MACHINE), ("same", IMAGE))),
    "after-a-reclaim": read_transition(
        "reclaimed", "running", preview("launch", ("create", MACHINE), ("delete", MACHINE))
    ),
    "machine-lost": read_transition("running", "parked", preview("park", ("delete", MACHINE))),
    "machine-replaced": read_transition("running", "running", preview("keep", ("replace", MACHINE))),
    "image-lost": read_transition("parked", "parked", preview("park", ("delete", IMAGE))),
    "rules-changed": read_transition("running", "running", preview("keep", ("update", RULES), ("update", MACHINE))),
    "failed": read_transition("running", "parked", {}, failed=True),
}


@pytest.mark.parametrize("name", TRANSITIONS)
def test_each_transition_has_its_golden_text(name: str) -> None:
    told = render(Previews(commit="0123456789ab", transitions=(TRANSITIONS[name],)))
    file = GOLDEN / f"{name}.md"
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(told, encoding="utf-8")
    assert told == file.read_text(encoding="utf-8")


def test_what_could_be_lost_is_what_is_feared() -> None:
    losses = {name: row.losses for name, row in TRANSITIONS.items() if row.losses}
    assert losses == {
        "machine-lost": ("machine_without_image",),
        "machine-replaced": ("machine_replaced",),
        "image-lost": ("image_dropped",),
        "rules-changed": ("rules_opened",),
    }


@pytest.mark.parametrize(
    ("action", "cost", "before", "after", "monthly"),
    [
        (Action.LAUNCH, Cost(Decimal("1.92"), Decimal("9.75")), "0.00", "1.92", None),
        (Action.PARK, Cost(Decimal("1.92"), Decimal("9.75")), "1.92", "0.00", "9.75"),
        (Action.KEEP, Cost(None, None), None, None, None),
    ],
)
def test_prices_are_read_as_the_program_announces_them(
    action: Action, cost: Cost, before: str | None, after: str | None, monthly: str | None
) -> None:
    line = _cost_line(Plan(action, "ap-guangzhou-3"), cost)
    read = read_transition("running", "running", {"diagnostics": [{"message": line}]})
    told = [None if value is None else Decimal(value) for value in (before, after, monthly)]
    assert [read.hourly_before, read.hourly_after, read.parked_monthly] == told


def test_a_document_survives_the_way_between_the_two_halves(tmp_path: Path) -> None:
    previews = Previews(commit="0123456789ab", transitions=tuple(TRANSITIONS.values()))
    file = tmp_path / "previews.json"
    file.write_text(previews.model_dump_json(), encoding="utf-8")
    assert read_previews(file) == previews


HONEST = json.loads(Previews(commit="0123456789ab", transitions=(TRANSITIONS["park"],)).model_dump_json())


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "[]",
        "{" * 10_000,
        json.dumps({**HONEST, "commit": "[click](https://evil.example)"}),
        json.dumps({**HONEST, "note": "@everyone"}),
        json.dumps({**HONEST, "transitions": [{**HONEST["transitions"][0], "deeds": ["<script>"]}]}),
        json.dumps({**HONEST, "transitions": [{**HONEST["transitions"][0], "hourly_after": "1e999"}]}),
        json.dumps({**HONEST, "transitions": HONEST["transitions"] * 100}),
        json.dumps({**HONEST, "version": 2}),
        "x" * 100_000,
    ],
)
def test_a_forged_document_is_refused_and_none_of_it_is_repeated(tmp_path: Path, forged: str) -> None:
    file = tmp_path / "previews.json"
    file.write_text(forged, encoding="utf-8")
    with pytest.raises(UntrustedDocumentError) as told:
        read_previews(file)
    for word in ("evil", "@everyone", "script", "999"):
        assert word not in str(told.value)


def test_strange_previews_of_the_engine_are_borne() -> None:
    odd = {"steps": [None, {"op": 5}, {"urn": "x"}, "text"], "diagnostics": ["text", {"message": None}]}
    assert read_transition("parked", "parked", odd) == Transition(found="parked", wanted="parked")


def test_the_comment_begins_with_the_mark_by_which_it_is_found() -> None:
    assert render(Previews(commit="0123456", transitions=(TRANSITIONS["keep"],))).startswith(MARK)
    with pytest.raises(ValidationError):
        Previews(commit="0123456", transitions=())
