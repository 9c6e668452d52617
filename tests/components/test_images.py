"""What an image proves, which images stay, and how old one is in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.images import aged
from components.lifecycle import Action, plan
from components.prior import Prior, Taken
from tencent.facts import Image
from tests.components.situations import (
    MACHINE,
    NOW,
    OLD,
    OLDER,
    PARKED,
    REGION,
    RUNNING,
    ZONE,
    facts,
    settings,
)

images = st.builds(
    Image,
    id=st.uuids().map(lambda u: f"img-{u.hex[:8]}"),
    name=st.just("chatglm-dev-1-ins-0"),
    state=st.sampled_from(["NORMAL", "CREATING", "CREATEFAILED"]),
    created=st.datetimes(datetime(2025, 1, 1), datetime(2026, 1, 2)).map(lambda t: t.replace(tzinfo=UTC)),
    size_gb=st.just(75),
    machine_id=st.sampled_from(["ins-0", "ins-1"]),
    generation=st.integers(1, 9),
)


@given(st.lists(images, max_size=6, unique_by=lambda image: image.id), st.integers(1, 3), st.booleans(), st.booleans())
def test_the_newest_usable_image_is_retired_only_behind_a_newer_capture(
    held: list[Image], keep: int, parked: bool, alive: bool
) -> None:
    asked = settings(state="parked" if parked else "running", keepImages=keep, discard=True)
    prior = Prior("ins-1", ZONE, tuple(Taken(i.generation, i.id, i.machine_id) for i in held[::2]))
    made = plan(asked, prior, facts(instances=(MACHINE,) if alive else (), images=tuple(held)), REGION)
    usable = sorted((i for i in held if i.usable), key=lambda image: image.created, reverse=True)
    kept = [image for image in usable if image not in made.retired]
    coming = made.new_capture is not None or (made.source is not None and made.source.state == "CREATING")
    assert kept[: keep - coming] == usable[: keep - coming]
    if made.action is Action.PARK and not coming:
        assert made.source in kept


def test_an_image_that_no_state_holds_is_retired_while_parked_and_only_then() -> None:
    images = (OLDER, OLD)
    assert plan(PARKED, Prior(), facts(images=images), REGION).retired == (OLDER,)
    assert plan(RUNNING, Prior(), facts(images=images), REGION).retired == ()


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=59), "0 min old"),
        (timedelta(seconds=60), "1 min old"),
        (timedelta(minutes=59, seconds=59), "59 min old"),
        (timedelta(hours=1), "1 h old"),
        (timedelta(hours=1, minutes=59), "1 h old"),
        (timedelta(hours=47, minutes=59), "47 h old"),
        (timedelta(hours=48), "2 days old"),
        (timedelta(hours=95, minutes=59), "3 days old"),
        (timedelta(days=40), "40 days old"),
        (timedelta(minutes=-1), "0 min old"),
        (
            timedelta(minutes=-2),
            "made 2026-01-02 12:02 UTC by the cloud's clock, which runs 2 min ahead of this computer's",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, timedelta) else "",
)
def test_an_age_in_words(age: timedelta, words: str) -> None:
    assert aged(replace(OLD, created=NOW - age), facts()) == words
