"""A running machine that lets nobody in, seen from inside by Tencent's automation agent (TAT), for `chatglm doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from line.channel import ChannelError
from line.rescue import WHAT_IS_LEFT, look
from line.tat import TatChannel
from operate.findings import Finding, warning
from words import phrase

#: The name of the check.
CHECK = "inside"


def check_inside(agent: TatChannel | None, secrets: Callable[[], Iterable[str]]) -> list[Finding]:
    """What the agent sees of the installation and of Windows. `secrets` are asked for only where there is an agent."""
    if agent is None:
        return [
            warning(
                CHECK,
                phrase("Tencent's automation agent (TAT) does not answer either, or may not be asked."),
                phrase(WHAT_IS_LEFT),
            )
        ]
    try:
        seen = look(agent, secrets())
    except ChannelError as error:
        return [warning(CHECK, phrase("The agent (TAT) could not look: {reason}", reason=error.message), error.hint)]
    told = seen.lines()
    if seen.status is not None:
        told.insert(0, phrase("installation: {phase}", phase=phrase(str(seen.status.get("phase")))))
    advice = phrase("chatglm rescue sets WinRM and the firewall right over TAT; chatglm rescue --look shows the logs.")
    return [warning(CHECK, "; ".join(told), advice)]
