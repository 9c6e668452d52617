"""What can go wrong, in words, and the exit codes that scripts can go by."""

from __future__ import annotations

from enum import IntEnum

from components.cloud_errors import CloudError, explain
from guest.errors import GuestError


class ExitCode(IntEnum):
    """Exit codes of every command; `docs/operate.md` has the same table."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    PARKED = 3
    NO_CONNECTION = 4
    TURNED_AWAY = 5
    REFUSED = 6
    NOT_YET = 7
    INTERRUPTED = 130


#: One line for each code, for the first help screen and the documentation.
MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done; all well",
    ExitCode.FAILED: "it failed: the cloud or the machine said no, a run failed, a check failed",
    ExitCode.BAD_INPUT: "an option, a setting or a data set is wrong",
    ExitCode.PARKED: "there is no machine: the stack is parked, or its machine was reclaimed",
    ExitCode.NO_CONNECTION: "the machine or the cloud cannot be reached",
    ExitCode.TURNED_AWAY: "password, keys or certificate are not accepted",
    ExitCode.REFUSED: "not done, to protect work, or because nobody confirmed",
    ExitCode.NOT_YET: "still under way: the machine installs itself, or the demo does not answer yet",
    ExitCode.INTERRUPTED: "ended by Ctrl-C; what runs on the machine goes on",
}


class OperateError(Exception):
    """One plain message: what is wrong and where, and what to do. Shown without a traceback."""

    def __init__(self, message: str, hint: str = "", code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code

    def as_dict(self) -> dict[str, object]:
        return {"error": {"message": self.message, "hint": self.hint, "exitCode": int(self.code)}}


def parked(state: str) -> OperateError:
    """There is no machine to talk to."""
    if state == "parked":
        return OperateError("The stack is parked: there is no machine.", "Bring it back: chatglm up.", ExitCode.PARKED)
    return OperateError(
        "The stack has no machine: it was not brought up yet, or its machine is gone.",
        "Bring it up: chatglm up.",
        ExitCode.PARKED,
    )


def from_cloud(error: CloudError) -> OperateError:
    """Tencent's refusal as a message with the exit code that fits."""
    meaning, advice = explain(error.code)
    if error.code == "ClientNetworkError":
        code = ExitCode.NO_CONNECTION
    elif error.code.startswith(("AuthFailure", "UnauthorizedOperation")):
        code = ExitCode.TURNED_AWAY
    else:
        code = ExitCode.FAILED
    if not meaning:
        return OperateError(str(error), "", code)
    return OperateError(f"{error.action}: {meaning} ({error.code}).", f"{advice[0].upper()}{advice[1:]}.", code)


def from_guest(error: GuestError) -> OperateError:
    """What the machine's program, or a check of it that ran here, says about wrong input."""
    return OperateError(error.message, error.hint, ExitCode.BAD_INPUT)
