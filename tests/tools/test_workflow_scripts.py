"""The scripts inside the workflows, run without GitHub: one comment that is edited, one issue that opens and closes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.engine import ROOT

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None and not os.environ.get("CI"), reason="the workflows' scripts are not run: no node"
)
RUNNER = Path(__file__).with_name("workflow_script.mjs")
REPO = {"owner": "somebody", "repo": "chatglm"}
MARK = "<!-- chatglm preview -->"
#: What GitHub tells the script of the run that it is about.
PREVIEWED = {
    "payload": {
        "workflow_run": {
            "head_sha": "abc",
            "head_branch": "better",
            "head_repository": {"owner": {"login": "stranger"}},
        }
    }
}
MORNING = {"serverUrl": "https://github.com", "runId": 5}


def script_of(workflow: str) -> str:
    document = yaml.safe_load((ROOT / ".github" / "workflows" / f"{workflow}.yml").read_text(encoding="utf-8"))
    [script] = [
        step["with"]["script"]
        for job in document["jobs"].values()
        for step in job["steps"]
        if "github-script" in step.get("uses", "")
    ]
    return str(script)


def run(
    workflow: str, folder: Path, context: dict[str, Any], lists: dict[str, Any], **variables: str
) -> list[tuple[str, dict[str, Any]]]:
    """What the workflow's script asks of GitHub, in order; `lists` is what GitHub has, by the call that lists it."""
    assert NODE is not None
    asked = {"script": script_of(workflow), "context": {"repo": REPO, **context}, "lists": lists}
    told = subprocess.run(
        [NODE, str(RUNNER)],
        cwd=folder,
        env={**os.environ, **variables},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return [(name, given) for name, given in json.loads(told.stdout)]


class TestComment:
    def comment(self, folder: Path, comments: list[dict[str, Any]], sha: str = "abc") -> list[tuple[str, Any]]:
        (folder / "comment.md").write_text(f"{MARK}\n### Preview\n", encoding="utf-8")
        lists = {"pulls.list": [{"number": 7, "head": {"sha": sha}}], "issues.listComments": comments}
        return run("preview-comment", folder, PREVIEWED, lists)

    def test_the_first_preview_is_a_comment_on_the_pull_request_that_the_event_names(self, tmp_path: Path) -> None:
        calls = self.comment(tmp_path, [{"id": 1, "user": {"type": "User"}, "body": f"{MARK} forged"}])
        assert calls[0] == ("pulls.list", {**REPO, "state": "open", "head": "stranger:better"})
        [(name, given)] = [call for call in calls if "Comment" in call[0] and "list" not in call[0]]
        assert (name, given["issue_number"]) == ("issues.createComment", 7)
        assert given["body"].startswith(MARK)

    def test_later_ones_edit_it_in_place(self, tmp_path: Path) -> None:
        ours = {"id": 41, "user": {"type": "Bot"}, "body": f"{MARK}\nof yesterday"}
        calls = self.comment(tmp_path, [{"id": 1, "user": {"type": "Bot"}, "body": "another robot"}, ours])
        assert [(name, given["comment_id"]) for name, given in calls if "update" in name] == [
            ("issues.updateComment", 41)
        ]
        assert not [name for name, _ in calls if "create" in name]

    def test_a_commit_that_is_not_the_newest_any_more_is_not_commented(self, tmp_path: Path) -> None:
        assert [name for name, _ in self.comment(tmp_path, [], sha="def")] == ["pulls.list"]


class TestDrift:
    def drift(self, folder: Path, outcome: str, open_issues: list[dict[str, Any]]) -> list[tuple[str, Any]]:
        return run("drift", folder, MORNING, {"issues.listForRepo": open_issues}, OUTCOME=outcome)

    def test_a_difference_opens_one_issue_in_both_languages(self, tmp_path: Path) -> None:
        [_, (name, given)] = self.drift(tmp_path, "failure", [])
        assert (name, given["labels"]) == ("issues.create", ["drift"])
        assert "differs from its program / 栈与程序不一致" in given["title"]
        assert "https://github.com/somebody/chatglm/actions/runs/5" in given["body"]

    def test_while_it_is_open_no_second_one_comes(self, tmp_path: Path) -> None:
        assert [name for name, _ in self.drift(tmp_path, "failure", [{"number": 3}])] == ["issues.listForRepo"]

    def test_when_it_is_clean_again_the_issue_is_closed_with_a_word(self, tmp_path: Path) -> None:
        calls = self.drift(tmp_path, "success", [{"number": 3}])
        assert [(name, given["issue_number"]) for name, given in calls[1:]] == [
            ("issues.createComment", 3),
            ("issues.update", 3),
        ]
        assert calls[-1][1]["state"] == "closed"

    def test_a_clean_morning_without_an_issue_says_nothing(self, tmp_path: Path) -> None:
        assert [name for name, _ in self.drift(tmp_path, "success", [])] == ["issues.listForRepo"]
