"""`python -m guest.download ROOT`: fetch what the manifest names; progress in state/downloads.json."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from guest.download.companions import take_in
from guest.download.downloader import Downloader
from guest.download.ledger import Ledger
from guest.download.limits import Limits
from guest.download.plan import plan
from guest.download.recheck import give_back_wrong
from guest.download.task import Report
from guest.errors import GuestError
from guest.exclusive import HeldError, exclusive

#: How long the downloader of before may take to end, in seconds.
_HANDOVER_SECONDS = 20.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Fetch the files that the manifest in ROOT names, and check them.")
    parser.add_argument("root", type=Path)
    parser.add_argument("--skip", type=int, default=0, help="sources to pass over of files without a hash")
    parser.add_argument(
        "--recheck", default="", help="a step whose finished files are compared with their hashes again"
    )
    options = parser.parse_args()
    state = options.root / "state"
    try:
        # One writer to a file, ever: two would append to the same part.
        with exclusive(state / "download.lock", wait_seconds=_HANDOVER_SECONDS):
            tasks, ledger = plan(options.root, options.skip), Ledger(options.root)
            take_in(options.root, tasks, ledger)
            give_back_wrong(tasks, options.recheck)
            with Report(state / "downloads.json", tasks):
                return 0 if Downloader(tasks, Limits(), ledger).run() else 1
    except HeldError as error:
        sys.stderr.write(f"{error}; end it, or wait for it.\n")
    except GuestError as error:
        sys.stderr.write(f"{error.message} {error.hint}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
