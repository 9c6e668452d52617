"""The hook behind the ignored changes: should the program ever let one through, it refuses."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.guards import RefusedError
from components.hooks import DANGEROUS_INPUTS, refuse_dangerous_change


def change(old: dict[str, Any], new: dict[str, Any]) -> pulumi.ResourceHookArgs:
    return pulumi.ResourceHookArgs(urn="urn", id="ins-1", name="machine", type="t", old_inputs=old, new_inputs=new)


@pytest.mark.parametrize("name", sorted(DANGEROUS_INPUTS))
def test_a_change_that_would_wipe_stop_or_reboot_the_machine_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(RefusedError, match=f"ins-1 stays as it is .*{name}: it would"):
        refuse_dangerous_change(change({name: "old"}, {name: "new"}))


def test_other_changes_pass() -> None:
    refuse_dangerous_change(change({"tags": {}}, {"tags": {"a": "b"}}))


def test_what_an_adopted_machine_never_told_is_no_change() -> None:
    refuse_dangerous_change(change({}, {"disableSecurityService": False, "keepImageLogin": False}))
