"""The commands for running the machine. Each is thin: open the stack, ask, render."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.main import get_command

from operate.chat_commands import talking
from operate.dashboard_command import dashboard
from operate.errors import MEANINGS, ExitCode
from operate.guard_commands import guarding
from operate.life_commands import life
from operate.options import AsJson, StackName
from operate.output import Output
from operate.rescue_commands import rescue
from operate.session import Session, session, telling
from operate.training_commands import tuning
from rehearsal.interrupts import pass_interrupts_on
from words import help, phrase
from words.streams import bear_any_character

if TYPE_CHECKING:
    from operate.status import Status


_EXIT_CODES = "\n\n".join(f"{int(code):>3}  {meaning}" for code, meaning in MEANINGS.items())


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Run the ChatGLM machine: watch it, park it, restore it, fine-tune on it.\n\n"
        "Words are English or Chinese, as the locale says, or CHATGLM_LANG. 中文：CHATGLM_LANG=zh\n\n"
        "Example: [bold]chatglm doctor[/bold]; [bold]chatglm up[/bold]; [bold]chatglm watch[/bold]"
    ),
    epilog=f"Exit codes:\n\n{_EXIT_CODES}",
)


@app.command()
def status(stack: StackName = None, as_json: AsJson = False) -> None:
    """Stack, machine, image, installation, demo, training on one screen.

    Example: chatglm status --json
    """
    from operate.stacks import nothing_left
    from operate.status import render

    with session(stack, as_json, lost_too=True) as here:
        found = _look(here)
        if not (here.stack.exists or found.machine or found.image or found.unknown):
            raise nothing_left(here.stack)
        here.output.show(found.as_dict(), render(found))
        raise typer.Exit(found.exit_code)


@app.command()
def watch(
    stack: StackName = None,
    as_json: AsJson = False,
    until_ready: Annotated[bool, typer.Option("--until-ready", help="End when the demo answers or it failed.")] = False,
    seconds: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 2.0,
) -> None:
    """The same, live, with progress bars; Ctrl-C ends it.

    Example: chatglm watch --until-ready
    """
    from rich.live import Live

    from operate.status import render

    with session(stack, as_json) as here:
        found = _look(here)
        with Live(render(found), console=here.output.progress, auto_refresh=False) as live:
            while not (until_ready and found.phase in ("ready", "failed", "no machine", "gone")):
                here.output.line(found.as_dict())
                time.sleep(seconds)
                found = _look(here)
                live.update(render(found), refresh=True)
        here.output.line(found.as_dict())
        raise typer.Exit(found.exit_code)


def _look(here: Session) -> Status:
    from operate.status import gather

    return gather(here.stack, here.cloud() if here.stack.access else None, here.channel)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(metavar="STEP|demo|train", help="Whose log: a step of the installation, ...")],
    stack: StackName = None,
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=2000, help="How many lines.")] = 50,
    run: Annotated[str | None, typer.Option("--run", help="With train: whose log; else the newest run's.")] = None,
) -> None:
    """The log of a step, of the demo, of a training.

    Example: chatglm logs torch -f
    """
    from operate.logs import read_log, read_training_log

    with session(stack, as_json) as here:
        channel = here.channel()
        found = (
            read_training_log(channel, run, follow=follow)
            if name == "train"
            else read_log(channel, name, lines, follow=follow)
        )
        if as_json and not follow:
            here.output.show({"log": name, "lines": list(found)[-lines:]})
            return
        for line in found:
            here.output.line({"line": line}, line)


@app.command()
def doctor(stack: StackName = None, as_json: AsJson = False) -> None:
    """Check everything before money is spent: keys, stock, quotas, settings. Buys nothing.

    Example: chatglm doctor --stack dev
    """
    from operate.doctor.examination import examine
    from operate.findings import Verdict, render

    with session(stack, as_json, lost_too=True) as here:
        found = examine(here.stack, here.cloud() if here.stack.access else None, here.find_agent)
        failed = any(one.verdict is Verdict.FAILURE for one in found)
        here.output.show({"ok": not failed, "findings": [one.as_dict() for one in found]}, render(found))
        raise typer.Exit(ExitCode.FAILED if failed else ExitCode.OK)


@app.command("pulumi", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def run_pulumi(
    context: typer.Context,
    stack: StackName = None,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="WORDS...", help="What pulumi is to do; after -- its own options.")
    ] = None,
) -> None:
    """Any pulumi command, with the project's own engine and Python; for the rehearsal with --stack local.

    Example: chatglm pulumi preview --diff --stack local
    """
    from operate.stacks import become_pulumi

    with telling(Output()):
        become_pulumi(stack, [*(words or ()), *context.args])


@app.command()
def policy(
    as_table: Annotated[bool, typer.Option("--table", help="As a table, with what each action is for.")] = False,
    machine: Annotated[
        bool, typer.Option("--machine", help="That of the role which the stack's machine carries (chatglm:camRole).")
    ] = False,
    stack: StackName = None,
) -> None:
    """The CAM policy with the least rights for a key of this project, as JSON.

    Example: chatglm policy > chatglm-policy.json
    """
    from tencent.permissions import policy_document, role_table, table

    if not machine:
        typer.echo(table() if as_table else json.dumps(policy_document(), indent=2))
    elif as_table:
        typer.echo(role_table())
    else:
        from operate.permissions import machine_policy
        from operate.stacks import open_stack

        with telling(Output()):
            typer.echo(json.dumps(machine_policy(open_stack(stack)), indent=2))


@app.command()
def cost(stack: StackName = None, as_json: AsJson = False) -> None:
    """What costs money right now, and what parking saves.

    Example: chatglm cost --json
    """
    from operate.cost import read_bill
    from operate.cost_words import render
    from operate.stacks import list_stacks, nothing_left

    with session(stack, as_json, lost_too=True) as here:
        bill = read_bill(here.stack, here.cloud(), lambda: list_stacks(here.stack))
        if not (here.stack.exists or bill.items or bill.failures):
            raise nothing_left(here.stack)
        here.output.show(bill.as_dict(), render(bill))


@app.command()
def prices(
    stack: StackName = None,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Sold-out types too.")] = False,
) -> None:
    """Zones and types with at least 16 GB of GPU memory, by price and stock.

    Example: chatglm prices
    """
    from operate.prices import choices, read_offers, render, unknown_families

    with session(stack, as_json) as here:
        charge_type = here.stack.settings.charge_type
        sold = read_offers(here.cloud(), here.stack.settings.instance_charge_type)
        found = [one for one in choices(sold) if everything or one.in_stock]
        unknown = unknown_families(sold)
        here.output.show(
            {"chargeType": charge_type, "choices": [one.as_dict() for one in found], "unknownFamilies": unknown},
            render(found, charge_type),
            *(
                [phrase("Not listed, for their GPU memory is not known: {unknown}.", unknown=", ".join(unknown))]
                if unknown
                else []
            ),
        )


@app.command("open")
def open_demo(
    stack: StackName = None,
    as_json: AsJson = False,
    show_password: Annotated[bool, typer.Option("--password", help="Print the demo's password too.")] = False,
    only_print: Annotated[bool, typer.Option("--print", help="Only print the address; open no browser.")] = False,
) -> None:
    """Open the demo in the browser.

    Example: chatglm open
    """
    import webbrowser

    from operate.addresses import browser_warning, demo_url
    from operate.stacks import read_secret

    with session(stack, as_json) as here:
        url = demo_url(here.stack)
        user = here.stack.outputs.get("demoUser")
        password = read_secret(here.stack, "demoPassword") if show_password else None
        warning, shown = browser_warning(here.stack.outputs), here.stack.outputs.get("demoFingerprint")
        if warning:
            here.output.say(warning)
        opened = not (as_json or only_print) and webbrowser.open(url)
        here.output.show(
            {
                "url": url,
                "user": user,
                "opened": opened,
                **({"password": password} if show_password else {}),
                **({"fingerprint": shown} if warning else {}),
            },
            phrase("{url}  (user {user})", url=url, user=user) + (f"\n{password}" if password else ""),
        )


@app.command()
def rdp(
    stack: StackName = None,
    as_json: AsJson = False,
    target: Annotated[Path | None, typer.Option("--file", help="Where to write; else STACK.rdp here.")] = None,
) -> None:
    """Write an .rdp file for remote desktop; the password is not in it.

    Example: chatglm rdp --file machine.rdp
    """
    from operate.addresses import write_rdp

    with session(stack, as_json) as here:
        written = write_rdp(here.stack, target or Path(f"{here.stack.name}.rdp"))
        here.output.show({"file": str(written)}, phrase("Written: {written}", written=written))


def _show_version(wanted: bool) -> None:
    if wanted:
        from operate.version import describe

        typer.echo(describe())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Versions of all parts.")
    ] = False,
) -> None:
    pass


app.add_typer(life)
app.add_typer(rescue)
app.add_typer(dashboard)
app.add_typer(guarding)
app.add_typer(tuning)
app.add_typer(talking)


def main() -> None:
    """The script `chatglm`."""
    bear_any_character()
    # A guard that was started with `&` or nohup, above all.
    pass_interrupts_on()
    command = get_command(app)
    help.word(command)
    command(prog_name="chatglm")
