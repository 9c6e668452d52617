"""The commands that change what exists: up, park, restore, destroy. Each is one update, or two that follow."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import typer

from operate.errors import ExitCode, OperateError
from operate.options import AsJson, PlanOnly, StackName, Yes
from operate.output import human_seconds
from operate.progress import working
from operate.session import Session, session
from words import phrase

life = typer.Typer()
Force = Annotated[bool, typer.Option("--force", help="Even while a training runs, or when that is unknown.")]


@life.command()
def up(stack: StackName = None, as_json: AsJson = False, yes: Yes = False, plan: PlanOnly = False) -> None:
    """Bring the machine up, or back; what pulumi up does with chatglm:state running.

    Example: chatglm up --yes
    """
    with session(stack, as_json) as here:
        _run(here, "up", yes=yes, plan_only=plan)


@life.command()
def park(
    stack: StackName = None, as_json: AsJson = False, yes: Yes = False, plan: PlanOnly = False, force: Force = False
) -> None:
    """Save the machine as an image, then end it; chatglm:state parked.

    Example: chatglm park
    """
    with session(stack, as_json) as here:
        if not force:
            refuse_while_training(here)
        _run(here, "park", yes=yes, plan_only=plan)


@life.command()
def restore(
    stack: StackName = None,
    as_json: AsJson = False,
    yes: Yes = False,
    plan: PlanOnly = False,
    image: Annotated[str | None, typer.Option("--image", help="From this image, this once.")] = None,
) -> None:
    """Bring the machine back from its image; fails where there is none.

    Example: chatglm restore --yes
    """
    with session(stack, as_json) as here:
        from operate.holdings import find_own

        if image is None and not any(one.usable for one in find_own(here.stack, here.cloud()).images):
            raise OperateError(
                phrase("There is no image of this stack to restore from."),
                phrase("chatglm up installs a new machine from the start."),
            )
        once = {} if image is None else {"chatglm:restoreImageId": image}
        _run(here, "restore", yes=yes, plan_only=plan, once=once)


@life.command()
def destroy(
    stack: StackName = None,
    as_json: AsJson = False,
    yes: Yes = False,
    plan: PlanOnly = False,
    force: Force = False,
    save_first: Annotated[
        bool, typer.Option("--park", help="Save the machine as an image first, if one runs.")
    ] = False,
    drop_image: Annotated[
        bool, typer.Option("--drop-image", help="The images too, this once; else chatglm:keepImage decides.")
    ] = False,
) -> None:
    """Destroy the stack; the newest image stays unless chatglm:keepImage is false.

    Example: chatglm destroy --park --yes
    """
    if save_first and drop_image:
        raise typer.BadParameter(phrase("--park makes an image that --drop-image would delete: give one of the two."))
    with session(stack, as_json) as here:
        if not force:
            refuse_while_training(here)
        once = {"chatglm:keepImage": "false"} if drop_image else {}
        if not (save_first and here.stack.machine_id):
            document = _carry_out(here, "destroy", yes=yes, plan_only=plan, once=once)
            if drop_image and not plan:
                demand_no_image(here)
            here.output.show(document, *([] if plan else [_done(document["seconds"])]))
            return
        # The stack's own word stays as it was: the next update is to bring the machine back.
        parked = {"chatglm:state": "parked"}
        first = _carry_out(here, "park", yes=yes, plan_only=plan, once=parked)
        if plan:
            here.output.show({"park": first, "destroy": None}, phrase("Then everything but that image is destroyed."))
            return
        from operate.stacks import open_stack

        after = replace(here, stack=open_stack(stack))
        second = _carry_out(after, "destroy", yes=True, plan_only=False, once=parked)
        here.output.show({"park": first, "destroy": second}, _done(first["seconds"] + second["seconds"]))


def demand_no_image(here: Session) -> None:
    """Raise OperateError where an image outlived a destroy that was to take it: the state did not hold it any more."""
    from operate.holdings import find_own

    left = [
        phrase("{id} ({name}, {size_gb} GB)", id=one.id, name=one.name, size_gb=one.size_gb)
        for one in find_own(here.stack, here.cloud()).images
    ]
    if left:
        raise OperateError(
            phrase(
                "Still there, and costing money: {left}. An earlier destroy kept it, so no state holds it.",
                left=", ".join(left),
            ),
            phrase(
                "Delete it with its snapshots in Tencent's console, or: chatglm restore, then "
                "chatglm destroy --drop-image with chatglm:discard true."
            ),
        )


def refuse_while_training(here: Session) -> None:
    """Raise OperateError while a training runs on the machine, and when that cannot be found out."""
    if not here.stack.address:
        return
    try:
        training = here.channel().ask("status").get("training") or {}
    except OperateError as error:
        if error.code is ExitCode.PARKED:
            return
        raise OperateError(
            phrase("Whether a training runs cannot be found out: {message}", message=error.message),
            phrase("If none does, or if it may be lost: add --force."),
            ExitCode.REFUSED,
        ) from None
    if training.get("running"):
        raise OperateError(
            phrase(
                "Run {running} uses the GPU: the steps since its last checkpoint would be lost.",
                running=training["running"],
            ),
            phrase("Stop it in order first (chatglm stop saves a checkpoint), or add --force."),
            ExitCode.REFUSED,
        )


def _run(here: Session, name: str, *, yes: bool, plan_only: bool, once: Mapping[str, str] | None = None) -> None:
    """One update as a whole command."""
    from operate import outcomes

    document = _carry_out(here, name, yes=yes, plan_only=plan_only, once=once)
    words = [] if plan_only else [_done(document["seconds"]), *outcomes.render(document["outputs"])]
    here.output.show(document, *words)


def _carry_out(
    here: Session, name: str, *, yes: bool, plan_only: bool, once: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Show the plan in words, ask, do it. Whom nobody asks needs no preview: the update says its plan itself."""
    from operate.updates import Command, Update  # the Automation API is heavy; status must be quick

    here.stack.settings  # noqa: B018 - all mistakes at once, before the engine is started
    output = here.output
    update = Update(here.stack, Command(name), once, output.say)
    if plan_only or not yes:
        with working(output.progress, phrase("Asking Pulumi and the cloud what would happen ...")):
            plan = update.plan()
        for line in plan.announcements:
            output.say(line)
        for deed in plan.deeds or (phrase("nothing is made or ended"),):
            output.say(f"  - {deed}")
        if plan_only:
            return {"plan": plan.as_dict()}
        confirm(phrase("{name} {stack}: do this?", name=name, stack=here.stack.name))
    started = time.monotonic()
    with working(output.progress, phrase("Working ...")) as show:
        done, outputs = update.carry_out(output.say, show)
    return {"plan": done.as_dict(), "outputs": outputs, "seconds": round(time.monotonic() - started, 1)}


def _done(seconds: float) -> str:
    return phrase("Done in {seconds}.", seconds=human_seconds(seconds))


def confirm(question: str) -> None:
    """Ask a person; raises OperateError when there is none, or when the answer is no."""
    if not sys.stdin.isatty():
        raise OperateError(
            phrase("Nobody can be asked here."), phrase("Add --yes to agree beforehand."), ExitCode.REFUSED
        )
    if not typer.confirm(question, err=True):
        raise OperateError(phrase("Nothing was done."), "", ExitCode.REFUSED)
