"""OpenAI's messages as ChatGLM's rounds. The rule, in whole:

1. ChatGLM-6B has no system role: what `system` and `developer` messages say stands before the first question, in their
   order, and a blank line after it.
2. Messages of one speaker in a row are one message, a line break between them.
3. An answer with no question before it gets an empty one.
4. The last message must be the user's: it is the question.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from guest.serving.api_errors import ApiError, unsupported, wrong

Round = tuple[str, str]
_SYSTEM, _USER, _ASSISTANT = ("system", "developer"), "user", "assistant"
MOST_MESSAGES = 1000


def rounds_of(messages: Any) -> tuple[list[Round], str]:
    """The rounds before, and the question. Raises ApiError."""
    if not isinstance(messages, list) or not messages:
        raise wrong("messages", "messages must be a list with at least one message.")
    if len(messages) > MOST_MESSAGES:
        raise wrong("messages", f"messages has {len(messages)} entries; at most {MOST_MESSAGES} are taken.")
    system: list[str] = []
    turns: list[tuple[str, str]] = []
    for number, message in enumerate(messages):
        role, text = _spoken(message, f"messages[{number}]")
        if role in _SYSTEM:
            system.append(text)
        elif turns and turns[-1][0] == role:
            turns[-1] = role, f"{turns[-1][1]}\n{text}"
        else:
            turns.append((role, text))
    if not turns or turns[-1][0] != _USER:
        raise wrong("messages", "The last message must be of the role user: it is what is answered.")
    return _rounds(turns, "\n".join(part for part in system if part))


def _rounds(turns: Sequence[tuple[str, str]], system: str) -> tuple[list[Round], str]:
    rounds: list[Round] = []
    question = ""
    for role, text in turns:
        if role == _ASSISTANT:
            rounds.append((question, text))
            question = ""
        else:
            question = text
    if system and rounds:
        rounds[0] = f"{system}\n\n{rounds[0][0]}", rounds[0][1]
    elif system:
        question = f"{system}\n\n{question}"
    return rounds, question


def _spoken(message: Any, where: str) -> tuple[str, str]:
    if not isinstance(message, dict):
        raise wrong(where, f"{where} must be an object with role and content.")
    role = message.get("role")
    if role in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
        raise unsupported(where, f"{where}: ChatGLM-6B knows no tools; only text of system, user and assistant.")
    if role not in (*_SYSTEM, _USER, _ASSISTANT):
        raise wrong(f"{where}.role", f"{where}.role must be system, developer, user or assistant, not {role!r}.")
    return role, _text(message.get("content"), f"{where}.content")


def _text(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise wrong(where, f"{where} must be text, or a list of parts of the type text.")
    parts = []
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind != "text" or not isinstance(part.get("text"), str):
            raise ApiError(
                400,
                f"{where} holds a part of the type {kind!r}; ChatGLM-6B reads text only.",
                code="unsupported_value",
                parameter=where,
            )
        parts.append(part["text"])
    return "\n".join(parts)
