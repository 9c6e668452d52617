"""The command line: run the local cloud by hand, look at its meter, let things go wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from localcloud.errors import LocalCloudError
from localcloud.guest.commands import guest_fault

if TYPE_CHECKING:
    from localcloud.control_client import Control

DEFAULT_DATA = Path(".local/cloud")
DEFAULT_PORT = 8787
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

Data = Annotated[Path, typer.Option("--data", help="The folder that holds everything the cloud remembers.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port on 127.0.0.1; 0 takes a free one.")]
Speed = Annotated[
    str | None,
    typer.Option("--speed", help="Cloud seconds a real second, or max: waits are over at once. Default: as before."),
]
NoGuests = Annotated[
    bool, typer.Option("--no-guests", help="Machines have states and addresses, but nothing runs inside.")
]


def main() -> None:
    """Run the command line; an expected failure is one line and exit code 1."""
    try:
        app()
    except (LocalCloudError, ValueError) as error:
        typer.echo(str(error), err=True)
        sys.exit(1)


@app.command()
def serve(
    data: Data = DEFAULT_DATA, port: Port = DEFAULT_PORT, speed: Speed = None, no_guests: NoGuests = False
) -> None:
    """Run in the foreground until Ctrl-C.

    Example:  python -m localcloud serve --port 8787 --data .local/cloud --speed 60
    """
    import logging

    from localcloud.clock import parse_speed
    from localcloud.process import write_run_file
    from localcloud.server import Server

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    server = Server(data, port, None if speed is None else parse_speed(speed), guests=not no_guests)
    write_run_file(data, server.url)
    typer.echo(f"The local cloud answers at {server.url}; its data are in {data}.")
    server.run()


@app.command()
def start(
    data: Data = DEFAULT_DATA, port: Port = DEFAULT_PORT, speed: Speed = None, no_guests: NoGuests = False
) -> None:
    """Run in the background; comes back when it answers. Does nothing when it runs already.

    Example:  python -m localcloud start --speed max
    """
    from localcloud import process
    from localcloud.clock import parse_speed

    if speed is not None:
        parse_speed(speed)
    running, new = process.start(data, port, speed, not no_guests, _progress("waiting for the local cloud"))
    typer.echo(f"The local cloud {'answers' if new else 'runs already'} at {running.url} (process {running.pid}).")


@app.command()
def stop(data: Data = DEFAULT_DATA) -> None:
    """Stop the cloud in the background; everything is kept for the next start.

    Example:  python -m localcloud stop --data .local/cloud
    """
    from localcloud import process

    stopped = process.stop(data, _progress("waiting for the local cloud to end"))
    typer.echo("The local cloud is stopped." if stopped else f"No local cloud was running on {data}.")


@app.command()
def status(data: Data = DEFAULT_DATA) -> None:
    """Say whether it runs, where, and what it holds.

    Example:  python -m localcloud status
    """
    with _control(data) as control:
        now = control.status()
        typer.echo(f"{now.url}  process {now.pid}  data {now.data}")
        typer.echo(f"cloud time {_time(now.now)}  speed {now.speed}  guests {'on' if now.guests else 'off'}")
        for machine in control.instances():
            typer.echo(f"{machine.id}  {machine.state:<12} {machine.instance_type}  {machine.zone}  {machine.name}")
        for image in control.images():
            typer.echo(f"{image.id}  {image.state:<12} {image.size_gb} GB  {image.name}")


@app.command()
def env(data: Data = DEFAULT_DATA) -> None:
    """Print the lines that point the official SDK and plug-in at this cloud.

    Example:  eval "$(python -m localcloud env)"
    """
    from localcloud.keys import read_keys
    from localcloud.process import require_running

    url, keys = require_running(data).url, read_keys(data)
    # The SDK and the plug-in call http://cvm.tencentcloudapi.com and the like through this proxy.
    for name, value in {
        "TENCENTCLOUD_SECRET_ID": keys.secret_id,
        "TENCENTCLOUD_SECRET_KEY": keys.secret_key,
        "TENCENTCLOUD_REGION": "ap-guangzhou",
        "TENCENTCLOUD_PROTOCOL": "HTTP",
        "HTTP_PROXY": url,
    }.items():
        typer.echo(f"export {name}={value}")


@app.command()
def keys(data: Data = DEFAULT_DATA) -> None:
    """Print the keys of this cloud (they open nothing else).

    Example:  python -m localcloud keys
    """
    from localcloud.keys import read_keys

    own = read_keys(data)
    typer.echo(f"secretId  {own.secret_id}\nsecretKey {own.secret_key}")


@app.command()
def meter(data: Data = DEFAULT_DATA) -> None:
    """Say what is being billed and how much so far.

    Example:  python -m localcloud meter
    """
    with _control(data) as control:
        bill = control.meter()
    for item in bill.items:
        typer.echo(
            f"{item.kind:<9} {item.id:<14} {item.hourly_cny:>9.4f} CNY/h  {item.total_cny:>9.4f} CNY  {item.name}"
        )
    if not bill.items:
        typer.echo("Nothing is billed.")
    typer.echo(f"now {bill.hourly_cny:.4f} CNY/h; so far {bill.total_cny:.4f} CNY")


@app.command()
def reclaim(
    instance_id: Annotated[str, typer.Argument(help="A spot machine, such as ins-1a2b3c4d.")],
    notice: Annotated[float, typer.Option("--notice", help="Cloud seconds until it is gone.")] = 120.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Take a spot machine back, as the cloud does when stock runs low.

    Example:  python -m localcloud reclaim ins-1a2b3c4d --notice 120
    """
    with _control(data) as control:
        control.reclaim(instance_id, notice)
    typer.echo(f"{instance_id} will be gone in {notice:g} seconds of cloud time.")


@app.command()
def fault(
    action: Annotated[str, typer.Argument(help="An action such as CreateImage; * for any; clear to drop all faults.")],
    kind: Annotated[
        str, typer.Argument(help="error, throttle, cut_before, cut_after, lost_answer, slow or late_failure.")
    ] = "error",
    code: Annotated[str | None, typer.Option("--code", help="The error's code, for kind error.")] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Only this service: cvm, cbs, vpc, tag, tat.")
    ] = None,
    times: Annotated[int, typer.Option("--times", help="How often; -1 for ever.")] = 1,
    skip: Annotated[int, typer.Option("--skip", help="Let that many calls pass first.")] = 0,
    seconds: Annotated[float, typer.Option("--seconds", help="How slow, for kind slow.")] = 0.0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Let the next calls of an action go wrong.

    Example:  python -m localcloud fault CreateImage error --code InternalError --times 2
    """
    with _control(data) as control:
        if action == "clear":
            control.clear_faults()
            typer.echo("No faults are waiting.")
            return
        control.fault(action, kind, service=service, code=code, times=times, skip=skip, seconds=seconds)
        typer.echo(f"{len(control.faults())} fault(s) are waiting.")


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
    with _control(data) as control:
        if speed is not None:
            control.set_speed(speed)
        if advance:
            control.advance(advance)
        typer.echo(f"cloud time {_time(control.now())}  speed {control.status().speed}")


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
    with _control(data) as control:
        control.set_stock(zone, instance_type, "SOLD_OUT" if sold_out else "SELL")
    typer.echo(f"{instance_type} in {zone}: {'sold out' if sold_out else 'in stock'}.")


@app.command()
def journal(
    since: Annotated[int, typer.Option("--since", help="Only the calls after this number.")] = 0,
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the calls of the API in order; secrets are masked.

    Example:  python -m localcloud journal --since 40
    """
    with _control(data) as control:
        for call in control.journal(since):
            typer.echo(f"{call.seq:>6} {_time(call.time)} {call.service} {call.action} {call.error or 'ok'}")


@app.command()
def reset(data: Data = DEFAULT_DATA) -> None:
    """Forget all machines, images, disks, networks and the bill; keys, clock and settings stay.

    Example:  python -m localcloud reset
    """
    with _control(data) as control:
        control.reset()
    typer.echo("The local cloud is empty.")


def _control(data: Path) -> Control:
    # Imported late: `--help` need not load HTTP libraries.
    from localcloud.control_client import Control
    from localcloud.process import require_running

    return Control(require_running(data).url)


def _progress(what: str) -> Callable[[float], None]:
    """Say every second that we are still at it, once it takes longer than a moment."""
    told = QUIET_SECONDS

    def tell(seconds: float) -> None:
        nonlocal told
        if seconds >= told:
            typer.echo(f"{what}: {seconds:.0f} s", err=True)
            told += 1.0

    return tell


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
