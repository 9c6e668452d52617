"""One look at the cloud before an update: what fails is left unknown with its reason, and nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from components.prior import Prior
from components.settings import Settings
from components.survey import NO_KEYS, BlindError, demand_sight, survey
from tencent.errors import CloudError
from tencent.facts import DiskOffer, Image, Instance, Offer
from tencent.ownership import Edition, Owner

ZONE, REGION = "ap-guangzhou-3", "ap-guangzhou"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
OWNER = Owner("aaaaaaaaaaaa", Edition(1, "0123abcd"), "organization/chatglm/dev", frozenset({"ins-1"}), vpc_id="vpc-1")
OURS = Instance("ins-1", "RUNNING", ZONE, "img-1", "l", NOW, stack=OWNER.stack_id, owner=OWNER.identity)
THEIRS = replace(OURS, id="ins-2", owner="bbbbbbbbbbbb")
IMAGE = Image("img-1", "chatglm-dev-1-ins-1", "NORMAL", NOW, 75, "ins-1", 1, stack=OWNER.stack_id, owner=OWNER.identity)
SETTINGS = Settings(adminPassword="Correct-Horse-7", zones=(ZONE,))


class Answers:
    """A cloud of fixed answers that writes down what it was asked; what `refused` names is refused."""

    def __init__(self, *refused: str) -> None:
        self.refused, self.asked = set(refused), []  # type: ignore[var-annotated]
        self.answers: dict[str, Any] = {
            "disk_price": 0.2,
            "seen_machines": (OURS, THEIRS),
            "custom_images": (IMAGE, replace(IMAGE, id="img-2", owner="bbbbbbbbbbbb")),
            "offers": (Offer(ZONE, SETTINGS.instance_type, True),),
            "disk_offer": DiskOffer(ZONE, 50, 500, 10),
            "public_image": "img-public",
            "image": IMAGE,
            "has_vpc": True,
            "ingress": (),
        }

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def answer(*given: Any) -> Any:
            self.asked.append((name, *given))
            if name in self.refused:
                raise CloudError(name, "AuthFailure.UnauthorizedOperation", "refused")
            return self.answers[name]

        return answer

    def names(self) -> Iterator[str]:
        return (call[0] for call in self.asked)


def look(cloud: Any, settings: Settings = SETTINGS, prior: Prior = Prior(zone=ZONE)) -> Any:  # noqa: B008
    return survey(settings, prior, OWNER, cloud, REGION)


def test_only_the_states_own_is_among_the_facts_and_the_rest_is_sorted_out() -> None:
    facts, holdings = look(Answers())
    assert ([one.id for one in facts.instances], [one.id for one in facts.images]) == (["ins-1"], ["img-1"])
    assert {one.id for one in holdings.foreign} == {"ins-2", "img-2"}
    demand_sight(facts)


def test_machines_are_looked_for_by_id_and_network_besides_their_tags() -> None:
    cloud = Answers()
    look(cloud)
    assert ("seen_machines", OWNER.machines, "vpc-1") in cloud.asked


@pytest.mark.parametrize("refused", ["seen_machines", "custom_images"])
def test_who_does_not_see_machines_or_images_changes_nothing(refused: str) -> None:
    facts, _ = look(Answers(refused))
    with pytest.raises(BlindError, match="Nothing was changed, because the cloud could not be looked at"):
        demand_sight(facts)


@pytest.mark.parametrize(
    ("refused", "unknown"),
    [
        ("offers", "stock and prices"),
        ("disk_offer", "disk"),
        ("disk_price", "disk price"),
        ("public_image", "public image"),
        ("has_vpc", "network"),
    ],
)
def test_what_cannot_be_looked_up_is_left_unknown_with_its_reason_and_stands_in_no_ones_way(
    refused: str, unknown: str
) -> None:
    facts, _ = look(Answers(refused))
    assert list(facts.unknown) == [unknown]
    assert facts.unknown[unknown]
    demand_sight(facts)


def test_only_what_matters_is_asked_for() -> None:
    cloud = Answers()
    look(cloud, SETTINGS.model_copy(update={"image_id": "img-chosen"}))
    assert not {"public_image", "image", "ingress"} & set(cloud.names())
    cloud = Answers()
    pinned = SETTINGS.model_copy(update={"restore_image_id": "img-1"})
    facts, _ = look(cloud, pinned, Prior(zone=ZONE, security_group_id="sg-1"))
    assert {"image", "ingress"} <= set(cloud.names())
    assert facts.named_image == IMAGE


def test_without_keys_everything_is_unknown() -> None:
    facts, holdings = look(None)
    assert facts.unknown == {"everything": NO_KEYS}
    assert (facts.instances, facts.images, holdings.machines) == (None, None, ())
