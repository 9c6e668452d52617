"""What can go wrong, in words, and the exit codes that scripts can go by."""

from __future__ import annotations

from enum import IntEnum

from guest.errors import GuestError
from tencent.errors import CloudError, explain
from words import later, phrase, worded


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
    ExitCode.OK: later("done; all well"),
    ExitCode.FAILED: later("it failed: the cloud or the machine said no, a run failed, a check failed"),
    ExitCode.BAD_INPUT: later("an option, a setting or a data set is wrong"),
    ExitCode.PARKED: later("there is no machine: the stack is parked, or its machine was reclaimed"),
    ExitCode.NO_CONNECTION: later("the machine or the cloud cannot be reached"),
    ExitCode.TURNED_AWAY: later("password, keys or certificate are not accepted"),
    ExitCode.REFUSED: later("not done, to protect work, or because nobody confirmed"),
    ExitCode.NOT_YET: later("still under way: the machine installs itself, or the demo does not answer yet"),
    ExitCode.INTERRUPTED: later("ended by Ctrl-C; what runs on the machine goes on"),
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
        return OperateError(
            phrase("The stack is parked: there is no machine."), phrase("Bring it back: chatglm up."), ExitCode.PARKED
        )
    return OperateError(
        phrase("The stack has no machine: it was not brought up yet, or its machine is gone."),
        phrase("Bring it up: chatglm up."),
        ExitCode.PARKED,
    )


def from_cloud(error: CloudError) -> OperateError:
    """Tencent's refusal as a message with the exit code that fits."""
    meaning, advice = explain(error.code)
    if error.code.startswith("ClientNetworkError"):
        code = ExitCode.NO_CONNECTION
    elif error.code.startswith(("AuthFailure", "UnauthorizedOperation")):
        code = ExitCode.TURNED_AWAY
    else:
        code = ExitCode.FAILED
    if not meaning:
        return OperateError(str(error), "", code)
    said = phrase("{action}: {meaning} ({code}).", action=error.action, meaning=meaning, code=error.code)
    return OperateError(said, phrase("{advice}.", advice=f"{advice[0].upper()}{advice[1:]}"), code)


def from_guest(error: GuestError) -> OperateError:
    """What the machine's program, or a check of it that ran here, says about wrong input."""
    return OperateError(worded(error.message), worded(error.hint), ExitCode.BAD_INPUT)
