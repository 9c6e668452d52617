"""The machine parks itself: ends what is ours, flushes, takes its own image while it runs, and ends itself.

An image with ForcePoweroff would stop the one who waits for it and leave a stopped machine that is billed on. So the
image is taken online, of a disk on which all that is ours has come to rest (guest/unattended/record.py is the mark).
Where anything fails the machine goes back to work. Whoever is killed on the way finds all in the record and in the
cloud: an image is known by the letters of its park, so none is made twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from guest.errors import GuestError
from guest.machine import Machine
from guest.phrases import phrase, said
from guest.serving import state
from guest.serving.control import Demo
from guest.training import gpu_task, recovery, verbs
from guest.unattended.cloud import Client, CloudError, NoRoleError
from guest.unattended.decision import Reason
from guest.unattended.names import (
    TAG_EDITION,
    TAG_GENERATION,
    TAG_MACHINE,
    TAG_OWNER,
    TAG_PARKED,
    TAG_PARKER,
    TAG_STACK,
    image_name,
    parked_value,
    parse_parked,
)
from guest.unattended.others import boot_mark, others_work
from guest.unattended.record import COMPLETE, RESTORED, STOPPING, Record, read_record, write_record
from guest.unattended.volumes import flush

POLL_SECONDS = 5.0
#: Tencent's images take ten minutes or more; nothing in its documents takes longer than this.
IMAGE_SECONDS = 75 * 60.0
ENDING_SECONDS = 15 * 60.0
#: A machine that was told to end may show nothing of it for a while.
AGAIN_SECONDS = 60.0
#: An answer that does not come is waited for so long: the machine's way out may be cut for a moment.
SILENCE_SECONDS = 10 * 60.0
#: A training has so long for the step at whose end it saves.
TRAINING_SECONDS = 600.0
_GONE = frozenset({"SHUTDOWN", "TERMINATING"})
_PAGE = 100

Row = dict[str, Any]


class GivenUpError(Exception):
    """The machine does not park itself now, and works on; the text says why."""


@dataclass(frozen=True)
class Parking:
    """`instance_id` is this machine's. Every verb raises GivenUpError where the machine must go back to work."""

    machine: Machine
    client: Client
    instance_id: str
    now: Callable[[], str]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    # The way

    def begin(self, reason: Reason, *, saves: bool = False) -> None:
        """Park. Returns when the machine is ending. `saves`: a training is stopped in order first.

        What can be refused is asked for before anything of ours is ended.
        """
        before = read_record(self.machine.root)
        boot = boot_mark(self.machine.root)
        leftovers = before.leftovers if before else ()
        record = Record.begin(reason, self.now(), self.instance_id, boot, leftovers)
        if not saves and gpu_task.current(self.machine) is not None:
            raise GivenUpError(phrase("A training or an evaluation runs."))
        self._rehearse(record)
        demo = Demo(self.machine)
        task = gpu_task.current(self.machine)
        record = replace(record, demo=demo.is_wanted(), training=task.run if task else "")
        write_record(self.machine.root, record)
        self.go_on(record)

    def go_on(self, record: Record) -> None:
        """From wherever the record stands: this process may have been killed at any line."""
        if record.boot != boot_mark(self.machine.root):
            raise GivenUpError(phrase("Windows was started anew meanwhile."))
        if record.phase == STOPPING:
            record = self._come_to_rest(record)
        elif record.others != others_work(self.machine):
            raise GivenUpError(phrase("Somebody has begun something on the machine meanwhile."))
        image = self._find_image(record) or self._make_image(record)
        self._wait_until_normal(record, image)
        self._end(record)

    def _come_to_rest(self, record: Record) -> Record:
        try:
            if record.training:
                verbs.stop_training({"patienceSeconds": TRAINING_SECONDS, "machineEnds": True})
            Demo(self.machine).stop()
            flush(self.machine.root)
            wish = state.wanted(self.machine.root)[1]
            record = replace(record, phase=COMPLETE, others=others_work(self.machine), wish=wish)
            # Nothing of ours is written from here on.
            write_record(self.machine.root, record)
        except GuestError as error:
            raise GivenUpError(error.message) from None
        except OSError as error:
            raise GivenUpError(phrase("The disk could not be brought to rest: {error}", error=error)) from None
        return record

    # The cloud

    def _rehearse(self, record: Record) -> None:
        """Ask for the image without making it: what the role may not, or the quota does not allow, is known now."""
        self._call("CreateImage", {**self._image(record), "DryRun": True})

    def _find_image(self, record: Record) -> Row | None:
        """The image of this very park, if it was asked for already."""
        own = (row for row in self._images() if parse_parked(_tags(row).get(TAG_PARKED, "")).token == record.token)
        return next(own, None)

    def _make_image(self, record: Record) -> Row:
        """Once more everything goes to the disk: whoever wrote the mark may have been killed right after it."""
        try:
            flush(self.machine.root)
        except OSError as error:
            raise GivenUpError(phrase("The disk could not be brought to rest: {error}", error=error)) from None
        ends = self.clock() + SILENCE_SECONDS
        while True:
            try:
                made = self.client.call("CreateImage", self._image(record))
                return {"ImageId": made["ImageId"], "ImageState": "CREATING"}
            except NoRoleError as error:
                raise GivenUpError(said(error)) from None
            except CloudError as error:
                # The answer may have been lost, or come to a call that was made before this process was killed.
                if found := self._find_image(record):
                    return found
                if not error.is_unsure or self.clock() > ends:
                    raise GivenUpError(said(error)) from None
            self.sleep(POLL_SECONDS)

    def _wait_until_normal(self, record: Record, image: Row) -> None:
        ends = self.clock() + IMAGE_SECONDS
        while image["ImageState"] != "NORMAL":
            if image["ImageState"] not in ("CREATING", "SYNCING"):
                raise GivenUpError(
                    phrase(
                        "The image {image_id} could not be made ({image_state}).",
                        image_id=image["ImageId"],
                        image_state=image["ImageState"],
                    )
                )
            if self.clock() > ends:
                raise GivenUpError(
                    phrase(
                        "The image {image_id} is not done after {minutes:.0f} minutes.",
                        image_id=image["ImageId"],
                        minutes=IMAGE_SECONDS / 60,
                    )
                )
            self._demand_rest(record)
            self.sleep(POLL_SECONDS)
            found = self._find_image(record)
            if found is None:
                raise GivenUpError(
                    phrase("The image {image_id} was deleted while it was being made.", image_id=image["ImageId"])
                )
            image = found

    def _end(self, record: Record) -> None:
        """Tell the machine to end, and wait until that is seen. Nobody goes back to work on a machine that was told."""
        ends = self.clock() + ENDING_SECONDS
        told = again = float("-inf")
        asked = False
        # A machine that is not seen at all has not ended, as this runs on it; unless it may have been told to.
        while not self._is_ending(unseen=asked):
            if told < 0:
                self._demand_rest(record)
            if self.clock() > again:
                self._demand_image(record)
                try:
                    self.client.call("TerminateInstances", {"InstanceIds": [self.instance_id]})
                    asked, told = True, self.clock()
                except NoRoleError as error:
                    raise GivenUpError(said(error)) from None
                except CloudError as error:
                    asked = asked or error.is_unsure
                    if not error.is_unsure and told < 0 and not self._is_ending(unseen=asked):
                        raise GivenUpError(said(error)) from None
                again = self.clock() + (AGAIN_SECONDS if told >= 0 else 0.0)
            if self.clock() > ends:
                raise GivenUpError(
                    phrase(
                        "The machine does not end, {minutes:.0f} minutes after it was told to.",
                        minutes=ENDING_SECONDS / 60,
                    )
                )
            self.sleep(POLL_SECONDS)

    def _demand_image(self, record: Record) -> None:
        """Proof before loss: it is looked for once more, as somebody may have deleted it."""
        image = self._find_image(record)
        if image is None or image["ImageState"] != "NORMAL":
            raise GivenUpError(phrase("The image was deleted before the machine ended."))

    def _demand_rest(self, record: Record) -> None:
        if record.others != others_work(self.machine):
            raise GivenUpError(phrase("Somebody has begun something on the machine meanwhile."))

    def _is_ending(self, *, unseen: bool) -> bool:
        row = self._me()
        return unseen if row is None else row["InstanceState"] in _GONE

    def _me(self) -> Row | None:
        rows = self._call("DescribeInstances", {"InstanceIds": [self.instance_id]}).get("InstanceSet") or []
        return rows[0] if rows else None

    def _images(self) -> list[Row]:
        filters = [{"Name": "image-type", "Values": ["PRIVATE_IMAGE"]}]
        found: list[Row] = []
        while True:
            answer = self._call("DescribeImages", {"Filters": filters, "Offset": len(found), "Limit": _PAGE})
            page = answer.get("ImageSet") or []
            found += page
            if not page or len(found) >= int(answer.get("TotalCount") or 0):
                return found

    def _image(self, record: Record) -> Row:
        """What CreateImage is asked for: an image that the stack's state takes for its own."""
        me = self._me()
        tags = _tags(me or {})
        owner, stack = tags.get(TAG_OWNER, ""), tags.get(TAG_STACK, "")
        if not owner or not stack:
            raise GivenUpError(
                phrase(
                    "{instance_id} does not carry its owner's mark, so its image would be nobody's. The "
                    "next pulumi up marks it (tag:ModifyResourceTags).",
                    instance_id=self.instance_id,
                )
            )
        rows = [_tags(row) for row in self._images()]
        own = [_number(row.get(TAG_GENERATION, "")) for row in rows if row.get(TAG_STACK) == stack]
        generation = max(own, default=0) + 1
        told = {
            TAG_STACK: stack,
            TAG_MACHINE: self.instance_id,
            TAG_GENERATION: str(generation),
            TAG_OWNER: owner,
            TAG_EDITION: tags.get(TAG_EDITION, ""),
            TAG_PARKER: owner,
            TAG_PARKED: parked_value(record.token, record.at, Reason(record.reason, record.parts)),
        }
        listed = [{"Key": key, "Value": value} for key, value in told.items() if value]
        return {
            "InstanceId": self.instance_id,
            "ImageName": image_name(stack.rpartition("/")[2], generation, self.instance_id),
            "ImageDescription": f"ChatGLM machine {self.instance_id} of the stack {stack}, made by itself",
            "TagSpecification": [{"ResourceType": "image", "Tags": listed}],
        }

    def _call(self, action: str, parameters: Row) -> Row:
        """A call that may be made again. Raises GivenUpError where it is refused, or unanswered for long."""
        ends = self.clock() + SILENCE_SECONDS
        while True:
            try:
                return self.client.call(action, parameters)
            except NoRoleError as error:
                raise GivenUpError(said(error)) from None
            except CloudError as error:
                if not error.is_unsure or self.clock() > ends:
                    raise GivenUpError(said(error)) from None
            self.sleep(POLL_SECONDS)

    # What comes after

    def tidy(self, record: Record) -> Record:
        """Delete the images of parks that were given up: they cost money, and their machine works on.

        What cannot be deleted yet stays in the record's leftovers.
        """
        if not record.leftovers:
            return record
        by_token = {parse_parked(_tags(row).get(TAG_PARKED, "")).token: row for row in self._images()}
        kept = []
        for token in record.leftovers:
            row = by_token.get(token)
            if row is None:
                continue
            if row["ImageState"] not in ("NORMAL", "CREATEFAILED"):
                kept.append(token)
                continue
            try:
                self.client.call("DeleteImages", {"ImageIds": [row["ImageId"]], "DeleteBindedSnap": True})
            except (CloudError, NoRoleError):
                kept.append(token)
        left = replace(record, leftovers=tuple(kept))
        if left != record:
            write_record(self.machine.root, left)
        return left


def back_to_work(machine: Machine, record: Record, why: str) -> Record:
    """Take up again what the park had ended, and say why. Raises GuestError or OSError where that does not go."""
    failed = record.failed(why)
    write_record(machine.root, failed)
    _take_up(machine, record)
    return failed


def wake_restored(machine: Machine, record: Record, instance_id: str) -> Record | None:
    """On a disk that was restored from an image: take up what its park had ended. None where this is no such disk."""
    if record.machine == instance_id or not record.is_under_way:
        return None
    whole = "" if record.phase == COMPLETE else phrase("The disk was captured before everything of ours had ended.")
    restored = replace(record, phase=RESTORED, leftovers=(), why=whole)
    write_record(machine.root, restored)
    _take_up(machine, record)
    return restored


def _take_up(machine: Machine, record: Record) -> None:
    # A training gives the GPU back to the demo when it ends.
    if record.training and recovery.recover(machine) is not None:
        return
    # Unless somebody has wished for something else since.
    if record.demo and record.wish in (0, state.wanted(machine.root)[1]):
        Demo(machine).start()


def _tags(row: Row) -> dict[str, str]:
    return {str(tag["Key"]): str(tag["Value"]) for tag in row.get("Tags") or []}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
