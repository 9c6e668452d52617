"""One table of permissions, and what policies say of an action."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tencent.permissions import PERMISSIONS, Judgement, Trial, judge, policy_document, table


def statement(effect: str, action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"version": "2.0", "statement": [{"effect": effect, "action": [action], "resource": [resource], **more}]}


@pytest.mark.parametrize(
    ("documents", "judgement"),
    [
        ([], Judgement.SILENT),
        ([statement("allow", "cvm:*")], Judgement.ALLOWED),
        ([statement("allow", "name/cvm:runinstances")], Judgement.ALLOWED),
        ([statement("allow", "*")], Judgement.ALLOWED),
        ([statement("allow", "RunInstances")], Judgement.ALLOWED),
        ([statement("allow", "cvm:Describe*")], Judgement.SILENT),
        ([statement("allow", "vpc:*")], Judgement.SILENT),
        ([statement("allow", "*"), statement("deny", "cvm:Run*")], Judgement.DENIED),
        ([statement("allow", "*"), statement("deny", "cvm:*", "qcs::cvm:::instance/ins-1")], Judgement.PARTLY),
        ([statement("allow", "cvm:*", "qcs::cvm:ap-guangzhou::*")], Judgement.PARTLY),
        ([statement("allow", "cvm:*", condition={"ip_equal": {}})], Judgement.PARTLY),
        ([{"statement": {"effect": "allow", "action": "cvm:*", "resource": "*"}}], Judgement.ALLOWED),
        ([{}], Judgement.SILENT),
    ],
)
def test_a_denial_wins_and_what_holds_for_some_resources_only_is_told_apart(
    documents: list[dict[str, Any]], judgement: Judgement
) -> None:
    assert judge(documents, "cvm:RunInstances") is judgement


def test_the_policy_allows_every_action_of_the_table_and_nothing_else() -> None:
    document = policy_document()
    assert {judge([document], one.name) for one in PERMISSIONS} == {Judgement.ALLOWED}
    assert judge([document], "cvm:ResetInstance") is Judgement.SILENT


def test_every_action_stands_once_with_its_purpose_in_both_languages() -> None:
    assert set(Counter(one.name for one in PERMISSIONS).values()) == {1}
    assert all(all(one.purpose) for one in PERMISSIONS)
    assert all(f"`{one.name}`" in table() for one in PERMISSIONS)


def test_only_reads_and_dry_runs_are_ever_tried() -> None:
    for one in PERMISSIONS:
        reads = one.action.startswith(("Describe", "Inquiry", "List", "Get"))
        assert reads or one.trial is not Trial.READ
        assert one.trial_parameters == {} or one.trial is Trial.READ
