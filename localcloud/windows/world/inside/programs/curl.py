"""`curl.exe`: the real curl of this computer, led to the local internet, where every name ends."""

from __future__ import annotations

import os
import sys

from localcloud.windows.world.inside import memory, plain
from localcloud.windows.world.inside.command_line import Call
from localcloud.windows.world.inside.where import RUN, is_windows, real

#: Options of Windows' curl (built with Schannel) that curl with another TLS library has no use for.
_SCHANNEL = {"--ssl-revoke-best-effort", "--ssl-no-revoke"}
_COULD_NOT_RESOLVE, _WRITE_ERROR, _BAD_OPTION = 6, 23, 2


def main(call: Call) -> int:  # noqa: RET503 - exec does not come back
    """Run curl in this process's place."""
    arguments = call.arguments
    order = memory.fault("curl", " ".join(arguments))
    if order and "code" in order:
        sys.stderr.write(order.get("says", f"curl: ({order['code']}) ordered to fail\n"))
        return int(order["code"])
    known = [argument for argument in arguments if argument not in _SCHANNEL]
    if len(known) < len(arguments) and memory.fault("old-curl"):
        sys.stderr.write(
            "curl: option --ssl-revoke-best-effort: is unknown\ncurl: try 'curl --help' for more information\n"
        )
        return _BAD_OPTION
    if plain.exists(f"{RUN}/no-names") and not {"--version", "-V"} & set(known):
        sys.stderr.write("curl: (6) Could not resolve host\n")
        return _COULD_NOT_RESOLVE
    if plain.exists(f"{RUN}/disk-full") and "-o" in known:
        sys.stderr.write("curl: (23) Failure writing output to destination\n")
        return _WRITE_ERROR
    http, https = os.environ["WORLD_INTERNET"].split(":")
    led = ["--noproxy", "*", "--cacert", os.environ["WORLD_CA"]]
    led += ["--connect-to", f":80:127.0.0.1:{http}", "--connect-to", f":443:127.0.0.1:{https}"]
    sys.stdout.flush()
    os.execv(  # noqa: S606
        os.environ["WORLD_CURL"], ["curl.exe", *led, *(_local(word) for word in known)]
    )


def _local(word: str) -> str:
    if word.upper() == "NUL":
        return "/dev/null"
    return real(word) if is_windows(word) else word
