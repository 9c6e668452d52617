"""Tencent's rules for names, passwords and user data, each with the error it raises."""

from __future__ import annotations

import base64
import binascii
import re

from localcloud.errors import ApiError

PASSWORD_SPECIALS = "()`~!@#$%^&*-+=|{}[]:;',.?/"  # noqa: S105
# The API's text gives 16 KB; whether before or after base64 is told in two ways, so the stricter one holds here.
MAX_USER_DATA = 16 * 1024


def check_password(password: str, windows: bool) -> None:
    """Windows: 12-30 characters of at least three kinds; else 8-30 (LoginSettings of the cvm API).

    Raises ApiError InvalidParameterValue.InvalidPassword.
    """
    shortest = 12 if windows else 8
    kinds = (
        any(c.islower() for c in password),
        any(c.isupper() for c in password),
        any(c.isdigit() for c in password),
        any(c in PASSWORD_SPECIALS for c in password),
    )
    strange = [c for c in password if not (c.isascii() and c.isalnum()) and c not in PASSWORD_SPECIALS]
    if not shortest <= len(password) <= 30 or sum(kinds) < 3 or strange or password.startswith("/"):
        raise ApiError(
            "InvalidParameterValue.InvalidPassword",
            f"The password must have {shortest} to 30 characters, at least three of lower case, upper case, "
            f"digits and {PASSWORD_SPECIALS}, and must not begin with /.",
        )


def check_host_name(name: str, windows: bool) -> None:
    """Windows: 2-15 letters, digits, single inner hyphens, not digits only; else up to 60, dots allowed.

    Raises ApiError InvalidParameterValue.IllegalHostName.
    """
    if windows:
        good = re.fullmatch(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*", name) and 2 <= len(name) <= 15 and not name.isdigit()
    else:
        good = re.fullmatch(r"[A-Za-z0-9]+([-.][A-Za-z0-9]+)*", name) and 2 <= len(name) <= 60
    if not good:
        raise ApiError(
            "InvalidParameterValue.IllegalHostName",
            "The host name of a Windows machine has 2 to 15 letters, digits and single inner hyphens and is not "
            "a number; elsewhere it may have 60 characters and dots.",
        )


def check_user_data(text: str) -> None:
    """Base64 text of at most 16 KB, which is 12 KB before the encoding.

    Raises ApiError InvalidParameterValue.InvalidUserDataFormat.
    """
    try:
        base64.b64decode(text, validate=True)
        good = len(text) <= MAX_USER_DATA
    except (binascii.Error, ValueError):
        good = False
    if not good:
        raise ApiError(
            "InvalidParameterValue.InvalidUserDataFormat",
            f"The user data must be base64 text of at most {MAX_USER_DATA} characters.",
        )


def check_length(name: str, text: str, longest: int, code: str = "InvalidParameterValue.TooLong") -> None:
    """Raise ApiError `code` when the text is longer than allowed."""
    if len(text) > longest:
        raise ApiError(code, f"`{name}` has {len(text)} characters; at most {longest} are allowed.")


def check_id(name: str, value: str, prefix: str, code: str) -> None:
    """Raise ApiError `code` unless the id looks like PREFIX-xxxxxxxx."""
    if not re.fullmatch(rf"{prefix}-[a-z0-9]{{1,32}}", value):
        raise ApiError(code, f"`{name}` {value[:60]!r} is not an id like {prefix}-1a2b3c4d.")
