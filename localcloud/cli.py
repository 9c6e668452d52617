"""The command line: run the local cloud by hand, look at its meter, let things go wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from typer.main import get_command

from localcloud.cli_identity import COMMANDS, OfAccount, OfUser
from localcloud.cli_options import DEFAULT_DATA, Data, open_control
from localcloud.errors import LocalCloudError
from localcloud.windows.commands import guest_fault
from words import help, phrase
from words.streams import bear_any_character

# A start that takes longer than this says that it is still at it.
QUIET_SECONDS = 2.0

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A small Tencent Cloud on this machine, for the official SDK and plug-in. It listens on 127.0.0.1 only.\n\n"
    "Examples:\n\n"
    "  python -m localcloud start --speed 60        # in the background, an hour a minute\n\n"
    '  eval "$(python -m localcloud env)"           # point the SDK and the plug-in at it\n\n'
    "  python -m localcloud meter                   # what is billed, and how much so far\n\n"
    "  python -m localcloud stop",
)

Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65535, help="The port on 127.0.0.1; 0: a free one. Default: as before, or free."),
]
Speed = Annotated[
    str | None,
    typer.Option("--speed", help="Cloud seconds a real second, or max: waits are over at once. Default: as before."),
]
NoGuests = Annotated[
    bool, typer.Option("--no-guests", help="Machines have states and addresses, but nothing runs inside.")
]


def main() -> None:
    """Run the command line; an expected failure is one line and exit code 1."""
    bear_any_character()
    try:
        command = get_command(app)
        help.word(command)
        command()
    except (LocalCloudError, ValueError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


@app.command()
def serve(data: Data = DEFAULT_DATA, port: Port = None, speed: Speed = None, no_guests: NoGuests = False) -> None:
    """Run in the foreground until Ctrl-C.

    Example:  python -m localcloud serve --port 8600 --speed 60
    """
    from localcloud.port import choose_port
    from localcloud.serve import serve as serve_cloud

    serve_cloud(data, choose_port(data) if port is None else port, speed, not no_guests)


@app.command()
def start(data: Data = DEFAULT_DATA, port: Port = None, speed: Speed = None, no_guests: NoGuests = False) -> None:
    """Run in the background; comes back when it answers. Does nothing when it runs already.

    Example:  python -m localcloud start --speed max
    """
    from localcloud import process
    from localcloud.clock import parse_speed

    if speed is not None:
        parse_speed(speed)
    running, new = process.start(data, port, speed, not no_guests, _progress(phrase("waiting for the local cloud")))
    answers = phrase("The local cloud answers at {url} (process {pid}).", url=running.url, pid=running.pid)
    before = phrase("The local cloud runs already at {url} (process {pid}).", url=running.url, pid=running.pid)
    typer.echo(answers if new else before)
    if new and not no_guests:
        from localcloud.windows.world import engine

        typer.echo(engine.describe())


@app.command()
def stop(data: Data = DEFAULT_DATA) -> None:
    """Stop the cloud in the background; everything is kept for the next start.

    Example:  python -m localcloud stop --data .local/cloud
    """
    from localcloud import process

    stopped = process.stop(data, _progress("waiting for the local cloud to end"))
    typer.echo(
        phrase("The local cloud is stopped.") if stopped else phrase("No local cloud was running on {data}.", data=data)
    )


@app.command()
def status(data: Data = DEFAULT_DATA) -> None:
    """Say whether it runs, where, and what it holds.

    Example:  python -m localcloud status
    """
    from localcloud.windows.world import engine

    with open_control(data) as control:
        now = control.status()
        typer.echo(f"{now.url}  process {now.pid}  data {now.data}")
        guests = phrase("guests on") if now.guests else phrase("guests off")
        typer.echo(f"{phrase('cloud time {time}  speed {speed}', time=_time(now.now), speed=now.speed)}  {guests}")
        typer.echo(engine.describe())
        for machine in control.instances():
            typer.echo(f"{machine.id}  {machine.state:<12} {machine.instance_type}  {machine.zone}  {machine.name}")
        for image in control.images():
            typer.echo(f"{image.id}  {image.state:<12} {image.size_gb} GB  {image.name}")


@app.command()
def env(account: OfAccount = "", user: OfUser = "", data: Data = DEFAULT_DATA) -> None:
    """Print the lines that point the official SDK and plug-in at this cloud.

    Programs that speak HTTPS are stopped in that shell, so that none reaches a real account by mistake. For pip, git
    and the like name their hosts in NO_PROXY.

    Example:  eval "$(python -m localcloud env)"
    """
    from localcloud.process import require_running

    url = require_running(data).url
    with open_control(data) as control:
        keys = control.keys(account, user)
    # The SDK and the plug-in call http://cvm.tencentcloudapi.com and the like through this proxy; it opens no tunnels,
    # so whatever would go out by HTTPS fails.
    for name, value in {
        "TENCENTCLOUD_SECRET_ID": keys.secret_id,
        "TENCENTCLOUD_SECRET_KEY": keys.secret_key,
        "TENCENTCLOUD_REGION": "ap-guangzhou",
        "TENCENTCLOUD_PROTOCOL": "HTTP",
        "HTTP_PROXY": url,
        "HTTPS_PROXY": url,
    }.items():
        typer.echo(f"export {name}={value}")


for command in COMMANDS:
    app.command()(command)


@app.command()
def meter(data: Data = DEFAULT_DATA) -> None:
    """Say what is being billed and how much so far.

    Example:  python -m localcloud meter
    """
    with open_control(data) as control:
        bill = control.meter()
    for item in bill.items:
        typer.echo(
            f"{item.kind:<9} {item.id:<14} {item.hourly_cny:>9.4f} CNY/h  {item.total_cny:>9.4f} CNY  {item.name}"
        )
    if not bill.items:
        typer.echo(phrase("Nothing is billed."))
    typer.echo(phrase("now {hourly:.4f} CNY/h; so far {total:.4f} CNY", hourly=bill.hourly_cny, total=bill.total_cny))


@app.command()
def reclaim(
    instance_id: Annotated[str, typer.Argument(help="A spot machine, such as ins-1a2b3c4d.")],
    notice: Annotated[float, typer.Option("--notice", help="Cloud seconds until it is gone.")] = 120.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take a spot machine back, as the cloud does when stock runs low.

    Example:  python -m localcloud reclaim ins-1a2b3c4d --notice 120
    """
    with open_control(data) as control:
        control.reclaim(instance_id, notice)
    typer.echo(phrase("{id} will be gone in {seconds:g} seconds of cloud time.", id=instance_id, seconds=notice))


@app.command()
def fault(
    action: Annotated[str, typer.Argument(help="An action such as CreateImage; * for any; clear to drop all faults.")],
    kind: Annotated[
        str, typer.Argument(help="error, throttle, cut_before, cut_after, lost_answer, slow, unseen or late_failure.")
    ] = "error",
    code: Annotated[str | None, typer.Option("--code", help="The error's code, for kind error.")] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Only this service: cvm, cbs, vpc, tag, tat, sts.")
    ] = None,
    times: Annotated[int, typer.Option("--times", help="How often; -1 for ever.")] = 1,
    skip: Annotated[int, typer.Option("--skip", help="Let that many calls pass first.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", help="How slow, for kind slow.")] = 0.0,
    age: Annotated[float, typer.Option("--age", help="For kind unseen: how young a thing is not seen, in s.")] = 60.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Let the next calls of an action go wrong.

    Example:  python -m localcloud fault CreateImage error --code InternalError --times 2
    """
    with open_control(data) as control:
        if action == "clear":
            control.clear_faults()
            typer.echo(phrase("No faults are waiting."))
            return
        control.fault(action, kind, service=service, code=code, times=times, skip=skip, seconds=seconds, age=age)
        typer.echo(phrase("{count} fault(s) are waiting.", count=len(control.faults())))


app.command()(guest_fault)


@app.command()
def clock(
    advance: Annotated[float, typer.Option("--advance", help="Move forward by that many seconds.")] = 0.0,
    speed: Speed = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Show the cloud's time; move it forward or change its speed.

    Example:  python -m localcloud clock --advance 3600 --speed 10
    """
    with open_control(data) as control:
        if speed is not None:
            control.set_speed(speed)
        if advance:
            control.advance(advance)
        typer.echo(phrase("cloud time {time}  speed {speed}", time=_time(control.now()), speed=control.status().speed))


@app.command()
def stock(
    zone: Annotated[str, typer.Argument(help="Such as ap-guangzhou-6.")],
    instance_type: Annotated[str, typer.Argument(help="Such as GN7.2XLARGE32.")],
    sold_out: Annotated[bool, typer.Option("--sold-out/--sell", help="Whether it is sold out.")] = True,
    data: Data = DEFAULT_DATA,
) -> None:
    """Say whether a type is in stock in a zone.

    Example:  python -m localcloud stock ap-guangzhou-6 GN7.2XLARGE32 --sold-out
    """
    with open_control(data) as control:
        control.set_stock(zone, instance_type, "SOLD_OUT" if sold_out else "SELL")
    told = phrase("sold out") if sold_out else phrase("in stock")
    typer.echo(phrase("{instance_type} in {zone}: {why}.", instance_type=instance_type, zone=zone, why=told))


@app.command()
def address(
    ip: Annotated[str, typer.Argument(help="An IPv4 address, such as 203.0.113.7.")], data: Data = DEFAULT_DATA
) -> None:
    """Set the public address from which callers seem to come: what MY_PUBLIC_IP stands for.

    Example:  python -m localcloud address 203.0.113.7
    """
    with open_control(data) as control:
        control.set_address(ip)
    typer.echo(phrase("MY_PUBLIC_IP stands for {ip} from now on.", ip=ip))


@app.command()
def journal(
    since: Annotated[int, typer.Option("--since", help="Only the calls after this number.")] = 0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the calls of the API in order; secrets are masked.

    Example:  python -m localcloud journal --since 40
    """
    with open_control(data) as control:
        for call in control.journal(since):
            typer.echo(f"{call.seq:>6} {_time(call.time)} {call.service} {call.action} {call.error or 'ok'}")


@app.command()
def reset(data: Data = DEFAULT_DATA) -> None:
    """Forget all machines, images, networks, the bill, added accounts and policies; keys, clock and settings stay.

    Example:  python -m localcloud reset
    """
    with open_control(data) as control:
        control.reset()
    typer.echo(phrase("The local cloud is empty."))


def _progress(what: str) -> Callable[[float], None]:
    """Say every second that we are still at it, once it takes longer than a moment."""
    told = QUIET_SECONDS

    def tell(seconds: float) -> None:
        nonlocal told
        if seconds >= told:
            typer.echo(phrase("{seconds:.0f} s: {told}", seconds=seconds, told=what), err=True)
            told += 1.0

    return tell


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
