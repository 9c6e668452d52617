"""The machine parked itself while nobody's computer was on: the stack's own commands take it from there."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.guard.beside import inside_of, tell_role
from tests.guard.machine import ROLE, Inside
from tests.safety.conftest import Before, unchanged
from tests.sweep.world import World, wait_until
from tests.waiting import HANG_SECONDS

pytestmark = pytest.mark.e2e


@contextmanager
def guarding_itself(world: World) -> Iterator[Inside]:
    """The world's machine, told its role by an update while it lives, with its own guard on its disk."""
    tell_role(world)
    [machine] = world.machines()
    assert machine.cam_role_name == ROLE
    with inside_of(world) as inside:
        yield inside


@pytest.mark.whole
def test_the_preview_says_it_and_the_next_up_brings_it_back_or_takes_it_over(before: Before) -> None:
    world = before("park")
    with guarding_itself(world) as inside:
        assert inside.look(inside.guard(), 60)
        machine = inside.instance_id
    [image] = world.normal_images()
    world.stack.set({"chatglm:state": "running"})

    told = world.stack.preview()
    assert f"The machine {machine} parked itself at " in told.text
    assert re.search(r"nobody has used it for 4\d min \(chatglm:idleMinutes\)", told.text)
    assert "Restore: a new GN7.2XLARGE32 (spot) in" in told.text

    taken = world.stack.up("parked")
    assert taken.ok, taken.text
    assert world.machines() == []
    assert [each.id for each in world.normal_images()] == [image.id], "nothing was made twice"
    assert unchanged(world.stack)

    back = world.stack.up("running")
    assert back.ok, back.text
    [restored] = world.machines()
    assert restored.image_id == image.id
    assert [each.id for each in world.normal_images()] == [image.id]

    with inside_of(world) as inside:
        assert inside.look(inside.guard(), 60)
    assert len(world.normal_images()) == 2
    again = world.stack.up("running")
    assert again.ok, again.text
    [kept] = world.normal_images()
    assert kept.instance_id == restored.instance_id, "one image would come with each night"


@pytest.mark.parametrize("wanted", ["parked", pytest.param("running", marks=pytest.mark.whole)])
def test_a_persons_up_beside_waits_for_it_and_goes_on_from_its_image(before: Before, wanted: str) -> None:
    world = before("park")
    control = world.served.control
    with guarding_itself(world) as inside:
        guard = inside.guard()
        assert not inside.look(guard, 36)
        control.set_speed(1)
        world.stack.set({"chatglm:state": wanted})
        begun: list[subprocess.Popen[str]] = []

        def beside() -> None:
            """At the guard's first wait for its image the person's update begins, and has looked before it goes on."""
            if begun or all(image.state != "CREATING" for image in control.images()):
                return
            seen = len(control.journal())
            begun.append(world.stack.start("up"))

            def looks() -> int:
                return sum(one.action == "DescribeImages" for one in control.journal()[seen:])

            assert wait_until(lambda: looks() >= 3), "the update never looked"
            control.advance(100_000)
            control.set_speed(float("inf"))

        inside.asleep = beside
        assert inside.look(guard, 20)
        text, _ = begun[0].communicate(timeout=HANG_SECONDS)
        assert begun[0].returncode == 0, text
        assert f"{inside.instance_id} is parking itself; waiting until that is over." in text
    made = [one for one in control.journal() if one.action == "CreateImage" and one.error is None]
    [image] = world.normal_images()
    assert image.instance_id == inside.instance_id
    assert [machine.image_id for machine in world.machines()] == ([image.id] if wanted == "running" else [])
    assert unchanged(world.stack), made
