"""TAT as a way to the machine: the official SDK, the local cloud's TAT, and real PowerShell where it is at hand."""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from guest.paths import ENTRY
from line.channel import NotPreparedError, UnreachableError, VerbFailedError, read_document
from line.packed import TooLongError
from line.rescue import bare_script, decode_log, look
from line.tat import TatChannel, find_agent
from localcloud.guest_runtime import Command, CommandOutcome, NoGuests
from tencent import pace
from tencent.access import Access
from tencent.cloud import Cloud
from tencent.tat import SCRIPT_BYTES, CommandError, Tat
from tests.localcloud.conftest import Served

PWSH = shutil.which("pwsh")
needs_pwsh = pytest.mark.skipif(PWSH is None, reason="pwsh is not on the PATH")


class ScriptedGuests(NoGuests):
    """Answers each command as the test says; what was run is kept."""

    def __init__(self) -> None:
        self.scripts: list[str] = []
        self.answer: Callable[[str], CommandOutcome | str | None] = lambda _: CommandOutcome(0, b"")

    def run_command(self, instance_id: str, command: Command, done: Callable[[CommandOutcome], None]) -> str:
        self.scripts.append(command.script.decode("utf-8"))
        answer = self.answer(self.scripts[-1])
        if isinstance(answer, str):
            return answer
        if answer is not None:
            done(answer)
        return ""


@pytest.fixture
def guests() -> ScriptedGuests:
    return ScriptedGuests()


@pytest.fixture
def served(tmp_path: Path, guests: ScriptedGuests) -> Iterator[Served]:
    served = Served.start(tmp_path, guests=guests)
    yield served
    served.stop()


@pytest.fixture
def cloud(served: Served, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("HTTP_PROXY", served.server.url)
    monkeypatch.setenv(pace.VARIABLE, "0.1")
    keys = served.server.keys
    return Cloud(Access(keys.secret_id, keys.secret_key, "", "ap-guangzhou", "HTTP", "tencentcloudapi.com"))


@pytest.fixture
def machine(served: Served) -> str:
    return served.running()


@pytest.fixture
def channel(cloud: Cloud, machine: str) -> TatChannel:
    found = find_agent(cloud, machine)
    assert found is not None
    return found


@pytest.fixture
def pwsh(tmp_path: Path) -> Callable[[str], CommandOutcome]:
    """Runs a script for real and from a file, as the agent does."""

    def run(script: str) -> CommandOutcome:
        file = tmp_path / "command.ps1"
        file.write_text(script, encoding="utf-8")
        done = subprocess.run([str(PWSH), "-NoProfile", "-NonInteractive", "-File", file], capture_output=True)
        return CommandOutcome(done.returncode, done.stdout + done.stderr)

    return run


def test_what_a_command_printed_comes_back_with_its_exit_code(cloud: Cloud, machine: str, guests: Any) -> None:
    guests.answer = lambda _: CommandOutcome(3, "访问被拒绝".encode())
    result = Tat(cloud).run(machine, "exit 3")
    assert (result.exit_code, result.output.decode(), result.dropped) == (3, "访问被拒绝", 0)


def test_output_beyond_the_limit_is_cut_and_counted(cloud: Cloud, machine: str, guests: Any) -> None:
    guests.answer = lambda _: CommandOutcome(0, b"x" * 30_000)
    result = Tat(cloud).run(machine, "many")
    assert (len(result.output), result.dropped) == (24 * 1024, 30_000 - 24 * 1024)


def test_a_command_that_cannot_start_or_does_not_end_is_told(cloud: Cloud, machine: str, guests: Any) -> None:
    guests.answer = lambda _: "the agent is busy"
    with pytest.raises(CommandError, match="START_FAILED: the agent is busy"):
        Tat(cloud).run(machine, "x")
    guests.answer = lambda _: CommandOutcome(None, b"")
    with pytest.raises(CommandError, match="TIMEOUT"):
        Tat(cloud).run(machine, "x")
    guests.answer = lambda _: None
    clock = iter(range(0, 10_000, 50))
    with pytest.raises(CommandError, match="did not tell the command's end within 120 seconds"):
        Tat(cloud, now=lambda: next(clock), sleep=lambda _: None).run(machine, "x")


def test_a_script_that_tat_would_refuse_is_not_sent(cloud: Cloud, machine: str, guests: Any) -> None:
    with pytest.raises(ValueError, match="at most 48000 bytes"):
        Tat(cloud).run(machine, "x" * (SCRIPT_BYTES + 1))
    assert guests.scripts == []


def test_a_machine_without_an_agent_has_no_such_way(cloud: Cloud, served: Served) -> None:
    service = {"AutomationService": {"Enabled": False}}
    assert find_agent(cloud, served.running(EnhancedService=service)) is None
    assert find_agent(cloud, "ins-00000000") is None


def test_where_tat_may_not_be_asked_there_is_no_such_way(cloud: Cloud, served: Served, machine: str) -> None:
    served.control.fault("DescribeAutomationAgentStatus", "error", code="UnauthorizedOperation.CamNoAuth", times=-1)
    assert find_agent(cloud, machine) is None


def test_a_failing_agent_is_an_unreachable_machine(channel: TatChannel, guests: Any) -> None:
    guests.answer = lambda _: "broken"
    with pytest.raises(UnreachableError, match=r"TAT.*broken"):
        channel.run_verb("status")


def test_an_answer_that_was_cut_is_never_taken_for_whole(channel: TatChannel, guests: Any) -> None:
    guests.answer = lambda _: CommandOutcome(0, b"<chatglm 0 " + b"A" * 30_000 + b" chatglm>")
    with pytest.raises(TooLongError, match="24 KB"):
        channel.run_verb("status")


def test_a_script_without_an_answer_is_told_with_what_it_printed(channel: TatChannel, guests: Any) -> None:
    guests.answer = lambda _: CommandOutcome(1, b"At line:1 char:1")
    with pytest.raises(VerbFailedError, match=r"exit code 1\): At line:1"):
        channel.run_verb("status")


def test_an_upload_goes_in_pieces_that_tat_takes(channel: TatChannel, guests: Any) -> None:
    guests.answer = lambda _: packed('{"bytes": 0}')
    content = bytes(range(256)) * 400
    channel.upload(content, "stage2.zip")
    sent = [re.findall(r"@\('([A-Za-z0-9+/=]*)'\) \|", script) for script in guests.scripts]
    assert b"".join(base64.b64decode(line) for lines in sent for line in lines) == content
    assert all(len(script) <= SCRIPT_BYTES for script in guests.scripts)
    assert len(guests.scripts) == 1 + -(-len(content) // TatChannel.piece_bytes) + 1, "size, the pieces, the hash"


@needs_pwsh
def test_lines_arrive_as_the_verbs_input(channel: TatChannel, guests: Any, pwsh: Any, tmp_path: Path) -> None:
    entry = tmp_path / "entry.ps1"
    entry.write_text("param($Verb, $Json)\n'{\"lines\": ' + @($input).Count + '}'\nexit 0\n", encoding="utf-8")
    guests.answer = lambda script: pwsh(script.replace(ENTRY, str(entry)))
    assert channel.run_verb("receive", {"name": "x"}, lines=[b"QUJD\r\n", b"REVG\r\n"]) == {"lines": 2}


@needs_pwsh
def test_before_the_user_data_ran_the_machine_is_not_prepared(channel: TatChannel, guests: Any, pwsh: Any) -> None:
    guests.answer = pwsh
    with pytest.raises(NotPreparedError):
        channel.run_verb("status")


@needs_pwsh
def test_a_script_answers_whole_and_in_any_language_past_whatever_else_is_printed(
    channel: TatChannel, guests: Any, pwsh: Any
) -> None:
    guests.answer = pwsh
    code, out = channel.run_script("'noise'\nWrite-Packed 7 ('模型' * 20000)\n'more noise'")
    assert (code, out.decode()) == (7, "模型" * 20000)


@needs_pwsh
def test_the_look_stands_on_a_machine_that_has_nothing_of_ours(channel: TatChannel, guests: Any, pwsh: Any) -> None:
    guests.answer = pwsh
    seen = look(channel)
    assert not seen.has_entry
    assert seen.status is None
    assert seen.lines()[0] == "The user data has not run: there is no C:\\chatglm\\chatglm.ps1."
    assert any(line.startswith("the service WinRM: cannot be told: ") for line in seen.lines())


def test_secrets_are_masked_in_what_is_seen(channel: TatChannel, guests: Any) -> None:
    document = '{"entry": true, "status": null, "windows": {"a": "pw is Secret-1"}, "logs": {"x.log": "Secret-1!"}}'
    guests.answer = lambda _: packed(document)
    seen = look(channel, secrets=("Secret-1", ""))
    assert seen.windows == {"a": "pw is ***"}
    assert seen.logs == {"x.log": "***!"}


def packed(text: str) -> CommandOutcome:
    deflate = zlib.compressobj(wbits=-15)
    packed = base64.b64encode(deflate.compress(text.encode()) + deflate.flush())
    return CommandOutcome(0, b"<chatglm 0 " + packed + b" chatglm>\r\n")


def test_a_look_that_does_not_fit_is_taken_with_shorter_ends(channel: TatChannel, guests: Any) -> None:
    def answer(script: str) -> CommandOutcome:
        if "$Bytes = 6000" in script:
            return CommandOutcome(0, b"<chatglm 0 " + b"A" * 30_000)
        return packed('{"entry": true, "status": "{\\"phase\\": \\"failed\\"}", "windows": {}, "logs": {}}')

    guests.answer = answer
    assert look(channel).status == {"phase": "failed"}
    assert len(guests.scripts) == 2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("拒绝访问。".encode("gb18030"), "拒绝访问。"),
        ("下载完成".encode()[1:], "载完成"),
        ("\ufeffready".encode(), "ready"),
        ("磁盘空间不足".encode("utf-16"), "磁盘空间不足"),
        (b"plain", "plain"),
        (b"", ""),
    ],
    ids=["code page 936", "UTF-8 cut within a character", "with a mark", "UTF-16", "ASCII", "empty"],
)
def test_each_log_is_read_as_what_it_was_written_in(written: bytes, read: str) -> None:
    assert decode_log(written.decode("latin-1")).lstrip("\ufeff") == read


def test_user_data_is_run_without_the_marks_of_cloudbase_init() -> None:
    assert bare_script("<powershell>\n'a'\n</powershell>\n") == "'a'"


def test_an_answer_in_the_form_of_another_version_is_told_with_what_to_do() -> None:
    assert read_document("status", b'{"phase": "ready"}', b"", 0) == {"phase": "ready"}
    assert read_document("status", b'{"schema": 1, "phase": "ready"}', b"", 0)["phase"] == "ready"
    with pytest.raises(VerbFailedError, match="form 2, and this version of the project knows 1") as caught:
        read_document("status", b'{"schema": 2, "phase": "ready"}', b"", 0)
    assert "park the machine" in caught.value.hint
