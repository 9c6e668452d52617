"""`python -m guest`: whatever happens, one JSON document in ASCII and an exit code."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys

import pytest

from guest import __main__ as entry
from guest.machine import Machine
from tests.guest.conftest import REPOSITORY


def run(*arguments: str) -> tuple[int, dict[str, object]]:
    told = subprocess.run([sys.executable, "-m", "guest", *arguments], capture_output=True, cwd=REPOSITORY, check=False)
    assert told.stdout.isascii()
    document = json.loads(told.stdout)
    assert told.stdout.count(b"\n") == 1
    return told.returncode, document


def test_status_works_on_a_machine_that_has_hardly_begun(installed: Machine) -> None:
    code, document = run("status")
    assert code == 0
    assert (document["phase"], document["demo"], document["training"]) == ("bootstrapping", None, None)


def test_chinese_text_leaves_in_ascii(installed: Machine) -> None:
    status = {"schema": 1, "phase": "failed", "message": "磁盘空间不足", "steps": []}
    (installed.state / "status.json").write_text(json.dumps(status, ensure_ascii=False), encoding="utf-8")
    assert run("status")[1]["message"] == "磁盘空间不足"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], "There is no verb dance"),
        ([], "none given"),
        (["log", "{"], "not JSON"),
        (["log", "[1]"], "not a JSON object"),
        (["log", "base64:***"], "not JSON"),
        (["log", '{"step": "../../etc/passwd"}'], "There is no log"),
    ],
)
def test_mistakes_are_told_in_the_same_form(installed: Machine, arguments: list[str], words: str) -> None:
    code, document = entry.run(arguments)
    assert code == 1
    assert words in document["error"]["message"]
    assert document["error"]["hint"]


def test_a_bug_is_told_in_the_same_form(installed: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "status", lambda _: 1 / 0)
    code, document = entry.run(["status"])
    assert (code, document["error"]["message"]) == (1, "ZeroDivisionError: division by zero")


def test_options_may_be_encoded() -> None:
    encoded = base64.b64encode(json.dumps({"prompt": "一 'x' \"y\" $z"}).encode()).decode()
    assert entry.parse(f"base64:{encoded}") == {"prompt": "一 'x' \"y\" $z"}


def test_the_verbs_of_the_machine_are_all_there() -> None:
    assert {"status", "log", "serve", "stop", "train", "evaluate", "deploy", "checkpoints", "doctor"} <= set(
        entry.verbs()
    )


#: Imported when a data set is checked, which is after the machine's packages are installed.
LATER = {"samples.py", "api.py"}


def test_what_runs_before_the_packages_are_there_needs_the_standard_library_only() -> None:
    allowed = set(sys.stdlib_module_names) | {"guest"}
    files = [path for path in (REPOSITORY / "guest").rglob("*.py") if "rehearsal" not in path.parts]
    files = [path for path in files if path.name not in LATER]
    for path in files:
        top = re.findall(r"^(?:from|import) ([a-z_0-9]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert set(top) <= allowed, f"{path.name} imports {set(top) - allowed}"


def test_logs_are_read_from_their_ends(installed: Machine) -> None:
    logs = installed.root / "logs"
    logs.mkdir()
    (logs / "torch.log").write_bytes("".join(f"line {n}\r\n" for n in range(100)).encode())
    (logs / "torch.err.log").write_bytes("警告\r\n".encode("gbk"))
    code, document = entry.run(["log", '{"step": "torch", "lines": 2}'])
    assert code == 0
    assert document["lines"][:2] == ["line 98", "line 99"]
    assert len(document["lines"]) == 3
    assert "torch" in entry.run(["log", '{"step": "cuda"}'])[1]["error"]["hint"]


def test_status_joins_what_each_part_wrote(installed: Machine) -> None:
    (installed.state / "status.json").write_text('{"schema": 1, "phase": "ready", "steps": []}', encoding="utf-8")
    (installed.state / "reclaim.json").write_text('{"message": "soon"}', encoding="utf-8")
    document = entry.run(["status"])[1]
    assert (document["phase"], document["reclaim"]) == ("ready", {"message": "soon"})
