from __future__ import annotations

import pytest
from pulumi.automation import EngineEvent, OpType
from pulumi.automation.events import DiagnosticEvent, ResourcePreEvent, StepEventMetadata

from operate.narration import Narrator, tell_failure

MACHINE = "tencentcloud:Instance/instance:Instance"


def message(text: str, severity: str = "info", *, ephemeral: bool = False) -> EngineEvent:
    return EngineEvent(1, 0, diagnostic_event=DiagnosticEvent(text, "never", severity, ephemeral=ephemeral))


def deed(op: OpType, kind: str = MACHINE, name: str = "machine-1") -> EngineEvent:
    urn = f"urn:pulumi:test::chatglm::{kind}::{name}"
    return EngineEvent(1, 0, resource_pre_event=ResourcePreEvent(StepEventMetadata(op, urn, kind, "")))


def test_the_programs_words_come_as_they_are_once_each() -> None:
    said: list[str] = []
    narrator = Narrator(said.append)
    for _ in range(2):
        narrator.hear(message("<{%reset%}>Park: ins-1 is switched off.<{%reset%}>\n"))
    assert said == narrator.announcements == ["Park: ins-1 is switched off."]


def test_passing_words_replace_one_another_and_are_not_kept() -> None:
    shown: list[str] = []
    narrator = Narrator(show=shown.append)
    narrator.hear(message("4 of 12 steps done", ephemeral=True))
    narrator.hear(message("5 of 12 steps done", ephemeral=True))
    assert (shown, narrator.announcements) == (["4 of 12 steps done", "5 of 12 steps done"], [])


@pytest.mark.parametrize(
    ("op", "kind", "deeds"),
    [
        (OpType.CREATE, MACHINE, ["making machine-1 (Instance)"]),
        (OpType.DELETE, MACHINE, ["ending machine-1 (Instance)"]),
        (OpType.SAME, MACHINE, []),
        (OpType.REFRESH, MACHINE, []),
        (OpType.CREATE, "chatglm:index:Machine", []),
        (OpType.CREATE, "pulumi:pulumi:Stack", []),
    ],
)
def test_deeds_are_those_that_change_something_in_the_cloud(op: OpType, kind: str, deeds: list[str]) -> None:
    narrator = Narrator()
    narrator.hear(deed(op, kind))
    assert narrator.deeds == deeds


def test_a_failure_is_told_in_the_programs_words_alone() -> None:
    narrator = Narrator()
    for text in (
        "Program failed:\nTraceback (most recent call last)\n  File ...",
        "error: No zone can launch the machine.",
        "an unhandled error occurred: program exited with non-zero exit code: 1",
        "update failed",
    ):
        narrator.hear(message(text, "error"))
    assert tell_failure(narrator.errors) == "No zone can launch the machine."


def test_a_failure_without_words_points_to_where_they_are() -> None:
    assert "pulumi up" in tell_failure([])
