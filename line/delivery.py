"""Gives a machine what it needs from here, while its readiness is waited for.

That is the second stage, settings that have changed, the demo's certificate, and whom its own guard tells.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from guest import paths
from guest.unattended.receivers import digest_of
from line import demo_certificate, rescue
from line.channel import Channel, VerbFailedError
from line.outcome import BootstrapFailedError
from words import phrase

#: A second stage that the machine still waits for after so long is sent again.
_RESEND_SECONDS = 60.0
#: So many refusals of a certificate one after the other are no accident.
_REFUSALS = 5

_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")


@dataclass(frozen=True)
class Supplies:
    """What a machine may need. `second_stage` None: it fetches it itself. `manifest` is the text of its settings.

    `model_files` gives a zip of the model's small files, or None; it is asked once, when the machine needs them.
    `webhooks` are whom the machine's own guard tells, in the name of the stack `stack`; they hold keys.
    """

    second_stage: bytes | None
    manifest: bytes = b""
    user_data: str = ""
    model_files: Callable[[], bytes | None] = lambda: None
    webhooks: str = field(default="", repr=False)
    stack: str = ""

    @property
    def manifest_sha256(self) -> str:
        return hashlib.sha256(self.manifest).hexdigest()


class Delivery:
    """What one machine was given during one waiting. `host` is where its demo answers."""

    def __init__(self, supplies: Supplies, host: str, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._supplies, self._host, self._say, self._clock = supplies, host, say, clock
        #: What the person should know when all is ready.
        self.notes: list[str] = []
        self._sent: float | None = None
        self._configured = not supplies.manifest
        self._certified = False  # the demo's certificate went, or the machine keeps its own
        self._refusals = 0

    @property
    def has_begun(self) -> bool:
        """Whether the second stage went."""
        return self._sent is not None

    def push(self, channel: Channel, status: Mapping[str, Any]) -> None:
        """Send the second stage at once, and again when the machine still waits for it long after."""
        stage = self._supplies.second_stage
        if stage is None:
            return
        ours = hashlib.sha256(stage).hexdigest()
        if status.get("secondStage") == ours:
            return
        wanted = _SHA256.search(str(status.get("waitsFor")))
        if wanted and wanted[0] != ours:
            raise BootstrapFailedError(
                phrase("second stage"),
                phrase(
                    "the machine waits for {hash}..., which this version of the project does not make",
                    hash=wanted[0][:12],
                ),
                phrase("Run `pulumi up` with the version that launched the machine, or launch it anew."),
            )
        now = self._clock()
        again = bool(status.get("waitsFor")) and self._sent is not None and now - self._sent > _RESEND_SECONDS
        if self._sent is None:
            self._push_model_files(channel, status)
        if self._sent is None or again or "broken" in str(status.get("waitsFor")):
            self._say(phrase("Sending the second stage."))
            channel.upload(stage, paths.SECOND_STAGE_NAME)
            self._sent = now

    def _push_model_files(self, channel: Channel, status: Mapping[str, Any]) -> None:
        """Before the second stage, whose downloader takes them; without them the machine fetches them itself."""
        has_model = any(step.get("name") == "model" and step.get("state") == "done" for step in status.get("steps", []))
        files = None if has_model else self._supplies.model_files()
        if files is not None:
            self._say(phrase("Sending the model's small files."))
            try:
                channel.upload(files, paths.MODEL_FILES_NAME)
            except VerbFailedError as error:
                self._say(phrase("The machine does not take the model's small files: {message}", message=error.message))

    def configure(self, channel: Channel, status: Mapping[str, Any], *, is_first: bool) -> bool:
        """Hand over settings that have changed since the machine got its own; True when it starts anew with them."""
        if self._configured or status.get("manifest") == self._supplies.manifest_sha256:
            return False
        is_older = "manifest" not in status
        if is_older and not (is_first and status.get("phase") == "ready"):
            return False  # not so far yet, or launched a moment ago
        self._configured = True
        self._say(phrase("The settings have changed: handing them over."))
        try:
            if is_older:
                self._teach(channel)
            told = rescue.configure(channel, self._supplies.manifest)
        except VerbFailedError as error:
            self.notes.append(phrase("The machine keeps the settings that it has: {error}", error=error))
            return False
        if told.get("changed"):
            self._say(phrase("The machine takes over: {changed}.", changed=", ".join(map(str, told["changed"]))))
        self._sent = None
        return bool(told.get("configured"))

    def _teach(self, channel: Channel) -> None:
        """Give a machine of an older version of the project today's scripts, which the second stage holds."""
        if self._supplies.second_stage is None:
            raise VerbFailedError(
                phrase(
                    "It was launched by an older version of the project, and chatglm:packageUrl keeps "
                    "new scripts from it."
                ),
                phrase("Park and restore it."),
            )
        zip_file = channel.upload(self._supplies.second_stage, paths.SECOND_STAGE_NAME)
        code, said = channel.run_script(
            f"$text = & tar.exe -xf '{zip_file}' -C '{paths.ROOT}' 2>&1 | Out-String\nWrite-Packed $LASTEXITCODE $text"
        )
        if code != 0:
            raise VerbFailedError(
                phrase("The new scripts could not be unpacked: {said}", said=said.decode("utf-8", "replace").strip())
            )

    def certify(self, channel: Channel, status: Mapping[str, Any]) -> bool:
        """Send the demo's key and certificate where they are needed; True when they went. Never over TAT.

        A machine that keeps refusing them serves with those it has; without any it cannot serve, which is an end.
        """
        if self._certified:
            return False
        try:
            self._certified = demo_certificate.supply(channel, status, self._host, self._say)
            return self._certified
        except VerbFailedError as error:
            told = phrase("The machine does not take the demo's key and certificate: {error}", error=error)
            self._refusals += 1
            if demo_certificate.told_by(status):
                self._certified = True
                self.notes.append(told)
            elif self._refusals >= _REFUSALS:
                raise BootstrapFailedError(phrase("Web demo"), told, error.hint) from None
            else:
                self._say(told)
            return False

    def tell_receivers(self, channel: Channel, status: Mapping[str, Any]) -> None:
        """Hand over whom the machine's own guard tells; never over TAT, whose commands the console shows."""
        ours, has = self._supplies, (status.get("unattended") or {}).get("receivers")
        if has is None or has == digest_of(ours.stack, ours.webhooks):
            return
        try:
            channel.run_verb("receivers", {"webhooks": ours.webhooks, "stack": ours.stack})
        except VerbFailedError as error:
            self.notes.append(phrase("The machine does not take chatglm:webhooks: {message}", message=error.message))
