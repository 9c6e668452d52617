"""The workflows: linted, pinned, without rights that they do not need; and what they run can be run here."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rehearsal.engine import ROOT
from tools.lint_workflows import WORKFLOWS, lint

FILES = sorted(WORKFLOWS.glob("*.yml"))


def read(file: Path) -> dict[str, Any]:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    document["on"] = document.pop(True, document.get("on"))  # YAML 1.1 reads the key `on` as true
    assert isinstance(document, dict)
    return document


def steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in document["jobs"].values() for step in job["steps"]]


def test_both_linters_find_nothing() -> None:
    assert lint() == ""


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        (
            "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: echo ${{ nothing.here }}\n",
            "nothing",
        ),
        (
            "on: pull_request\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n"
            "      - run: echo ${{ github.event.pull_request.title }}\n",
            "template-injection",
        ),
    ],
    ids=["a form that GitHub refuses", "a title that becomes a command"],
)
def test_the_linters_do_find_something(tmp_path: Path, text: str, finding: str) -> None:
    (tmp_path / "bad.yml").write_text(text, encoding="utf-8")
    assert finding in lint(tmp_path)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_commit_and_every_job_has_a_limit(file: Path) -> None:
    document = read(file)
    for step in steps(document):
        if "uses" in step:
            assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", step["uses"]), step["uses"]
    assert all(job["timeout-minutes"] <= 60 for job in document["jobs"].values())
    assert "permissions" in document
    assert "concurrency" in document


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_pull_request_starts_gets_no_secret_and_writes_nothing(file: Path) -> None:
    document = read(file)
    triggers = document["on"] if isinstance(document["on"], (dict, list)) else [document["on"]]
    if "pull_request" in triggers:
        assert "secrets." not in file.read_text(encoding="utf-8")
        assert document["permissions"] == {"contents": "read"}
        assert not any("permissions" in job for job in document["jobs"].values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_commands_of_a_workflow_exist_here(file: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for step in steps(read(file)):
        command = step.get("run", "")
        for target in re.findall(r"^make ([a-z -]+)", command, re.MULTILINE):
            assert set(target.split()) <= targets, command
        for module in re.findall(r"python -m (tools\.[\w.]+)", command):
            assert importlib.util.find_spec(module), command


def test_keys_stand_only_where_somebody_must_approve() -> None:
    for file in FILES:
        for job in read(file)["jobs"].values():
            if "secrets." in str(job):
                assert job.get("environment") == "stack-preview", file.name
