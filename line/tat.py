"""The way to the machine without an open port: its verbs and uploads as commands of Tencent's automation agent (TAT).

Slower than WinRM (seconds a command) and narrower (48 KB in, 24 KB out), but it needs neither the machine's address
nor its firewall, its WinRM or its password. What is sent stands in TAT's list of commands in the console, so nothing
secret goes this way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from guest import paths
from line.channel import NO_SCRIPT, UnreachableError, VerbChannel, encode_options, read_document
from line.packed import PACK, unpack
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.pace import poll_seconds
from tencent.tat import CommandError, Tat
from words import phrase


class TatChannel(VerbChannel):
    """One machine, by its instance id. Every method raises ChannelErrors."""

    line_bytes = 30_000
    piece_bytes = 30_000  # one line a command

    def __init__(self, tat: Tat, instance_id: str) -> None:
        self._tat, self._instance_id = tat, instance_id

    def run_verb(
        self,
        verb: str,
        options: dict[str, Any] | None = None,
        *,
        seconds: float = 120,
        lines: Iterable[bytes] | None = None,
    ) -> dict[str, Any]:
        call = f"& $entry {verb} '{encode_options(options or {})}' 2>$null"
        if lines is not None:
            given = ", ".join(f"'{line.decode('ascii').strip()}'" for line in lines)
            call = f"@({given}) | {call}"
        code, out = self.run_script(_VERB.format(entry=paths.ENTRY, missing=NO_SCRIPT[0], call=call), seconds=seconds)
        return read_document(verb, out, b"", code)

    def run_script(self, script: str, *, seconds: float = 120) -> tuple[int, bytes]:
        try:
            result = self._tat.run(self._instance_id, PACK + script, seconds=max(int(seconds), 1))
        except (CommandError, CloudError) as error:
            raise UnreachableError(
                phrase("The machine's automation agent (TAT) did not help: {error}", error=error)
            ) from None
        return unpack(result.output, result.exit_code, was_cut=bool(result.dropped))

    def close(self) -> None:
        """Nothing is held open."""


_VERB = """
$entry = '{entry}'
if (Test-Path $entry) {{
    $text = {call} | Out-String
    Write-Packed $LASTEXITCODE $text
}} else {{ Write-Packed ({missing}) '' }}
"""


def find_agent(cloud: Cloud, instance_id: str) -> TatChannel | None:
    """The way over TAT to a machine; None where no agent answers, or where it may not be asked."""
    tat = Tat(cloud, poll_seconds(2.0))
    try:
        return TatChannel(tat, instance_id) if tat.is_online(instance_id) else None
    except CloudError:
        return None
