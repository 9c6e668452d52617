"""TAT, Tencent's automation agent: commands on a machine without an open port. The agent dials out.

Facts (documented, SDK models of tat 2020-10-28): a command has at most 64 KB, its output is cut at 24 KB, it runs as
SYSTEM on Windows. Whether the agent is on Tencent's Windows images could not be settled: ask first, go without it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass

from tencent.cloud import Cloud
from words import phrase

#: Of a script, so that its base64 stays within the 64 KB of `Content` whichever of the two the limit means.
SCRIPT_BYTES = 48_000
#: Of `TaskResult.Output`.
OUTPUT_BYTES = 24 * 1024

_UNDER_WAY = frozenset({"PENDING", "DELIVERING", "DELIVER_DELAYED", "RUNNING", "CANCELLING"})
#: The command ran to an end of its own; anything else is TAT's own failure.
_ENDED = frozenset({"SUCCESS", "FAILED"})
#: How long TAT may take, beyond the command's own time, to deliver it and to tell the outcome.
_DELIVERY_SECONDS = 60


class CommandError(Exception):
    """The command did not run to its end on the machine; the text says what TAT tells."""


@dataclass(frozen=True)
class CommandResult:
    """What a command left: its exit code, what it printed (at most OUTPUT_BYTES), and how many bytes were cut off."""

    exit_code: int
    output: bytes
    dropped: int = 0


class Tat:
    """The automation agents of one account and region. `now` and `sleep` are in seconds."""

    def __init__(
        self,
        cloud: Cloud,
        poll_seconds: float = 2.0,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._cloud, self._poll_seconds, self._now, self._sleep = cloud, poll_seconds, now, sleep

    def is_online(self, instance_id: str) -> bool:
        """Whether the machine's agent answers; False also where it has none. Raises CloudError when that is refused."""
        answer = self._cloud.call("tat", "DescribeAutomationAgentStatus", InstanceIds=[instance_id])
        return any(agent["AgentStatus"] == "Online" for agent in answer.get("AutomationAgentSet") or [])

    def run(self, instance_id: str, script: str, seconds: int = 60) -> CommandResult:
        """Run a PowerShell script as SYSTEM and wait for its end.

        Raises CommandError when the agent could not deliver, start or finish it, CloudError when the call is refused,
        ValueError for a script over SCRIPT_BYTES.
        """
        content = script.encode("utf-8")
        if len(content) > SCRIPT_BYTES:
            raise ValueError(f"A TAT script has at most {SCRIPT_BYTES} bytes, this one has {len(content)}.")
        asked = self._cloud.call(
            "tat",
            "RunCommand",
            Content=base64.b64encode(content).decode("ascii"),
            InstanceIds=[instance_id],
            CommandType="POWERSHELL",
            CommandName="chatglm",
            # The default is the agent's own folder, which a Windows image may have elsewhere.
            WorkingDirectory="C:\\",
            Timeout=seconds,
        )
        return self._await(asked["InvocationId"], seconds)

    def _await(self, invocation_id: str, seconds: int) -> CommandResult:
        ends = self._now() + seconds + _DELIVERY_SECONDS
        filters = [{"Name": "invocation-id", "Values": [invocation_id]}]
        while self._now() < ends:
            answer = self._cloud.call("tat", "DescribeInvocationTasks", Filters=filters, HideOutput=False)
            for task in answer.get("InvocationTaskSet") or []:
                if task["TaskStatus"] in _ENDED:
                    told = task["TaskResult"]
                    output = base64.b64decode(told.get("Output") or "")
                    return CommandResult(int(told["ExitCode"]), output, int(told.get("Dropped") or 0))
                if task["TaskStatus"] not in _UNDER_WAY:
                    reason = task.get("ErrorInfo") or phrase("no reason was told")
                    raise CommandError(phrase("TAT says {status}: {reason}", status=task["TaskStatus"], reason=reason))
            self._sleep(self._poll_seconds)
        raise CommandError(
            phrase("TAT did not tell the command's end within {seconds} seconds.", seconds=seconds + _DELIVERY_SECONDS)
        )
