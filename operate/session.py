"""One command's surroundings: the stack, the cloud, the machine, and how failures become messages and exit codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import typer

from components.cloud import Cloud
from components.cloud_errors import CloudError
from components.mistakes import SettingsError
from guest.errors import GuestError
from operate.channel import Channel, connect
from operate.failures import ExitCode, OperateError, from_cloud, from_guest, parked
from operate.output import Output
from operate.stacks import Stack, activate, demand_rehearsal, open_stack


@dataclass(frozen=True)
class Session:
    """An opened stack and the way in which to speak."""

    stack: Stack
    output: Output

    def cloud(self) -> Cloud:
        return self.stack.cloud()

    def channel(self) -> Channel:
        """The line to the machine. Raises OperateError when the stack has none."""
        if not self.stack.address:
            raise parked(self.stack.state)
        return connect(self.stack, self._is_gone)

    def _is_gone(self) -> bool:
        """Whether the cloud knows for sure that there is no machine."""
        try:
            return not any(one.alive for one in self.cloud().instances(self.stack.id))
        except (CloudError, OperateError):
            return False


@contextmanager
def session(stack: str | None, as_json: bool) -> Iterator[Session]:
    """Open a stack for a command; whatever a person can mend becomes one message and an exit code."""
    output = Output(as_json)
    with telling(output):
        opened = open_stack(stack)
        demand_rehearsal(opened)
        activate(opened)
        yield Session(opened, output)


@contextmanager
def telling(output: Output) -> Iterator[None]:
    """Turn failures into one message and the exit code of the table."""
    try:
        yield
    except OperateError as error:
        output.fail(error)
        raise typer.Exit(error.code) from None
    except CloudError as error:
        told = from_cloud(error)
        output.fail(told)
        raise typer.Exit(told.code) from None
    except GuestError as error:
        output.fail(from_guest(error))
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except SettingsError as error:
        output.fail(OperateError(str(error), "", ExitCode.BAD_INPUT))
        raise typer.Exit(ExitCode.BAD_INPUT) from None
    except KeyboardInterrupt:
        output.say("Interrupted. What runs on the machine goes on.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
