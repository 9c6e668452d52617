"""The one kind of error that a person sees."""

from __future__ import annotations


class GuestError(Exception):
    """Something that the person can understand and act on; shown without a traceback.

    `message` says what is wrong and where, `hint` what to do about it (may be empty).
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def as_dict(self) -> dict[str, str]:
        return {"message": self.message, "hint": self.hint}
