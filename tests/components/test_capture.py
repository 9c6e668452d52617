"""A capture is one image of one machine, switched off first, never touched again."""

from __future__ import annotations

import pulumi

from components.capture import Capture, CaptureArgs
from components.images import CapturePlan
from tencent.names import image_tags


def build(deploy, no_hooks, plan):
    def program() -> list[pulumi.Output[str]]:
        tags = image_tags("organization/chatglm/dev", plan.machine_id, plan.generation, "abc123")
        return [Capture(plan.name, CaptureArgs(plan, tags, no_hooks.capture)).image_id]

    return deploy(program)


def test_a_new_capture_switches_the_machine_off_and_leaves_its_identity(deploy, no_hooks) -> None:
    monitor, values = build(deploy, no_hooks, CapturePlan(2, "ins-1"))
    inputs = monitor.inputs("capture-2")
    assert (inputs["instanceId"], inputs["forcePoweroff"], inputs["sysprep"]) == ("ins-1", True, False)
    assert inputs["imageName"] == "chatglm-dev-2-ins-1"
    assert values == ["capture-2-id"]


def test_its_tags_name_stack_machine_generation_and_commit(deploy, no_hooks) -> None:
    monitor, _ = build(deploy, no_hooks, CapturePlan(2, "ins-1"))
    assert monitor.inputs("capture-2")["tags"] == {
        "chatglm-stack": "organization/chatglm/dev",
        "chatglm-machine": "ins-1",
        "chatglm-generation": "2",
        "chatglm-commit": "abc123",
    }


def test_a_taken_capture_is_declared_again_but_never_changed_or_replaced(deploy, no_hooks) -> None:
    monitor, _ = build(deploy, no_hooks, CapturePlan(1, "ins-0", "img-old"))
    request = monitor.requests["capture-1"]
    assert {"instanceId", "imageName", "tags"} <= set(request.ignoreChanges)


def test_the_plug_in_never_deletes_it_since_it_would_leave_the_snapshots(deploy, no_hooks) -> None:
    monitor, _ = build(deploy, no_hooks, CapturePlan(1, "ins-0", "img-old"))
    assert monitor.requests["capture-1"].retainOnDelete
