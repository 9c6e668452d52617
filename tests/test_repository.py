"""What a repository owes to strangers: a licence, line ends that keep hashes, links that lead somewhere."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.bootstrap.render import second_stage

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob(".github/*.md")])


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"])
def test_it_is_there_and_not_empty(name: str) -> None:
    assert (ROOT / name).stat().st_size > 200


def test_the_notice_names_what_the_models_own_licence_asks() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    assert "MODEL_LICENSE" in notice
    assert "commercial use asks for a" in notice


@pytest.mark.parametrize("changelog", ["CHANGELOG.md", "CHANGELOG.zh-CN.md"])
def test_the_version_is_the_newest_that_the_changelog_names(changelog: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    released = re.findall(r"^## \[(\d[\d.]*)\] - \d{4}-\d\d-\d\d$", (ROOT / changelog).read_text("utf-8"), re.MULTILINE)
    assert released[0] == project["version"]


def test_what_runs_before_a_commit_is_here() -> None:
    hooks = [hook for repo in _yaml(".pre-commit-config.yaml")["repos"] for hook in repo["hooks"]]
    assert {hook["id"] for hook in hooks} >= {"ruff", "mypy", "powershell", "workflows"}
    for hook in hooks:
        module = re.fullmatch(r"\.venv/bin/python -m ([\w.]+).*", hook["entry"])
        assert module, hook["entry"]
        assert importlib.util.find_spec(module[1]), hook["entry"]


def test_owners_and_the_robot_that_updates_pins_name_places_that_are_here() -> None:
    lines = (ROOT / ".github" / "CODEOWNERS").read_text(encoding="utf-8").splitlines()
    owned = [line.split()[0] for line in lines if line.startswith("/")]
    updates = _yaml(".github/dependabot.yml")["updates"]
    looked_at = [folder for one in updates for folder in one.get("directories", [one.get("directory")])]
    assert owned
    assert [place for place in (*owned, *looked_at) if not (ROOT / place.lstrip("/")).exists()] == []


def test_every_text_has_the_line_ends_on_which_the_second_stages_hash_hangs() -> None:
    run = subprocess.run(["git", "ls-files", "--eol"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert [line for line in run.stdout.splitlines() if "w/crlf" in line or "i/crlf" in line or "w/mixed" in line] == []
    assert second_stage() == second_stage()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", text):
        assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_a_link_to_a_heading_finds_it(document: Path) -> None:
    for target, heading in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", document.read_text(encoding="utf-8")):
        page = (document.parent / target if target else document).read_text(encoding="utf-8")
        # As GitHub makes a heading's name: small letters, blanks become hyphens, other signs go.
        names = {
            re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-")
            for one in re.findall(r"^#+ (.+)$", page, re.MULTILINE)
        }
        assert heading in names, f"{document.name}: {target}#{heading}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: file.name)
def test_files_that_a_document_names_exist(document: Path) -> None:
    rooms = r"(?:components|guest|line|localcloud|operate|rehearsal|templates|tencent|tools|words|bench|docs)"
    for target in re.findall(
        rf"`({rooms}/[\w./-]+\.(?:py|ps1\.j2|ps1|md|json))`", document.read_text(encoding="utf-8")
    ):
        assert (ROOT / target).exists(), f"{document.name}: {target}"


def _yaml(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
