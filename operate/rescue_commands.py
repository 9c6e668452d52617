"""The commands for a machine that does not answer: see it from inside, set it right, pack what others should see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from operate.errors import ExitCode, OperateError, parked
from operate.options import AsJson, StackName
from operate.progress import working
from operate.session import Session, session
from words import phrase

if TYPE_CHECKING:
    from line.rescue import Sighting
    from line.tat import TatChannel

rescue = typer.Typer()
#: Of each log on the screen; `chatglm support` has more.
_LINES = 15


@rescue.command("rescue")
def rescue_machine(
    stack: StackName = None,
    as_json: AsJson = False,
    only_look: Annotated[bool, typer.Option("--look", help="Only look; start nothing.")] = False,
) -> None:
    """A machine that does not answer: look from inside, open WinRM and the firewall, start the installation.

    Goes over Tencent's automation agent (TAT), which needs no open port and no password.

    Example: chatglm rescue --look
    """
    from line.channel import ChannelError
    from line.rescue import WHAT_IS_LEFT, look
    from operate.support import machine_secrets_of

    with session(stack, as_json) as here:
        agent = _agent_of(here)
        said: list[str] = []

        def say(text: str) -> None:
            said.append(text)
            here.output.say(text)

        try:
            with working(here.output.progress, phrase("Looking at the machine over TAT.")):
                sighting = look(agent, machine_secrets_of(here.stack))
            _tell(here, sighting)
            if not only_look:
                _start_again(here, agent, sighting, say)
        except ChannelError as error:
            raise OperateError(error.message, error.hint or phrase(WHAT_IS_LEFT), ExitCode.NO_CONNECTION) from None
        started = not only_look
        here.output.show(
            {"started": started, "said": said, **_as_dict(sighting)},
            phrase("Started again. Watch it: chatglm watch --until-ready")
            if started
            else phrase("Nothing was changed."),
        )


def _agent_of(here: Session) -> TatChannel:
    from line.rescue import WHAT_IS_LEFT

    if not here.stack.machine_id:
        raise parked(here.stack.state)
    agent = here.find_agent()
    if agent is None:
        raise OperateError(
            phrase(
                "Tencent's automation agent (TAT) does not answer on {machine_id}, or may not be asked.",
                machine_id=here.stack.machine_id,
            ),
            phrase(WHAT_IS_LEFT),
            ExitCode.NO_CONNECTION,
        )
    return agent


def _start_again(here: Session, agent: TatChannel, sighting: Sighting, say: Callable[[str], None]) -> None:
    # Imported here: rendering needs Pulumi and the templates, and every command would wait for them.
    from components.context import Context, render_bootstrap
    from line.rescue import start_again

    stack = here.stack
    rendered = render_bootstrap(Context(stack.settings, stack.name, stack.id, stack.region, here.cloud()))
    with working(here.output.progress, phrase("Setting the machine right over TAT.")):
        start_again(
            agent, sighting, user_data=rendered.user_data, manifest=rendered.manifest_text.encode("ascii"), say=say
        )


def _as_dict(sighting: Sighting) -> dict[str, object]:
    return {"windows": dict(sighting.windows), "status": sighting.status, "logs": dict(sighting.logs)}


def _tell(here: Session, sighting: Sighting) -> None:
    for line in sighting.lines():
        here.output.say(line)
    for name, text in sorted(sighting.logs.items()):
        here.output.say(f"\n--- {name}", style="bold")
        for line in text.splitlines()[-_LINES:]:
            here.output.say(line)


@rescue.command()
def support(
    stack: StackName = None,
    as_json: AsJson = False,
    target: Annotated[Path | None, typer.Option("--file", help="Where to write; else support-STACK-TIME.zip.")] = None,
) -> None:
    """One zip with status, logs, versions and settings, without a secret, for asking others.

    Example: chatglm support --file help.zip
    """
    from operate.support import collect, machine_secrets_of, write_support

    with session(stack, as_json) as here:
        now = datetime.now(UTC)
        file = target or Path(f"support-{here.stack.name}-{now:%Y%m%d-%H%M%S}.zip")
        with working(here.output.progress, phrase("Collecting status and logs.")):
            secrets = machine_secrets_of(here.stack)
            documents = collect(here, now, secrets)
        write_support(file, documents, secrets)
        here.output.show(
            {"file": str(file), "holds": sorted(documents)},
            phrase(
                "Written: {file} ({documents}). Passwords, keys and addresses are masked; look it "
                "through before you give it away.",
                file=file,
                documents=", ".join(sorted(documents)),
            ),
        )
