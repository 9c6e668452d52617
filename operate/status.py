"""The state of stack, machine, image, installation, demo and training: gathered in one look, rendered as one screen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from components.cloud import Cloud
from components.cloud_errors import CloudError
from components.facts import Facts, Image, Instance
from components.lifecycle import age, newest
from operate.channel import Channel
from operate.failures import ExitCode, OperateError, from_cloud
from operate.output import human_bytes, human_seconds
from operate.stacks import Stack

_STYLES = {"done": "green", "running": "cyan", "failed": "red", "waiting": "yellow", "skipped": "dim"}
_MARKS = {"done": "✓", "running": "▶", "failed": "✗", "waiting": "…", "skipped": "-", "pending": "·"}


@dataclass(frozen=True)
class Status:
    """Everything that is known. `machine` and `image` are the cloud's view, `guest` what the machine says itself.

    `unknown` names what could not be found out, with the reason.
    """

    stack: str
    wanted: str
    region: str
    now: datetime
    machine: Instance | None = None
    image: Image | None = None
    guest: Mapping[str, Any] | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def phase(self) -> str:
        """One word: parked, gone, unreachable, or the machine's own phase."""
        if self.guest is not None:
            return str(self.guest.get("phase", "unknown"))
        if self.machine is not None and self.machine.alive:
            return "unreachable" if self.machine.state == "RUNNING" else self.machine.state.lower()
        if "machine" in self.unknown:
            return "unknown"
        return "gone" if self.wanted == "running" and self.outputs.get("machineId") else "no machine"

    @property
    def demo_answers(self) -> bool:
        return self.phase == "ready" and (self._demo().get("state") in (None, "answering"))

    @property
    def training(self) -> Mapping[str, Any] | None:
        found = (self.guest or {}).get("training")
        return found if isinstance(found, Mapping) and found else None

    @property
    def exit_code(self) -> ExitCode:
        match self.phase:
            case "ready":
                # During a training the demo is off on purpose: the GPU does not hold both.
                return ExitCode.OK if self.demo_answers or self.training else ExitCode.NOT_YET
            case "failed" | "unknown":
                return ExitCode.FAILED
            case "unreachable":
                return ExitCode.NO_CONNECTION
            case "no machine" | "gone":
                return ExitCode.PARKED
        return ExitCode.NOT_YET

    @property
    def reclaim(self) -> str:
        """The notice that the machine will be taken back, empty without one. A restored disk still holds an old one."""
        told = (self.guest or {}).get("reclaim") or {}
        try:
            ends = datetime.fromisoformat(str(told.get("ends")))
        except ValueError:
            return ""
        return f"{told.get('message', 'The machine will be reclaimed.')} It ends at {ends}." if ends > self.now else ""

    def _demo(self) -> Mapping[str, Any]:
        return (self.guest or {}).get("demo") or {}

    def as_dict(self) -> dict[str, Any]:
        return {
            "stack": self.stack,
            "wanted": self.wanted,
            "region": self.region,
            "phase": self.phase,
            "machine": None
            if self.machine is None
            else {
                "id": self.machine.id,
                "state": self.machine.state,
                "zone": self.machine.zone,
                "address": self.machine.address,
                "created": self.machine.created,
            },
            "image": None
            if self.image is None
            else {
                "id": self.image.id,
                "name": self.image.name,
                "state": self.image.state,
                "created": self.image.created,
                "sizeGb": self.image.size_gb,
            },
            "demo": dict(self._demo()) or None,
            "demoUrl": self.outputs.get("demoUrl"),
            "training": self.training,
            "reclaim": self.reclaim or None,
            "guest": self.guest,
            "unknown": dict(self.unknown),
            "exitCode": int(self.exit_code),
        }


def gather(stack: Stack, cloud: Cloud | None, connect: Callable[[], Channel]) -> Status:
    """Ask cloud and machine at once. Whatever cannot be found out is left open, with the reason."""
    unknown: dict[str, str] = {}

    def look(what: str, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except CloudError as error:
            found = from_cloud(error)
        except OperateError as error:
            found = error
        unknown[what] = f"{found.message} {found.hint}".strip()
        return None

    with ThreadPoolExecutor(3) as pool:
        instances = images = None
        if cloud is None:
            unknown["machine"] = unknown["image"] = "no keys of Tencent Cloud were found"
        else:
            instances = pool.submit(look, "machine", lambda: cloud.instances(stack.id))
            images = pool.submit(look, "image", lambda: cloud.images(stack.id))
        guest = pool.submit(look, "guest", lambda: connect().ask("status")) if stack.address else None
        machines = (instances.result() if instances else None) or ()
        alive = [one for one in machines if one.alive]
        known = [one for one in alive if one.id == stack.machine_id] or alive
        found_images = (images.result() if images else None) or ()
        said = guest.result() if guest else None
    if not known and "machine" not in unknown:
        # Nothing can answer: the failed connection is a consequence, not news.
        unknown.pop("guest", None)
    return Status(
        stack=stack.name,
        wanted=stack.state,
        region=stack.region,
        now=datetime.now(UTC),
        machine=max(known, key=lambda one: one.created, default=None),
        image=newest(one for one in found_images if one.state in ("NORMAL", "CREATING")),
        guest=said,
        outputs=stack.outputs,
        unknown=unknown,
    )


def render(status: Status) -> RenderableType:
    """One screen."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    rows.add_row("Stack 栈", f"{status.stack} in {status.region}; chatglm:state is {status.wanted}")
    rows.add_row("Machine 机器", _machine_words(status))
    rows.add_row("Image 镜像", _image_words(status))
    rows.add_row("Installation 安装", _installation_words(status))
    rows.add_row("Demo 演示", _demo_words(status))
    rows.add_row("Training 训练", training_words(status.training))
    parts: list[RenderableType] = [rows]
    if status.reclaim:
        parts.append(Text(status.reclaim, style="bold red"))
    if status.guest is not None and status.phase != "ready":
        parts.append(steps_table(status.guest))
    parts += [Text(f"Could not find out ({what}): {why}", style="yellow") for what, why in status.unknown.items()]
    return Group(*parts)


def _machine_words(status: Status) -> str:
    machine = status.machine
    if machine is None:
        if "machine" in status.unknown:
            return "unknown"
        if status.phase == "gone":
            return f"{status.outputs['machineId']} is gone (reclaimed or terminated); bring it back: chatglm restore"
        return "none"
    return f"{machine.id}, {machine.state.lower()}, {machine.zone}, {machine.address or 'no address'}"


def _image_words(status: Status) -> str:
    image = status.image
    if image is None:
        return "unknown" if "image" in status.unknown else "none"
    old = age(image, Facts(now=status.now))
    return f"{image.id}, {old} old, {image.size_gb} GB, {image.state.lower()}"


def _installation_words(status: Status) -> str:
    guest = status.guest
    if guest is None:
        return "-" if status.machine is None else "unknown"
    if status.phase == "ready":
        return "done"
    waits = f"; waits for {guest['waitsFor']}" if guest.get("waitsFor") else ""
    return f"{status.phase}: {guest.get('message', '')}{waits}"


def _demo_words(status: Status) -> str:
    demo = status._demo()
    if status.guest is None:
        return "-"
    url = demo.get("url") or status.outputs.get("demoUrl") or ""
    model = f", serves {demo['model']}" if demo.get("model") else ""
    return f"{demo.get('state', 'unknown')}{model} {url}".strip()


def training_words(training: Mapping[str, Any] | None) -> str:
    """A training in one line: step, loss, time left."""
    if not training:
        return "none"
    progress = training.get("progress") or training
    words = [str(training.get("run") or training.get("running") or "")]
    if progress.get("step") is not None:
        words.append(f"step {progress['step']} of {progress.get('total') or '?'}")
    if progress.get("loss") is not None:
        words.append(f"loss {progress['loss']:.4g}")
    if progress.get("secondsLeft") is not None:
        words.append(f"{human_seconds(progress['secondsLeft'])} left")
    return ", ".join(word for word in words if word)


def steps_table(guest: Mapping[str, Any]) -> Table:
    """The installation's steps with their bars."""
    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(width=24)
    table.add_column()
    for step in guest.get("steps") or ():
        state = str(step.get("state", "pending"))
        style = _STYLES.get(state, "")
        percent = step.get("percent")
        bar: RenderableType = ProgressBar(total=100, completed=percent) if percent is not None else ""
        title = str(step.get("title") or step.get("name"))
        table.add_row(Text(_MARKS.get(state, "?"), style), Text(title, style), bar, step_words(step))
        error = step.get("error")
        if error and state in ("failed", "waiting", "running"):
            table.add_row("", "", "", Text(f"{error.get('message', '')} {error.get('hint', '')}".strip(), "yellow"))
    return table


def step_words(step: Mapping[str, Any]) -> str:
    """Amount, rate and time left of a step, as far as they are known."""
    words = []
    if step.get("bytes") is not None and step.get("totalBytes"):
        words.append(f"{human_bytes(step['bytes'])} of {human_bytes(step['totalBytes'])}")
    if step.get("rateBytesPerSecond") and step.get("state") == "running":
        words.append(f"{human_bytes(step['rateBytesPerSecond'])}/s")
    if step.get("secondsLeft") is not None and step.get("state") == "running":
        words.append(f"{human_seconds(step['secondsLeft'])} left")
    if (step.get("attempt") or 1) > 1:
        words.append(f"attempt {step['attempt']}")
    return ", ".join(words)
