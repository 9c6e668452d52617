"""From a row as it stands in a file to what is trained on: named columns, Alpaca, or conversations.

Rows of the two usual other forms are converted, and it is said: Alpaca (`instruction`, `input`, `output`) and
conversations (ShareGPT's `conversations`, or `messages` with roles), of which every answer becomes a sample with the
turns before it as history.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# pydantic 1.10 on the machine and 2 on the operator's computer: only what is the same in both is used.
from pydantic import BaseModel, Field, StrictStr, ValidationError

from guest.phrases import phrase
from guest.training.columns import Columns
from guest.training.findings import Findings
from guest.training.reading import tell_wrapped

ALPACA_NOTE = phrase("Alpaca form; instruction and input make the prompt, output is the answer")
CONVERSATION_NOTE = phrase("a conversation; each of its answers is a sample, with the turns before it as history")

_PERSON = frozenset({"human", "user"})
_MODEL = frozenset({"gpt", "assistant", "chatgpt", "bot", "model"})
_SYSTEM = "system"


#: Columns that a header must have for a text to be a table in CSV, besides those that are named.
ALPACA_COLUMNS = frozenset({"instruction", "output"})


class Sample(BaseModel):
    """One sample. Texts may be empty; `history` is None where the data have no earlier turns at all."""

    prompt: StrictStr | None = None
    response: StrictStr | None = None
    history: list[tuple[StrictStr, StrictStr]] | None = None


class _Alpaca(BaseModel):
    instruction: StrictStr | None = None
    input: StrictStr | None = None
    output: StrictStr | None = None
    system: StrictStr | None = None
    history: list[tuple[StrictStr, StrictStr]] | None = None


class _Turn(BaseModel):
    role: StrictStr
    text: StrictStr


class _ShareGptTurn(_Turn):
    role: StrictStr = Field(alias="from")
    text: StrictStr = Field(alias="value")


class _MessageTurn(_Turn):
    text: StrictStr = Field(alias="content")


class _ShareGpt(BaseModel):
    system: StrictStr | None = None
    turns: list[_ShareGptTurn] = Field(alias="conversations")


class _Messages(BaseModel):
    system: StrictStr | None = None
    turns: list[_MessageTurn] = Field(alias="messages")


class Converter:
    """Makes samples of rows, and tells `findings` what is wrong with a row or was converted."""

    def __init__(self, columns: Columns, findings: Findings) -> None:
        self._columns, self._findings = columns, findings
        #: Columns with text in them that are not trained on.
        self.unused: set[str] = set()

    def samples(self, line: int, row: Any) -> Iterator[Sample]:
        """The samples of a row; none where it is a mistake."""
        if not isinstance(row, dict):
            self._findings.mistake(phrase("a row must be an object {{...}}, not {kind}", kind=_kind(row)), line)
            return
        columns = self._columns
        repeated = [name for name in getattr(row, "names", []) if name in (*columns.names(), *ALPACA_COLUMNS)]
        if repeated:
            self._findings.mistake(
                phrase("column '{repeated}' stands twice in the row", repeated=repeated[0]), line, key="repeated"
            )
        elif self._is_alpaca(row):
            yield from self._alpaca(line, row)
        elif columns.prompt not in row and columns.response not in row and "conversations" in row:
            yield from self._conversation(line, row, _ShareGpt, "conversations", ("from", "value"))
        elif columns.prompt not in row and columns.response not in row and "messages" in row:
            yield from self._conversation(line, row, _Messages, "messages", ("role", "content"))
        else:
            yield from self._named(line, row)

    def _is_alpaca(self, row: Mapping[str, Any]) -> bool:
        columns = self._columns
        if not row.keys() >= ALPACA_COLUMNS:
            return False
        if (columns.prompt, columns.response) == ("instruction", "output"):
            return bool(row.get("input"))  # else nothing has to be converted
        return columns.prompt not in row and columns.response not in row

    def _named(self, line: int, row: dict[str, Any]) -> Iterator[Sample]:
        columns = self._columns
        missing = [name for name in (columns.prompt, columns.response) if name not in row]
        inner = [key for key, held in row.items() if isinstance(held, list) and held and isinstance(held[0], dict)]
        if len(missing) == 2 and inner:
            tell_wrapped(self._findings, inner[0], line)
            return
        for name in missing:
            self._missing(line, row, name)
        self.unused |= {name for name, held in row.items() if name not in columns.names() and held and _is_text(held)}
        given = {"prompt": row.get(columns.prompt), "response": row.get(columns.response)}
        names = {"prompt": columns.prompt, "response": columns.response}
        if columns.history is not None:
            # A table in CSV can hold a list as JSON only.
            given["history"] = _parsed(row.get(columns.history))
            names["history"] = columns.history
            if columns.history not in row:
                self._history_mistake(line, columns.history)
                return
        sample = self._validated(line, Sample, given, names)
        if sample is None or missing:
            return
        if columns.history is not None and sample.history is None:
            sample.history = []
        yield sample

    def _alpaca(self, line: int, row: dict[str, Any]) -> Iterator[Sample]:
        known = {name: row.get(name) for name in ("instruction", "input", "output", "system", "history")}
        known["history"] = _parsed(known["history"])
        made = self._validated(line, _Alpaca, known, {name: name for name in known})
        if made is None:
            return
        self._findings.note(ALPACA_NOTE)
        prompt = "\n".join(part for part in (made.instruction, made.input) if part and part.strip())
        yield _with_system(made.system, Sample(prompt=prompt, response=made.output, history=made.history))

    def _conversation(
        self, line: int, row: dict[str, Any], form: type[_ShareGpt] | type[_Messages], name: str, keys: tuple[str, str]
    ) -> Iterator[Sample]:
        given = {"system": row.get("system"), name: row[name]}
        try:
            made = form(**given)
        except ValidationError:
            self._findings.mistake(
                phrase(
                    "column '{name}' must be a list of objects with the texts '{asked}' and '{said}'",
                    name=name,
                    asked=keys[0],
                    said=keys[1],
                ),
                line,
                key=name,
            )
            return
        system = made.system
        turns: list[_Turn] = list(made.turns)
        if turns and turns[0].role.lower() == _SYSTEM:
            system = turns.pop(0).text
        history: list[tuple[str, str]] = []
        found = []
        for number in range(0, len(turns) - 1, 2):
            asked, said = turns[number], turns[number + 1]
            if asked.role.lower() not in _PERSON or said.role.lower() not in _MODEL:
                self._findings.mistake(
                    phrase(
                        "a conversation must have the person's and the model's turns alternate, the person "
                        "first (human and gpt, or user and assistant)"
                    ),
                    line,
                    key="turns",
                )
                return
            found.append(_with_system(system, Sample(prompt=asked.text, response=said.text, history=list(history))))
            history.append((asked.text, said.text))
        if len(turns) % 2:
            self._findings.warning(
                phrase("a conversation's last turn has no answer; it is left out"), line, key="unanswered"
            )
        if found:
            self._findings.note(CONVERSATION_NOTE)
        yield from found

    def _validated(self, line: int, form: type[Any], given: dict[str, Any], names: Mapping[str, str]) -> Any:
        """The model made of `given`, or None after its mistakes were told; `names` are the columns of its fields."""
        try:
            made = form(**given)
        except ValidationError as error:
            for field in dict.fromkeys(str(one["loc"][0]) for one in error.errors()):
                if field == "history":
                    self._history_mistake(line, names[field])
                    continue
                name = names[field]
                rule = phrase("column '{name}' must be text, not {kind}", name=name, kind=_kind(given[field]))
                self._findings.mistake(rule, line, key=f"type {name}")
            return None
        broken = [field for field in names if not _is_encodable(getattr(made, field))]
        for field in broken:
            self._findings.mistake(
                phrase("column '{name}' holds half of a character pair (\\ud800 to \\udfff alone)", name=names[field]),
                line,
                key=f"surrogate {names[field]}",
            )
        return None if broken else made

    def _missing(self, line: int, row: dict[str, Any], name: str) -> None:
        there = ", ".join(sorted(map(str, row))) or "none"
        self._findings.mistake(
            phrase("no column '{name}' (columns there: {there})", name=name, there=there),
            line,
            hint=phrase("Name the columns with prompt_column, response_column and history_column."),
            key=f"missing {name}",
        )

    def _history_mistake(self, line: int, name: str) -> None:
        self._findings.mistake(
            phrase(
                "column '{name}' must be a list of [question, answer] pairs (an empty list for a first turn)", name=name
            ),
            line,
            key="history",
        )


def _with_system(system: str | None, sample: Sample) -> Sample:
    """The system's words stand before the first question, since the model knows no such role."""
    if not system or not system.strip():
        return sample
    if sample.history:
        (asked, said), *rest = sample.history
        sample.history = [(f"{system}\n{asked}", said), *rest]
    else:
        sample.prompt = f"{system}\n{sample.prompt or ''}"
    return sample


def _parsed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_encodable(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return False
    elif isinstance(value, (list, tuple)):
        return all(map(_is_encodable, value))
    return True


def _kind(value: Any) -> str:
    names = {list: phrase("a list"), dict: phrase("an object"), bool: phrase("true or false"), str: phrase("text")}
    return "null" if value is None else names.get(type(value), "an object" if isinstance(value, dict) else "a number")
