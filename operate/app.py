"""The commands for running the machine. Each is thin: open the stack, ask, render."""

from __future__ import annotations

import sys
import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from operate import cost as costs
from operate import doctor as checks
from operate import prices as offers
from operate import status as states
from operate.failures import MEANINGS, ExitCode, OperateError
from operate.logs import read_log, read_training_log
from operate.remote import demo_url, write_rdp
from operate.session import Session, session
from operate.stacks import list_stacks, read_secret
from operate.tuning import tuning

_EXIT_CODES = "\n\n".join(f"{int(code):>3}  {meaning}" for code, meaning in MEANINGS.items())

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Run the ChatGLM machine: watch it, park it, restore it, fine-tune on it.\n\n"
        "管理 ChatGLM 机器：查看状态、停放、恢复、微调。\n\n"
        "Example 示例: [bold]chatglm doctor[/bold], then [bold]chatglm up[/bold], then [bold]chatglm watch[/bold]"
    ),
    epilog=f"Exit codes 退出码:\n\n{_EXIT_CODES}",
)
StackName = Annotated[
    str | None,
    typer.Option(
        "--stack", envvar="CHATGLM_STACK", help="The stack; else the selected one, else the rehearsal (local). 栈"
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document for scripts. 输出 JSON")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. 不再询问")]
PlanOnly = Annotated[bool, typer.Option("--plan", help="Only say what would happen. 只显示计划")]


@app.command()
def status(stack: StackName = None, as_json: AsJson = False) -> None:
    """Stack, machine, image, installation, demo, training on one screen. 查看状态

    Example: chatglm status --json
    """
    with session(stack, as_json) as here:
        found = _look(here)
        here.output.show(found.as_dict(), states.render(found))
        raise typer.Exit(found.exit_code)


@app.command()
def watch(
    stack: StackName = None,
    as_json: AsJson = False,
    until_ready: Annotated[bool, typer.Option("--until-ready", help="End when the demo answers or it failed.")] = False,
    seconds: Annotated[float, typer.Option("--every", min=0.2, help="Seconds between two looks.")] = 2.0,
) -> None:
    """The same, live, with progress bars; Ctrl-C ends it. 实时查看

    Example: chatglm watch --until-ready
    """
    with session(stack, as_json) as here:
        found = _look(here)
        with Live(states.render(found), console=here.output.progress, auto_refresh=False) as live:
            while not (until_ready and found.phase in ("ready", "failed", "no machine", "gone")):
                here.output.line(found.as_dict())
                time.sleep(seconds)
                found = _look(here)
                live.update(states.render(found), refresh=True)
        here.output.line(found.as_dict())
        raise typer.Exit(found.exit_code)


def _look(here: Session) -> states.Status:
    return states.gather(here.stack, here.cloud() if here.stack.access else None, here.channel)


@app.command()
def logs(
    name: Annotated[str, typer.Argument(metavar="STEP|demo|train", help="Whose log: a step of the installation, ...")],
    stack: StackName = None,
    as_json: AsJson = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes. 持续输出")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=2000, help="How many lines.")] = 50,
    run: Annotated[str | None, typer.Option("--run", help="With train: whose log; else the newest run's.")] = None,
) -> None:
    """The log of a step, of the demo, of a training. 查看日志

    Example: chatglm logs torch -f
    """
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
    """Check everything before money is spent: keys, stock, quotas, settings. Buys nothing. 花钱前检查

    Example: chatglm doctor --stack dev
    """
    with session(stack, as_json) as here:
        found = checks.examine(here.stack, here.cloud() if here.stack.access else None)
        failed = any(one.verdict is checks.Verdict.FAILURE for one in found)
        here.output.show({"ok": not failed, "findings": [one.as_dict() for one in found]}, checks.render(found))
        raise typer.Exit(ExitCode.FAILED if failed else ExitCode.OK)


@app.command()
def cost(stack: StackName = None, as_json: AsJson = False) -> None:
    """What costs money right now, and what parking saves. 费用

    Example: chatglm cost --json
    """
    with session(stack, as_json) as here:
        bill = costs.read_bill(here.stack, here.cloud(), lambda: list_stacks(here.stack))
        here.output.show(bill.as_dict(), costs.render(bill))


@app.command()
def prices(
    stack: StackName = None,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Sold-out types too.")] = False,
) -> None:
    """Zones and types with at least 16 GB of GPU memory, by price and stock. 价格与库存

    Example: chatglm prices
    """
    with session(stack, as_json) as here:
        charge_type = here.stack.settings.charge_type
        sold = offers.read_offers(here.cloud(), here.stack.settings.instance_charge_type)
        found = [one for one in offers.choices(sold) if everything or one.in_stock]
        unknown = offers.unknown_families(sold)
        here.output.show(
            {"chargeType": charge_type, "choices": [one.as_dict() for one in found], "unknownFamilies": unknown},
            offers.render(found, charge_type),
            *([f"Not listed, for their GPU memory is not known: {', '.join(unknown)}."] if unknown else []),
        )


@app.command("open")
def open_demo(
    stack: StackName = None,
    as_json: AsJson = False,
    show_password: Annotated[bool, typer.Option("--password", help="Print the demo's password too.")] = False,
) -> None:
    """Open the demo in the browser. 打开演示页

    Example: chatglm open
    """
    with session(stack, as_json) as here:
        url = demo_url(here.stack)
        user = here.stack.outputs.get("demoUser")
        password = read_secret(here.stack, "demoPassword") if show_password else None
        opened = not as_json and webbrowser.open(url)
        here.output.show(
            {"url": url, "user": user, "opened": opened, **({"password": password} if show_password else {})},
            f"{url}  (user {user})" + (f"\n{password}" if password else ""),
        )


@app.command()
def rdp(
    stack: StackName = None,
    as_json: AsJson = False,
    target: Annotated[Path | None, typer.Option("--file", help="Where to write; else STACK.rdp here.")] = None,
) -> None:
    """Write an .rdp file for remote desktop; the password is not in it. 远程桌面文件

    Example: chatglm rdp --file machine.rdp
    """
    with session(stack, as_json) as here:
        written = write_rdp(here.stack, target or Path(f"{here.stack.name}.rdp"))
        here.output.show({"file": str(written)}, f"Written: {written}")


@app.command()
def up(stack: StackName = None, as_json: AsJson = False, yes: Yes = False, plan: PlanOnly = False) -> None:
    """Bring the machine up, or back; what pulumi up does with chatglm:state running. 启动

    Example: chatglm up --yes
    """
    with session(stack, as_json) as here:
        _update(here, "up", yes=yes, plan_only=plan)


@app.command()
def park(
    stack: StackName = None,
    as_json: AsJson = False,
    yes: Yes = False,
    plan: PlanOnly = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even while a training runs, or when that is unknown.")
    ] = False,
) -> None:
    """Save the machine as an image, then end it; chatglm:state parked. 停放

    Example: chatglm park
    """
    with session(stack, as_json) as here:
        if not force:
            refuse_while_training(here)
        _update(here, "park", yes=yes, plan_only=plan)


@app.command()
def restore(
    stack: StackName = None,
    as_json: AsJson = False,
    yes: Yes = False,
    plan: PlanOnly = False,
    image: Annotated[str | None, typer.Option("--image", help="From this image (sets chatglm:restoreImageId).")] = None,
) -> None:
    """Bring the machine back from its image; fails where there is none. 恢复

    Example: chatglm restore --yes
    """
    with session(stack, as_json) as here:
        if image is None and not any(one.usable for one in here.cloud().images(here.stack.id)):
            raise OperateError(
                "There is no image of this stack to restore from.", "chatglm up installs a new machine from the start."
            )
        more = {} if image is None else {"chatglm:restoreImageId": image}
        _update(here, "restore", yes=yes, plan_only=plan, more=more)


@app.command()
def destroy(
    stack: StackName = None,
    as_json: AsJson = False,
    yes: Yes = False,
    plan: PlanOnly = False,
    force: Annotated[
        bool, typer.Option("--force", help="Even while a training runs, or when that is unknown.")
    ] = False,
    drop_image: Annotated[
        bool, typer.Option("--drop-image", help="Images too (sets chatglm:keepImage false).")
    ] = False,
) -> None:
    """Destroy the stack; the newest image stays unless chatglm:keepImage is false. 销毁

    Example: chatglm destroy --yes
    """
    with session(stack, as_json) as here:
        if not force:
            refuse_while_training(here)
        more = {"chatglm:keepImage": "false"} if drop_image else {}
        _update(here, "destroy", yes=yes, plan_only=plan, more=more)


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
            f"Whether a training runs cannot be found out: {error.message}",
            "If none does, or if it may be lost: add --force.",
            ExitCode.REFUSED,
        ) from None
    if training.get("running"):
        raise OperateError(
            f"Run {training['running']} uses the GPU: the steps since its last checkpoint would be lost.",
            "Stop it in order first (chatglm stop saves a checkpoint), or add --force.",
            ExitCode.REFUSED,
        )


def _update(here: Session, name: str, *, yes: bool, plan_only: bool, more: dict[str, str] | None = None) -> None:
    """Show the plan in words, ask, carry it out. Whom nobody asks needs no preview: the update says its plan itself."""
    from operate.updates import Action, Update  # the Automation API is heavy; status must be quick

    here.stack.settings  # noqa: B018 - all mistakes at once, before the engine is started
    output = here.output
    update = Update(here.stack, Action(name), more)
    if plan_only or not yes:
        with output.progress.status("Asking Pulumi and the cloud what would happen ..."):
            plan = update.plan()
        for line in plan.announcements:
            output.say(line)
        for deed in plan.deeds or ("nothing is made or ended",):
            output.say(f"  - {deed}")
        if plan_only:
            output.show({"plan": plan.as_dict()})
            return
        confirm(f"{name} {here.stack.name}: do this?")
    started = time.monotonic()
    with output.progress.status("Working ...") as working:
        done, outputs = update.carry_out(output.say, working.update)
    seconds = time.monotonic() - started
    words = [f"Done in {seconds:.0f} s."]
    words += [f"Demo  演示: {outputs['demoUrl']}"] if outputs.get("demoUrl") else []
    output.show({"plan": done.as_dict(), "outputs": outputs, "seconds": round(seconds, 1)}, *words)


def confirm(question: str) -> None:
    """Ask a person; raises OperateError when there is none, or when the answer is no."""
    if not sys.stdin.isatty():
        raise OperateError("Nobody can be asked here.", "Add --yes to agree beforehand.", ExitCode.REFUSED)
    if not typer.confirm(question, err=True):
        raise OperateError("Nothing was done.", "", ExitCode.REFUSED)


app.add_typer(tuning)


def main() -> None:
    """The script `chatglm`."""
    app(prog_name="chatglm")
