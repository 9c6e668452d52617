"""The local cloud's own process: `python -m localcloud.serve`. Without the command line's imports it starts at once."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from localcloud.clock import parse_speed
from localcloud.errors import LocalCloudError
from localcloud.process import write_run_file
from localcloud.server import Server


def serve(data: Path, port: int, speed: str | None, guests: bool) -> None:
    """Serve until the process is told to end. Raises LocalCloudError; ValueError for a speed that is none."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s", stream=sys.stderr)
    server = Server(data, port, None if speed is None else parse_speed(speed), guests=guests)
    write_run_file(data, server.url)
    sys.stdout.write(f"The local cloud answers at {server.url}; its data are in {data}.\n")
    sys.stdout.flush()
    server.run()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m localcloud.serve", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--speed")
    parser.add_argument("--no-guests", action="store_true")
    given = parser.parse_args()
    try:
        serve(given.data, given.port, given.speed, not given.no_guests)
    except (LocalCloudError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
