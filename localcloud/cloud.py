"""The cloud itself: calls, due transitions and guests around one database, one at a time."""

from __future__ import annotations

import base64
import logging
import math
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from localcloud.billing import Billing
from localcloud.call import Arrived, Call, FindAction, OnlyRequestId
from localcloud.catalogue import public_images, public_snapshot
from localcloud.clock import MAX_SPEED, Clock
from localcloud.database import Database
from localcloud.drives import Drives
from localcloud.errors import ApiError
from localcloud.guest_runtime import GuestMachine, GuestRuntime, NoGuests
from localcloud.identity import Caller, Identities, check_policies
from localcloud.journal import Journal
from localcloud.keys import make_keys
from localcloud.loopback import LoopbackRange, SharedRange
from localcloud.records import Disk, Fault, Image, Instance, Snapshot, Task
from localcloud.wire import build_response, has_action, read_request, require

log = logging.getLogger(__name__)

Transition = Callable[["Cloud", str, float], None]
_TRANSITIONS: dict[str, Transition] = {}

_ID_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def transition(kind: str) -> Callable[[Transition], Transition]:
    """Declare what happens when a task of this kind is due: it gets the thing's id and the cloud time."""

    def register(handler: Transition) -> Transition:
        _TRANSITIONS[kind] = handler
        return handler

    return register


class Cloud:
    """Everything behind the HTTP routes. All public methods may be called from any thread; one runs at a time."""

    def __init__(
        self, data: Path, guests: GuestRuntime, url: str, find_action: FindAction, speed: float | None = None
    ) -> None:
        """Open the data folder and catch up with what fell due while the cloud was down.

        `speed` None keeps the speed the clock had. Raises LocalCloudError for a folder that cannot be used.
        """
        self.keys = make_keys(data)
        self.db = Database(data)
        self.identities = Identities(self.db, self.keys)
        self.clock = Clock(self.db.clock.get("clock"), speed or 1.0)
        self.journal = Journal(self.db.connection)
        self.billing = Billing(self.db)
        self.guests = guests
        self.drives = Drives(data, guests.is_running)
        self.loopback: LoopbackRange | SharedRange = SharedRange()
        if not isinstance(guests, NoGuests):
            self.loopback = LoopbackRange(item.public_ip for item in self.db.instances if item.public_ip)
        self.lock = threading.RLock()
        self._url = url
        self._effects: list[Callable[[], None]] = []
        self._ready_at: dict[str, float] = {}
        # Told after every change, so that the waiting for the next transition can be started anew.
        self.on_change: Callable[[], None] = lambda: None
        find_action("cvm", "RunInstances")  # loads the rules, and with them the transitions
        self._find_action = find_action
        with self.lock, self.db.transaction():
            if speed is not None:
                self.clock.set_speed(speed)
            self.db.clock.put(self.clock.position)
        self._resume()

    def close(self) -> None:
        self.guests.close()
        self.drives.close()
        self.loopback.close()
        with self.lock:
            self.db.close()

    def reset(self) -> None:
        """Forget everything but the clock and the settings; machines are powered off, folders removed."""
        with self.lock:
            with self.db.transaction():
                for instance in self.db.instances:
                    self.power_off(instance.instance_id)
                for disk in self.db.disks:
                    self.after(partial(self.drives.remove_disk, disk.disk_id, disk.instance_id))
                for snapshot in self.db.snapshots:
                    self.after(partial(self.drives.remove_snapshot, snapshot.snapshot_id))
                self.db.clear()
                # The bill begins at nothing again, so nothing of the balance is spent.
                self.db.settings_table.put(replace(self.db.settings, balance_spent_before=0.0))
            self._run_effects()

    # --- calls -----------------------------------------------------------------------------------------------

    def find_key(self, secret_id: str, token: str) -> tuple[str, Caller]:
        """The secret key of an id, and whose it is. Raises ApiError."""
        return self.identities.find(secret_id, token, self.clock.now())

    def call(self, arrived: Arrived, fault: Fault | None = None) -> dict[str, Any]:
        """Answer one call of the API. Raises ApiError; the call is in the journal either way."""
        with self.lock:
            self.run_due()
            now = self.clock.now()
            until = now - fault.age if fault is not None and fault.kind == "unseen" else math.inf
            try:
                with self.db.transaction():
                    with self.db.seen_by(arrived.caller.account, until):
                        answer = self._answer(arrived, now)
                        if fault is not None and fault.kind == "late_failure":
                            self._fail_later(answer)
                    self.journal.write(now, arrived, None)
            except ApiError as error:
                self._effects.clear()
                self.refuse(arrived, error.code)
                raise
            except BaseException:
                self._effects.clear()
                raise
            self._run_effects()
            self.run_due()
        self.on_change()
        if isinstance(answer, OnlyRequestId):
            return {"RequestId": arrived.request_id}
        return build_response(arrived.service, arrived.action, answer, arrived.request_id)

    def refuse(self, arrived: Arrived, code: str) -> None:
        """Write a call that failed into the journal."""
        with self.lock, self.db.transaction():
            self.journal.write(self.clock.now(), arrived, code)

    def _answer(self, arrived: Arrived, now: float) -> dict[str, Any]:
        service, action, region, caller = arrived.service, arrived.action, arrived.region, arrived.caller
        found = self._find_action(service, action)
        if found is None:
            if has_action(service, action):
                raise ApiError("UnsupportedOperation", f"The local cloud does not have {service} {action}.")
            raise ApiError("InvalidAction", f"The request action=`{action[:100]}` is invalid or not found.")
        params = read_request(service, action, arrived.body)
        check_policies(self.db.statements, caller, service, action, region, params, self._tags_of)
        require(params, *found.required)
        return found.rule(self, Call(service, action, region, params, arrived.request_id, now, caller))

    def _tags_of(self, resource_id: str) -> dict[str, str]:
        """The tags of a machine, an image, a disk, a snapshot, a network; none of what does not exist."""
        db = self.db
        for table in (db.instances, db.images, db.disks, db.snapshots, db.vpcs, db.subnets, db.security_groups):
            record: Any = table.get(resource_id)
            if record is not None:
                return dict(record.tags)
        return {}

    def _fail_later(self, answer: dict[str, Any]) -> None:
        for instance_id in answer.get("InstanceIdSet") or []:
            self.db.instances.change(instance_id, fails_at_launch=True)
        image_id = answer.get("ImageId", "")
        if image_id in self.db.images:
            self.db.images.change(image_id, fails=True)

    # --- time ------------------------------------------------------------------------------------------------

    def schedule(self, kind: str, resource_id: str, at: float, delay: float, needs: str = "") -> None:
        """Let a transition happen `delay` cloud seconds after `at`, once the folder of `needs` is ready."""
        due = at if self.clock.speed == MAX_SPEED else at + delay
        self.db.tasks.put(Task(uuid4().hex, kind, resource_id, due, needs))

    def unschedule(self, resource_id: str, *kinds: str) -> None:
        """Drop what was to happen to a thing: all of it, or the given kinds."""
        for task in self.db.tasks:
            if task.resource_id == resource_id and (not kinds or task.kind in kinds):
                self.db.tasks.delete(task.task_id)

    def run_due(self) -> None:
        """Let everything happen that is due, in order, each at its own time."""
        with self.lock:
            while True:
                now = self.clock.now()
                due = [task for task in self.db.tasks if self._is_due(task, now)]
                if not due:
                    return
                task = min(due, key=lambda task: task.due)
                at = min(now, max(task.due, self._ready_at.get(task.needs, 0.0)))
                if self.clock.speed == MAX_SPEED:
                    at = now
                with self.db.transaction(), self.db.seen_by(task.account):
                    self.db.tasks.delete(task.task_id)
                    _TRANSITIONS[task.kind](self, task.resource_id, at)
                self._run_effects()

    def seconds_to_next(self) -> float | None:
        """Real seconds until the next transition is due; None when nothing is."""
        with self.lock:
            waiting = [task.due for task in self.db.tasks if self._is_ready(task.needs)]
            if not waiting:
                return None
            return self.clock.real_seconds(min(waiting) - self.clock.now())

    def move_clock(self, seconds: float = 0.0, speed: float | None = None) -> None:
        """Advance the clock, or change its speed. Raises ValueError for a number that makes no sense."""
        with self.lock:
            if seconds:
                self.clock.advance(seconds)
            if speed is not None:
                self.clock.set_speed(speed)
            with self.db.transaction():
                self.db.clock.put(self.clock.position)
            self.run_due()
        self.on_change()

    def _is_due(self, task: Task, now: float) -> bool:
        return (task.due <= now or self.clock.speed == MAX_SPEED) and self._is_ready(task.needs)

    def _is_ready(self, resource_id: str) -> bool:
        disk = self.db.disks.get(resource_id)
        if disk is not None:
            return disk.ready
        snapshot = self.db.snapshots.get(resource_id)
        return snapshot is None or snapshot.ready

    # --- things ----------------------------------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        """An id as Tencent makes them: ins-1a2b3c4d."""
        return f"{prefix}-" + "".join(secrets.choice(_ID_LETTERS) for _ in range(8))

    def after(self, effect: Callable[[], None]) -> None:
        """Do something outside the database once the running transaction is written."""
        self._effects.append(effect)

    def fill_disk(self, disk: Disk) -> None:
        """Make the folder of a new disk; whatever needs the disk waits for it."""
        self.after(
            lambda: self.drives.fill_disk(disk.disk_id, disk.snapshot_id, lambda: self._disk_ready(disk.disk_id))
        )

    def fill_snapshot(self, snapshot: Snapshot, instance_id: str, online: bool = False) -> None:
        """Copy a disk into a new snapshot, after the guest of `instance_id` (empty: none) has ended.

        `online`: the machine runs on, and what it has not flushed is lost.
        """
        self.after(
            lambda: self.drives.fill_snapshot(
                snapshot.snapshot_id,
                snapshot.disk_id,
                instance_id,
                lambda: self._snapshot_ready(snapshot.snapshot_id),
                online=online,
            )
        )

    def roll_back(self, disk: Disk, snapshot_id: str, instance_id: str) -> None:
        """Replace what is on a disk by a snapshot (or by nothing), after the guest has ended."""
        self.db.disks.change(disk.disk_id, ready=False, snapshot_id=snapshot_id)
        self.after(
            lambda: self.drives.roll_back(
                disk.disk_id, snapshot_id, instance_id, lambda: self._disk_ready(disk.disk_id)
            )
        )

    def power_on(self, instance: Instance) -> None:
        machine = GuestMachine(
            instance_id=instance.instance_id,
            address=instance.public_ip,
            disk=self.drives.disk(instance.system_disk_id),
            hostname=instance.host_name,
            username="Administrator" if instance.platform == "Windows" else "root",
            password=instance.password,
            user_data=base64.b64decode(instance.user_data),
            clock=self.clock,
            metadata_url=f"{self._url}/metadata/{instance.instance_id}",
        )
        self.after(lambda: self._guest(lambda: self.guests.launch(machine)))

    def power_off(self, instance_id: str) -> None:
        self.after(lambda: self._guest(lambda: self.guests.stop(instance_id)))

    def images(self, region: str) -> list[Image]:
        """The images that a region shows: the public ones and its own."""
        return public_images(region) + [image for image in self.db.images if image.region == region]

    def find_snapshot(self, snapshot_id: str, region: str) -> Snapshot | None:
        """A snapshot of the region, those behind public images included."""
        snapshot = self.db.snapshots.get(snapshot_id)
        if snapshot is not None:
            return snapshot if snapshot.region == region else None
        return public_snapshot(snapshot_id, region)

    def image_id_of(self, snapshot_id: str) -> str:
        """The custom image that a snapshot belongs to, or nothing."""
        return next((image.image_id for image in self.db.images if snapshot_id in image.snapshot_ids), "")

    def _disk_ready(self, disk_id: str) -> None:
        self._folder_ready(disk_id, lambda: self.db.disks.change(disk_id, ready=True))

    def _snapshot_ready(self, snapshot_id: str) -> None:
        self._folder_ready(snapshot_id, lambda: self.db.snapshots.change(snapshot_id, ready=True))

    def _folder_ready(self, resource_id: str, mark: Callable[[], object]) -> None:
        with self.lock:
            if resource_id not in self.db.disks and resource_id not in self.db.snapshots:
                return
            with self.db.transaction():
                mark()
            self._ready_at[resource_id] = self.clock.now()
            self.run_due()
        self.on_change()

    def _guest(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception:
            # A guest that cannot start is a machine that does not answer, not a cloud that is down.
            log.exception("the guest runtime failed")

    def _run_effects(self) -> None:
        effects, self._effects = self._effects, []
        for effect in effects:
            effect()

    def _resume(self) -> None:
        """After a start: forget strange folders, redo unfinished copies, power the running machines on again."""
        with self.lock:
            known = {disk.disk_id for disk in self.db.disks} | {snap.snapshot_id for snap in self.db.snapshots}
            known |= {disk.snapshot_id for disk in self.db.disks if not disk.ready}
            self.drives.remove_strangers(known)
            for disk in self.db.disks:
                if not disk.ready:
                    self.fill_disk(disk)
            for snapshot in self.db.snapshots:
                if not snapshot.ready:
                    self.fill_snapshot(snapshot, "")
            for instance in self.db.instances:
                if instance.state == "RUNNING":
                    self.power_on(instance)
            self._run_effects()
            self.run_due()
