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

from components.images import aged, newest, parked_itself
from line.demo_certificate import told_by
from line.progress import waits_words
from operate.channel import Channel
from operate.errors import ExitCode, OperateError, from_cloud
from operate.holdings import seen_machines, sort_own
from operate.output import human_bytes, human_seconds
from operate.stacks import Stack
from operate.use_words import guard_notice, use_words
from tencent.cloud import Cloud
from tencent.errors import CloudError
from tencent.facts import Facts, Image, Instance
from words import heard, later, phrase

_STYLES = {"done": "green", "running": "cyan", "failed": "red", "waiting": "yellow", "skipped": "dim"}
_MARKS = {"done": "✓", "running": "▶", "failed": "✗", "waiting": "…", "skipped": "-", "pending": "·"}
LEFT_BEHIND = later(
    "its backend does not hold it (removed, or of another backend); what carries its name goes on costing money"
)


@dataclass(frozen=True)
class Status:
    """Everything that is known. `machine` and `image` are the cloud's view, `guest` what the machine says itself.

    `unknown` names what could not be found out, with the reason; `others` what of the stack's name another state owns.
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
    exists: bool = True
    others: str = ""

    @property
    def phase(self) -> str:
        """One word: parked, gone, unreachable, or the machine's own phase."""
        if not self.exists:
            return "left behind"
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
            case "failed" | "unknown" | "left behind":
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
        return (
            phrase(
                "{message} It ends at {ends}.",
                message=heard(told) or phrase("The machine will be reclaimed."),
                ends=ends,
            )
            if ends > self.now
            else ""
        )

    @property
    def guard_notice(self) -> str:
        """What the machine's own guard has to say; empty where all is well."""
        return guard_notice(self.guest or {})

    @property
    def parked_itself(self) -> str:
        """When and why the machine parked itself, in words; empty where it did not."""
        gone = str(self.outputs.get("machineId") or "")
        return parked_itself(gone, self.image).strip() if self.image and gone and self.machine is None else ""

    def _demo(self) -> Mapping[str, Any]:
        return (self.guest or {}).get("demo") or {}

    def as_dict(self) -> dict[str, Any]:
        return {
            "stack": self.stack,
            "exists": self.exists,
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
            "others": self.others or None,
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
            unknown["machine"] = unknown["image"] = phrase("no keys of Tencent Cloud were found")
        else:
            instances = pool.submit(look, "machine", lambda: seen_machines(stack, cloud))
            images = pool.submit(look, "image", cloud.custom_images)
        guest = pool.submit(look, "guest", lambda: connect().ask("status")) if stack.address else None
        machines = (instances.result() if instances else None) or ()
        own = sort_own(stack, machines, (images.result() if images else None) or ())
        alive = [one for one in own.machines if one.alive]
        known = [one for one in alive if one.id == stack.machine_id] or alive
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
        image=newest(one for one in own.images if one.state in ("NORMAL", "CREATING")),
        guest=said,
        outputs=stack.outputs,
        unknown=unknown,
        exists=stack.exists,
        others=own.note(),
    )


def render(status: Status) -> RenderableType:
    """One screen."""
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="bold", no_wrap=True)
    rows.add_column()
    about = phrase("chatglm:state is {wanted}", wanted=status.wanted) if status.exists else phrase(LEFT_BEHIND)
    rows.add_row(
        phrase("Stack"), phrase("{stack} in {region}; {about}", stack=status.stack, region=status.region, about=about)
    )
    rows.add_row(phrase("Machine"), _machine_words(status))
    rows.add_row(phrase("Image"), _image_words(status))
    rows.add_row(phrase("Installation"), _installation_words(status))
    rows.add_row(phrase("Demo"), _demo_words(status))
    rows.add_row(phrase("Training"), training_words(status.training))
    if status.guest is not None:
        rows.add_row(phrase("Last use"), use_words(status.guest))
    parts: list[RenderableType] = [rows]
    if status.others:
        parts.append(Text(status.others, style="yellow"))
    if status.guard_notice:
        parts.append(Text(status.guard_notice, style="bold yellow"))
    if status.reclaim:
        parts.append(Text(status.reclaim, style="bold red"))
    if status.guest is not None and status.phase != "ready":
        parts.append(steps_table(status.guest))
    parts += [
        Text(phrase("Could not find out ({what}): {why}", what=phrase(what), why=why), style="yellow")
        for what, why in status.unknown.items()
    ]
    return Group(*parts)


def _machine_words(status: Status) -> str:
    machine = status.machine
    if machine is None:
        if "machine" in status.unknown:
            return phrase("unknown")
        if status.phase == "gone":
            gone = phrase("{machine_id} is gone (reclaimed or terminated).", machine_id=status.outputs["machineId"])
            return f"{status.parked_itself or gone} {phrase('Bring it back: chatglm restore')}"
        return phrase("none")
    address = machine.address or phrase("no address")
    return phrase(", ").join((machine.id, phrase(machine.state.lower()), machine.zone, address))


def _image_words(status: Status) -> str:
    image = status.image
    if image is None:
        return phrase("unknown") if "image" in status.unknown else phrase("none")
    old = aged(image, Facts(now=status.now))
    return phrase(
        "{image_id}, {old}, {size} GB, {state}",
        image_id=image.id,
        old=old,
        size=image.size_gb,
        state=phrase(image.state.lower()),
    )


def _installation_words(status: Status) -> str:
    guest = status.guest
    if guest is None:
        return "-" if status.machine is None else phrase("unknown")
    if status.phase == "ready":
        return phrase("done")
    told = phrase("{title}: {told}", title=phrase(status.phase), told=heard(guest))
    return phrase("; ").join(filter(None, (told, waits_words(guest))))


def _demo_words(status: Status) -> str:
    demo = status._demo()
    if status.guest is None:
        return "-"
    # The machine's own word is how it reaches the page itself, which leads nobody else there.
    url = status.outputs.get("demoUrl") or demo.get("url") or ""
    model = phrase(", serves {model}", model=demo["model"]) if demo.get("model") else ""
    waits = phrase(", waits for its key and certificate") if told_by(status.guest) == "" else ""
    return f"{phrase(str(demo.get('state', 'unknown')))}{model}{waits} {url}".strip()


def training_words(training: Mapping[str, Any] | None) -> str:
    """A training in one line: step, loss, time left."""
    if not training:
        return phrase("none")
    progress = training.get("progress") or training
    words = [str(training.get("run") or training.get("running") or "")]
    if progress.get("step") is not None:
        words.append(phrase("step {step} of {total}", step=progress["step"], total=progress.get("total") or "?"))
    if progress.get("loss") is not None:
        words.append(phrase("loss {loss:.4g}", loss=progress["loss"]))
    if progress.get("secondsLeft") is not None:
        words.append(phrase("{time} left", time=human_seconds(progress["secondsLeft"])))
    return phrase(", ").join(word for word in words if word)


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
        title = heard(step, "title") or str(step.get("name"))
        table.add_row(Text(_MARKS.get(state, "?"), style), Text(title, style), bar, step_words(step))
        error = step.get("error")
        if error and state in ("failed", "waiting", "running"):
            table.add_row("", "", "", Text(f"{heard(error)} {heard(error, 'hint')}".strip(), "yellow"))
    return table


def step_words(step: Mapping[str, Any]) -> str:
    """Amount, rate and time left of a step, as far as they are known."""
    words = []
    if step.get("bytes") is not None and step.get("totalBytes"):
        words.append(
            phrase(
                "{done} of {total}",
                done=human_bytes(step["bytes"]),
                total=human_bytes(step["totalBytes"]),
            )
        )
    if step.get("rateBytesPerSecond") and step.get("state") == "running":
        words.append(f"{human_bytes(step['rateBytesPerSecond'])}/s")
    if step.get("secondsLeft") is not None and step.get("state") == "running":
        words.append(phrase("{time} left", time=human_seconds(step["secondsLeft"])))
    if (step.get("attempt") or 1) > 1:
        words.append(phrase("attempt {attempt}", attempt=step["attempt"]))
    return phrase(", ").join(words)
