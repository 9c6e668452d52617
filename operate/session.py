"""One command's surroundings: the stack, the cloud, the machine, and how failures become messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from operate.errors import ExitCode, OperateError, from_cloud, from_guest, parked
from operate.output import Output
from words import phrase

if TYPE_CHECKING:
    from line.tat import TatChannel
    from operate.channel import Channel
    from operate.stacks import Stack
    from tencent.cloud import Cloud

# What talks to the cloud, the machine and the engine takes a second to import: whoever only asks for help, or for
# another language, must not wait for it. So this module, and those with the commands, import it where it is used.


@dataclass(frozen=True)
class Session:
    """An opened stack and the way in which to speak."""

    stack: Stack
    output: Output

    def cloud(self) -> Cloud:
        return self.stack.cloud()

    def channel(self) -> Channel:
        """The line to the machine. Raises OperateError when the stack has none."""
        from operate.channel import connect

        if not self.stack.address:
            raise parked(self.stack.state)
        return connect(self.stack, self._is_gone, self.find_agent, self.output.say)

    def find_agent(self) -> TatChannel | None:
        """The way to the machine over TAT; None where there is none."""
        from line.tat import find_agent

        try:
            return find_agent(self.cloud(), self.stack.machine_id) if self.stack.machine_id else None
        except OperateError:
            return None

    def _is_gone(self) -> bool:
        """Whether the cloud knows for sure that there is no machine."""
        from operate.holdings import find_own
        from tencent.errors import CloudError

        try:
            return not any(one.alive for one in find_own(self.stack, self.cloud()).machines)
        except (CloudError, OperateError):
            return False


@contextmanager
def session(stack: str | None, as_json: bool, *, lost_too: bool = False) -> Iterator[Session]:
    """Open a stack for a command; whatever a person can mend becomes one message and an exit code.

    `lost_too`: also a stack that its backend does not hold, for those who look for what it left.
    """
    from operate.stacks import activate, demand_rehearsal, open_stack

    output = Output(as_json)
    with telling(output):
        opened = open_stack(stack, lost_too=lost_too)
        demand_rehearsal(opened)
        activate(opened)
        yield Session(opened, output)


@contextmanager
def telling(output: Output) -> Iterator[None]:
    """Turn failures into one message and the exit code of the table."""
    try:
        yield
    except (KeyboardInterrupt, typer.Abort):
        output.say(phrase("Interrupted. What runs on the machine goes on."))
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except Exception as error:
        told = _in_words(error)
        if told is None:
            raise
        output.fail(told)
        raise typer.Exit(told.code) from None


def _in_words(error: Exception) -> OperateError | None:
    """A failure that a person can mend, as one message; None for a mistake of this program."""
    from components.errors import SettingsError
    from guest.errors import GuestError
    from tencent.errors import CloudError

    match error:
        case OperateError():
            return error
        case CloudError():
            return from_cloud(error)
        case GuestError():
            return from_guest(error)
        case SettingsError():
            return OperateError(str(error), "", ExitCode.BAD_INPUT)
        case ModuleNotFoundError(name=str(name)):
            return OperateError(
                phrase("This command needs the package {name}, which is not installed.", name=name),
                phrase(
                    "Install what the rehearsal needs too: {executable} -m pip install -r requirements-dev.txt",
                    executable=sys.executable,
                ),
            )
    return None
