"""The bill in words: what is billed now, beside running and parked."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Group, RenderableType
from rich.table import Table

from operate.cost import CENT, Bill, Sum
from words import later, phrase

LEFT_BEHIND_WORDS = later(
    "The stack is not in its backend (removed, or of another backend); the above carries "
    "its name and goes on costing money. End it in Tencent's console, or make the stack "
    "again and take it over: chatglm pulumi stack init, then chatglm up says how."
)


def money(amount: Decimal | None, *, at_most: bool = False) -> str:
    if amount is None:
        return phrase("unknown")
    return f"{'≤ ' if at_most else ''}{amount.quantize(CENT)}"


def render(bill: Bill) -> RenderableType:
    table = Table(box=None, padding=(0, 2))
    for title, justify in (
        (phrase("Billed now"), "left"),
        ("", "left"),
        (phrase("CNY/h"), "right"),
        (phrase("CNY/month"), "right"),
    ):
        table.add_column(title, justify="right" if justify == "right" else "left")
    for one in bill.items:
        kind = phrase(one.kind)
        if one.leftover:
            kind = phrase("{kind} (leftover)", kind=kind)
        words = f"{one.text}" + (phrase(" - unknown: {reason}", reason=one.reason) if one.reason else "")
        table.add_row(
            f"{kind} {one.id}",
            words,
            money(one.hourly, at_most=one.at_most),
            money(one.monthly, at_most=one.at_most),
            style="yellow" if one.leftover else None,
        )
    if not bill.items:
        table.add_row(phrase("nothing"), "", "0.00", "0.00")
    parts: list[RenderableType] = [table, ""]
    if not bill.exists:
        return Group(*parts, phrase(LEFT_BEHIND_WORDS), *_endnotes(bill))
    parts += [
        phrase("Running: {sum}", sum=_sum_words(bill.running)),
        phrase("Parked:  at most {sum}", sum=_sum_words(bill.parked)),
    ]
    saving = bill.saving_monthly
    parts.append(
        phrase("Parking saves at least {saving} CNY a month against leaving the machine on.", saving=money(saving))
        if saving is not None
        else phrase(
            "The saving is unknown: {reasons}.", reasons="; ".join((*bill.running.unknown, *bill.parked.unknown))
        )
    )
    return Group(*parts, *_endnotes(bill))


def _endnotes(bill: Bill) -> list[RenderableType]:
    return [
        *bill.notes,
        *(phrase("Could not look up {what}: {why}", what=phrase(what), why=why) for what, why in bill.failures.items()),
    ]


def _sum_words(total: Sum) -> str:
    words = phrase(
        "{hourly} CNY an hour, {monthly} CNY a month", hourly=money(total.hourly), monthly=money(total.monthly)
    )
    return words + (phrase(", without {unknown}", unknown="; ".join(total.unknown)) if total.unknown else "")
