"""`chatglm guard` and `chatglm events`: whoever guards the stack while nobody looks, and what came of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operate.errors import ExitCode, OperateError
from operate.options import AsJson, StackName
from operate.output import Output
from operate.session import Session, session
from words import LANGUAGES, language, phrase, worded

if TYPE_CHECKING:
    from guest.unattended.events import Event
    from guest.unattended.notices import Notifier
    from operate.guard import Guard, Outcome

guarding = typer.Typer()


@guarding.command()
def guard(
    stack: StackName = None,
    as_json: AsJson = False,
    once: Annotated[bool, typer.Option("--once", help="One look, for cron, a timer or a workflow.")] = False,
    seconds: Annotated[float, typer.Option("--every", min=5, help="Seconds between two looks.")] = 60.0,
) -> None:
    """Park the stack when nobody uses it or its budget is spent, and bring it back.

    What it may do is said by the settings (idleMinutes, parkAt, restoreAt, restoreAfterReclaim, budgetPerDay, ...).

    Example: chatglm guard --once --stack dev
    """
    from guest.exclusive import HeldError, exclusive
    from operate.guard import nothing_to_guard
    from tencent.home import own_folder

    with session(stack, as_json) as here:
        refused = nothing_to_guard(here.stack.settings.guard_rules) or too_small_budget(here)
        if refused:
            raise refused
        folder = own_folder() / "guard"
        folder.mkdir(parents=True, exist_ok=True)
        name = here.stack.id.replace("/", "-")
        try:
            with exclusive(folder / f"{name}.lock"):
                watching = make_guard(here, folder / f"{name}.json", folder / f"{name}.sent.json")
                _run(here, watching, once=once, seconds=seconds)
        except HeldError:
            raise OperateError(
                phrase("Another guard of this stack works on this computer."),
                phrase("One is enough."),
                ExitCode.REFUSED,
            ) from None


def make_guard(here: Session, clock_state: Path, notices: Path) -> Guard:
    """The guard of a stack. Its time on the rehearsal's cloud is that cloud's."""
    from operate.guard import Guard
    from operate.guard_clock import Clocks
    from operate.stacks import is_rehearsal, open_stack

    name = here.stack.name

    def opened() -> Session:
        return Session(open_stack(name), here.output)

    clocks = Clocks(clock_state)
    if is_rehearsal(name):
        from localcloud.control_client import Control

        control = Control(here.stack.environment["HTTP_PROXY"])
        clocks = Clocks(clock_state, control.now, control.now)
    return Guard(opened, clocks, lambda now: notifier_of(now, notices))


def notifier_of(here: Session, state: Path) -> Notifier:
    """Who is told of this stack's events."""
    from guest.unattended.notices import Notifier, parse_webhooks

    return Notifier(parse_webhooks(here.stack.settings.webhooks.get_secret_value()), state)


def too_small_budget(here: Session) -> OperateError | None:
    """A budget below one hour's price, as one plain message: the machine would hardly be up before it is parked."""
    settings = here.stack.settings
    price = hourly_price(here)
    if price is None:
        return None
    small = [
        phrase("chatglm:{key} is {budget}", key=key, budget=text)
        for key, text in (("budgetPerDay", settings.budget_per_day), ("budgetPerMonth", settings.budget_per_month))
        if text and float(text) < price
    ]
    if not small:
        return None
    return OperateError(
        phrase(
            "{budgets}, and one hour of machine and disk costs {price} CNY: it would be parked before it is of use.",
            budgets=phrase(" and ").join(small),
            price=f"{price:.2f}",
        ),
        phrase(
            "Set at least that much: pulumi config set chatglm:budgetPerDay {amount}", amount=f"{max(price * 8, 1):.0f}"
        ),
        ExitCode.BAD_INPUT,
    )


def hourly_price(here: Session) -> float | None:
    """CNY an hour of machine and disk; None where no budget is set, or Tencent names no price now."""
    settings = here.stack.settings
    if not (settings.budget_per_day or settings.budget_per_month):
        return None
    from operate.cost import Prices

    try:
        rows = Prices(here.cloud()).planned(settings, here.stack.zone)
    except OperateError:
        return None
    prices = [row.hourly for row in rows]
    return float(sum(price for price in prices if price is not None)) if None not in prices else None


def _run(here: Session, watching: Guard, *, once: bool, seconds: float) -> None:
    """One look, or looks for ever. A look that fails in a loop is told, and the next one comes all the same."""
    while True:
        begun = time.monotonic()
        try:
            outcome = watching.look()
        except OperateError as error:
            if once:
                raise
            here.output.fail(error)
        else:
            _show(here.output, outcome)
            if once:
                raise typer.Exit(ExitCode.FAILED if outcome.failure else ExitCode.OK)
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))


def _show(output: Output, outcome: Outcome) -> None:
    from guest.unattended.words import say_decision

    told = dict(zip(LANGUAGES, say_decision(outcome.decision), strict=True))
    output.line(outcome.as_dict(), told[language()])
    if outcome.failure:
        output.say(phrase("It failed: {reason}", reason=outcome.failure))
    for delivery in outcome.deliveries:
        if delivery.error:
            output.say(
                phrase("The notice to {to} was not taken: {reason}.", to=delivery.to, reason=worded(delivery.error))
            )


@guarding.command()
def events(
    stack: StackName = None,
    as_json: AsJson = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many of the last ones.")] = 30,
) -> None:
    """What guards decided and did, what was changed by hand, and what the machine wrote.

    Example: chatglm events -n 100
    """
    with session(stack, as_json) as here:
        found, unread = read_all(here)
        shown = found[-lines:]
        here.output.show(
            {"events": [event.as_dict() for event in shown], "unread": unread or None},
            *(render(event) for event in shown),
            *([phrase("Nothing has happened yet.")] if not shown else []),
            *([phrase("The machine's own lines could not be read: {reason}", reason=unread)] if unread else []),
        )


def read_all(here: Session) -> tuple[list[Event], str]:
    """The whole log, and why the machine's newest lines are not in it, where they are not."""
    from operate.event_log import StackLog, merge, read_machine

    kept = StackLog(here.stack).events()
    if not here.stack.address:
        return kept, ""
    try:
        return merge(kept, read_machine(here.channel())), ""
    except OperateError as error:
        return kept, "" if error.code is ExitCode.PARKED else error.message


def render(event: Event) -> str:
    """One line for a person."""
    from rich.cells import set_cell_size

    from operate.event_log import worded_event

    return "  ".join((event.time, set_cell_size(phrase(event.by), 7), worded_event(event)[language()]))
