"""The pull request's comment: what the change would do, what it costs, what could be lost; Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from tools.pull_request.changes import Deed, Loss, Previews, Transition
from words import in_each, later, phrase

#: The first line of our comment, by which it is found again and edited in place.
MARK = "<!-- chatglm preview -->"
#: Hours of a month, as Tencent's price lists count: 30 days.
_MONTH = 720
#: Between two languages in a cell.
_LINE = "<br>"

_FOUND = {
    "nothing": later("no machine, no image"),
    "running": later("a running machine"),
    "parked": later("parked"),
    "reclaimed": later("the machine was reclaimed"),
}
_WANTED = {"running": later("{found} → running"), "parked": later("{found} → parked")}
_DEEDS: dict[Deed, str] = {
    "launch": later("launch a machine"),
    "capture": later("save an image"),
    "terminate": later("terminate the machine"),
    "change_machine": later("change the machine in place"),
    "replace_machine": later("**replace the machine**"),
    "drop_image": later("delete an image"),
    "make_network": later("make the network"),
    "change_network": later("change the network"),
    "end_network": later("delete the network"),
    "change_rules": later("change who may come in"),
}
_LOSSES: dict[Loss, str] = {
    "machine_without_image": later("the machine ends and no image of it is made: its work would be lost"),
    "machine_replaced": later("the machine is replaced: what is on its disk would be lost"),
    "image_dropped": later("an image is deleted and none is made"),
    "rules_opened": later("who may reach the machine changes: read the rules"),
}
_HEADS = (later("found → wanted"), later("what it does"), later("CNY/h now → after"), later("a month"))


def render(previews: Previews) -> str:
    """The comment in Markdown. Only words of the catalogue and numbers: nothing of what the change itself printed."""
    losses = [(row, loss) for row in previews.transitions for loss in row.losses]
    return "\n".join(
        [
            MARK,
            f"### {_both(lambda: phrase('Preview on the local cloud'))} (`{previews.commit[:12]}`)",
            "",
            f"| {' | '.join(_both(lambda head=head: phrase(head)) for head in _HEADS)} |",  # type: ignore[misc]
            "| --- | --- | --- | --- |",
            *(_row(row) for row in previews.transitions),
            "",
            *_loss_lines(losses),
            "",
            _both(_end, "\n"),
            "",
        ]
    )


def _both(words: Callable[[], str], between: str = " / ") -> str:
    """The same in every language, since who reads a comment has no locale; once where there is nothing to word."""
    return between.join(dict.fromkeys(in_each(words).values()))


def _end() -> str:
    return phrase(
        "Prices are the local cloud's, as known in its catalogue; traffic comes on top. Nothing of yours was touched, "
        "and no secret was used."
    )


def _row(row: Transition) -> str:
    cells = (_both(lambda: _passage(row), _LINE), _both(lambda: _what(row), _LINE), _hourly(row), _monthly(row))
    return f"| {' | '.join(cells)} |"


def _passage(row: Transition) -> str:
    return phrase(_WANTED[row.wanted], found=phrase(_FOUND[row.found]))


def _what(row: Transition) -> str:
    if row.failed:
        return phrase("**the preview failed**, see the run's log")
    if not row.deeds:
        return phrase("no change")
    return phrase(", ").join(phrase(_DEEDS[deed]) for deed in row.deeds)


def _hourly(row: Transition) -> str:
    return f"{_money(row.hourly_before)} → {_money(row.hourly_after)}"


def _monthly(row: Transition) -> str:
    """Of what stands afterwards: the machine if it never parks, else the image."""
    if row.hourly_after:
        return f"{_money(row.hourly_after * _MONTH)} {_both(lambda: phrase('running all the time'))}"
    if row.parked_monthly is not None:
        return f"{_both(lambda: phrase('at most'))} {_money(row.parked_monthly)}"
    return _money(row.hourly_after)


def _money(price: Decimal | None) -> str:
    return _both(lambda: phrase("unknown")) if price is None else f"{price:.2f}"


def _loss_lines(losses: Sequence[tuple[Transition, Loss]]) -> list[str]:
    title = f"**{_both(lambda: phrase('What could be lost'))}**"
    if not losses:
        return [f"{title}: {_both(lambda: phrase('nothing'))}"]
    return [title, "", *(f"- {_both(lambda row=row, loss=loss: _lost(row, loss))}" for row, loss in losses)]  # type: ignore[misc]


def _lost(row: Transition, loss: Loss) -> str:
    return phrase("{title}: {told}", title=_passage(row), told=phrase(_LOSSES[loss]))
